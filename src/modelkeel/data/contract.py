"""The data contract: an ODCS 3.2 document, compiled to Polars and checked row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty
from pydantic import ValidationError

from modelkeel.data.sources import ROW
from modelkeel.errors import BadInput, Refused

Kind = Literal["string", "integer", "number", "boolean"]

_DTYPES: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
}
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_READ: dict[Kind, Callable[[str], object]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}[
        text.lower()
    ],
}
_MAX_FINDINGS = 20


@dataclass(frozen=True)
class Column:
    """What the contract says of one column."""

    name: str
    kind: Kind
    required: bool
    unique: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None
    classification: str = "none"
    description: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Contract:
    """The columns of one table, in order."""

    path: Path
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            BadInput: the contract has none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise BadInput(
            f"{self.path}: has no property {name!r}",
            remedy="describe the column in the contract, or take it out of params.yaml",
        )


@dataclass(frozen=True)
class Finding:
    """A value that breaks a rule. It is kept out of messages where the column is personal."""

    row: int
    column: str
    rule: str
    value: str | None


@dataclass(frozen=True)
class Checked:
    """The outcome of a check: typed rows that hold, rows that do not, and why."""

    valid: pl.DataFrame
    quarantine: pl.DataFrame
    findings: list[Finding]
    broken: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    @property
    def share(self) -> float:
        """Share of the rows in quarantine."""
        return self.quarantine.height / self.rows if self.rows else 0.0


def load_contract(path: Path) -> Contract:
    """Read an ODCS document with one table.

    Raises:
        BadInput: the file is missing, is no ODCS document, or says what is not understood here.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="set `contract` in params.yaml")
    try:
        document = OpenDataContractStandard.from_file(str(path))
    except (yaml.YAMLError, TypeError) as error:
        raise BadInput(f"{path}: no valid YAML: {error}", remedy="mend that line") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {key}: {first['msg']}", remedy="mend that key") from None
    tables = document.schema_ or []
    if len(tables) != 1 or not tables[0].properties:
        raise BadInput(
            f"{path}: schema: has {len(tables)} tables, needs one with properties",
            remedy="describe one table a contract",
        )
    columns = tuple(_column(path, each) for each in tables[0].properties)
    names = [column.name for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{path}: property {twice[0]!r} stands twice", remedy="remove one of them")
    return Contract(path, columns)


def check(frame: pl.DataFrame, contract: Contract) -> Checked:
    """Type the rows of a text table and split them by whether they hold the contract.

    Args:
        frame: columns as text, as `read_csv` gives them, with `_row`.
        contract: what they have to hold.

    Returns:
        Valid rows typed as the contract says, and the others as text with `_reason`.

    Raises:
        BadInput: a column of the contract is missing.
    """
    missing = [column.name for column in contract.columns if column.name not in frame.columns]
    if missing:
        raise BadInput(
            f"{contract.path}: the table lacks the column {missing[0]!r}",
            remedy="export the column, or take it out of the contract",
        )
    names = [column.name for column in contract.columns]
    text = frame.select(ROW, *(pl.col(name).cast(pl.String).str.strip_chars() for name in names))
    text = text.with_columns(pl.col(name).replace("", None) for name in names)
    typed = text.select(ROW, *(_typed(column) for column in contract.columns))
    rules = [rule for column in contract.columns for rule in _rules(column, text, typed)]
    flags = pl.DataFrame({f"{c}\0{r}": mask for c, r, mask in rules})
    broken = flags.select(pl.any_horizontal(pl.all())).to_series() if rules else None
    if broken is None or not broken.any():
        return Checked(typed, text.clear(), [], {}, frame.height)
    findings, counts = _findings(text, rules)
    reason = pl.concat_list(
        pl.when(mask).then(pl.lit(f"{column}: {rule}")) for column, rule, mask in rules
    )
    quarantine = text.with_columns(
        reason.list.drop_nulls().list.join("; ").alias("_reason")
    ).filter(broken)
    return Checked(typed.filter(~broken), quarantine, findings, counts, frame.height)


def quality(checked: Checked) -> dict[str, Any]:
    """The record of a check: rows, rows in quarantine, their share, and counts by rule."""
    return {
        "rows": checked.rows,
        "quarantined": checked.quarantine.height,
        "share": checked.share,
        "broken": checked.broken,
    }


def refuse_broken(checked: Checked, contract: Contract, max_share: float, source: Path) -> None:
    """Stop when too many rows break the contract.

    Raises:
        Refused: naming the first rows, their columns, and what is wrong with each.
    """
    if checked.share <= max_share:
        return
    lines = []
    for each in checked.findings[:5]:
        personal = contract.column(each.column).classification != "none"
        value = "" if personal or each.value is None else f" {each.value!r}"
        lines.append(f"  row {each.row}, column {each.column}:{value} {each.rule}")
    more = checked.quarantine.height - len({each.row for each in checked.findings[:5]})
    rest = f"\n  … and {more} rows more" if more > 0 else ""
    raise Refused(
        f"{source}: {checked.quarantine.height} of {checked.rows} rows break the contract "
        f"{contract.path.name} ({checked.share:.2%}, allowed {max_share:.2%}):\n"
        + "\n".join(lines)
        + rest,
        remedy="mend the source, correct the contract, or raise "
        "contract.max_quarantine_share in governance/gates.toml",
    )


def _column(path: Path, given: SchemaProperty) -> Column:
    name, kind = given.name, given.logicalType
    if not name or kind not in _DTYPES:
        raise BadInput(
            f"{path}: property {name!r}: logicalType is {kind!r}",
            remedy=f"write one of {', '.join(_DTYPES)}",
        )
    options: dict[str, Any] = given.logicalTypeOptions or {}
    if unknown := sorted(set(options) - {"minimum", "maximum"}):
        raise BadInput(
            f"{path}: property {name!r}: logicalTypeOptions {unknown} are not checked",
            remedy="use minimum, maximum or enum",
        )
    for bound, value in options.items():
        if not isinstance(value, int | float) or kind not in ("integer", "number"):
            raise BadInput(
                f"{path}: property {name!r}: {bound} is {value!r}",
                remedy="bounds are numbers, of integer and number properties",
            )
    categories = tuple(str(each.value) for each in given.enum) if given.enum else None
    for category in categories or ():
        try:
            _READ[kind](category)
        except (KeyError, ValueError):
            raise BadInput(
                f"{path}: property {name!r}: enum has {category!r}, which is no {kind}",
                remedy="mend the value or the logicalType",
            ) from None
    units = [str(c.value) for c in given.customProperties or [] if c.property == "unit"]
    return Column(
        name=name,
        kind=kind,
        required=bool(given.required),
        unique=bool(given.unique),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        categories=categories,
        classification=given.classification or "none",
        description=given.description or "",
        unit=units[0] if units else "",
    )


def _typed(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind == "boolean":
        low = value.str.to_lowercase()
        return (
            pl.when(low.is_in(_TRUE))
            .then(True)
            .when(low.is_in(_FALSE))
            .then(False)
            .otherwise(None)
            .alias(column.name)
        )
    if column.kind == "integer":
        number = value.cast(pl.Float64, strict=False)
        whole = value.cast(pl.Int64, strict=False)
        fraction = (number == number.round()) & (number.abs() < 2**53)
        return whole.fill_null(pl.when(fraction).then(number).cast(pl.Int64, strict=False)).alias(
            column.name
        )
    read = value.cast(_DTYPES[column.kind], strict=False)
    if column.kind == "number":
        read = pl.when(read.is_finite()).then(read)
    return read.alias(column.name)


def _rules(
    column: Column, text: pl.DataFrame, typed: pl.DataFrame
) -> list[tuple[str, str, pl.Series]]:
    """The broken rules of a column, each with a mask over the rows."""
    given, value = text[column.name], typed[column.name]
    rules: list[tuple[str, pl.Series]] = []
    if column.required:
        rules.append(("is missing", given.is_null()))
    unread = given.is_not_null() & value.is_null()
    rules.append((f"is no {column.kind}", unread))
    if column.minimum is not None:
        rules.append((f"is below {column.minimum:g}", (value < column.minimum).fill_null(False)))
    if column.maximum is not None:
        rules.append((f"is above {column.maximum:g}", (value > column.maximum).fill_null(False)))
    if column.categories is not None:
        shown = ", ".join(column.categories[:8]) + (", …" if len(column.categories) > 8 else "")
        allowed = pl.Series([_READ[column.kind](each) for each in column.categories])
        known = value.is_in(allowed.cast(value.dtype).implode())
        rules.append((f"is none of {shown}", ~known.fill_null(True) & ~unread))
    if column.unique:
        rules.append(("is repeated", given.is_duplicated() & given.is_not_null()))
    return [(column.name, rule, mask) for rule, mask in rules if mask.any()]


def _findings(
    text: pl.DataFrame, rules: list[tuple[str, str, pl.Series]]
) -> tuple[list[Finding], dict[str, int]]:
    findings, counts = [], {}
    for column, rule, mask in rules:
        counts[f"{column}: {rule}"] = int(mask.sum())
        for row, value in text.filter(mask).select(ROW, column).head(_MAX_FINDINGS).iter_rows():
            findings.append(Finding(row, column, rule, value))
    return sorted(findings, key=lambda each: each.row)[:_MAX_FINDINGS], counts


def as_label(value: object) -> str:
    """How a class is written in the charter, the contract and the bundle: 1, not 1.0."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)
