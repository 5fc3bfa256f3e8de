"""Contributions for a model of any kind, estimated from its scores alone.

They take thousands of scores for one row, so another process than the one that serves makes them.
The method walks from a reference row to the row in a random order of the features and back in the
reverse one; what a step changes is credited to its feature. Source: Castro et al. 2009, Polynomial
calculation of the Shapley value based on sampling; Mitchell et al. 2022, Sampling permutations for
Shapley value estimation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.errors import BadInput
from modelkeel.model.scorer import Scorer

Floats = NDArray[np.float64]
_SURE = 1e-7
"""Probabilities closer to 0 or 1 count as this far from them: they have no finite log-odds."""


@dataclass(frozen=True)
class Sampled:
    """Estimated contributions; with `base` they add up to what is explained of each row.

    Attributes:
        contributions: (n, features).
        errors: the standard error of each, by the random orders; the reference rows are given.
        base: the mean of what is explained over the reference rows.
        scale: what is explained, in words.
    """

    contributions: Floats
    errors: Floats
    base: float
    scale: str


def sampled_contributions(
    scorer: Scorer,
    columns: Mapping[str, Sequence[Any]],
    reference: Mapping[str, Sequence[Any]],
    *,
    classes: Sequence[str] = (),
    orders: int = 8,
    seed: int = 0,
) -> Sampled:
    """Estimate the contributions to the scores of rows.

    Args:
        scorer: the model.
        columns: the rows, by feature.
        reference: rows to compare with, such as the golden rows of a bundle, whose columns were
            drawn each on its own, so that none is a person's.
        classes: of more than two classes, those to explain against the rest; the last by default.
        orders: random orders, and as many reverse ones, for each reference row; at least two.
        seed: of the orders.

    Raises:
        BadInput: a column is missing or of a wrong type, or there are too few orders.
    """
    if orders < 2:
        raise BadInput(f"{orders} orders show no error", remedy="ask for two or more")
    signature = scorer.signature
    names = signature.feature_names
    chosen = _chosen(signature.classes, classes)
    given, taken = signature.inputs(columns), signature.inputs(reference)
    random = np.random.default_rng(seed)
    start = _explained(scorer.run(taken), chosen)
    count, rows = len(start), len(given[names[0]])
    found, errors = np.empty((rows, len(names))), np.empty((rows, len(names)))
    for at in range(rows):
        ranks = random.random((orders, count, len(names))).argsort(axis=2).argsort(axis=2)
        ranks = np.stack([ranks, len(names) - 1 - ranks])  # (2, orders, count, features)
        steps = np.arange(len(names) + 1)[:, None]
        is_row = ranks[:, :, :, None, :] < steps  # (2, orders, count, steps, features)
        mixed = {
            name: np.where(is_row[..., place], given[name][at], taken[name])
            for place, name in enumerate(names)
        }
        shape = is_row.shape[:-1]
        values = scorer.run({name: each.reshape(-1, 1) for name, each in mixed.items()})
        walks = _explained(values, chosen).reshape(shape)
        credited = np.take_along_axis(np.diff(walks, axis=3), ranks, axis=3)
        pairs = credited.mean(axis=0)  # an order and its reverse: (orders, count, features)
        found[at] = pairs.mean(axis=(0, 1))
        errors[at] = np.sqrt(pairs.var(axis=0, ddof=1).sum(axis=0) / orders) / count
    return Sampled(found, errors, float(start.mean()), _scale(signature.target, chosen))


def _chosen(known: list[str], classes: Sequence[str]) -> dict[str, bool]:
    """Of each class, whether it is explained against those that are not."""
    wanted = set(classes) if len(known) > 2 and classes else set(known[-1:])
    if known and (not wanted <= set(known) or wanted == set(known)):
        raise BadInput(
            f"{', '.join(sorted(wanted))} cannot be explained against the other classes",
            remedy=f"name some of {', '.join(known)}, and not all",
        )
    return {name: name in wanted for name in known}


def _explained(scores: Floats, chosen: Mapping[str, bool]) -> Floats:
    """The value itself, or the log-odds of classes against the others."""
    if not chosen:
        return scores
    own = np.array(list(chosen.values()))
    sides = [np.clip(scores[:, side].sum(axis=1), _SURE, 1.0 - _SURE) for side in (own, ~own)]
    return np.asarray(np.log(sides[0]) - np.log(sides[1]))


def _scale(target: str, chosen: Mapping[str, bool]) -> str:
    if not chosen:
        return target
    names = ", ".join(name for name, own in chosen.items() if own)
    return f"log-odds of {names}" + ("" if len(chosen) == 2 else " against the other classes")
