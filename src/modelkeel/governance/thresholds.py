"""Which way a threshold is looser: a change that loosens one needs somebody's approval."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from modelkeel.errors import BadInput
from modelkeel.records.base import Record
from modelkeel.records.charter import Charter, Guardrail, Kill
from modelkeel.records.gates import Gates

Looser = Literal["up", "down", "off", "more", "fewer", "any"]
"""What loosens a threshold: a greater or smaller number, no longer asking, more or fewer names, or
any change, where none can be told from a loosening."""

_EXACT: dict[str, Looser] = {
    "personal.cleared": "more",
    "fairness.columns": "fewer",
    "fairness.favourable": "any",
}
_BY_PREFIX: dict[str, Looser] = {
    "max_": "up",
    "warn_": "up",
    "min_": "down",
    "require_": "off",
}

R = TypeVar("R", bound=Record)


def looser_when(key: str) -> Looser:
    """What loosens the threshold with this dotted key; any change of one that is not known."""
    if key in _EXACT:
        return _EXACT[key]
    name = key.rpartition(".")[2]
    return next((way for prefix, way in _BY_PREFIX.items() if name.startswith(prefix)), "any")


def loosened_gates(before: Gates, after: Gates) -> list[str]:
    """The thresholds that ask less than they did, each as `key old -> new`."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        _said(key, old.get(key), new.get(key))
        for key in sorted({*old, *new} - {"schema_"})
        if old.get(key) != new.get(key) and _loosens(looser_when(key), old.get(key), new.get(key))
    ]


def loosened_charter(before: Charter, after: Charter) -> list[str]:
    """What the charter asks less than it did, each as `key old -> new`.

    A payoff, a cost, the unit, the outcome, the design or today's policy may not change at all: no
    direction is the looser one.
    """
    pairs: list[tuple[str, Looser, Any, Any]] = [
        ("target.at_least", "down", before.target.at_least, after.target.at_least),
        ("target.by", "up", before.target.by, after.target.by),
        ("target.confidence", "any", before.target.confidence, after.target.confidence),
        ("target.metric", "any", before.target.metric, after.target.metric),
        ("baseline.policy", "any", before.baseline.policy, after.baseline.policy),
        ("value.unit", "any", before.value.unit, after.value.unit),
        ("value.cost", "any", before.value.cost, after.value.cost),
        ("control", "any", before.control, after.control),
        ("outcome", "any", before.outcome, after.outcome),
    ]
    paid = [
        {(row.action, row.outcome): row.amount for row in c.value.payoff} for c in (before, after)
    ]
    pairs += [
        (f"value.payoff {action}/{outcome}", "any", paid[0].get(pair), paid[1].get(pair))
        for pair in sorted({*paid[0], *paid[1]})
        for action, outcome in [pair]
    ]
    now = {each.id: each for each in after.guardrail}
    for rail in before.guardrail:
        pairs += _guardrail(rail, now.get(rail.id))
    stops = {each.id: each for each in after.kill}
    for kill in before.kill:
        pairs += _kill(kill, stops.get(kill.id))
    return [
        _said(key, old, new)
        for key, way, old, new in pairs
        if old != new and _loosens(way, old, new)
    ]


def read_old(record: type[R], text: str, where: str) -> R:
    """A record as it stood in a commit.

    Raises:
        BadInput: it does not hold today's schema.
    """
    try:
        return record.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"{where}: cannot be compared with the file as it is now: {reason}",
            remedy="commit the thresholds, and run `uv run dvc repro --force`",
        ) from None


def _guardrail(old: Guardrail, new: Guardrail | None) -> Iterator[tuple[str, Looser, Any, Any]]:
    key = f"guardrail.{old.id}"
    if new is None:
        yield key, "any", old.metric, None
        return
    yield f"{key}.metric", "any", old.metric, new.metric
    yield f"{key}.min", "down", old.min, new.min
    yield f"{key}.max", "up", old.max, new.max


def _kill(old: Kill, new: Kill | None) -> Iterator[tuple[str, Looser, Any, Any]]:
    key = f"kill.{old.id}"
    if new is None:
        yield key, "any", f"below {old.below:g}", None
        return
    yield f"{key}.below", "down", old.below, new.below
    yield f"{key}.bound", "any", old.bound, new.bound
    yield f"{key}.window_days", "any", old.window_days, new.window_days


def _loosens(way: Looser, old: Any, new: Any) -> bool:
    if way in ("up", "down"):
        if old is None or new is None:  # a bound that is gone is looser, one that is new is not
            return new is None
        return bool(new > old if way == "up" else new < old)
    if way == "off":
        return bool(old and not new)
    if way == "more":
        return not set(new or ()) <= set(old or ())
    if way == "fewer":  # no name at all stands for every one
        return bool(new) and not (old and set(old) <= set(new))
    return True


def _leaves(record: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(record).model_fields:
        value = getattr(record, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _said(key: str, old: Any, new: Any) -> str:
    return f"{key} {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return f"({value})"
    return f"{value:g}" if isinstance(value, float) else str(value)
