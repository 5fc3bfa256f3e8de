"""Judges a model on held-out rows, against a linear model and today's policy.

In the charter's unit, with intervals, by slice, and with the tables behind the report's figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from modelkeel.errors import BadInput
from modelkeel.model.evaluation import estimates
from modelkeel.model.evaluation.calibration import calibration_noise
from modelkeel.model.evaluation.case import (
    Case,
    Labels,
    Payoff,
    check_lengths,
    classification_case,
    regression_case,
)
from modelkeel.model.evaluation.disagreement import disagreement
from modelkeel.model.evaluation.effects import Predict, effects
from modelkeel.model.evaluation.estimates import Estimates
from modelkeel.model.evaluation.fairness import fairness
from modelkeel.model.evaluation.payoff import best_threshold
from modelkeel.model.evaluation.resampling import few_groups, group_numbers
from modelkeel.model.evaluation.result import (
    PREDICTORS,
    VALUE,
    Estimate,
    Evaluation,
    SliceResult,
    State,
    Target,
    TargetResult,
)
from modelkeel.model.evaluation.robustness import robustness_of
from modelkeel.model.evaluation.slices import Part, SliceLike, is_small, parts
from modelkeel.model.evaluation.statistic import IntArray
from modelkeel.model.evaluation.tables import calibration_table, figure_tables, slice_table
from modelkeel.model.signature import Signature
from modelkeel.project import Task


def evaluate(
    task: Task,
    labels: Labels,
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
    signature: Signature | None = None,
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
        signature: what each feature may hold; with it and ``predict``, robustness.
        groups: (n,) rows with the same value are resampled together.
        target: the charter's target.
        confidence: of all intervals but the target's, which has its own.
        bootstrap: number of resamples; 0 leaves all intervals undefined. The time taken grows
            with rows times resamples: about ten seconds for 100,000 rows and 1,000 resamples.
        seed: of the resamples.

    Raises:
        BadInput: a label, prediction, payoff, column or setting cannot be worked with.
    """
    if not 0.0 < confidence < 1.0 or (target and not 0.0 < target.confidence < 1.0):
        raise BadInput("confidence must lie between 0 and 1", remedy="set it to 0.9, say")
    if task == "classification":
        case = classification_case(labels, predictions, policy, classes, payoff)
    else:
        case = regression_case(labels, predictions, policy, over_under)
    rows = len(case.truth)
    check_lengths(rows, features, audit, groups)
    slice_parts = list(parts(slices, features, audit))
    bins = estimates.by_bin(case) if task == "regression" or groups is not None else {}
    found = Estimates(
        {
            **estimates.measures(case, resampled=True),
            **estimates.values(case),
            **estimates.by_slice(case, slice_parts),
            **bins,
        },
        estimates.measures(case, resampled=False),
        rows,
        times=bootstrap,
        seed=seed,
        groups=groups,
        confidence=confidence,
    )

    scores = _scores(case, found)
    versus = _versus_linear(case, found)
    slice_results = _slice_results(case, slice_parts, found, group_numbers(groups))
    tables = figure_tables(case)
    observed = {name: found.of(name) for name in bins}
    tables["calibration.csv"] = calibration_table(case, observed, confidence)
    if slice_results:
        tables["slices.csv"] = slice_table(slice_results, case.metrics[0].name)
    if predict is not None and features is not None and rows:
        tables["effects.csv"] = effects(predict, features, case.classes, seed)
    choice = case.choice
    threshold, threshold_action = _threshold(case)
    return Evaluation(
        task=task,
        n=rows,
        classes=case.classes,
        policy=policy,
        confidence=confidence,
        bootstrap=bootstrap,
        seed=seed,
        groups=None if groups is None else len(np.unique(np.asarray(groups))),
        primary=case.metrics[0].name,
        scores=scores,
        difference=versus,
        uplift=found.difference(f"model {VALUE}", f"baseline {VALUE}"),
        uplift_vs_linear=versus.get(VALUE),
        best_action=choice.actions[choice.best] if choice else None,
        uplift_vs_best_action=(
            found.difference(f"model {VALUE}", f"constant {VALUE}") if choice else None
        ),
        ceiling=float(choice.amounts.max(axis=0)[case.truth].mean()) if choice and rows else 0.0,
        slices=slice_results,
        target=_judge(target, found),
        calibration_noise={
            who: calibration_noise(predicted, quantile=confidence, seed=seed)
            for who, predicted in case.predictions.items()
            if task == "classification" and who != "baseline"
        },
        class_shares=_shares(case.truth, case.classes) if case.classes else {},
        action_shares=_shares(choice.taken, choice.actions) if choice else {},
        threshold=threshold,
        threshold_action=threshold_action,
        over_under=over_under if task == "regression" else None,
        tables=tables,
        disagreement=disagreement(case, policy),
        fairness=fairness(
            case, slice_parts, times=bootstrap, seed=seed, groups=groups, confidence=confidence
        ),
        robustness=robustness_of(case, predict, features, signature, seed),
    )


def _scores(case: Case, found: Estimates) -> dict[str, dict[str, Estimate]]:
    scores: dict[str, dict[str, Estimate]] = {}
    for who in PREDICTORS:
        names = [metric.name for metric in case.metrics] if who in case.predictions else []
        if who in case.values:  # the baseline always has one
            names.append(VALUE)
            scores[who] = {name: found.of(f"{who} {name}") for name in names}
    return scores


def _versus_linear(case: Case, found: Estimates) -> dict[str, Estimate]:
    if "linear" not in case.predictions:
        return {}
    names = [*(metric.name for metric in case.metrics if metric.resampled), VALUE]
    return {name: found.difference(f"model {name}", f"linear {name}") for name in names}


def _slice_results(
    case: Case, slice_parts: Sequence[Part], found: Estimates, groups: IntArray | None
) -> list[SliceResult]:
    choice = case.choice
    return [
        SliceResult(
            column=part.column,
            label=part.label,
            n=int(part.mask.sum()),
            small=is_small(case, part.mask) or few_groups(groups, part.mask),
            metric=found.of(f"slice {index} metric"),
            value=found.of(f"slice {index} value"),
            uplift=found.difference(f"slice {index} value", f"slice {index} baseline"),
            actions=_shares(choice.taken[part.mask], choice.actions) if choice else {},
        )
        for index, part in enumerate(slice_parts)
    ]


def _judge(target: Target | None, found: Estimates) -> TargetResult | None:
    if target is None:
        return None
    uplift = found.difference(f"model {VALUE}", f"baseline {VALUE}", target.confidence)
    state: State = "undecided"
    if uplift.low is not None and uplift.high is not None:
        if uplift.low >= target.at_least:
            state = "reached"
        elif uplift.high < target.at_least:
            state = "not_reached"
    return TargetResult(target.at_least, target.confidence, uplift, state)


def _threshold(case: Case) -> tuple[float | None, str | None]:
    """Where two actions change places, and which of them is taken from there upwards."""
    if case.choice is None:
        return None, None
    amounts = case.choice.amounts
    at = best_threshold(amounts)
    if at is None:
        return None, None
    return at, case.choice.actions[int((amounts[:, 1] - amounts[:, 0]).argmax())]


def _shares(positions: IntArray, names: Sequence[str]) -> dict[str, float]:
    if not len(positions):
        return {}
    counts = np.bincount(positions, minlength=len(names)) / len(positions)
    return {name: float(share) for name, share in zip(names, counts, strict=True)}
