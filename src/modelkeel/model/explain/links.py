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


def _sigmoid(margins: Floats) -> Floats:
    small = np.exp(-np.abs(margins))
    return np.asarray(np.where(margins >= 0, 1.0, small) / (1.0 + small))
