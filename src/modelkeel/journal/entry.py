"""An entry: one record on its way into the journal."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["prediction", "outcome", "review", "event", "explanation"]


class Entry(msgspec.Struct, gc=False):
    """What is to be recorded.

    Attributes:
        id: UUID of version 7, as text; of no other record.
        kind: what it is.
        at: microseconds since 1970-01-01, UTC.
        body: a JSON object, encoded.
        ref: id of the prediction that it is about.
        subject: the caller's id of a person; never stored.
        payload: JSON that may describe a person; sealed before it is stored where there are keys.
    """

    id: str
    kind: Kind
    at: int
    body: bytes
    ref: str | None = None
    subject: str | None = None
    payload: bytes | None = None
