"""Rules mean in Python what they mean in Polars, and nothing else is taken for a rule."""

from __future__ import annotations

import datetime as dt
import timeit
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeel.data.contract.model import Column, Contract, Kind, Rule
from modelkeel.data.contract.normalise import DTYPES
from modelkeel.model.rule_sql import ColumnType, tree_of
from modelkeel.model.rule_types import Outside
from modelkeel.model.rules import RowRule, compile_rule
from modelkeel.model.served_rules import as_served, holding_examples, served_rules
from modelkeel.model.signature import Feature, Signature

KINDS: dict[str, Kind] = {
    "a": "integer",
    "b": "integer",
    "x": "number",
    "y y": "number",
    "t": "string",
    "u": "string",
    "f": "boolean",
    "g": "boolean",
    "d": "date",
    "e": "date",
    "s": "timestamp",
    "coded": "integer",
}
SQL = {name: f'"{name}"' if " " in name else name for name in KINDS}
FEATURES = {
    name: Feature(
        name=name,
        kind="category" if kind == "string" or name == "coded" else kind,
        nullable=True,
    )
    for name, kind in KINDS.items()
}
TYPES = {name: ColumnType(kind, FEATURES[name].kind == "category") for name, kind in KINDS.items()}
SCHEMA = {name: DTYPES[kind] for name, kind in KINDS.items()}

MORNING = dt.datetime(2023, 12, 31)  # noqa: DTZ001 - all timestamps here are UTC without zone

small = st.integers(-4, 4)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "integer": st.one_of(small, st.integers(-(10**6), 10**6)),
    "number": st.one_of(
        st.sampled_from([0.0, -0.0, 0.1, 0.3, 0.5, 2.5, 1.0, -1.0]), st.floats(-1e6, 1e6, width=32)
    ),
    "string": st.sampled_from(["", "a", "b", "A", "ä", "\U0001f600", "it's"]),
    "boolean": st.booleans(),
    "date": st.dates(dt.date(2023, 12, 29), dt.date(2024, 1, 3)),
    "timestamp": st.datetimes(MORNING, MORNING + dt.timedelta(days=2)),
}
rows_of = st.lists(
    st.fixed_dictionaries({name: st.none() | VALUES[kind] for name, kind in KINDS.items()}),
    min_size=1,
    max_size=12,
)


def of(*kinds: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([SQL[name] for name, kind in KINDS.items() if kind in kinds])


def call(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda filled: form.format(*filled))


number_literal = st.sampled_from(["0", "1", "2", "10", "0.1", "0.5", "2.50", "1e2", "-3", "-0.3"])
numeric = st.deferred(
    lambda: st.one_of(
        of("integer"),
        of("integer", "number"),
        call("({} {} {})", of("integer"), st.sampled_from("+-*/"), of("integer", "number")),
        call("({} {} {})", numeric, st.sampled_from("+-*"), of("integer", "number")),
        call("({} {} {})", of("integer", "number"), st.sampled_from("+-*"), number_literal),
        call("-{}", of("integer", "number")),
        call("abs({})", of("integer", "number")),
        call("coalesce({}, {})", of("integer", "number"), number_literal),
        call("CASE WHEN {} THEN {} ELSE {} END", condition, of("integer"), number_literal),
        call("CASE WHEN {} THEN {} END", condition, of("number")),
        call("if({}, {}, {})", of("boolean"), of("integer"), of("number")),
    )
)
comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "!="])
day = st.sampled_from(["DATE '2024-01-01'", "TIMESTAMP '2023-12-31 12:30:00'"])
moment = of("date", "timestamp")
literal_text = st.sampled_from(["'a'", "''", "'ä'", "'it''s'"])
simple = st.one_of(
    call("{} {} {}", numeric, comparison, st.one_of(numeric, number_literal)),
    call("{} {} {}", of("string"), comparison, st.one_of(of("string"), literal_text)),
    call("{} {} {}", moment, comparison, st.one_of(moment, day)),
    call(
        "{} - {} {} INTERVAL '{}'",
        moment,
        moment,
        comparison,
        st.sampled_from(["1 day", "30 minutes"]),
    ),
    call("{} + INTERVAL '2 days' {} {}", moment, comparison, moment),
    call("{} - INTERVAL '90 minutes' {} {}", of("timestamp"), comparison, moment),
    call("{} = {}", of("boolean"), of("boolean")),
    of("boolean"),
    call("{} BETWEEN {} AND {}", of("integer", "number"), of("number"), number_literal),
    call("{} NOT BETWEEN {} AND {}", of("integer"), of("integer"), of("integer", "number")),
    call("{} IN ({}, {})", of("integer", "number"), number_literal, number_literal),
    call("{} NOT IN ({}, 'b')", of("string"), literal_text),
    call("CASE {} WHEN 'a' THEN 1 WHEN 'b' THEN 2 END = 1", of("string")),
    call("{} IS NULL", st.sampled_from(list(SQL.values()))),
    call("{} IS NOT NULL", st.sampled_from(list(SQL.values()))),
)
condition = st.deferred(
    lambda: st.one_of(
        simple,
        simple,
        call("{} AND {}", condition, condition),
        call("({} OR {})", condition, condition),
        call("NOT ({})", condition),
        call("NOT {} OR {}", of("boolean"), condition),
    )
)


def rule(sql: str) -> RowRule:
    names = list(dict.fromkeys(pl.sql_expr(sql).meta.root_names()))
    return RowRule(name="r", condition=sql, columns=names, tree=tree_of(sql, TYPES))


def both(sql: str, rows: list[dict[str, Any]]) -> tuple[list[bool], list[bool]]:
    """What Polars says of the rows, and what the rule says."""
    frame = pl.DataFrame(rows, schema=SCHEMA)
    said = frame.select((~pl.sql_expr(sql)).fill_null(False).alias("broken"))["broken"].to_list()
    found = rule(sql)
    columns = [as_served(frame[name], FEATURES[name]) for name in found.columns]
    broken = compile_rule(found, found.columns)
    return said, [broken(columns, at) for at in range(len(rows))]


@given(condition, rows_of)
@settings(max_examples=400)
def test_python_says_what_polars_says(sql: str, rows: list[dict[str, Any]]) -> None:
    said, found = both(sql, rows)
    assert found == said


def row(**values: Any) -> dict[str, Any]:
    return dict.fromkeys(KINDS) | values


@pytest.mark.parametrize(
    ("sql", "values", "broken"),
    [
        ("a <= b", {"a": 1, "b": None}, False),
        ("a <= b", {"a": 2, "b": 1}, True),
        ("a <= b AND f", {"a": None, "f": False}, True),
        ("a <= b OR f", {"a": 2, "b": 1}, False),
        ("a / b < 2", {"a": 1, "b": 0}, True),
        ("a / b > 2", {"a": 0, "b": 0}, False),
        ("a * 0.1 = 0.3", {"a": 3}, False),
        ("x * 0.1 = 0.03", {"x": 0.3}, False),
        ('x / "y y" < 0', {"x": 1.0, "y y": -0.0}, False),
        ("d <= s", {"d": dt.date(2024, 1, 2), "s": MORNING + dt.timedelta(hours=47)}, True),
        ("coded >= a", {"coded": 7, "a": 8}, True),
    ],
)
def test_gaps_zeros_and_decimals(sql: str, values: dict[str, Any], broken: bool) -> None:
    said, found = both(sql, [row(**values)])
    assert found == said == [broken]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("a % 2 = 0", "it uses 'a % 2'"),
        ("t LIKE 'x%'", "it uses"),
        ("lower(t) = 'x'", "it uses"),
        ("f IS TRUE", "IS NULL"),
        ("a > 1 = f", "brackets"),
        ("NOT f = g", None),
        ("a / 2.5 > 1", "decimal"),
        ("a = NULL", "NULL"),
        ("a IN (b, 1)", "literals"),
        ("d + INTERVAL '1 hour' > s", "part of a day"),
        ("d + INTERVAL '1 month' > s", "interval"),
        ("other > 1", "no feature"),
        ("a > 12345678901234567890", "number"),
        ("a + 1", "no condition"),
        ("t > 1", "exact and text"),
        ("1 + 1 = a", "literals alone"),
        ("a >", "not understood"),
    ],
)
def test_what_is_outside_is_said(sql: str, reason: str | None) -> None:
    if reason is None:
        assert tree_of(sql, TYPES) == ["not", ["=", ["column", "f"], ["column", "g"]]]
        return
    with pytest.raises(Outside, match=reason.replace("(", r"\(")):
        tree_of(sql, TYPES)


@pytest.mark.parametrize(
    "tree",
    [
        [],
        ["value", [1]],
        ["value"],
        ["column", "other"],
        ["column", ["a"]],
        ["exec", ["column", "a"]],
        ["<", ["column", "a"]],
        ["not", "a"],
        ["read", "python", ["column", "a"]],
        ["in", ["column", "a"], "abc"],
        ["in", ["column", "a"], [[1]]],
        [["<"], ["column", "a"], ["column", "a"]],
    ],
)
def test_a_tree_that_is_none_is_refused(tree: list[Any]) -> None:
    with pytest.raises(ValueError, match="rule r"):
        RowRule(name="r", condition="?", columns=["a"], tree=tree)


def test_a_tree_too_deep_is_refused() -> None:
    tree: list[Any] = ["column", "a"]
    for _ in range(500):
        tree = ["not", tree]
    with pytest.raises(ValueError, match="too deep"):
        RowRule(name="r", condition="?", columns=["a"], tree=tree)


def contract(*conditions: str) -> Contract:
    columns = tuple(Column(name=name, kind=kind, required=False) for name, kind in KINDS.items())
    rules = [
        Rule(f"r{at}", sql, tuple(pl.sql_expr(sql).meta.root_names()))
        for at, sql in enumerate(conditions)
    ]
    return Contract(Path("c.yaml"), columns, tuple(rules))


ROWS = pl.DataFrame(
    [row(a=at, b=50 - at, x=at / 7, t="ab"[at % 2], f=at % 3 == 0) for at in range(50)], SCHEMA
)


def test_rules_of_the_contract_are_served_or_said_to_be_unchecked() -> None:
    features = [FEATURES[name] for name in "abxtf"]
    served, unchecked = served_rules(
        contract("a <= b", "a < x * 3 OR t = 'a'", "d <= e", "a % 2 = 0"), features, ROWS
    )
    assert [each.name for each in served] == ["r0", "r1"]
    assert {each.name: each.reason for each in unchecked} == {
        "r2": "column d is no feature of the model",
        "r3": "it uses 'a % 2'",
    }
    signature = Signature(
        name="n",
        task="regression",
        target="z",
        features=features,
        rules=served,
        unchecked_rules=unchecked,
    )
    assert Signature.model_validate_json(signature.model_dump_json()) == signature


def test_a_rule_that_polars_reads_otherwise_is_not_served() -> None:
    huge = ROWS.with_columns(a=pl.lit(2**62), b=pl.lit(8))  # Polars goes round at 2**63
    features = [FEATURES[name] for name in "ab"]
    served, unchecked = served_rules(contract("a * b > 0"), features, huge)
    assert not served
    assert "something else" in unchecked[0].reason


def test_examples_hold_the_rules() -> None:
    features = [FEATURES[name] for name in "abt"]
    served, _ = served_rules(contract("a < b AND t = 'b'"), features, ROWS)
    examples = holding_examples(served, features, ROWS)
    assert examples["a"] < examples["b"]
    assert examples["t"] == "b"
    assert holding_examples([], features, ROWS) == {}


def test_a_rule_costs_little() -> None:
    found = compile_rule(rule("a <= b"), ["a", "b"])
    columns = [[1], [2]]
    assert min(timeit.repeat(lambda: found(columns, 0), number=10_000, repeat=5)) / 1e4 < 5e-6
