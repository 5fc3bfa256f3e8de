"""What a server and a model in a process of its own say to each other: msgpack, length first."""

from __future__ import annotations

from typing import Any

import msgspec

LENGTH = 4  # bytes of the length before each message, the most significant first
LONGEST = 16_000_000  # bytes of a message


class Score(msgspec.Struct, tag="score"):
    """Score rows: one list of values a feature, in the order of the signature."""

    id: int
    columns: list[list[Any]]
    rows: int


class Hello(msgspec.Struct, tag="hello"):
    """The process has verified and loaded its bundle."""

    digest: str


class Refusal(msgspec.Struct, tag="refusal"):
    """The process must not serve its bundle, and ends."""

    message: str
    remedy: str


class Scores(msgspec.Struct, tag="scores"):
    """Scores of a request: float64, little-endian, row by row."""

    id: int
    values: bytes


class Failed(msgspec.Struct, tag="failed"):
    """A request that could not be scored; only the kind of the fault, for it may quote values."""

    id: int
    kind: str


Reply = Hello | Refusal | Scores | Failed
_encoder = msgspec.msgpack.Encoder()
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_requests = msgspec.msgpack.Decoder(Score)


def frame(message: Score | Reply) -> bytes:
    """A message as it is sent."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH, "big") + body


def length_of(head: bytes) -> int:
    """How long the message is.

    Raises:
        ValueError: longer than any message.
    """
    length = int.from_bytes(head, "big")
    if length > LONGEST:
        raise ValueError(f"a message of {length} bytes")
    return length


def parse_reply(body: bytes) -> Reply:
    """A reply of the process.

    Raises:
        ValueError: it is none.
    """
    return _replies.decode(body)  # msgspec's errors are ValueErrors


def parse_request(body: bytes) -> Score:
    """A request to the process.

    Raises:
        ValueError: it is none.
    """
    return _requests.decode(body)
