"""What an evaluation found, its record and its tables."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from modelkeel.model.evaluation.metrics import METRICS
from modelkeel.project import Task

if TYPE_CHECKING:
    from modelkeel.model.evaluation.disturbed import Robustness
    from modelkeel.model.evaluation.groups import Fairness

State = Literal["reached", "not_reached", "undecided"]

PREDICTORS = ("model", "linear", "baseline")
VALUE = "value_per_decision"


@dataclass(frozen=True)
class Target:
    """The charter's target: uplift per decision, in its unit, held with this confidence."""

    at_least: float
    confidence: float


@dataclass(frozen=True)
class Estimate:
    """A value and its interval; None where undefined (one class only, no rows)."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def numbers(self) -> dict[str, float | None]:
        """The estimate as a leaf of the record."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class SliceResult:
    """One part of the rows. ``small``: too few rows, groups or rows of a class to judge by."""

    column: str
    label: str
    n: int
    small: bool
    metric: Estimate  # Evaluation.primary
    value: Estimate  # value per decision
    uplift: Estimate  # over the baseline policy, per decision
    actions: dict[str, float]  # share of rows given each action; empty for regression

    @property
    def key(self) -> str:
        """Name in the record, such as ``sex=male``."""
        return f"{self.column}={self.label}"


@dataclass(frozen=True)
class TargetResult:
    """The target and what became of it: the interval is at the target's own confidence.

    reached: the whole interval is at or above the target; not_reached: all of it is below;
    undecided: the rows do not settle it.
    """

    at_least: float
    confidence: float
    uplift: Estimate
    state: State


@dataclass(frozen=True)
class Disagreement:
    """How often the model acts otherwise than the baseline, and how much hangs on it.

    Attributes:
        share: of the rows; two forecasts are other actions as soon as they differ.
        sd: standard deviation of what such a row pays more or less; None of fewer than two rows.
        sd_of_all: the same over all rows, those without a difference being zero.
    """

    share: float
    sd: float | None
    sd_of_all: float | None


@dataclass(frozen=True)
class Evaluation:
    """Everything the report and the gates need; `numbers` is the record of it."""

    task: Task
    n: int
    classes: tuple[str, ...]
    policy: str
    confidence: float
    bootstrap: int
    seed: int
    groups: int | None  # how many, when whole groups were resampled
    primary: str  # the measure shown by slice
    scores: dict[str, dict[str, Estimate]]  # predictor, then measure or value_per_decision
    difference: dict[str, Estimate]  # model minus linear, paired
    uplift: Estimate  # value per decision over the baseline policy, paired
    uplift_vs_linear: Estimate | None
    best_action: str | None  # the one that paid most here, taken for everyone (classification)
    uplift_vs_best_action: Estimate | None
    ceiling: float  # value per decision had every outcome been known
    slices: list[SliceResult]
    target: TargetResult | None
    calibration_noise: dict[str, float] = field(default_factory=dict)
    class_shares: dict[str, float] = field(default_factory=dict)
    action_shares: dict[str, float] = field(default_factory=dict)
    threshold: float | None = None  # probability at which the two actions change places
    threshold_action: str | None = None  # the action taken from it upwards
    over_under: tuple[float, float] | None = None
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)  # file name to table
    disagreement: Disagreement | None = None  # with the baseline
    fairness: list[Fairness] = field(default_factory=list)  # a column each
    robustness: Robustness | None = None

    def numbers(self) -> dict[str, Any]:
        """The record: nested, numbers at the leaves, null where undefined."""
        record: dict[str, Any] = {"n": self.n}
        for predictor, scores in self.scores.items():
            record[predictor] = {name: found.value for name, found in scores.items()}
        record["interval"] = {
            name: {"low": found.low, "high": found.high}
            for name, found in self.scores["model"].items()
            if name == VALUE or METRICS[name].resampled
        }
        if self.difference:
            record["difference"] = {k: v.numbers() for k, v in self.difference.items()}
        record["uplift"] = {VALUE: dict(self.uplift.numbers())}
        if self.disagreement is not None:
            record["uplift"][VALUE]["sd"] = self.disagreement.sd_of_all
            record["disagreement"] = {
                "share": self.disagreement.share,
                "sd": self.disagreement.sd,
            }
        if self.uplift_vs_linear is not None:
            record["uplift"]["vs_linear"] = self.uplift_vs_linear.numbers()
        if self.uplift_vs_best_action is not None:
            record["uplift"]["vs_best_action"] = self.uplift_vs_best_action.numbers()
        record["ceiling"] = {VALUE: self.ceiling}
        if self.calibration_noise:
            record["calibration_noise"] = self.calibration_noise
        if self.action_shares:
            record["actions"] = self.action_shares
        if self.class_shares:
            record["classes"] = self.class_shares
        if self.target is not None:
            record["target"] = {
                "at_least": self.target.at_least,
                "confidence": self.target.confidence,
                **self.target.uplift.numbers(),
                "reached": int(self.target.state == "reached"),
                "state": self.target.state,
            }
        record["slices"] = {part.key: _slice_numbers(part, self.primary) for part in self.slices}
        if self.fairness:
            record["fairness"] = {each.column: each.numbers() for each in self.fairness}
        if self.robustness is not None:
            record["robustness"] = self.robustness.numbers()
        record["method"] = {
            "confidence": self.confidence,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
        }
        if self.groups is not None:
            record["method"]["groups"] = self.groups
        return {key: _rounded(value) for key, value in record.items()}

    def to_json(self) -> str:
        """The whole record as text for ``reports/evaluation.json``."""
        return _text(self.numbers())

    def headline(self) -> str:
        """The model's measures and its gain, short enough for ``dvc metrics diff``."""
        record = self.numbers()
        gain = {name: found["value"] for name, found in record["uplift"].items()}
        return _text({"n": self.n, "model": record["model"], "uplift": gain})

    def write_tables(self, folder: Path) -> list[Path]:
        """Write the tables for ``dvc plots`` as CSV into ``folder``; returns the paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for name in self.tables]
        for path in paths:
            self.tables[path.name].write_csv(path, float_precision=6)
        return paths


def _slice_numbers(part: SliceResult, primary: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "n": part.n,
        "small": int(part.small),
        primary: part.metric.value,
        f"{primary}_low": part.metric.low,
        f"{primary}_high": part.metric.high,
        VALUE: part.value.value,
        "uplift": part.uplift.value,
        "uplift_low": part.uplift.low,
        "uplift_high": part.uplift.high,
    }
    if part.actions:
        found["actions"] = part.actions
    return found


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _rounded(value: Any) -> Any:
    """Six significant digits, so that a rerun elsewhere does not differ in the last bit."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
