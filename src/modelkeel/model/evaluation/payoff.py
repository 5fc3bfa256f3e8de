"""What decisions pay, by the payoff of the charter."""

from __future__ import annotations

import numpy as np

from modelkeel.model.evaluation.statistic import FloatArray, IntArray


def best_actions(probabilities: FloatArray, amounts: FloatArray) -> IntArray:
    """Position of the action with the greatest expected payoff in each row (n,).

    ``amounts`` is (actions, k), in the payoff's unit; of equal actions the first is taken.
    Decision rule: Elkan 2001, The foundations of cost-sensitive learning.
    """
    return np.asarray((probabilities @ amounts.T).argmax(axis=1), dtype=np.int64)


def payoff_realised(actions: IntArray, labels: IntArray, amounts: FloatArray) -> FloatArray:
    """What each row (n,) paid: the amount of the action taken under what then happened."""
    return np.asarray(amounts[actions, labels], dtype=np.float64)


def value_of_error(
    actual: FloatArray, predicted: FloatArray, over: float, under: float
) -> FloatArray:
    """What each forecast (n,) paid: ``over`` for each unit too many, ``under`` for each too few.

    Amounts are payoffs: a cost is negative.
    """
    gap = predicted - actual
    return np.asarray(over * np.maximum(gap, 0.0) + under * np.maximum(-gap, 0.0))


def value_by_threshold(
    score: FloatArray, labels: IntArray, amounts: FloatArray, grid: FloatArray
) -> tuple[FloatArray, FloatArray, int] | None:
    """Mean payoff when one of two actions is taken from each threshold of ``grid`` upwards.

    Returns the mean payoff, the share of rows that get the action, and the position of that
    action: the one that gains more as the positive class grows likelier. None when there are
    not two actions, or the probability does not matter to the choice.
    """
    if amounts.shape != (2, 2) or not len(score):
        return None
    slope = amounts[:, 1] - amounts[:, 0]
    if slope[0] == slope[1]:
        return None
    above = int(slope.argmax())
    order = np.argsort(score, kind="stable")
    gain = (amounts[above] - amounts[1 - above])[labels[order]]
    tail = np.r_[np.cumsum(gain[::-1])[::-1], 0.0]  # gain of acting from each rank upwards
    first = np.searchsorted(score[order], grid, side="left")
    base = float(amounts[1 - above][labels].sum())
    rows = len(score)
    return (base + tail[first]) / rows, 1.0 - first / rows, above


def best_threshold(amounts: FloatArray) -> float | None:
    """Probability of the positive class from which the two actions of ``amounts`` change places.

    None when one action is best throughout, or there are not two actions and two classes.
    """
    if amounts.shape != (2, 2):
        return None
    step = amounts[0] - amounts[1]
    if step[0] == step[1]:
        return None
    found = float(step[0] / (step[0] - step[1]))
    return found if 0.0 < found < 1.0 else None
