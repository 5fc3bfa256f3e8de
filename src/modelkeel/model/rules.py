"""Rules across features as small trees, evaluated row by row as SQL does.

A rule is a condition of the data contract. The train stage reads it from SQL (`rule_sql`) and
proves it against Polars (`served_rules`); here it is plain data, and checked without either.

A tree is a list: an operator and its operands. `["value", 3]` is a literal and `["column", "age"]`
a feature; the others are in `_OPERATORS`. Missing values follow SQL's logic of three values, and a
rule that is neither true nor false holds. As in Polars, a division by zero gives an infinity or
NaN, and NaN equals itself and is above all numbers.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelkeel.data.contract.model import KINDS, Normalise
from modelkeel.data.contract.values import days, read_value

Tree = list[Any]
Columns = Sequence[Sequence[Any]]
Part = Callable[[Columns, int], Any]
"""Gives the value of a part of a rule for one row of the columns."""

_DAY = 86_400_000_000
_DEEPEST = 40
_VERBATIM = Normalise(trim=False)


class RowRule(BaseModel):
    """A condition that each row has to hold, over features alone.

    `condition` is its SQL, `tree` what it means.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    condition: str
    columns: list[str] = Field(min_length=1)
    description: str = ""
    tree: list[Any]

    @model_validator(mode="after")
    def _can_be_evaluated(self) -> RowRule:
        compile_rule(self, self.columns)
        return self


class UncheckedRule(BaseModel):
    """A rule of the contract that the API does not check, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    reason: str


def compile_rule(rule: RowRule, names: Sequence[str]) -> Callable[[Columns, int], bool]:
    """A function that says of a row of columns whether it breaks the rule.

    Args:
        rule: the rule.
        names: what the columns are called, in their order.

    Raises:
        ValueError: the tree is no tree, or reads a column that is not there.
    """
    places = {name: at for at, name in enumerate(names)}
    try:
        condition = _compiled(rule.tree, places, 0)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"rule {rule.name}: {error}") from None

    def broken(columns: Columns, row: int) -> bool:
        try:
            return condition(columns, row) is False
        except OverflowError:  # a product too large for a float; nothing can be said
            return False

    return broken


def _compiled(tree: Any, places: dict[str, int], depth: int) -> Part:
    if not isinstance(tree, list) or not tree or depth > _DEEPEST:
        raise ValueError("no tree, or too deep")
    name, *rest = tree
    if name == "value" and len(rest) == 1 and isinstance(rest[0], bool | int | float | str):
        return _constant(rest[0])
    if name == "null" and not rest:
        return _constant(None)
    if name == "column" and len(rest) == 1 and rest[0] in places:
        return _column(places[rest[0]])
    if name == "read" and len(rest) == 2 and rest[0] in KINDS:
        return _read(rest[0], _compiled(rest[1], places, depth + 1))
    if name == "in" and len(rest) == 2 and isinstance(rest[1], list):
        return _in(_compiled(rest[0], places, depth + 1), frozenset(rest[1]))
    if name not in _OPERATORS:
        raise ValueError(f"operator {name!r} is not known, or has other operands")
    if name in _PLAIN and len(rest) == 2 and not _may_be_nan(tree):
        return _PLAIN[name](*(_compiled(each, places, depth + 1) for each in rest))
    least, most, build = _OPERATORS[name]
    if not least <= len(rest) <= most:
        raise ValueError(f"operator {name!r} with {len(rest)} operands")
    return build(*(_compiled(each, places, depth + 1) for each in rest))


def _may_be_nan(tree: Any) -> bool:
    """Whether a part can give NaN; values that are sent are finite."""
    return isinstance(tree, list) and (tree[:1] in (["/"], ["*"]) or any(map(_may_be_nan, tree)))


def _constant(value: Any) -> Part:
    return lambda columns, row: value


def _column(at: int) -> Part:
    return lambda columns, row: columns[at][row]


def _read(kind: Any, text: Part) -> Part:
    """What a text of a column that is a category to the model stands for in the contract."""

    @lru_cache(maxsize=1024)
    def value_of(given: str) -> Any:
        value = read_value(given, kind, _VERBATIM)
        return days(value) if isinstance(value, dt.date) else value

    return _lifted(value_of)(text)


def _in(value: Part, listed: frozenset[Any]) -> Part:
    def part(columns: Columns, row: int) -> Any:
        found = value(columns, row)
        return None if found is None else found in listed

    return part


def _lifted(function: Callable[[Any], Any]) -> Callable[[Part], Part]:
    """A function of one value, null for null."""

    def build(value: Part) -> Part:
        def part(columns: Columns, row: int) -> Any:
            found = value(columns, row)
            return None if found is None else function(found)

        return part

    return build


def _paired(function: Callable[[Any, Any], Any]) -> Callable[[Part, Part], Part]:
    """A function of two values, null if either is."""

    def build(left: Part, right: Part) -> Part:
        def part(columns: Columns, row: int) -> Any:
            one = left(columns, row)
            if one is None:
                return None
            other = right(columns, row)
            return None if other is None else function(one, other)

        return part

    return build


def _settled_by(stop: bool) -> Callable[..., Part]:
    """A chain of parts: the first that is `stop` settles it, else one that is missing does."""

    def chain(*parts: Part) -> Part:
        def part(columns: Columns, row: int) -> Any:
            holds: bool | None = not stop
            for each in parts:
                value = each(columns, row)
                if value is stop:
                    return stop
                if value is None:
                    holds = None
            return holds

        return part

    return chain


_and, _or = _settled_by(False), _settled_by(True)


def _is_null(value: Part) -> Part:
    return lambda columns, row: value(columns, row) is None


def _coalesce(*parts: Part) -> Part:
    def part(columns: Columns, row: int) -> Any:
        for each in parts:
            value = each(columns, row)
            if value is not None:
                return value
        return None

    return part


def _if(test: Part, yes: Part, no: Part) -> Part:
    # A test that is null is not true.
    return lambda columns, row: (yes if test(columns, row) is True else no)(columns, row)


def _divided(dividend: float, divisor: float) -> float:
    try:
        return dividend / divisor
    except ZeroDivisionError:
        if dividend == 0 or dividend != dividend:
            return math.nan
        return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def _micros(value: float) -> int:
    """Days since 1970-01-01 as microseconds; exact to 2149 and to 30 µs later."""
    whole = math.floor(value)
    return whole * _DAY + round((value - whole) * _DAY)


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))


def _less(one: Any, other: Any) -> bool:
    return bool(one < other or (other != other and one == one))


_PLAIN = {
    "=": _paired(operator.eq),
    "<>": _paired(operator.ne),
    "<": _paired(operator.lt),
    "<=": _paired(operator.le),
    ">": _paired(operator.gt),
    ">=": _paired(operator.ge),
}
"""Comparisons of what is never NaN."""
_ANY = 1000
_OPERATORS: dict[str, tuple[int, int, Callable[..., Part]]] = {
    "and": (2, _ANY, _and),
    "or": (2, _ANY, _or),
    "not": (1, 1, _lifted(operator.not_)),
    "is null": (1, 1, _is_null),
    "=": (2, 2, _paired(_equal)),
    "<>": (2, 2, _paired(lambda one, other: not _equal(one, other))),
    "<": (2, 2, _paired(_less)),
    "<=": (2, 2, _paired(lambda one, other: not _less(other, one))),
    ">": (2, 2, _paired(lambda one, other: _less(other, one))),
    ">=": (2, 2, _paired(lambda one, other: not _less(one, other))),
    "+": (2, 2, _paired(operator.add)),
    "-": (2, 2, _paired(operator.sub)),
    "*": (2, 2, _paired(operator.mul)),
    "/": (2, 2, _paired(_divided)),
    "neg": (1, 1, _lifted(operator.neg)),
    "abs": (1, 1, _lifted(abs)),
    "micros": (1, 1, _lifted(_micros)),
    "coalesce": (1, _ANY, _coalesce),
    "if": (3, 3, _if),
}
