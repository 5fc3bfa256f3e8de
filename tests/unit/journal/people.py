"""Journals with predictions about people, as a server writes them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from modelkeel.journal.anchor import Anchor
from modelkeel.journal.entry import Entry
from modelkeel.journal.store import Journal

MASTER = bytes(range(32))
ADA, BOB = "ada.lovelace@example.org", "customer 4711"
SECRET = "Lovelace Street 12"
DAY = 86_400_000_000


def now() -> int:
    return time.time_ns() // 1000


def opened(folder: Path, master: bytes | None = MASTER) -> Journal:
    anchor = Anchor(folder / "anchors.jsonl")
    return Journal.open(f"sqlite:///{folder / 'journal.db'}", master=master, anchor=anchor)


def identity(number: int) -> str:
    return f"0192f0c0-0000-7000-8000-{number:012x}"


def prediction(number: int, subject: str | None = None, at: int | None = None) -> Entry:
    body = {
        "model": "credit",
        "version": "3",
        "digest": "ab" * 32,
        "prediction": "1",
        "probabilities": {"1": 0.75, "0": 0.25},
        "decision": "approve",
        "reasons": ["AMOUNT"],
        "caller": "k1",
        "request_id": f"r{number}",
    }
    inputs = {"amount": 100.5 + number, "street": SECRET}
    payload = {"inputs": inputs, "contributions": [0.5, -0.25]}
    return Entry(
        identity(number),
        "prediction",
        now() if at is None else at,
        json.dumps(body).encode(),
        subject=subject,
        payload=json.dumps(payload).encode(),
    )


def inputs_of(journal: Journal, number: int) -> dict[str, Any] | None:
    record = journal.reader().get(identity(number))
    assert record is not None
    assert journal.keystore is not None
    payload = journal.keystore.open_payload(record)
    return None if payload is None else dict(json.loads(payload)["inputs"])


def count(journal: Journal, table: sa.Table) -> int:
    with journal.engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def files(folder: Path) -> bytes:
    """Every byte of the database, its write-ahead log and what lies beside them."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
