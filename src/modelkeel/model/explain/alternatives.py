"""What else the value of a feature could be, and how far away that is.

Distance is measured in steps: a twentieth of the training rows lies between two. A text or a truth
value has no order; to change it counts as the whole way, as in Gower 1971, A general coefficient of
similarity and some of its properties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.signature import Feature
from modelkeel.records.reasons import Advice

WHOLE = 20.0
"""Steps from one end of the training rows to the other."""


@dataclass(frozen=True)
class Alternatives:
    """Other values of one feature of a row.

    Attributes:
        feature: the feature.
        at: its position in the signature.
        values: the other values.
        steps: how far away each is.
        beyond: of each value the next one further away in the same direction, itself at the end.
    """

    feature: Feature
    at: int
    values: list[Any]
    steps: NDArray[np.float64]
    beyond: NDArray[np.intp]


def alternatives(
    feature: Feature, at: int, value: Any, profile: Mapping[str, Any], advice: Advice | None = None
) -> Alternatives:
    """Values that training rows had and the contract allows.

    Args:
        feature: the feature.
        at: its position in the signature.
        value: the one that the row has; None where missing.
        profile: of the feature in the training rows; one that hides its values gives none.
        advice: which of the values a person may be advised; None for all.
    """
    if feature.kind in ("category", "boolean"):
        known = [True, False] if feature.kind == "boolean" else list(profile.get("shares", {}))
        values = [each for each in known if each != value and not feature.problem(each)]
        if isinstance(advice, list):
            values = [each for each in values if each in advice]
        far = np.full(len(values), WHOLE)
        return Alternatives(feature, at, values, far, np.arange(len(values)))
    whole = feature.kind in ("integer", "date")
    points = [float(each) for each in profile.get("quantiles", ()) if each is not None]
    usable = sorted({int(point) if whole else point for point in points})
    values = [each for each in usable if each != value and not feature.problem(each)]
    if value is not None and advice in ("lower", "higher"):
        values = [each for each in values if (each < value) == (advice == "lower")]
    beyond = np.arange(len(values))
    if value is None or not values:
        return Alternatives(feature, at, values, np.full(len(values), WHOLE), beyond)
    ranks = _ranks(points, [value, *values])
    outward = np.where(np.array(values) > value, 1, -1)
    beyond = np.clip(beyond + outward, 0, len(values) - 1)
    return Alternatives(feature, at, values, np.abs(ranks[1:] - ranks[0]), beyond)


def _ranks(points: Sequence[float], values: Sequence[float]) -> NDArray[np.float64]:
    """Where values lie among the quantiles, in steps; amid those that are equal."""
    known, first, counts = np.unique(points, return_index=True, return_counts=True)
    middle = (first + (counts - 1) / 2) * WHOLE / max(len(points) - 1, 1)
    return np.asarray(np.interp(values, known, middle))
