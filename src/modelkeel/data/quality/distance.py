"""How far the columns of two profiles lie apart, as effect sizes.

A p-value falls with the number of rows until everything drifts. So sizes are compared with limits
here: the population stability index (PSI) and the Jensen-Shannon distance over at most ten parts of
the reference, the largest gap of the distribution functions (KS), the shift of the missing share,
and the share of new categories. What two samples of one distribution differ by is allowed on top:
at its 99.9 % quantile, which for the PSI is chi2(.999, bins - 1) (1/n + 1/m).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

PARTS = 10
NAMED = 20
_Z = 3.2905  # two-sided 99.9 %
_Z_ONE = 3.0902

Floats = NDArray[np.float64]
_TAIL: Floats = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 5.0])


def psi(expected: Floats, actual: Floats, n: int, m: int) -> tuple[float, float]:
    """The population stability index of two lists of shares, and what chance adds to it."""
    bins = len(expected)
    if bins < 2 or not n or not m:
        return 0.0, 0.0
    # half a row in each part, so that an empty one counts without being infinite
    p = (expected * n + 0.5) / (n + 0.5 * bins)
    q = (actual * m + 0.5) / (m + 0.5 * bins)
    return float(np.sum((q - p) * np.log(q / p))), _chi2(bins - 1) * (1 / n + 1 / m)


def noise_of_share(p: float, n: int, m: int) -> float:
    """How far two shares of samples of `n` and `m` rows may lie apart by chance."""
    if not n or not m:
        return 0.0
    floor = 1.0 / max(min(n, m), 1)
    return float(_Z * np.sqrt(max(p * (1 - p), floor) * (1 / n + 1 / m)))


def numbers(old: list[list[float]], new: list[list[float]], n: int, m: int) -> dict[str, Any]:
    """PSI, its noise, JS and KS of two columns of numbers, by the points of their profiles."""
    a, b = _ended(np.asarray(old, dtype=np.float64)), _ended(np.asarray(new, dtype=np.float64))
    inner = np.flatnonzero(a[:, 2] < 1.0)
    if len(inner) and n and m:
        steps = np.arange(1, PARTS) / PARTS
        nearest = inner[np.abs(a[inner, 2][None, :] - steps[:, None]).argmin(axis=1)]
        cuts = a[np.unique(nearest), 0]
    else:
        cuts = a[:1, 0]
    # one cut below all of the reference tells a constant that has become smaller
    cuts = cuts if len(inner) else np.array([np.nextafter(a[0, 0], -np.inf), a[0, 0]])
    p, q = (np.diff(share_upto(side, cuts), prepend=0.0, append=1.0) for side in (a, b))
    index, noise = psi(p, q, n, m)
    both = np.union1d(a[:, 0], b[:, 0])
    gap = max(
        np.abs(share_upto(a, both) - share_upto(b, both)).max(),
        np.abs(_below(a, both) - _below(b, both)).max(),
    )
    return {"psi": index, "noise": noise, "js": _js(p, q), "ks": float(gap)}


def _ended(points: Floats) -> Floats:
    """With tails where a profile hides them: they thin out by e over the width of the next part."""
    if len(points) < 2:
        return points
    value, low, high = points[:, 0], points[0, 1], 1 - points[-1, 2]
    left, right = value[0] - value[1], value[-1] - value[-2]
    shares = np.exp(-_TAIL)
    if low > 0:
        upto = low * shares
        tail = np.column_stack([value[0] + _TAIL * left, upto, upto])[::-1]
        points = np.vstack([[value[0] + 8 * left, 0.0, 0.0], tail, points])
    if high > 0:
        upto = 1 - high * shares
        tail = np.column_stack([value[-1] + _TAIL * right, upto, upto])
        points = np.vstack([points, tail, [value[-1] + 8 * right, 1.0, 1.0]])
    return points


def share_upto(points: Floats, at: Floats) -> Floats:
    """The share of values up to each of `at`, by the points of a profile."""
    return _interpolated(points, at, "right")


def _below(points: Floats, at: Floats) -> Floats:
    return _interpolated(points, at, "left")


def _interpolated(points: Floats, at: Floats, side: Literal["left", "right"]) -> Floats:
    value, below, upto = points.T
    right = np.searchsorted(value, at, side)  # points before `at`, or up to it
    low, high = np.clip(right - 1, 0, None), np.clip(right, None, len(value) - 1)
    width = value[high] - value[low]
    part = np.where(width > 0, (at - value[low]) / np.where(width > 0, width, 1.0), 0.0)
    found = upto[low] + np.clip(part, 0, 1) * np.maximum(below[high] - upto[low], 0.0)
    found = np.where(right == len(value), upto[-1], found)
    found = np.where(right == 0, np.where(at < value[0], 0.0, below[0]), found)
    return np.where((right == len(value)) & (at > value[-1]), 1.0, found)


def categories(old: Mapping[str, Any], new: Mapping[str, Any], n: int, m: int) -> dict[str, Any]:
    """PSI, its noise, JS and new categories of two columns, by the shares in their profiles."""
    before, after = old["shares"], new["shares"]
    least = 5 / max(min(n, m), 1)  # fewer rows than that are one part together
    ranked = sorted(before, key=lambda name: (-before[name], name))
    named = [name for name in ranked[:NAMED] if before[name] >= least]
    fresh: list[str] = []
    if not old["other"]:
        fresh = sorted(set(after) - set(before), key=lambda name: (-after[name], name))
    share = float(sum(after[name] for name in fresh))
    if not old["other"] and after:
        share += float(new["other"]) if len(before) <= NAMED else 0.0
    p = np.array([before[name] for name in named])
    q = np.array([after.get(name, 0.0) for name in named])
    rest = max(1 - p.sum(), 0.0), max(1 - q.sum(), 0.0)
    if max(rest) > 1e-12:
        p, q = np.append(p, rest[0]), np.append(q, rest[1])
    index, noise = psi(p, q, n, m)
    return {
        "unseen": sum(each for each in before.values() if each * n < 1.5),
        "psi": index,
        "noise": noise,
        "js": _js(p, q),
        "new_share": min(share, 1.0),
        "new": tuple(fresh[:5]),
    }


def _js(p: Floats, q: Floats) -> float:
    """The Jensen-Shannon distance with logarithms to the base 2: from 0 to 1."""
    middle = (p + q) / 2

    def divergence(side: Floats) -> float:
        held = side > 0
        return float(np.sum(side[held] * np.log2(side[held] / middle[held])))

    return float(np.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2)))


def _chi2(freedom: int) -> float:
    """The 99.9 % quantile of chi2, by Wilson and Hilferty: within 3 %, and never below."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + _Z_ONE * np.sqrt(part)) ** 3)
