"""Which databases a journal can be in, and how connections to them are set up."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from modelkeel.errors import BadInput
from modelkeel.journal.file import DatabaseFile

BUSY_SECONDS = 5
"""How long a writer waits for another one."""
WRITES = "modelkeel_writes"
"""Execution option of a connection whose transactions write from their start."""
_TLS = ("sslmode", "sslrootcert")
_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")


def engine_of(url: str, *, patience: float | None = BUSY_SECONDS) -> sa.Engine:
    """An engine for the URL of a journal: SQLite, or PostgreSQL by pg8000.

    Args:
        url: of the database.
        patience: seconds that PostgreSQL may take for an answer; None for a command that reads or
            changes a great deal.

    Raises:
        BadInput: it is no such URL, or the driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise BadInput(
            "the URL of the journal cannot be read",
            remedy="write sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed)
    if backend == "postgresql":
        return _postgresql(parsed, patience)
    raise BadInput(
        f"the journal cannot be in {backend}, expected sqlite or postgresql",
        remedy="write sqlite:///PATH or postgresql://USER@HOST/DATABASE",
    )


def shown(url: str) -> str:
    """A URL without its password."""
    return sa.make_url(url).render_as_string(hide_password=True)


def commits_alone(engine: sa.Engine) -> sa.Connection:
    """A connection for a writer: outside `begin()`, its driver commits each statement by itself."""
    connection = engine.connect().execution_options(**{WRITES: True})
    if engine.dialect.name == "postgresql":
        connection.execution_options(isolation_level="AUTOCOMMIT")
    return connection


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise BadInput(
            "the journal cannot be in memory: it has to outlive the server",
            remedy="write sqlite:///PATH",
        )
    if url.database.startswith("file:"):
        raise BadInput(
            f"the journal's database {url.database} is no path", remedy="write sqlite:///PATH"
        )
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
    DatabaseFile(Path(url.database).absolute()).watch(engine)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a commit is on the disk when it returns


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that would read first and write later can fail for no fault of its own.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: sa.URL, patience: float | None) -> sa.Engine:
    asked = {name: values[-1] for name, values in url.normalized_query.items()}
    if unknown := sorted(asked.keys() - {*_TLS, "unix_sock"}):
        raise BadInput(
            f"the URL of the journal has {', '.join(unknown)}, "
            f"expected {', '.join(_TLS)} or unix_sock",
            remedy="leave it out",
        )
    told = {"timeout": patience, "application_name": "modelkeel", "ssl_context": _tls(asked)}
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+pg8000").difference_update_query(_TLS),
            pool_pre_ping=True,
            connect_args=told,
        )
    except ModuleNotFoundError:
        raise BadInput(
            "the journal is in PostgreSQL and its driver is not installed",
            remedy="install the extra: uv add 'modelkeel[postgres]'",
        ) from None
    sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _tls(asked: Mapping[str, str]) -> ssl.SSLContext | bool | None:
    """The modes of libpq as pg8000 takes them: None is TLS, unchecked, where the server has it."""
    mode, roots = asked.get("sslmode", "prefer"), asked.get("sslrootcert")
    if mode not in _MODES:
        raise BadInput(
            f"the URL of the journal: sslmode is {mode!r}, expected {', '.join(_MODES)}",
            remedy="write sslmode=verify-full, or another of these",
        )
    if mode in ("disable", "prefer"):
        if roots is not None:
            raise BadInput(
                "the URL of the journal: sslrootcert without sslmode would check nothing",
                remedy="write sslmode=verify-full beside it",
            )
        return None if mode == "prefer" else False
    try:
        context = ssl.create_default_context(cafile=roots)
    except OSError as error:
        raise BadInput(
            f"{roots}: cannot be read: {error.strerror or error}",
            remedy="give a file of certificates in PEM as sslrootcert",
        ) from None
    context.check_hostname = mode == "verify-full"
    if mode == "require" and roots is None:
        context.verify_mode = ssl.CERT_NONE
    return context


def _set_up_postgresql(connection: Any, _: Any) -> None:
    # A commit is on the disk when it returns, also where a server is set up not to wait for it.
    connection.cursor().execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()
