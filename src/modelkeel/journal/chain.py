"""The chain: each record's hash covers the record and the hash before it.

What is hashed is MessagePack of the fields, which is the same for the same fields anywhere. The
payload is in it by its digest alone, so it can be erased and the chain stays what it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, order=True)
class Head:
    """The end of a chain: a segment, its last record's place (0 for none) and hash."""

    segment: str
    seq: int
    hash: bytes

    @property
    def shown(self) -> list[str | int]:
        """As it is written in JSON."""
        return [self.segment, self.seq, self.hash.hex()]


def genesis(segment: str, writer: str, opened_at: int, parents: str) -> bytes:
    """The hash that the first record of a segment follows.

    Args:
        segment: its id.
        writer: who writes it.
        opened_at: when it began, microseconds.
        parents: the ends of other segments known then, as `written` gives them.
    """
    return hashlib.sha256(_pack((segment, writer, opened_at, parents))).digest()


def link(
    before: bytes,
    segment: str,
    seq: int,
    id: str,  # noqa: A002 the name of the column
    kind: str,
    at: int,
    ref: str | None,
    subject: str | None,
    body: bytes,
    payload_digest: bytes | None,
) -> bytes:
    """The hash of a record."""
    fields = (segment, seq, id, kind, at, ref, subject, body, payload_digest)
    return hashlib.sha256(before + _pack(fields)).digest()


def written(heads: Sequence[Head]) -> str:
    """Heads as the JSON text that is stored and hashed."""
    return json.dumps([head.shown for head in sorted(heads)], separators=(",", ":"))


def read(text: str) -> list[Head]:
    """Heads from their JSON text.

    Raises:
        ValueError: it is none.
    """
    try:
        return [Head(str(s), int(n), bytes.fromhex(h)) for s, n, h in json.loads(text)]
    except (TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
