"""What was measured on held-out rows, as rows of tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelkeel.governance.documents.words import DASH, cell, interval, number, percent
from modelkeel.records.charter import Charter

VALUE = "value_per_decision"


@dataclass(frozen=True)
class Score:
    """A measure of the model, beside those of the linear model and of today's way."""

    name: str
    label: str
    better: str
    meaning: str
    model: Any
    low: Any
    high: Any
    linear: Any
    baseline: Any

    @property
    def row(self) -> str:
        """A row of Markdown."""
        bounds = interval(self.low, self.high) or DASH
        others = f"{number(self.linear)} | {number(self.baseline)}"
        return f"| {self.label} | {number(self.model)} | {bounds} | {others} | {self.better} |"


def scores(evaluation: dict[str, Any], charter: Charter) -> list[Score]:
    """Every measure of an evaluation, the value per decision first."""
    from modelkeel.model.evaluation.metrics import METRICS

    model = evaluation.get("model", {})
    names = [VALUE, *(name for name in model if name != VALUE)]
    return [_score(evaluation, name, METRICS.get(name), charter) for name in names if name in model]


def _score(evaluation: dict[str, Any], name: str, metric: Any, charter: Charter) -> Score:
    bounds = evaluation.get("interval", {}).get(name, {})
    parts = [evaluation.get(part, {}).get(name) for part in ("model", "linear", "baseline")]
    label, better, meaning = name.replace("_", " "), "higher", ""
    if name == VALUE:
        label = f"Value per decision, {cell(charter.value.unit)}"
        meaning = "By the payoffs of the charter."
    elif metric is not None:
        label, better, meaning = metric.label, metric.better, metric.meaning
    low, high = bounds.get("low"), bounds.get("high")
    return Score(name, label, better, meaning, parts[0], low, high, parts[1], parts[2])


@dataclass(frozen=True)
class Part:
    """A group of held-out rows: its size, and the primary measure with its interval."""

    column: str
    group: str
    n: int
    small: bool
    value: Any
    low: Any
    high: Any
    uplift: str
    actions: dict[str, float]

    @property
    def name(self) -> str:
        """The group with its column."""
        return f"{self.column.replace('_', ' ')}: {self.group}"

    @property
    def size(self) -> str:
        """How many rows, and a mark where they are too few to judge by."""
        return f"{self.n:,}" + (" (few)" if self.small else "")

    @property
    def measured(self) -> str:
        """The primary measure with its interval."""
        bounds = interval(self.low, self.high)
        return f"{number(self.value)} ({bounds})" if bounds else number(self.value)

    @property
    def shares(self) -> str:
        """The share of rows given each action."""
        return ", ".join(f"{cell(name)} {percent(share)}" for name, share in self.actions.items())


def primary(evaluation: dict[str, Any]) -> str:
    """The measure that is kept by group."""
    for found in evaluation.get("slices", {}).values():
        return next((key[:-4] for key in found if key.endswith("_low") and key != "uplift_low"), "")
    return ""


def primary_label(evaluation: dict[str, Any]) -> str:
    """What it is called."""
    from modelkeel.model.evaluation.metrics import METRICS

    name = primary(evaluation)
    return METRICS[name].label if name in METRICS else name


def parts(evaluation: dict[str, Any]) -> Iterator[Part]:
    """The groups that the model was judged on, in the order in which they were measured."""
    measure = primary(evaluation)
    for key, found in evaluation.get("slices", {}).items():
        column, _, group = key.partition("=")
        uplift = number(found.get("uplift"), sign=True)
        if bounds := interval(found.get("uplift_low"), found.get("uplift_high"), sign=True):
            uplift += f" ({bounds})"
        yield Part(
            cell(column),
            cell(group),
            int(found["n"]),
            bool(found.get("small")),
            found.get(measure),
            found.get(f"{measure}_low"),
            found.get(f"{measure}_high"),
            uplift,
            found.get("actions") or {},
        )


@dataclass(frozen=True)
class Range:
    """The groups of a column that an action falls to least and most often."""

    column: str
    action: str
    least: Part
    most: Part

    @property
    def ratio(self) -> float:
        """Least share over most."""
        most = self.most.actions[self.action]
        return self.least.actions[self.action] / most if most else 1.0


def ranges(evaluation: dict[str, Any], action: str | None) -> list[Range]:
    """How far apart the groups of each column are in the share of an action."""
    found: dict[str, list[Part]] = {}
    for part in parts(evaluation):
        if action in part.actions:
            found.setdefault(part.column, []).append(part)
    return [
        Range(
            column,
            str(action),
            min(groups, key=lambda each: each.actions[str(action)]),
            max(groups, key=lambda each: each.actions[str(action)]),
        )
        for column, groups in found.items()
        if len(groups) > 1
    ]
