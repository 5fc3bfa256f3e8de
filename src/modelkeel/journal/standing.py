"""Which model serves: one row a model, changed by compare-and-swap, so that all replicas agree.

The row says what is so now. Each change is also an event in a chain, in the same transaction, so
that its history cannot be changed unseen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from modelkeel.errors import Refused
from modelkeel.journal.append import append_within
from modelkeel.journal.entry import Entry
from modelkeel.journal.events import new_entry
from modelkeel.journal.tables import standing
from modelkeel.journal.url import WRITES

CHANGED = "model changed"
"""The name of the event."""


@dataclass(frozen=True)
class Standing:
    """What the row says.

    Attributes:
        name: of the model.
        generation: how often it was changed; from 1.
        champion: the content of champion.json.
        at: when it was changed, microseconds.
        by: who changed it.
        reason: why.
    """

    name: str
    generation: int
    champion: dict[str, Any]
    at: int
    by: str
    reason: str


def read_standing(engine: sa.Engine, name: str) -> Standing | None:
    """What serves under a name; None where nothing was ever said."""
    with engine.connect() as connection:
        return _read(connection, name)


def swap_standing(
    engine: sa.Engine, name: str, expected: int, champion: Mapping[str, Any], by: str, reason: str
) -> Standing:
    """Change what serves, if it is still what the caller saw.

    Args:
        engine: of the journal.
        name: of the model.
        expected: the generation that the caller saw; 0 for none.
        champion: the content of champion.json.
        by: who changes it.
        reason: why.

    Raises:
        Refused: somebody else changed it since.
    """
    values: dict[str, Any] = {
        "generation": expected + 1,
        "champion": json.dumps(dict(champion), sort_keys=True),
        "at": time.time_ns() // 1000,
        "by": by,
        "reason": reason,
    }
    told = values | {"name": name, "champion": dict(champion)}
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        try:
            with connection.begin():
                changed = _swap(connection, name, expected, values)
                if changed:
                    append_within(connection, by, [_event(Standing(**told))])
        except IntegrityError:  # another one was the first
            changed = False
        found = _read(connection, name)
    if not changed:
        at = found.generation if found else 0
        raise Refused(
            f"what serves as {name} was changed by somebody else: generation found {at}, "
            f"expected {expected}",
            remedy="look at what serves now (keel model list), then run the command again",
        )
    return Standing(**told)


def _event(now: Standing) -> Entry:
    said = {"name": now.name, "generation": now.generation, "by": now.by, "reason": now.reason}
    return new_entry("event", {**now.champion, **said, "event": CHANGED})


def _swap(connection: sa.Connection, name: str, expected: int, values: dict[str, Any]) -> bool:
    if expected == 0:
        connection.execute(standing.insert().values(name=name, **values))
        return True
    row = sa.and_(standing.c.name == name, standing.c.generation == expected)
    return connection.execute(standing.update().where(row).values(**values)).rowcount == 1


def _read(connection: sa.Connection, name: str) -> Standing | None:
    c = standing.c
    query = sa.select(c.name, c.generation, c.champion, c.at, c.by, c.reason)
    row = connection.execute(query.where(c.name == name)).first()
    return Standing(row[0], row[1], json.loads(row[2]), *row[3:]) if row else None
