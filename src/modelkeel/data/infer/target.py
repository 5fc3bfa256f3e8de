"""What the target is: classes or a number, and whether there is enough of it to learn from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl

from modelkeel.data.contract import Column, as_label
from modelkeel.data.infer import names
from modelkeel.errors import BadInput
from modelkeel.project import Task

MIN_ROWS = 50
MIN_CLASS_ROWS = 10
MAX_CLASSES = 20
RARE_ROWS, RARE_SHARE = 50, 0.1
_MOST_CODES = 10
_EVEN = 0.8  # of an equal share of the rows: from there on classes count as even


@dataclass(frozen=True)
class Target:
    """The target: its column, the task, and the rows of each class, the most frequent first."""

    column: Column
    task: Task
    classes: dict[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def imbalanced(self) -> bool:
        """Whether a class is so much rarer than others that counting right answers says little."""
        total, size = sum(self.classes.values()), len(self.classes)
        return bool(size) and min(self.classes.values()) * size < _EVEN * total


def find_target(name: str, columns: list[str], table: str) -> str:
    """The target's name as the table writes it.

    Raises:
        BadInput: there is no such column; names that are near are told.
    """
    if name in columns:
        return name
    close = names.near(name, columns)
    shown = ", ".join(repr(each) for each in columns[:30]) + (", …" if len(columns) > 30 else "")
    raise BadInput(
        f"{table}: has no column {name!r}; it has: {shown}",
        remedy=f"write --target {close[0]!r}" if close else "name one of them with --target",
    )


def conclude_target(
    values: pl.Series, column: Column, table: str, *, task: Task | None = None
) -> Target:
    """Whether the target is a class or a number.

    Args:
        values: the typed target of all rows, with null where it is missing.
        column: how it is read.
        table: for messages.
        task: what the caller says it is.

    Raises:
        BadInput: there is one class only, a class or the table has too few rows, or the target
            is nothing that can be predicted.
    """
    where = f"{table}: column {column.name}"
    known = values.drop_nulls()
    if known.is_empty():
        raise BadInput(f"{where}: has no values", remedy="name another column with --target")
    if known.len() < MIN_ROWS:
        raise BadInput(
            f"{where}: is known in {known.len()} rows; at least {MIN_ROWS} are needed",
            remedy="export more rows",
        )
    if column.kind in ("date", "timestamp"):
        raise BadInput(
            f"{where}: is a {column.kind}, which is no class and no number",
            remedy="compute what you want to predict, such as days until then",
        )
    if known.n_unique() == 1:
        raise BadInput(
            f"{where}: holds one value only, {as_label(known[0])!r}: nothing to tell apart",
            remedy="export rows of every class, or name another column with --target",
        )
    numeric = column.kind in ("integer", "number")
    if task == "regression" and not numeric:
        raise BadInput(
            f"{where}: is {column.kind}, a regression needs numbers",
            remedy="leave out --task, or name another column with --target",
        )
    chosen, doubts = (task, []) if task else _task(known, column)
    if chosen == "regression":
        return Target(replace(column, required=True), "regression", {}, doubts)
    return _classes(known, column, where, doubts)


def _task(known: pl.Series, column: Column) -> tuple[Task, list[str]]:
    if column.kind not in ("integer", "number"):
        return "classification", []
    different = known.n_unique()
    whole = bool((known == known.round()).all()) if column.kind == "number" else True
    if different == 2:
        return "classification", []
    if whole and different <= _MOST_CODES:
        low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
        if low in (-1, 0, 1) and high - low == different - 1:
            return "classification", [
                (
                    f"the {different} whole numbers from {low} to {high} are taken for classes; "
                    "for a quantity use --task regression"
                )
            ]
    if different <= _MOST_CODES:
        return "regression", [
            (
                f"only {different} different numbers: taken for a quantity; for classes use "
                "--task classification"
            )
        ]
    return "regression", []


def _classes(known: pl.Series, column: Column, where: str, doubts: list[str]) -> Target:
    counted = known.alias("value").value_counts(sort=True)
    rows = {as_label(value): int(n) for value, n in counted.iter_rows()}
    if len(rows) > MAX_CLASSES:
        raise BadInput(
            f"{where}: has {len(rows)} different values; at most {MAX_CLASSES} classes can be "
            "told apart",
            remedy="bring them together into fewer, or name another column with --target",
        )
    rare = [name for name, n in rows.items() if n < MIN_CLASS_ROWS]
    if rare:
        more = f" (and {len(rare) - 1} classes more)" if len(rare) > 1 else ""
        raise BadInput(
            f"{where}: class {rare[-1]!r} has {rows[rare[-1]]} rows{more}; "
            f"at least {MIN_CLASS_ROWS} of each class are needed",
            remedy="export more rows of it, bring it together with another class, or leave its "
            "rows out",
        )
    total = sum(rows.values())
    for name, n in rows.items():
        if n < RARE_ROWS or n < RARE_SHARE * total:
            doubts = [*doubts, f"class {name!r} is rare: {n} of {total} rows ({n / total:.1%})"]
    kind = "integer" if column.kind == "number" else column.kind
    made = replace(column, kind=kind, required=True, categories=tuple(sorted(rows)))
    if column.kind == "boolean":
        made = replace(column, required=True)
    return Target(made, "classification", rows, doubts)
