"""A contract compiled for one table: what is read how, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

import polars as pl

from modelkeel.data.contract.model import ROW, SOURCE, Contract, Normalise
from modelkeel.data.contract.normalise import DTYPES, GIVEN, TEXT, Reading, optimistic, reading
from modelkeel.data.contract.rules import RowRule, column_rules, row_rules, unique_keys
from modelkeel.errors import BadInput

RAW = "\0raw"
"""Suffix of the columns that hold what stands in the table."""
_FEW = 1000
_PART_ROWS = 5_000_000
"""Rows whose keys are compared at once; it bounds the memory."""


@dataclass(frozen=True)
class Suspects:
    """What the cheap pass could not prove to hold."""

    columns: frozenset[str]
    rules: frozenset[str]
    keys: frozenset[tuple[str, ...]]

    def __bool__(self) -> bool:
        """Whether anything has to be looked at row by row."""
        return bool(self.columns or self.rules or self.keys)


class Plan:
    """The compiled contract.

    Args:
        table: the rows, lazily.
        contract: what they have to hold.

    Raises:
        BadInput: a column of the contract is missing.
    """

    def __init__(self, table: pl.LazyFrame, contract: Contract) -> None:
        schema = table.collect_schema()
        for name in contract.names:
            if name not in schema:
                raise BadInput(
                    f"{contract.path}: the table lacks the column {name!r}",
                    remedy="export the column, or take it out of the contract",
                )
        self.contract = contract
        if ROW not in schema:
            table = table.with_row_index(ROW, offset=1)
        self.extra = [ROW, *([SOURCE] if SOURCE in schema else [])]
        self.table = table.select(pl.col(ROW).cast(pl.Int64), *self.extra[1:], *contract.names)
        # Ingest normalised what it put under a pseudonym; to do so again would alter that.
        columns = [
            replace(c, normalise=Normalise()) if c.pseudonymise else c for c in contract.columns
        ]
        self.readings = {c.name: reading(c, schema[c.name]) for c in columns}
        self.fast = {c.name: optimistic(c, schema[c.name]) for c in columns}
        # Columns that hold the type: proven to hold the contract, they are taken as they are.
        self.held = {c.name: schema[c.name] == DTYPES[c.kind] for c in contract.columns}
        self.across = row_rules(contract)
        self.keys = unique_keys(contract)

    def prove(self, engine: str) -> tuple[int, pl.DataFrame, Suspects]:
        """Count the rows and find what may be broken, in one pass of aggregates."""
        typed = self._typed(self.contract.names)
        asked: dict[str, pl.Expr] = {"rows": pl.len()}
        owners: dict[str, str] = {}
        for column in self.contract.columns:
            name = column.name
            fast = self.fast[name]
            given = pl.col(name + GIVEN)
            for at, rule in enumerate(column_rules(column, given)):
                key = f"{name}\0{at}"
                asked[key], owners[key] = rule.holds, name
            if fast is None and self.readings[name].changed is not None:
                key = f"{name}\0changed"
                asked[key], owners[key] = ~pl.col(key).any(), name
        for rule in self.across:
            asked[rule.name] = rule.holds
        if self.contract.freshness is not None:
            asked["newest"] = pl.col(self.contract.freshness.column).max()
        found = typed.select(**asked).collect(engine=engine)  # type: ignore[call-overload]
        columns = frozenset(name for key, name in owners.items() if not found[key][0])
        rules = frozenset(
            rule.name
            for rule in self.across
            if not found[rule.name][0] or columns & set(rule.columns)
        )
        rows = int(found["rows"][0])
        keys = frozenset(k for k in self.keys if not self._unique(k, rows, columns, engine))
        return rows, found, Suspects(columns, rules, keys)

    def flagged(self, suspects: Suspects, engine: str) -> tuple[pl.LazyFrame, list[RowRule]]:
        """The table with its typed columns and a mask `broken…` for each suspected rule."""
        names = self.contract.names
        typed = self._typed(names, suspects.columns, keep=True)
        rules: list[RowRule] = []
        for column in self.contract.columns:
            if column.name in suspects.columns:
                rules += column_rules(column, pl.col(column.name + GIVEN))
            for key in self.keys:
                if key == (column.name,) and key in suspects.keys:
                    rules.append(self._repeated(key))
        rules += [self._repeated(key) for key in self.keys if len(key) > 1 and key in suspects.keys]
        rules += [rule for rule in self.across if rule.name in suspects.rules]
        for key in suspects.keys:
            again = typed.group_by(key).agg(pl.len().alias("n")).filter(pl.col("n") > 1)
            twice = again.select(*key, pl.lit(True).alias(_again(key))).collect(engine=engine)  # type: ignore[call-overload]
            if len(key) == 1 and twice.height <= _FEW:
                # Looking up a few values is cheaper than a join that keeps the order.
                few = twice[key[0]].implode()
                typed = typed.with_columns(pl.col(key[0]).is_in(few).alias(_again(key)))
            else:
                typed = typed.join(twice.lazy(), on=list(key), how="left", maintain_order="left")
        return typed.with_columns(mask(at, rule) for at, rule in enumerate(rules)), rules

    def _repeated(self, key: tuple[str, ...]) -> RowRule:
        broken = pl.col(_again(key)).fill_null(False)
        return RowRule(key, "is repeated", broken, ~broken.any())

    def _unique(
        self, key: tuple[str, ...], rows: int, careful: frozenset[str], engine: str
    ) -> bool:
        """Whether no key stands twice; large tables are looked at in parts of their hashes."""
        typed = self._typed(list(key), careful).select(key).drop_nulls()
        parts = max(1, -(-rows // _PART_ROWS))
        for part in range(parts):
            some = typed
            if parts > 1:
                some = typed.filter(pl.struct(key).hash() % parts == part)
            value = pl.col(key[0]) if len(key) == 1 else pl.struct(key)
            counts = some.select(n=pl.len(), distinct=value.n_unique())
            found = counts.collect(engine=engine)  # type: ignore[call-overload]
            if found["n"][0] != found["distinct"][0]:
                return False
        return True

    def _typed(
        self, names: list[str], careful: frozenset[str] | None = None, *, keep: bool = False
    ) -> pl.LazyFrame:
        """The typed columns, `NAME` with `given` behind it and `NAME` with `changed` behind it.

        Args:
            names: the columns to read.
            careful: those to read with normalisation; all without a cheaper way if None.
            keep: keep what stands in the table as `NAME` with `raw` behind it.
        """
        how = {name: self._how(name, careful) for name in names}
        table = self.table
        first = [r.text.alias(name + TEXT) for name, r in how.items() if r.text is not None]
        if keep:
            first += [pl.col(name).alias(name + RAW) for name in names]
        table = table.with_columns(first) if first else table
        second: list[pl.Expr] = []
        for name, r in how.items():
            second += [r.value.alias(name), r.given.alias(name + GIVEN)]
            if r.changed is not None:
                second.append(r.changed.alias(f"{name}\0changed"))
        return table.with_columns(second)

    def _how(self, name: str, careful: frozenset[str] | None) -> Reading:
        """The cheapest reading of a column that is right, by what is known of it."""
        if careful is not None and name in careful:
            return self.readings[name]
        given = pl.col(name).is_not_null()
        if careful is not None and self.held[name]:
            value = pl.col(name)
            if self.contract.column(name).kind == "string":  # "" stands for missing
                value = pl.when(value.str.len_bytes() > 0).then(value)
            return Reading(None, value, value.is_not_null(), None)
        cheap = self.fast[name]
        return self.readings[name] if cheap is None else Reading(None, cheap, given, None)


def mask(at: int, rule: RowRule) -> pl.Expr:
    """The mask of the rule at that place."""
    return rule.broken.alias(f"\0broken{at}")


def any_broken(rules: list[RowRule], hit: list[int] | None = None) -> pl.Expr:
    """Whether a row breaks any rule (of those at the places `hit`), over the masks."""
    places = range(len(rules)) if hit is None else hit
    return reduce(or_, (pl.col(f"\0broken{at}") for at in places), pl.lit(False))


def _again(key: tuple[str, ...]) -> str:
    return "\0again\0" + "\0".join(key)
