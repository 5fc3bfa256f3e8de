"""Judges a model on held-out rows, against a linear model and today's policy.

In the charter's unit, with intervals, by slice, and with the tables behind the report's figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from modelkeel.errors import BadInput
from modelkeel.model import metrics as m
from modelkeel.model.metrics import FloatArray, IntArray, Statistic

Task = Literal["classification", "regression"]
State = Literal["reached", "not_reached", "undecided"]
Predict = Callable[[pl.DataFrame], npt.NDArray[Any]]
Payoff = tuple[Sequence[str], Sequence[str], Sequence[Sequence[float]]]

PREDICTORS = ("model", "linear", "baseline")
SMALL_SLICE = 50
SMALL_CLASS = 10
MAX_VALUES = 30  # of a column that is sliced as it is
EFFECT_ROWS = 200
EFFECT_POINTS = 12
EFFECT_CATEGORIES = 24  # the hours of a day fit
RESIDUAL_ROWS = 2000
VALUE = "value_per_decision"


class SliceLike(Protocol):
    """A column to judge the model on part by part; ``edges`` cut a number into ranges."""

    @property
    def column(self) -> str:
        """Name of a feature or audit column."""
        ...

    @property
    def edges(self) -> Sequence[float] | None:
        """Ascending; a range includes its lower edge."""
        ...


@dataclass(frozen=True)
class SliceBy:
    """The plain form of `SliceLike`."""

    column: str
    edges: Sequence[float] | None = None


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
    """One part of the rows. ``small``: too few rows, or too few of a class, to judge by."""

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

    def numbers(self) -> dict[str, Any]:
        """The record: nested, numbers at the leaves, null where undefined."""
        record: dict[str, Any] = {"n": self.n}
        for predictor, scores in self.scores.items():
            record[predictor] = {name: found.value for name, found in scores.items()}
        record["interval"] = {
            name: {"low": found.low, "high": found.high}
            for name, found in self.scores["model"].items()
            if name != "calibration_error"
        }
        if self.difference:
            record["difference"] = {k: v.numbers() for k, v in self.difference.items()}
        record["uplift"] = {VALUE: self.uplift.numbers()}
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
        record["method"] = {
            "confidence": self.confidence,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
        }
        if self.groups is not None:
            record["method"]["groups"] = self.groups
        return {key: _rounded(value) for key, value in record.items()}

    def to_json(self) -> str:
        """The record as text for ``reports/metrics.json``."""
        return json.dumps(self.numbers(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

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


def _rounded(value: Any) -> Any:
    """Six significant digits, so that a rerun elsewhere does not differ in the last bit."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class _Case:
    """The held-out rows in the form that all measures share."""

    truth: npt.NDArray[Any]  # class positions, or actual values
    predictions: dict[str, FloatArray]
    values: dict[str, FloatArray]  # payoff of each row, by predictor
    metrics: tuple[m.Metric, ...]


def evaluate(
    task: Task,
    labels: Sequence[Any] | npt.NDArray[Any] | pl.Series,
    predictions: Mapping[str, npt.ArrayLike],
    *,
    policy: str,
    classes: Sequence[str] = (),
    payoff: Payoff | None = None,
    over_under: tuple[float, float] | None = None,
    features: pl.DataFrame | None = None,
    audit: pl.DataFrame | None = None,
    slices: Sequence[SliceLike] = (),
    predict: Predict | None = None,
    groups: npt.ArrayLike | None = None,
    target: Target | None = None,
    confidence: float = 0.9,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Judge predictions on n held-out rows.

    Args:
        task: ``classification`` or ``regression``.
        labels: what happened, (n,): classes as they are named in ``classes``, or numbers.
        predictions: ``model``, and where there are any ``linear`` and ``baseline``:
            probabilities (n, k) in the order of ``classes``, or values (n,). A single row or
            number stands for a constant prediction. A regression needs ``baseline``: the mean
            of the rows it was trained on.
        policy: what is done today: one of the payoff's actions, or ``mean`` for a regression.
        classes: class names (classification); with two, the second is the positive class.
        payoff: actions, outcomes and amounts[action][outcome] in the charter's unit
            (classification); outcomes are the classes, in any order.
        over_under: amounts for each unit predicted too many and too few (regression).
        features: the columns that the model sees, n rows: for effects and slices.
        audit: further columns to slice by, n rows.
        slices: columns to judge part by part.
        predict: the model as a function of a frame like ``features``; with it, effects.
        groups: (n,) rows with the same value are resampled together.
        target: the charter's target.
        confidence: of all intervals but the target's, which has its own.
        bootstrap: number of resamples; 0 leaves all intervals undefined.
        seed: of the resamples.

    Raises:
        BadInput: a label, prediction, payoff, column or setting cannot be worked with.
    """
    if not 0.0 < confidence < 1.0 or (target and not 0.0 < target.confidence < 1.0):
        raise BadInput("confidence must lie between 0 and 1", remedy="set it to 0.9, say")
    if task == "classification":
        case, amounts, actions, chosen, constant = _classification(
            labels, predictions, policy, list(classes), payoff
        )
        names = tuple(str(name) for name in classes)
    else:
        case = _regression(labels, predictions, policy, over_under)
        amounts, actions, chosen, constant, names = None, [], None, None, ()
    rows = len(case.truth)
    for what, frame in (("features", features), ("audit", audit)):
        if frame is not None and frame.height != rows:
            raise BadInput(
                f"{what} has {frame.height} rows, labels have {rows}",
                remedy="give the same held-out rows in the same order",
            )
    if groups is not None and len(np.asarray(groups)) != rows:
        raise BadInput(
            f"groups has {len(np.asarray(groups))} rows, labels have {rows}",
            remedy="give one group a row",
        )
    parts = list(_parts(slices, features, audit))
    primary = case.metrics[0]
    tables = _tables(task, case, names, amounts, actions)

    statistics = _statistics(case)
    for index, (_, _, mask) in enumerate(parts):
        statistics |= _slice_statistics(case, primary, mask, f"slice {index}")
    bins = _bin_statistics(case) if task == "regression" or groups is not None else {}
    statistics |= bins
    samples = m.resample(statistics, rows, times=bootstrap, seed=seed, groups=groups)
    whole = {name: float(statistic(m.ones(rows))[0]) for name, statistic in statistics.items()}

    def estimate(name: str, at: float = confidence) -> Estimate:
        interval = m.percentile_interval(samples[name], at)
        value = whole[name]
        if math.isnan(value):
            return Estimate(None)
        return Estimate(value, *interval) if interval else Estimate(value)

    def difference(one: str, other: str, at: float = confidence) -> Estimate:
        interval = m.percentile_interval(samples[one] - samples[other], at)
        value = whole[one] - whole[other]
        if math.isnan(value):
            return Estimate(None)
        return Estimate(value, *interval) if interval else Estimate(value)

    scores: dict[str, dict[str, Estimate]] = {}
    for predictor in PREDICTORS:
        found = {
            name: estimate(f"{predictor} {name}")
            for name in [metric.name for metric in case.metrics] + [VALUE]
            if f"{predictor} {name}" in statistics
        }
        if "calibration_error" in found:  # resampling overstates it: see calibration_noise
            found["calibration_error"] = Estimate(found["calibration_error"].value)
        if found:
            scores[predictor] = found
    versus = {
        name: difference(f"model {name}", f"linear {name}")
        for name in scores.get("linear", {})
        if name != "calibration_error"
    }
    uplift = difference(f"model {VALUE}", f"baseline {VALUE}")
    best_action = actions[constant] if constant is not None else None

    results = []
    for index, (column, label, mask) in enumerate(parts):
        prefix = f"slice {index}"
        results.append(
            SliceResult(
                column=column,
                label=label,
                n=int(mask.sum()),
                small=_is_small(task, case.truth[mask], names),
                metric=estimate(f"{prefix} metric"),
                value=estimate(f"{prefix} value"),
                uplift=difference(f"{prefix} value", f"{prefix} baseline"),
                actions=_shares(chosen[mask], actions) if chosen is not None else {},
            )
        )

    tables["calibration.csv"] = _calibration_table(
        case, {name: estimate(name) for name in bins}, confidence
    )
    if results:
        tables["slices.csv"] = _slice_table(results, primary.name)
    if predict is not None and features is not None and rows:
        tables["effects.csv"] = _effects(predict, features, names, seed)

    best = m.best_threshold(amounts) if amounts is not None else None
    switch = int((amounts[:, 1] - amounts[:, 0]).argmax()) if amounts is not None else 0
    return Evaluation(
        task=task,
        n=rows,
        classes=names,
        policy=policy,
        confidence=confidence,
        bootstrap=bootstrap,
        seed=seed,
        groups=None if groups is None else len(np.unique(np.asarray(groups))),
        primary=primary.name,
        scores=scores,
        difference=versus,
        uplift=uplift,
        uplift_vs_linear=versus.get(VALUE),
        best_action=best_action,
        uplift_vs_best_action=(
            difference(f"model {VALUE}", f"constant {VALUE}") if best_action else None
        ),
        ceiling=0.0
        if amounts is None or not rows
        else float(amounts.max(axis=0)[case.truth].mean()),
        slices=results,
        target=_judge(target, lambda at: difference(f"model {VALUE}", f"baseline {VALUE}", at)),
        calibration_noise={
            name: m.calibration_noise(found, quantile=confidence, seed=seed)
            for name, found in case.predictions.items()
            if task == "classification" and name != "baseline"
        },
        class_shares=_shares(case.truth, list(names)) if names else {},
        action_shares=_shares(chosen, actions) if chosen is not None else {},
        threshold=best,
        threshold_action=actions[switch] if best is not None else None,
        over_under=over_under if task == "regression" else None,
        tables=tables,
    )


# --- input -------------------------------------------------------------------------------------


def _classification(
    labels: Sequence[Any] | npt.NDArray[Any] | pl.Series,
    predictions: Mapping[str, npt.ArrayLike],
    policy: str,
    classes: list[str],
    payoff: Payoff | None,
) -> tuple[_Case, FloatArray, list[str], IntArray, int]:
    if payoff is None:
        raise BadInput("a classification needs its payoff", remedy="pass charter.payoff_matrix()")
    actions, outcomes, table = list(payoff[0]), [str(o) for o in payoff[1]], payoff[2]
    if len(classes) < 2 or sorted(classes) != sorted(outcomes):
        raise BadInput(
            f"classes {classes} are not the payoff's outcomes {outcomes}",
            remedy="name the same classes in charter.toml: outcome.classes",
        )
    amounts = np.array(table, dtype=np.float64)
    if amounts.shape != (len(actions), len(outcomes)) or not np.isfinite(amounts).all():
        raise BadInput(
            f"payoff: amounts of shape {amounts.shape} for {len(actions)} actions and "
            f"{len(outcomes)} outcomes, or not all finite",
            remedy="give one amount for every action and outcome",
        )
    amounts = amounts[:, [outcomes.index(name) for name in classes]]
    if policy not in actions:
        raise BadInput(
            f"policy {policy!r} is not one of the actions {actions}",
            remedy="set charter.toml: baseline.policy to one of them",
        )
    place = {name: position for position, name in enumerate(classes)}
    truth = np.empty(len(labels), dtype=np.int64)
    for row, label in enumerate(labels):
        name = str(label)
        if name not in place:
            raise BadInput(
                f"labels: row {row} is {name!r}, not one of the classes {classes}",
                remedy="correct the label, or name the class in charter.toml: outcome.classes",
            )
        truth[row] = place[name]
    arrays = _arrays(predictions, (len(truth), len(classes)))
    for who, found in arrays.items():
        off = np.flatnonzero((found < -1e-6).any(axis=1) | (abs(found.sum(axis=1) - 1) > 1e-3))
        if len(off):
            raise BadInput(
                f"predictions of {who}: row {off[0]} is not a set of probabilities",
                remedy="give one probability a class, summing to 1",
            )
    chosen = {who: m.best_actions(found, amounts) for who, found in arrays.items()}
    chosen["baseline"] = np.full(len(truth), actions.index(policy))
    # chosen on these very rows, so in its favour: the comparison is on the safe side
    always = [
        m.payoff_realised(np.full(len(truth), a), truth, amounts) for a in range(len(actions))
    ]
    sums = [float(paid.sum()) for paid in always]
    today = actions.index(policy)
    best = today if sums[today] == max(sums) else int(np.argmax(sums))
    chosen["constant"] = np.full(len(truth), best)
    values = {who: m.payoff_realised(taken, truth, amounts) for who, taken in chosen.items()}
    case = _Case(truth, arrays, values, m.CLASSIFICATION)
    return case, amounts, actions, chosen["model"], best


def _regression(
    labels: Sequence[Any] | npt.NDArray[Any] | pl.Series,
    predictions: Mapping[str, npt.ArrayLike],
    policy: str,
    over_under: tuple[float, float] | None,
) -> _Case:
    if over_under is None:
        raise BadInput(
            "a regression needs the amounts of over and under", remedy="pass charter.over_under()"
        )
    if policy != "mean" or "baseline" not in predictions:
        raise BadInput(
            f"policy {policy!r}: a regression is compared with 'mean'",
            remedy="pass the mean of the training rows as predictions['baseline']",
        )
    truth = np.asarray(labels, dtype=np.float64)
    off = np.flatnonzero(~np.isfinite(truth))
    if len(off):
        raise BadInput(f"labels: row {off[0]} is not a number", remedy="leave the row out")
    arrays = _arrays(predictions, (len(truth),))
    values = {who: m.value_of_error(truth, found, *over_under) for who, found in arrays.items()}
    return _Case(truth, arrays, values, m.REGRESSION)


def _arrays(
    predictions: Mapping[str, npt.ArrayLike], shape: tuple[int, ...]
) -> dict[str, FloatArray]:
    if "model" not in predictions or not set(predictions) <= set(PREDICTORS):
        raise BadInput(
            f"predictions of {sorted(predictions)}: needed is 'model', "
            "allowed are also 'linear' and 'baseline'",
            remedy="name the predictions so",
        )
    arrays: dict[str, FloatArray] = {}
    for who in PREDICTORS:
        if who not in predictions:
            continue
        given = np.asarray(predictions[who], dtype=np.float64)
        if given.shape not in (shape, shape[1:]) and given.shape != (1, *shape[1:]):
            raise BadInput(
                f"predictions of {who} have shape {given.shape}, expected {shape}",
                remedy="give one prediction a row, or one for all",
            )
        found = np.ascontiguousarray(np.broadcast_to(given, shape))
        off = np.argwhere(~np.isfinite(found))
        if len(off):
            raise BadInput(
                f"predictions of {who}: row {off[0][0]} is not a number",
                remedy="find out why the model gives no number there",
            )
        arrays[who] = found
    return arrays


def _judge(target: Target | None, uplift: Callable[[float], Estimate]) -> TargetResult | None:
    if target is None:
        return None
    found = uplift(target.confidence)
    state: State = "undecided"
    if found.low is not None and found.high is not None:
        if found.low >= target.at_least:
            state = "reached"
        elif found.high < target.at_least:
            state = "not_reached"
    return TargetResult(target.at_least, target.confidence, found, state)


def _shares(positions: IntArray, names: Sequence[str]) -> dict[str, float]:
    if not len(positions):
        return {}
    counts = np.bincount(positions, minlength=len(names)) / len(positions)
    return {name: float(share) for name, share in zip(names, counts, strict=True)}


# --- statistics --------------------------------------------------------------------------------


def _statistics(case: _Case) -> dict[str, Statistic]:
    found: dict[str, Statistic] = {}
    for who, predicted in case.predictions.items():
        for metric in case.metrics:
            found[f"{who} {metric.name}"] = partial(metric.weighted, case.truth, predicted)
    for who, values in case.values.items():
        found[f"{who} {VALUE}"] = partial(m.mean, values)
    return found


def _within(rows: IntArray, statistic: Statistic) -> Statistic:
    """The statistic over some of the rows."""
    return lambda weights: statistic(weights[:, rows])


def _slice_statistics(
    case: _Case, metric: m.Metric, mask: npt.NDArray[np.bool_], prefix: str
) -> dict[str, Statistic]:
    rows = np.flatnonzero(mask)
    return {
        f"{prefix} metric": _within(
            rows,
            partial(metric.weighted, case.truth[rows], case.predictions["model"][rows]),
        ),
        f"{prefix} value": _within(rows, partial(m.mean, case.values["model"][rows])),
        f"{prefix} baseline": _within(rows, partial(m.mean, case.values["baseline"][rows])),
    }


def _calibration_pairs(case: _Case, who: str) -> tuple[FloatArray, FloatArray, IntArray]:
    """Predicted, observed, and the row each pair belongs to: all classes pooled beyond two."""
    predicted = case.predictions[who]
    rows = np.arange(len(case.truth))
    if predicted.ndim == 1:
        return predicted, case.truth.astype(np.float64), rows
    size = predicted.shape[1]
    if size == 2:
        return predicted[:, 1], (case.truth == 1).astype(np.float64), rows
    happened = np.eye(size)[case.truth]
    return predicted.ravel(), happened.ravel(), np.repeat(rows, size)


def _bin_statistics(case: _Case) -> dict[str, Statistic]:
    """Mean of what was observed in each calibration bin of the model."""
    predicted, observed, rows = _calibration_pairs(case, "model")
    member = m.equal_mass_bins(predicted)
    found: dict[str, Statistic] = {}
    for number in range(int(member.max(initial=-1)) + 1):
        inside = member == number
        found[f"bin {number}"] = _within(rows[inside], partial(m.mean, observed[inside]))
    return found


# --- slices ------------------------------------------------------------------------------------


def _parts(
    slices: Sequence[SliceLike], features: pl.DataFrame | None, audit: pl.DataFrame | None
) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Column, label and rows of every slice."""
    for wanted in slices:
        column = next(
            (
                frame[wanted.column]
                for frame in (audit, features)
                if frame is not None and wanted.column in frame.columns
            ),
            None,
        )
        if column is None:
            raise BadInput(
                f"slice column {wanted.column!r} is neither a feature nor an audit column",
                remedy="correct params.yaml: evaluate.slices, or add it to audit",
            )
        missing = column.is_null().to_numpy()
        ranges = _ranges(column, wanted.edges) if wanted.edges else _values(column)
        for label, mask in ranges:
            yield wanted.column, label, mask & ~missing
        if missing.any():
            yield wanted.column, "missing", missing


def _values(column: pl.Series) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    present = column.drop_nulls().unique().sort()
    if len(present) > MAX_VALUES:
        raise BadInput(
            f"slice column {column.name!r} has {len(present)} values, more than {MAX_VALUES}",
            remedy="give edges for it in params.yaml: evaluate.slices, or slice by another column",
        )
    for value in present.to_list():
        yield str(value), (column == value).fill_null(value=False).to_numpy()


def _ranges(
    column: pl.Series, edges: Sequence[float]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    if not column.dtype.is_numeric() or list(edges) != sorted(set(edges)):
        raise BadInput(
            f"slice column {column.name!r}: edges need a numeric column and must ascend",
            remedy="correct params.yaml: evaluate.slices",
        )
    whole = column.dtype.is_integer() and all(float(edge).is_integer() for edge in edges)
    number = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    bounds = [-math.inf, *map(float, edges), math.inf]
    for low, high in pairwise(bounds):
        if low == -math.inf:
            label = f"below {high:g}"
        elif high == math.inf:
            label = f"{low:g} and over"
        elif whole:
            label = f"{low:g}" if high - low == 1 else f"{low:g} to {high - 1:g}"
        else:
            label = f"{low:g} to under {high:g}"
        yield label, (number >= low) & (number < high)


def _is_small(task: Task, truth: npt.NDArray[Any], classes: Sequence[str]) -> bool:
    if len(truth) < SMALL_SLICE:
        return True
    if task == "regression":
        return False
    return int(np.bincount(truth, minlength=len(classes)).min()) < SMALL_CLASS


# --- tables ------------------------------------------------------------------------------------


def _tables(
    task: Task,
    case: _Case,
    classes: Sequence[str],
    amounts: FloatArray | None,
    actions: Sequence[str],
) -> dict[str, pl.DataFrame]:
    if task == "regression" or amounts is None:
        return {"residuals.csv": _residuals(case)}
    grid = np.linspace(0, 1, 201)
    tables = {
        "roc.csv": _curves(case, classes, m.roc_curve, "false_positive_rate", grid),
        "precision_recall.csv": _curves(case, classes, m.precision_curve, "recall", grid),
    }
    if len(classes) == 2:
        steps = np.linspace(0, 1, 101)
        columns: dict[str, FloatArray] = {"threshold": steps}
        for who in ("model", "linear"):
            if who not in case.predictions:
                continue
            found = m.value_by_threshold(case.predictions[who][:, 1], case.truth, amounts, steps)
            if found is None:
                continue
            columns[who] = found[0]
            if who == "model":
                share = found[1]
        if "model" in columns:
            columns["baseline"] = np.full(len(steps), case.values["baseline"].mean())
            columns["share"] = share
            tables["value_by_threshold.csv"] = pl.DataFrame(columns)
    return tables


def _curves(
    case: _Case,
    classes: Sequence[str],
    curve: Callable[[FloatArray, npt.NDArray[np.bool_], FloatArray], FloatArray],
    x: str,
    grid: FloatArray,
) -> pl.DataFrame:
    """The curve of each predictor on one grid; beyond two classes the mean, then each class."""
    columns: dict[str, FloatArray] = {x: grid}
    wanted = [1] if len(classes) == 2 else range(len(classes))
    for who in ("model", "linear"):
        if who in case.predictions:
            columns[who] = m.macro(
                [curve(case.predictions[who][:, k], case.truth == k, grid) for k in wanted]
            )
    if len(classes) > 2:
        for k, name in enumerate(classes):
            columns[f"model {name}"] = curve(case.predictions["model"][:, k], case.truth == k, grid)
    return pl.DataFrame(columns, nan_to_null=True)


def _calibration_table(
    case: _Case, observed: Mapping[str, Estimate], confidence: float
) -> pl.DataFrame:
    """One row a bin of equal mass: mean predicted and observed of model and linear.

    The model's interval is Wilson's for shares of independent rows, else the bootstrap's.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    columns: dict[str, list[float | None]] = {}
    for who in ("model", "linear"):
        if who not in case.predictions:
            continue
        predicted, seen, _ = _calibration_pairs(case, who)
        member = m.equal_mass_bins(predicted)
        numbers = range(int(member.max(initial=-1)) + 1)
        inside = [member == number for number in numbers]
        columns[f"{who}_predicted"] = [float(predicted[at].mean()) for at in inside]
        columns[f"{who}_observed"] = [float(seen[at].mean()) for at in inside]
        if who == "model":
            columns["model_n"] = [int(at.sum()) for at in inside]
            if observed:
                columns["model_low"] = [observed[f"bin {number}"].low for number in numbers]
                columns["model_high"] = [observed[f"bin {number}"].high for number in numbers]
            else:
                bounds = [m.wilson_interval(int(seen[at].sum()), int(at.sum()), z) for at in inside]
                columns["model_low"] = [low for low, _ in bounds]
                columns["model_high"] = [high for _, high in bounds]
    longest = max(map(len, columns.values()), default=0)
    frame = {name: found + [None] * (longest - len(found)) for name, found in columns.items()}
    types: dict[str, Any] = {name: pl.Int64 if name == "model_n" else pl.Float64 for name in frame}
    return pl.DataFrame(frame, schema=types)


def _residuals(case: _Case) -> pl.DataFrame:
    """Evenly spaced rows in order of the prediction, so that both ends are kept."""
    predicted, actual = case.predictions["model"], case.truth
    order = np.lexsort((actual, predicted))
    if len(order) > RESIDUAL_ROWS:
        order = order[np.linspace(0, len(order) - 1, RESIDUAL_ROWS).round().astype(np.int64)]
    return pl.DataFrame(
        {
            "prediction": predicted[order],
            "actual": actual[order],
            "residual": actual[order] - predicted[order],
        }
    )


def _slice_table(results: Sequence[SliceResult], primary: str) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "slice": part.key,
                "n": part.n,
                "small": int(part.small),
                primary: part.metric.value,
                "low": part.metric.low,
                "high": part.metric.high,
                VALUE: part.value.value,
                "uplift": part.uplift.value,
                "uplift_low": part.uplift.low,
                "uplift_high": part.uplift.high,
            }
            for part in results
        ],
        schema={
            "slice": pl.String,
            "n": pl.Int64,
            "small": pl.Int64,
            **dict.fromkeys(
                [primary, "low", "high", VALUE, "uplift", "uplift_low", "uplift_high"], pl.Float64
            ),
        },
    )


# --- effects -----------------------------------------------------------------------------------


def _grid(column: pl.Series) -> tuple[str, list[Any]]:
    """How to draw a feature, and the values to try it at."""
    present = column.drop_nulls()
    if column.dtype.is_numeric():
        distinct = present.unique().sort()
        if len(distinct) <= EFFECT_POINTS:
            return "number", distinct.to_list()
        cuts = [
            present.quantile(share, interpolation="nearest")
            for share in np.linspace(0.02, 0.98, EFFECT_POINTS)
        ]
        return "number", sorted(set(cuts))  # values that occur, so integers stay integers
    counts = present.value_counts(name="rows").sort(["rows", column.name], descending=[True, False])
    common = counts[column.name].to_list()[:EFFECT_CATEGORIES]
    try:
        return "ordered", sorted(common, key=lambda value: float(value))
    except (TypeError, ValueError):
        if isinstance(column.dtype, pl.Enum):
            return "category", sorted(common, key=column.dtype.categories.to_list().index)
        return "category", sorted(common, key=str)


def _effects(
    predict: Predict, features: pl.DataFrame, classes: Sequence[str], seed: int
) -> pl.DataFrame:
    """Partial dependence (Friedman 2001): the mean prediction with one feature set to a value.

    Up to 200 rows stand for all; of two classes the positive one is shown, of more each one.
    """
    rows = features.sample(min(EFFECT_ROWS, features.height), seed=seed)
    shown = list(classes[1:]) if len(classes) == 2 else list(classes)
    found: list[dict[str, Any]] = []
    for name in features.columns:
        kind, values = _grid(features[name])
        if len(values) < 2:
            continue
        trials = pl.concat(
            [
                rows.with_columns(pl.lit(value).cast(features.schema[name]).alias(name))
                for value in values
            ]
        )
        answer = np.asarray(predict(trials), dtype=np.float64)
        means = answer.reshape(len(values), rows.height, -1).mean(axis=1)
        if len(classes) == 2:
            means = means[:, 1:]
        for value, at in zip(values, means, strict=True):
            found += [
                {
                    "feature": name,
                    "kind": kind,
                    "value": f"{value:g}" if isinstance(value, float) else str(value),
                    "class": label,
                    "prediction": float(mean),
                }
                for label, mean in zip(shown or [""], at, strict=True)
            ]
    schema = {
        "feature": pl.String,
        "kind": pl.String,
        "value": pl.String,
        "class": pl.String,
        "prediction": pl.Float64,
    }
    return pl.DataFrame(found, schema=schema)
