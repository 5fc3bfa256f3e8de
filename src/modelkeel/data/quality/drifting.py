"""Which columns of two profiles have drifted, judged by the sizes of `distance`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from modelkeel.data.quality.distance import categories, noise_of_share, numbers

State = Literal["ok", "warn", "drifted", "not_judged"]


@dataclass(frozen=True)
class Limits:
    """From where on a column has drifted; shares are from 0 to 1."""

    warn_psi: float = 0.1
    max_psi: float = 0.25
    max_missing_shift: float = 0.05
    max_new_share: float = 0.01


@dataclass(frozen=True)
class ColumnDrift:
    """One column of the current data against the reference.

    Attributes:
        name: of the column.
        kind: as in the profile.
        state: ok, warn, drifted, or not_judged (dates move on, hidden values are not kept).
        psi: population stability index; None where there is nothing to compare.
        noise: what chance alone adds to it.
        js: Jensen-Shannon distance, from 0 to 1.
        ks: largest gap of the distribution functions, from 0 to 1 (numbers only).
        missing_before: missing share in the reference.
        missing_after: missing share now.
        new_share: share of the values whose category the reference does not have.
        new: the most frequent of those categories.
        why: what is beyond its limit, in words.
    """

    name: str
    kind: str
    state: State
    psi: float | None = None
    noise: float = 0.0
    js: float | None = None
    ks: float | None = None
    missing_before: float | None = None
    missing_after: float | None = None
    new_share: float = 0.0
    new: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Drift:
    """All columns of two profiles, the worst first."""

    rows_before: int
    rows_after: int
    columns: tuple[ColumnDrift, ...]

    @property
    def drifted(self) -> list[ColumnDrift]:
        """Columns beyond a limit."""
        return [each for each in self.columns if each.state == "drifted"]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def drift(
    reference: Mapping[str, Any], current: Mapping[str, Any], limits: Limits | None = None
) -> Drift:
    """Compare two profiles; no row is read.

    Args:
        reference: what the data is to look like.
        current: what it looks like.
        limits: from where on a column has drifted; the defaults when left out.
    """
    allowed = limits or Limits()
    old, new = reference["columns"], current["columns"]
    n, m = int(reference["rows"]), int(current["rows"])
    found = [
        _column(name, old.get(name), new.get(name), n, m, allowed)
        for name in dict.fromkeys([*old, *new])
    ]
    rank = {"drifted": 0, "warn": 1, "ok": 2, "not_judged": 3}
    found.sort(key=lambda each: (rank[each.state], -(each.psi or 0.0), each.name))
    return Drift(n, m, tuple(found))


def _column(
    name: str,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    n: int,
    m: int,
    limits: Limits,
) -> ColumnDrift:
    if old is None or new is None:
        kind = str((old or new or {}).get("kind", ""))
        why = "the reference does not have it" if old is None else "it is gone"
        return ColumnDrift(name, kind, "drifted", why=why)
    before, after = float(old["missing"]), float(new["missing"])
    base: dict[str, Any] = {"missing_before": before, "missing_after": after}
    if old["kind"] != new["kind"]:
        if 1.0 in (before, after):  # an empty column has no kind of its own
            why = _missing_why(before, after, n, m, limits)
            return ColumnDrift(name, new["kind"], "drifted" if why else "ok", why=why, **base)
        why = f"was {old['kind']}, is {new['kind']}"
        return ColumnDrift(name, new["kind"], "drifted", why=why, **base)
    have = round(n * (1 - before)), round(m * (1 - after))
    sizes: dict[str, Any] = {}
    if old.get("points") and new.get("points"):
        sizes = numbers(old["points"], new["points"], *have)
    elif "shares" in old and "shares" in new and min(have):
        sizes = categories(old, new, *have)
    return _judged(name, new["kind"], {**base, **sizes}, n, m, have, limits)


def _judged(
    name: str,
    kind: str,
    found: dict[str, Any],
    n: int,
    m: int,
    have: tuple[int, int],
    limits: Limits,
) -> ColumnDrift:
    reasons, state = [], "ok"
    size, noise = found.get("psi"), found.get("noise", 0.0)
    if size is not None and kind != "date":
        if size > limits.max_psi + noise:
            reasons.append(f"PSI {size:.2f}, allowed {limits.max_psi + noise:.2f}")
        elif size > limits.warn_psi + noise:
            state = "warn"
    share = found.get("new_share", 0.0)
    # Good and Turing: what n rows have not shown yet is as frequent as what they showed once
    top = limits.max_new_share + found.pop("unseen", 0.0)
    top += noise_of_share(min(top, 1.0), *have)
    if share > top:
        reasons.append(f"{share:.1%} in new categories, allowed {top:.1%}")
    elif share > 0:
        state = "warn"
    missing = _missing_why(found["missing_before"], found["missing_after"], n, m, limits)
    if missing:
        reasons.append(missing)
    if reasons:
        state = "drifted"
    elif size is None or kind == "date":
        state = "not_judged"
    checked: State = state  # type: ignore[assignment]
    return ColumnDrift(name, kind, checked, why="; ".join(reasons), **found)


def _missing_why(before: float, after: float, n: int, m: int, limits: Limits) -> str:
    pooled = (before * n + after * m) / max(n + m, 1)
    allowed = limits.max_missing_shift + noise_of_share(pooled, n, m)
    if abs(after - before) <= allowed:
        return ""
    return f"missing {before:.1%}, now {after:.1%}"
