"""The held-out rows in the one form that all measures share, after a check of what was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from modelkeel.errors import BadInput
from modelkeel.model.evaluation.metrics import CLASSIFICATION, REGRESSION, Metric
from modelkeel.model.evaluation.payoff import best_actions, payoff_realised, value_of_error
from modelkeel.model.evaluation.result import PREDICTORS
from modelkeel.model.evaluation.statistic import FloatArray, IntArray
from modelkeel.project import Task

Labels = Sequence[Any] | npt.NDArray[Any] | pl.Series
Payoff = tuple[Sequence[str], Sequence[str], Sequence[Sequence[float]]]
"""Actions, outcomes, and amounts[action][outcome]."""


@dataclass(frozen=True)
class Choice:
    """The decisions of a classification, k classes.

    Attributes:
        actions: what can be done.
        amounts: payoffs (actions, k), columns in the order of the classes.
        taken: position of the model's action in each row (n,).
        best: position of the one action that would have paid most here, taken in every row.
    """

    actions: list[str]
    amounts: FloatArray
    taken: IntArray
    best: int


@dataclass(frozen=True)
class Case:
    """The held-out rows.

    Attributes:
        task: what kind of prediction.
        classes: their names; none for a regression.
        truth: class positions, or actual values (n,).
        predictions: by predictor, (n, k) or (n,).
        values: what each row paid (n,), by predictor, and by `constant`: the best fixed action.
        metrics: the measures that apply, the one shown by slice first.
        choice: the decisions (classification).
    """

    task: Task
    classes: tuple[str, ...]
    truth: npt.NDArray[Any]
    predictions: dict[str, FloatArray]
    values: dict[str, FloatArray]
    metrics: tuple[Metric, ...]
    choice: Choice | None = None


def classification_case(
    labels: Labels,
    predictions: Mapping[str, npt.ArrayLike],
    policy: str,
    classes: Sequence[str],
    payoff: Payoff | None,
) -> Case:
    """The rows of a classification; the arguments are those of `evaluate`.

    Raises:
        BadInput: a label, prediction or the payoff cannot be worked with.
    """
    classes = list(classes)
    actions, amounts = _payoff(payoff, policy, classes)
    truth = _positions(labels, classes)
    arrays = _arrays(predictions, (len(truth), len(classes)))
    for who, found in arrays.items():
        off = np.flatnonzero((found < -1e-6).any(axis=1) | (abs(found.sum(axis=1) - 1) > 1e-3))
        if len(off):
            raise BadInput(
                f"predictions of {who}: row {off[0]} is not a set of probabilities",
                remedy="give one probability a class, summing to 1",
            )
    chosen = {who: best_actions(found, amounts) for who, found in arrays.items()}
    chosen["baseline"] = np.full(len(truth), actions.index(policy))
    # chosen on these very rows, so in its favour: the comparison is on the safe side
    always = [payoff_realised(np.full(len(truth), a), truth, amounts) for a in range(len(actions))]
    sums = [float(paid.sum()) for paid in always]
    today = actions.index(policy)
    best = today if sums[today] == max(sums) else int(np.argmax(sums))
    chosen["constant"] = np.full(len(truth), best)
    values = {who: payoff_realised(taken, truth, amounts) for who, taken in chosen.items()}
    names = tuple(str(name) for name in classes)
    choice = Choice(actions, amounts, chosen["model"], best)
    return Case("classification", names, truth, arrays, values, CLASSIFICATION, choice)


def regression_case(
    labels: Labels,
    predictions: Mapping[str, npt.ArrayLike],
    policy: str,
    over_under: tuple[float, float] | None,
) -> Case:
    """The rows of a regression; the arguments are those of `evaluate`.

    Raises:
        BadInput: a label, prediction, the policy or the amounts cannot be worked with.
    """
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
    values = {who: value_of_error(truth, found, *over_under) for who, found in arrays.items()}
    return Case("regression", (), truth, arrays, values, REGRESSION)


def calibration_pairs(case: Case, who: str) -> tuple[FloatArray, FloatArray, IntArray]:
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


def check_lengths(
    rows: int,
    features: pl.DataFrame | None,
    audit: pl.DataFrame | None,
    groups: npt.ArrayLike | None,
) -> None:
    """Check that columns beside the labels have a value for each of them.

    Raises:
        BadInput: one of them has more or fewer rows.
    """
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


def _payoff(payoff: Payoff | None, policy: str, classes: list[str]) -> tuple[list[str], FloatArray]:
    """The actions, and the amounts (actions, k) in the order of the classes."""
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
    return actions, amounts


def _positions(labels: Labels, classes: list[str]) -> IntArray:
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
    return truth


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
