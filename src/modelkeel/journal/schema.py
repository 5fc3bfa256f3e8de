"""The schema of the journal, brought up to date by Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from modelkeel.errors import KeelError
from modelkeel.journal.tables import metadata
from modelkeel.journal.url import WRITES

HEAD = "0002"
"""The newest revision. A database that has it is used without Alembic, which is slow to import."""
_LOCK = 0x6B65656C  # "keel": the advisory lock of PostgreSQL


def upgrade(engine: sa.Engine, revision: str = HEAD) -> None:
    """Make or upgrade the tables; processes that start together wait for each other.

    Raises:
        KeelError: the database is of a newer version.
        sqlalchemy.exc.SQLAlchemyError: it cannot be reached.
    """
    found = revision_of(engine)
    if found == revision or (found is None and revision == HEAD and _make(engine)):
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _alone(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise KeelError(
                f"the journal has the schema {revision_of(engine)}, which this version of "
                f"modelkeel does not know: {error}",
                remedy="use the version of modelkeel that upgraded it, or a newer one",
            ) from error


def _make(engine: sa.Engine) -> bool:
    """Make the tables of an empty database as the migrations would; false if it is not empty."""
    with _alone(engine) as connection:
        if sa.inspect(connection).get_table_names():
            return False
        metadata.create_all(connection)
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        insert = sa.text("INSERT INTO alembic_version VALUES (:head)")
        connection.execute(insert, {"head": HEAD})
    return True


def revision_of(engine: sa.Engine) -> str | None:
    """The revision that the database has; None if it has none."""
    try:
        with engine.connect() as connection:
            found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return None if found is None else str(found)
    except (OperationalError, ProgrammingError) as error:
        if "alembic_version" in str(error.orig):  # no such table
            return None
        raise


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection in a transaction that no other upgrade runs beside."""
    connecting = engine.connect().execution_options(**{WRITES: True})
    with connecting as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield connection
