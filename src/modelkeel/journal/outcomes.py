"""Outcomes: what became of what was predicted, brought in later from a table.

Bringing the same table in twice changes nothing. Another outcome for the same prediction is a
correction: both are kept, and the newer one counts.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from modelkeel.errors import BadInput
from modelkeel.journal.entry import Entry
from modelkeel.journal.events import new_entry
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records

COLUMNS = ("prediction_id", "outcome", "observed_at")
MAX_TOLD = 100
"""Bad rows that are described; the rest is counted."""
_CHUNK = 500
_DELIMITERS = ",;\t|"

Value = str | float


@dataclass(frozen=True)
class Outcome:
    """One outcome.

    Attributes:
        row: line of the table, for messages.
        prediction: id of the prediction.
        value: a class, or the value that was predicted.
        observed: when it was seen; a day where no time was given. UTC.
    """

    row: int
    prediction: str
    value: Value
    observed: datetime | date

    @property
    def said(self) -> dict[str, Any]:
        """The body of its record."""
        return {"outcome": self.value, "observed_at": _written(self.observed)}


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken: where, and why."""

    row: int
    column: str
    why: str

    @property
    def text(self) -> str:
        """In one line."""
        return f"row {self.row}, column {self.column}: {self.why}"


@dataclass
class Taken:
    """What became of the rows of a table.

    Attributes:
        written: new outcomes.
        corrected: of those, how many differ from one that was there.
        known: outcomes that were there already.
        refused: how many rows were not taken.
        bad: the first of them.
    """

    written: int = 0
    corrected: int = 0
    known: int = 0
    refused: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def refuse(self, row: BadRow) -> None:
        """Count a row that is not taken."""
        self.refused += 1
        if len(self.bad) < MAX_TOLD:
            self.bad.append(row)


def read_table(path: Path, classes: Sequence[str] | None) -> Iterator[Outcome | BadRow]:
    """The rows of a CSV file with a header: UTF-8; commas, semicolons, tabs or bars.

    Args:
        path: the file.
        classes: what an outcome may be; None: a number.

    Raises:
        BadInput: it cannot be read, or a column is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            delimiter = max(_DELIMITERS, key=header.count)
            names = [name.strip().strip('"') for name in header.rstrip("\r\n").split(delimiter)]
            missing = [name for name in COLUMNS if name not in names]
            if missing:
                raise BadInput(
                    f"{path}: row 1: no column {', '.join(missing)}; found {', '.join(names)}",
                    remedy=f"give a CSV file with the columns {', '.join(COLUMNS)}",
                )
            at = [names.index(name) for name in COLUMNS]
            lines = csv.reader(file, delimiter=delimiter)
            for cells in lines:
                row = lines.line_num + 1
                if len(cells) != len(names):
                    if cells:
                        why = f"the row has {len(cells)} cells, the header {len(names)}"
                        yield BadRow(row, names[min(len(cells), len(names)) - 1], why)
                    continue
                prediction, value, observed = (cells[i].strip() for i in at)
                yield read_outcome(row, prediction, value, observed, classes)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(
            f"{path}: cannot be read as a CSV file in UTF-8: {error}",
            remedy="save it as CSV in UTF-8",
        ) from None


def read_outcome(
    row: int, prediction: str, value: str, observed: str, classes: Sequence[str] | None
) -> Outcome | BadRow:
    """One outcome from its texts; `observed` is a date or time of ISO 8601, UTC unless it says."""
    if not prediction:
        return BadRow(row, COLUMNS[0], "is empty")
    known: Value = value
    if classes is None:
        try:
            known = float(value)
        except ValueError:
            known = math.nan
        if not math.isfinite(known):
            return BadRow(row, COLUMNS[1], f"{value[:40]!r} is no number")
    elif value not in classes:
        return BadRow(row, COLUMNS[1], f"{value[:40]!r} is none of {', '.join(classes)}")
    moment = parse_moment(observed)
    if moment is None:
        return BadRow(row, COLUMNS[2], f"{observed[:40]!r} is no date or time, as 2026-11-28")
    if _day(moment) > datetime.now(UTC).date() + timedelta(days=1):
        return BadRow(row, COLUMNS[2], f"{observed[:40]!r} lies in the future")
    return Outcome(row, prediction, known, moment)


def record_outcomes(
    journal: Journal, rows: Iterable[Outcome | BadRow], *, by: str, source: str
) -> Taken:
    """Record outcomes; a bad row is told and the others are recorded.

    Args:
        journal: where the predictions are.
        rows: as `read_table` gives them.
        by: who brings them in.
        source: where they come from.

    Raises:
        KeelError: the journal cannot be written.
    """
    taken = Taken()
    writer = journal.writer()
    try:
        left = iter(rows)
        while some := list(islice(left, _CHUNK)):
            entries = list(_new(journal.engine, some, taken, {"by": by, "source": source}))
            if entries:
                writer.write(entries)
                taken.written += len(entries)
    finally:
        writer.close()
    return taken


def _new(
    engine: sa.Engine, rows: Sequence[Outcome | BadRow], taken: Taken, origin: dict[str, str]
) -> Iterator[Entry]:
    """The entries of outcomes that the journal does not have."""
    wanted = {row.prediction for row in rows if isinstance(row, Outcome)}
    made = _predicted(engine, wanted)
    had = _recorded(engine, wanted)
    for row in rows:
        if isinstance(row, BadRow):
            taken.refuse(row)
            continue
        when = made.get(row.prediction)
        if when is None:
            why = f"{row.prediction[:40]!r} is no prediction in the journal"
            taken.refuse(BadRow(row.row, COLUMNS[0], why))
        elif _day(row.observed) < when.date():
            why = f"{_written(row.observed)} lies before the prediction, {when:%Y-%m-%d}"
            taken.refuse(BadRow(row.row, COLUMNS[2], why))
        else:
            before = had.setdefault(row.prediction, [])
            key = (row.value, _written(row.observed))
            if key in before:
                taken.known += 1
                continue
            taken.corrected += bool(before)
            before.append(key)
            yield new_entry("outcome", row.said | origin, row.prediction)


def _predicted(engine: sa.Engine, ids: Iterable[str]) -> dict[str, datetime]:
    """When each of the predictions was made, of those that there are."""
    c = records.c
    query = sa.select(c.id, c.at).where(c.kind == "prediction", c.id.in_(list(ids)))
    with engine.connect() as connection:
        return {row[0]: _time(row[1]) for row in connection.execute(query)}


def _recorded(engine: sa.Engine, ids: Iterable[str]) -> dict[str, list[tuple[Value, str]]]:
    """The outcomes of each prediction, the newest last."""
    c = records.c
    query = sa.select(c.ref, c.body).where(c.kind == "outcome", c.ref.in_(list(ids)))
    found: dict[str, list[tuple[Value, str]]] = {}
    with engine.connect() as connection:
        for ref, body in connection.execute(query.order_by(c.at, c.id)):
            said = json.loads(body)
            found.setdefault(ref, []).append((said["outcome"], said["observed_at"]))
    return found


def parse_moment(text: str) -> datetime | date | None:
    """A date, or a time in UTC; None if the text is neither."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _day(moment: datetime | date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _written(moment: datetime | date) -> str:
    return moment.isoformat()


def _time(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
