"""The rules of the contract that the API checks, each proven against Polars on rows of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import polars as pl

from modelkeel.data.contract.normalise import DTYPES
from modelkeel.model.rules import RowRule, UncheckedRule, compile_rule

if TYPE_CHECKING:
    from modelkeel.data.contract import Contract, Rule
    from modelkeel.model.signature import Feature

PROVEN_ON = 500
"""Rows of the data that a rule is proven on, beside as many changed ones of each kind."""

MOST_TRIED = 2000
_DAY = 86_400_000_000


def served_rules(
    contract: Contract, features: Sequence[Feature], rows: pl.DataFrame
) -> tuple[list[RowRule], list[UncheckedRule]]:
    """The rules over features alone, and those that cannot be checked, with the reason.

    Args:
        contract: whose rules.
        features: what callers send.
        rows: typed rows; a rule that says of any, or of changed ones, what Polars does not say,
            is not served.
    """
    from modelkeel.model.rule_sql import ColumnType, tree_of
    from modelkeel.model.rule_types import Outside

    by_name = {feature.name: feature for feature in features}
    fields = {
        name: ColumnType(contract.column(name).kind, text=feature.kind == "category")
        for name, feature in by_name.items()
    }
    served, unchecked = [], []
    for rule in contract.rules:
        try:
            if missing := [name for name in rule.columns if name not in by_name]:
                raise Outside(f"column {missing[0]} is no feature of the model")
            found = RowRule(
                name=rule.name,
                condition=rule.condition,
                columns=list(rule.columns),
                description=rule.description,
                tree=tree_of(rule.condition, fields),
            )
            if not agrees(found, trial_rows(rule, contract, rows), by_name):
                raise Outside("it means something else to the server than to the contract")
        except (Outside, ValueError) as error:
            reason = str(error) if isinstance(error, Outside) else "it cannot be evaluated"
            unchecked.append(UncheckedRule(name=rule.name, reason=reason))
        else:
            served.append(found)
    return served, unchecked


def trial_rows(rule: Rule, contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows to prove a rule on: of the data, torn apart, with gaps, equal values and extremes."""
    schema = {name: DTYPES[contract.column(name).kind] for name in rule.columns}
    step = max(1, rows.height // PROVEN_ON)
    given = rows.select(rule.columns).gather_every(step).head(PROVEN_ON).cast(schema)  # type: ignore[arg-type]
    parts = [given, given.select(pl.all().shuffle(seed=1))]
    parts.append(given.select(pl.col(n).shuffle(seed=at + 2) for at, n in enumerate(schema)))
    for at, name in enumerate(schema):
        parts.append(given.with_columns(pl.lit(None, schema[name]).alias(name)))
        for other in list(schema)[:at]:
            if schema[other] == schema[name]:
                parts.append(given.with_columns(pl.col(other).alias(name)))
                parts.append(
                    given.with_columns(pl.col(other).alias(name), pl.col(name).alias(other))
                )
        if schema[name].is_numeric():
            changed = (-pl.col(name), pl.col(name) + 1, pl.col(name) * 0, pl.col(name) * 1000)
            parts += [given.with_columns(each.cast(schema[name]).alias(name)) for each in changed]
    parts.append(given.clear(1))
    return pl.concat(parts)


def agrees(rule: RowRule, rows: pl.DataFrame, features: dict[str, Feature]) -> bool:
    """Whether the rule says of each row what Polars says."""
    condition = pl.sql_expr(rule.condition)
    expected = rows.select((~condition).fill_null(False).alias("broken"))["broken"].to_list()
    columns = [as_served(rows[name], features[name]) for name in rule.columns]
    broken = compile_rule(rule, rule.columns)
    return all(broken(columns, at) is said for at, said in enumerate(expected))


def holding_examples(
    rules: Sequence[RowRule], features: Sequence[Feature], rows: pl.DataFrame
) -> dict[str, Any]:
    """Values of the features in the rules that hold all of them together, each a common one.

    Not of one row, so nobody's own. Empty without rules, or where none were found.
    """
    by_name = {feature.name: feature for feature in features}
    names = list(dict.fromkeys(name for rule in rules for name in rule.columns))
    if not names:
        return {}
    common = [_common(rows[name], by_name[name]) for name in names]
    checks = [compile_rule(rule, names) for rule in rules]
    for chosen in islice(product(*(range(each.len()) for each in common)), MOST_TRIED):
        values = [each[[at]] for each, at in zip(common, chosen, strict=True)]
        columns = [as_served(v, by_name[name]) for v, name in zip(values, names, strict=True)]
        if not any(broken(columns, 0) for broken in checks):
            return {name: value[0] for name, value in zip(names, values, strict=True)}
    return {}


def _common(column: pl.Series, feature: Feature) -> pl.Series:
    """Frequent values, or values in the middle first."""
    known = column.drop_nulls()
    if known.is_empty():
        return pl.Series(column.name, [None], column.dtype)
    if feature.kind == "category":
        counts = known.cast(pl.String).value_counts(name="\0n")
        return counts.sort("\0n", column.name, descending=[True, False])[column.name].head(3)
    shares = (0.5, 0.25, 0.75, 0.1, 0.9)
    return known.sort()[[round(share * (known.len() - 1)) for share in shares]]


def as_served(column: pl.Series, feature: Feature) -> list[Any]:
    """Typed values as they are once a request is decoded."""
    if feature.kind == "category":
        return column.cast(pl.String).to_list()
    if column.dtype == pl.Date:
        return column.to_physical().cast(pl.Float64).to_list()
    if isinstance(column.dtype, pl.Datetime):
        return (column.dt.cast_time_unit("us").to_physical().cast(pl.Float64) / _DAY).to_list()
    return column.to_list()
