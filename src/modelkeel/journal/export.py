"""Export for an auditor: predictions as a table, with what was recorded about them later."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from modelkeel.errors import BadInput
from modelkeel.journal.reader import Record
from modelkeel.journal.sealed import is_sealed
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records

_CHUNK = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAID = (
    "model",
    "version",
    "digest",
    "prediction",
    "probabilities",
    "decision",
    "reasons",
    "unusual",
    "caller",
    "request_id",
)
COLUMNS = ("id", "at", *_SAID, "person", "outcome", "outcome_observed_at", "later", "inputs")
"""Columns of the table; `later` counts what was recorded about a prediction later."""


def payloads_of(journal: Journal, read: Sequence[Record]) -> list[dict[str, Any] | None]:
    """The payloads of records; None where one cannot be read (any more).

    Raises:
        Refused: a payload was changed.
    """
    if journal.keystore is not None:
        opened = journal.keystore.open_payloads(read)
    else:
        opened = [
            None if each.payload and is_sealed(each.payload) else each.payload for each in read
        ]
    return [None if payload is None else dict(json.loads(payload)) for payload in opened]


def predictions(
    journal: Journal,
    *,
    since: int | None = None,
    until: int | None = None,
    person: str | None = None,
    inputs: bool = False,
) -> Iterator[dict[str, Any]]:
    """Predictions as rows of a table, the oldest first; the keys are `COLUMNS`.

    Args:
        journal: the journal.
        since: from this moment on, microseconds.
        until: before this moment.
        person: only about the person with this number.
        inputs: whether to open what the model saw, which may describe people.
    """
    found = journal.reader().find(kind="prediction", since=since, until=until, subject=person)
    while some := list(islice(found, _CHUNK)):
        later = _later(journal.engine, [each.id for each in some])
        payloads = payloads_of(journal, some) if inputs else [None] * len(some)
        for record, payload in zip(some, payloads, strict=True):
            said = record.said
            about = later.get(record.id, [])
            outcome: dict[str, Any] = next(
                (each[1] for each in reversed(about) if each[0] == "outcome"), {}
            )
            yield {
                "id": record.id,
                "at": moment(record.at),
                **{name: said.get(name) for name in _SAID},
                "person": record.subject,
                "outcome": outcome.get("outcome"),
                "outcome_observed_at": outcome.get("observed_at"),
                "later": len(about),
                "inputs": ((payload or {}).get("inputs", said.get("inputs"))) if inputs else None,
            }


def as_lines(table: Iterable[Mapping[str, Any]], form: Literal["jsonl", "csv"]) -> Iterator[str]:
    """A table as JSON lines, or as CSV with a header; objects in CSV are JSON."""
    if form == "jsonl":
        for row in table:
            yield json.dumps(row, ensure_ascii=False) + "\n"
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow({key: cell(value) for key, value in row.items()})
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file that only its owner can read: it may describe people.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):  # not /dev/stdout
                os.fchmod(handle, 0o600)
            file.writelines(lines)
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written: {error.strerror}", remedy="give another --out FILE"
        ) from None


def moment(at: int) -> str:
    """Microseconds since 1970-01-01 as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat()


def microseconds(text: str | None, option: str) -> int | None:
    """A date or time of ISO 8601 in microseconds since 1970-01-01; UTC unless it says.

    Raises:
        BadInput: it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{option} {text}: is no date or time", remedy=f"write {option} 2026-11-28"
        ) from None
    return (found - _EPOCH) // timedelta(microseconds=1)


def cell(value: Any) -> Any:
    """A value as the cell of a table: objects and lists are JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _later(engine: sa.Engine, ids: Sequence[str]) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Kind and body of what was recorded about predictions later, the oldest first."""
    c = records.c
    query = sa.select(c.ref, c.kind, c.body).where(c.ref.in_(ids)).order_by(c.at, c.id)
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    with engine.connect() as connection:
        for ref, kind, body in connection.execute(query):
            found.setdefault(ref, []).append((kind, json.loads(body)))
    return found
