"""Reads the SQL of a rule into a tree of `rules`.

It knows the part of SQL whose meaning is the same in Polars and in `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
import sqlglot.errors
from sqlglot import exp

from modelkeel.data.contract.model import Kind, Normalise
from modelkeel.data.contract.values import days, read_value
from modelkeel.model.rule_types import DAY, Outside, Sort, Typed, alike, computed, numeric
from modelkeel.model.rules import Tree

_SORTS: dict[Kind, Sort] = {
    "string": "text",
    "integer": "exact",
    "number": "number",
    "boolean": "boolean",
    "date": "moment",
    "timestamp": "moment",
}
_COMPARISONS: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
}
_DIGITS = 15
_UNITS = {"SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": 3_600_000_000}
_UNITS |= {"DAY": DAY, "WEEK": 7 * DAY}


@dataclass(frozen=True)
class ColumnType:
    """A column that a rule may read: its type in the contract, and whether the model sees text."""

    kind: Kind
    text: bool


def tree_of(condition: str, fields: Mapping[str, ColumnType]) -> Tree:
    """The tree of a condition.

    Raises:
        Outside: it reads other columns, or is not of the part of SQL that is known.
    """
    try:
        found = sqlglot.parse_one(condition, dialect="postgres")
    except sqlglot.errors.SqlglotError:
        raise Outside("its SQL is not understood") from None
    read = _Reader(fields).read(found)
    if read.sort != "boolean":
        raise Outside("it is no condition")
    return read.tree


@dataclass(frozen=True)
class _Reader:
    fields: Mapping[str, ColumnType]

    def read(self, node: Any) -> Typed:
        """One node, whatever it is."""
        kind = type(node)
        if kind is exp.Paren:
            return self.read(node.this)
        if kind in (exp.And, exp.Or):
            return self._connected(node)
        if kind is exp.Not:
            return Typed(["not", self._condition(node.this)], "boolean")
        if kind in _COMPARISONS:
            left, right = alike([self._operand(node.this), self._operand(node.expression)])
            return Typed([_COMPARISONS[kind], left.tree, right.tree], "boolean")
        if kind in _ARITHMETIC:
            return computed(
                _ARITHMETIC[kind], self._operand(node.this), self._operand(node.expression)
            )
        reader = {
            exp.Column: self._column,
            exp.Literal: _literal,
            exp.Boolean: lambda each: Typed(["value", bool(each.this)], "boolean", literal=True),
            exp.Neg: self._negative,
            exp.Is: self._is,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Coalesce: self._coalesce,
            exp.Abs: self._abs,
            exp.Case: self._case,
            exp.If: self._if,
            exp.Cast: _moment,
            exp.Interval: _interval,
        }.get(kind)
        if reader is None:
            raise Outside(f"it uses {node.sql()[:60]!r}")
        return reader(node)

    def _operand(self, node: Any) -> Typed:
        # Parsers differ in how tightly `a = b = c` and `NOT a = b` bind.
        if isinstance(node, exp.Predicate | exp.Not | exp.Connector):
            raise Outside("a condition inside an expression needs brackets")
        return self.read(node)

    def _condition(self, node: Any) -> Tree:
        read = self.read(node)
        if read.sort != "boolean":
            raise Outside(f"{node.sql()[:60]!r} is no condition")
        return read.tree

    def _connected(self, node: Any) -> Typed:
        name = "and" if isinstance(node, exp.And) else "or"
        trees: list[Tree] = []
        for each in (node.this, node.expression):
            tree = self._condition(each)
            trees += tree[1:] if tree[0] == name else [tree]
        return Typed([name, *trees], "boolean")

    def _column(self, node: Any) -> Typed:
        if node.table or node.name not in self.fields:
            raise Outside(f"column {node.name} is no feature of the model")
        field = self.fields[node.name]
        tree: Tree = ["column", node.name]
        if field.text and field.kind != "string":
            tree = ["read", field.kind, tree]
        return Typed(tree, _SORTS[field.kind], whole_days=field.kind == "date")

    def _negative(self, node: Any) -> Typed:
        value = numeric(self._operand(node.this))
        if value.literal:
            return replace(value, tree=["value", -value.tree[1]])
        return replace(value, tree=["neg", value.tree])

    def _abs(self, node: Any) -> Typed:
        value = numeric(self._operand(node.this))
        return replace(value, tree=["abs", value.tree], literal=False)

    def _is(self, node: Any) -> Typed:
        if not isinstance(node.expression, exp.Null):
            raise Outside("only IS NULL and IS NOT NULL are known")
        tree: Tree = ["is null", self._operand(node.this).tree]
        return Typed(["not", tree] if node.args.get("negate") else tree, "boolean")

    def _in(self, node: Any) -> Typed:
        listed = [self.read(each) for each in node.args.get("expressions") or []]
        if not listed or not all(each.literal for each in listed):
            raise Outside("IN needs a list of literals")
        value, *rest = alike([self._operand(node.this), *listed])
        if value.literal:
            raise Outside("IN needs a column")
        return Typed(["in", value.tree, [each.tree[1] for each in rest]], "boolean")

    def _between(self, node: Any) -> Typed:
        value = self._operand(node.this)
        first, low = alike([value, self._operand(node.args["low"])])
        second, high = alike([value, self._operand(node.args["high"])])
        least: Tree = [">=", first.tree, low.tree]
        return Typed(["and", least, ["<=", second.tree, high.tree]], "boolean")

    def _coalesce(self, node: Any) -> Typed:
        parts = alike([self._operand(each) for each in (node.this, *node.expressions)])
        return replace(parts[0], tree=["coalesce", *(p.tree for p in parts)], literal=False)

    def _case(self, node: Any) -> Typed:
        subject = self._operand(node.this) if node.this is not None else None
        tests = []
        for each in node.args["ifs"]:
            if subject is None:
                tests.append(self._condition(each.this))
            else:
                left, right = alike([subject, self._operand(each.this)])
                tests.append(["=", left.tree, right.tree])
        values = [self._operand(each.args["true"]) for each in node.args["ifs"]]
        return self._chosen(tests, values, node.args.get("default"))

    def _if(self, node: Any) -> Typed:
        values = [self._operand(node.args["true"])]
        return self._chosen([self._condition(node.this)], values, node.args.get("false"))

    def _chosen(self, tests: list[Tree], values: list[Typed], default: Any) -> Typed:
        other = Typed(["null"], "null") if default is None else self._operand(default)
        *values, other = alike([*values, other])
        tree = other.tree
        for test, value in zip(reversed(tests), reversed(values), strict=True):
            tree = ["if", test, value.tree, tree]
        return replace(values[0], tree=tree, literal=False)


def _literal(node: Any) -> Typed:
    text = node.this
    if node.is_string:
        return Typed(["value", text], "text", literal=True)
    digits = len(text.replace(".", "").lstrip("0"))
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+", text) and digits <= _DIGITS:
        scale = len(text.partition(".")[2])
        return Typed(["value", int(text.replace(".", ""))], "exact", scale, literal=True)
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}", text):
        return Typed(["value", float(text)], "number", literal=True)
    raise Outside(f"the number {text[:40]} is not understood")


def _moment(node: Any) -> Typed:
    """DATE '2024-01-31' or TIMESTAMP '2024-01-31 10:15:00'."""
    kinds: dict[Any, Kind] = {exp.DType.DATE: "date", exp.DType.TIMESTAMP: "timestamp"}
    kind = kinds.get(node.to.this)
    given = node.this
    if kind is None or not isinstance(given, exp.Literal) or not given.is_string:
        raise Outside(f"it uses {node.sql()[:60]!r}")
    shape = r"\d{4}-\d\d-\d\d" + ("" if kind == "date" else r"[ T]\d\d:\d\d:\d\d")
    value = read_value(given.this, kind, Normalise(trim=False))
    if not re.fullmatch(shape, given.this, re.ASCII) or value is None:
        raise Outside(f"the {kind} {given.this[:40]!r} is not understood")
    return Typed(
        ["value", days(value)],  # type: ignore[arg-type]
        "moment",
        literal=True,
        whole_days=kind == "date",
    )


def _interval(node: Any) -> Typed:
    unit = str(node.args.get("unit") or "").upper().removesuffix("S")
    amount = node.this.this if isinstance(node.this, exp.Literal) else ""
    if unit not in _UNITS or not re.fullmatch(r"[0-9]{1,6}", amount):
        raise Outside("an interval needs a whole number of seconds, minutes, hours, days or weeks")
    return Typed(["value", int(amount) * _UNITS[unit]], "duration", literal=True)
