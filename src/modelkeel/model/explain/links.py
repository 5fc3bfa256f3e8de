"""How the margins that contributions add up to become scores."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Link = Literal["identity", "log", "logit", "softmax", "shares"]
"""What margins are to scores: "identity" and "log" of a number; "logit" of two classes, by the
margin of the second; of more, by a margin each: "softmax", or "shares", where each is the log-odds
of one class against the rest and the probabilities are made to add up to one."""


def scores_of(link: Link, margins: Floats) -> Floats:
    """Scores as a model gives them: (n,) numbers, or (n, classes) probabilities."""
    if link == "identity":
        return margins[:, 0]
    if link == "log":
        return np.asarray(np.exp(margins[:, 0]))
    if link == "logit":
        second = _sigmoid(margins)
        return np.hstack([1.0 - second, second])
    if link == "softmax":
        parts = np.exp(margins - margins.max(axis=1, keepdims=True))
    else:
        parts = _sigmoid(margins)
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))


def log_odds(link: Link, margins: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """The log-odds (n,) of the chosen classes against the others, of more than two in all."""
    logs = _logs(link, margins)
    return _log_sum(logs[:, chosen])[:, 0] - _log_sum(logs[:, ~chosen])[:, 0]


def log_odds_weights(
    link: Link, margins: Floats, start: Floats, chosen: NDArray[np.bool_]
) -> Floats:
    """Weights (n, classes) by which moves of the margins add up to the move of the log-odds.

    Exactly, from the margins `start` (classes,) to `margins` (n, classes): the logarithmic mean of
    what a class has among its side, there and here. A margin that grows never counts against its
    own side. Source: Sato 1976 and Vartia 1976, of the index numbers that have their names.
    """
    here, there = _logs(link, margins), _logs(link, start[None])
    found = np.where(chosen, 1.0, -1.0) + np.zeros_like(margins)
    for side in (chosen, ~chosen):
        if side.sum() > 1:
            one, other = (each[:, side] - _log_sum(each[:, side]) for each in (here, there))
            gap = np.abs(one - other)
            means = np.exp(np.maximum(one, other))
            means *= np.divide(-np.expm1(-gap), gap, out=np.ones_like(gap), where=gap > 0)
            found[:, side] *= means / means.sum(axis=1, keepdims=True)
    if link == "shares":  # what a class has moves less than its margin
        move = margins - start
        slope = _sigmoid(-(margins + start) / 2)
        found *= np.divide(here - there, move, out=slope, where=np.abs(move) > _STILL)
    return found


_STILL = 1e-6
"""Of a smaller move, the slope in its middle is closer than the quotient of two differences."""


def _logs(link: Link, margins: Floats) -> Floats:
    """Logarithms of what is made to add up to one."""
    return margins if link == "softmax" else -np.logaddexp(0.0, -margins)


def _log_sum(logs: Floats) -> Floats:
    return np.asarray(np.logaddexp.reduce(logs, axis=1, keepdims=True))


def _sigmoid(margins: Floats) -> Floats:
    small = np.exp(-np.abs(margins))
    return np.asarray(np.where(margins >= 0, 1.0, small) / (1.0 + small))
