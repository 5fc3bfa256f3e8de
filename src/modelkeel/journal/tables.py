"""The tables of the journal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

segments = Table(
    "segments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("writer", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("parents", Text, nullable=False),
    Column("genesis", LargeBinary(32), nullable=False),
    Column("closed_at", BigInteger),
    Column("count", Integer),
    Column("head", LargeBinary(32)),
    Column("pruned_at", BigInteger),
)
"""One chain of records each, written by one writer. `parents` are the heads known when it began."""

records = Table(
    "records",
    metadata,
    Column("segment", String(36), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ref", String(36)),
    Column("subject", String(64)),
    Column("body", Text, nullable=False),
    Column("payload", LargeBinary),
    Column("payload_digest", LargeBinary(32)),
    Column("hash", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("segment", "seq"),
    Index("records_kind_at", "kind", "at"),
)
for _column in (records.c.ref, records.c.subject):  # most records have neither
    _given = _column.is_not(None)
    Index(f"records_{_column.name}", _column, sqlite_where=_given, postgresql_where=_given)

standing = Table(
    "standing",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("champion", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Which model serves, changed by compare-and-swap on the generation."""

subjects = Table(
    "subjects",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("index", LargeBinary(32), nullable=False, unique=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""A person: a random number, how to find it with the master key, and the wrapped key of theirs."""

day_keys = Table(
    "day_keys",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""The wrapped key of a day (UTC), for payloads that are about nobody in particular."""
