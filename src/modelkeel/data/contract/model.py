"""What a data contract says, as plain values; importing it needs neither Polars nor YAML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modelkeel.errors import BadInput

Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Classification = Literal["none", "personal", "special"]
Bound = float | dt.date
"""A bound of a range: a number, or a date or datetime (UTC, without zone) of such columns."""

KINDS: tuple[Kind, ...] = ("string", "integer", "number", "boolean", "date", "timestamp")
CLASSIFICATIONS: tuple[Classification, ...] = ("none", "personal", "special")
ROW = "_row"
"""Name of the column that counts data rows from 1."""
SOURCE = "_source"
"""Name of the column that says which source a row came from, when there are several."""


@dataclass(frozen=True)
class Normalise:
    """How the text of a column is read, applied in the order of the fields.

    Attributes:
        trim: strip white space at both ends.
        missing: texts that stand for a missing value, compared after trimming; "" always does.
        case: turn letters into lower or upper case.
        synonyms: texts that are replaced by others, compared after `case`.
        decimal: the decimal separator of numbers; a point if None.
        thousands: a separator in numbers that is left out.
        unit_factors: unit that may follow a number, and what the number is multiplied by.
        date_formats: formats of dates and timestamps (`%d.%m.%Y`), tried in order; ISO if empty.
        true: texts that stand for true, in any case; true, 1 and yes if empty.
        false: texts that stand for false, in any case; false, 0 and no if empty.
    """

    trim: bool = True
    case: Literal["lower", "upper"] | None = None
    missing: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    date_formats: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    unit_factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """What the contract says of one column.

    Attributes:
        minimum, maximum: inclusive bounds, in `unit`; dates for dates, datetimes for timestamps.
        above, below: exclusive bounds.
        min_length, max_length: in characters.
        pattern: a regular expression of Rust's regex crate that is found somewhere in the text.
        categories: the values allowed, as text.
        labels: what a category means, for those that say so.
        format: date format as ODCS writes it (`dd.MM.yyyy`).
        pseudonymise: replaced by a keyed digest at ingest.
    """

    name: str
    kind: Kind
    required: bool
    unique: bool = False
    minimum: Bound | None = None
    maximum: Bound | None = None
    above: Bound | None = None
    below: Bound | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    categories: tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    classification: Classification = "none"
    description: str = ""
    unit: str = ""
    format: str | None = None
    normalise: Normalise = Normalise()
    pseudonymise: bool = False


@dataclass(frozen=True)
class Rule:
    """A condition across columns that each row has to hold; one that gives null holds.

    Attributes:
        name: how it is called in reports.
        condition: a boolean SQL expression over the columns, `ends >= starts`.
        columns: the columns it reads.
    """

    name: str
    condition: str
    columns: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class Volume:
    """How many rows a table may have, inclusive."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Freshness:
    """How old the newest value of a date or timestamp column may be."""

    column: str
    at_most: dt.timedelta


@dataclass(frozen=True)
class Contract:
    """The contract of one table.

    Attributes:
        path: the file, for messages.
        columns: in order.
        rules: conditions across columns.
        freshness: how old the newest row may be.
        volume: how many rows there may be.
        owner: who answers for the data.
        key: the columns that together identify a row (primaryKey).
    """

    path: Path = field(compare=False)
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    freshness: Freshness | None = None
    volume: Volume | None = None
    owner: str = ""
    name: str = ""
    version: str = "1.0.0"
    description: str = ""
    limitations: str = ""
    key: tuple[str, ...] = ()
    id: str = ""
    table: str = ""
    status: str = "active"

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

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
