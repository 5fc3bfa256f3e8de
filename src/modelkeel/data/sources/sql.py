"""Rows of a database: SQLAlchemy for any, ADBC in bulk for PostgreSQL; on from a watermark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from modelkeel.data.sources.columns import check_names, plain, stack
from modelkeel.data.sources.environment import expand, scrub
from modelkeel.data.sources.landing import Landing, open_landing
from modelkeel.data.sources.records import frame_of_columns
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source

_BATCH = 50_000
_BULK = ("postgresql", "postgres")
_LAST, _TAIL = "watermark", "tail"
_REMEDY = "try the query in the database's own client, then run this again"


@dataclass(frozen=True)
class _Statement:
    """A SELECT, and the watermark it begins at as literal text."""

    table: str
    watermark: str | None = None
    begin: str | None = None

    @property
    def text(self) -> str:
        where = f" WHERE {self.watermark} >= {self.begin}" if self.begin else ""
        order = f" ORDER BY {self.watermark}" if self.watermark else ""
        return f"SELECT * FROM {self.table}{where}{order}"  # noqa: S608 - from params.yaml

    @property
    def unmarked(self) -> str:
        """Counts the rows that no watermark would ever reach."""
        return f"SELECT count(*) FROM {self.table} WHERE {self.watermark} IS NULL"  # noqa: S608


def land_sql(source: Source, folder: Path, root: Path, shown: str) -> Landing:
    """Read a query into its landing folder, batch by batch.

    With a watermark only rows at or above the last value are asked for. Rows that share the last
    value are read again, since more of them may have come.

    Args:
        source: its settings.
        folder: the landing folder.
        root: the project, which a SQLite path is relative to.
        shown: the source, for messages.

    Raises:
        BadInput: the URL, the query or the watermark is wrong, or the database refuses.
    """
    landing = open_landing(folder, source.url, source.query, source.table, source.watermark)
    url = expand(str(source.url), shown)
    read = _read_bulk if urlsplit(url).scheme in _BULK else _read_any
    table = f"({source.query.strip().rstrip(';')}) source_rows" if source.query else ""
    table = table or ".".join(_quoted(part, url) for part in str(source.table).split("."))
    if source.watermark is None:
        landing.clear()
        for batch in read(url, _Statement(table).text, root, source, shown):
            landing.add(batch, {})
        landing.add(None, {}, complete=True)
        return landing
    marked = _quoted(source.watermark, url)
    unmarked = next(read(url, _Statement(table, marked).unmarked, root, source, shown)).item()
    if unmarked:
        raise BadInput(
            f"{shown}: watermark {source.watermark}: is null in {unmarked} rows",
            remedy="take a column that is always set, or leave those rows out in the query",
        )
    begin = landing.progress.get(_LAST)
    statement = _Statement(table, marked, None if begin is None else _literal(begin))
    _land_from(landing, read(url, statement.text, root, source, shown), source, shown)
    return landing


def _land_from(
    landing: Landing, batches: Iterator[pl.DataFrame], source: Source, shown: str
) -> None:
    """Keep the batches; rows with the newest watermark so far wait for more of their kind."""
    column = str(source.watermark)
    tail = landing.progress.get(_TAIL)
    held: pl.DataFrame | None = None
    for new in batches:
        if column not in new.columns:
            raise BadInput(
                f"{shown}: watermark: the query gives no column {column!r}; "
                f"it gives: {', '.join(new.columns)}",
                remedy="correct `watermark` of the source in params.yaml",
            )
        if new.is_empty():
            held = new if held is None else held
            continue
        batch = new if held is None else stack([held.lazy(), new.lazy()]).collect()
        last = batch[column][-1]
        newest = pl.col(column) == last
        settled, held = batch.filter(~newest), batch.filter(newest)
        if settled.height:
            landing.add(settled, {_LAST: _plain_value(last)}, instead_of=tail)
            tail = None
    if held is None or (held.is_empty() and landing.parts):
        landing.add(None, landing.progress, complete=True)
        return
    if held.is_empty():
        landing.add(held, {}, complete=True)
        return
    progress = {
        _LAST: _plain_value(held[column][-1]),
        _TAIL: f"part-{landing.written + 1:06}.parquet",
    }
    landing.add(held, progress, instead_of=tail, complete=True)


def _plain_value(value: Any) -> str | int | float:
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _literal(value: str | int | float) -> str:
    """As SQL. Text has no type of its own, so the database reads it as the column's."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def _quoted(name: str, url: str) -> str:
    mark = "`" if urlsplit(url).scheme.startswith(("mysql", "mariadb")) else '"'
    return mark + name.replace(mark, mark * 2) + mark


def _read_any(
    url: str, statement: str, root: Path, source: Source, shown: str
) -> Iterator[pl.DataFrame]:
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

    try:
        address = sqlalchemy.make_url(url)
        if address.get_backend_name() == "sqlite":
            address = _sqlite(address, root, shown)
        engine = sqlalchemy.create_engine(address)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{shown}: its driver is not installed: {error.name}", remedy=f"uv add {error.name}"
        ) from None
    except SQLAlchemyError as error:
        raise BadInput(
            f"{shown}: url: {scrub(error, str(source.url))}",
            remedy="write it as dialect://user:${PASSWORD}@host/database",
        ) from None
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(sqlalchemy.text(statement.replace(":", r"\:")))
            names = list(result.keys())
            check_names(names, shown)
            some = False
            for rows in result.partitions(_BATCH):
                some = True
                columns = zip(*rows, strict=True)
                yield frame_of_columns(dict(zip(names, map(list, columns), strict=True)))
            if not some:
                yield pl.DataFrame(schema=dict.fromkeys(names, pl.Null))
    except SQLAlchemyError as error:
        found = getattr(error, "orig", None) or error
        raise BadInput(f"{shown}: {scrub(found, str(source.url))}", remedy=_REMEDY) from None
    finally:
        engine.dispose()


def _sqlite(address: Any, root: Path, shown: str) -> Any:
    """SQLite makes a database that is missing, and takes a path from the working directory."""
    if not address.database or address.database == ":memory:":
        raise BadInput(f"{shown}: url: names no file", remedy="write sqlite:///data/source/a.db")
    path = root / address.database
    if not path.is_file():
        raise BadInput(f"{shown}: {path}: no such file", remedy="correct `url` of the source")
    return address.set(database=str(path))


def _read_bulk(
    url: str, statement: str, root: Path, source: Source, shown: str
) -> Iterator[pl.DataFrame]:
    try:
        import pyarrow as pa
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi
    except ModuleNotFoundError:
        raise BadInput(
            f"{shown}: the PostgreSQL driver is not installed",
            remedy="uv add --group pipeline 'modelkeel[postgres]'",
        ) from None
    try:
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
            check_names(reader.schema.names, shown)
            some = False
            for batch in reader:
                some = True
                yield _frame(batch)
            if not some:
                yield _frame(reader.schema.empty_table())
    except (Error, pa.ArrowException, OSError) as error:
        raise BadInput(f"{shown}: {scrub(error, str(source.url))}", remedy=_REMEDY) from None


def _frame(batch: Any) -> pl.DataFrame:
    """Arrow's rows; types that Polars lacks, such as NUMERIC, come as their text."""
    import pyarrow as pa

    uuids = [field.name for field in batch.schema if isinstance(field.type, pa.UuidType)]
    columns = [
        column.storage if isinstance(column, pa.ExtensionArray) else column
        for column in (batch.combine_chunks() if isinstance(batch, pa.Table) else batch).columns
    ]
    columns = [
        each.combine_chunks() if isinstance(each, pa.ChunkedArray) else each for each in columns
    ]
    frame = pl.from_arrow(pa.table(columns, names=batch.schema.names))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table gives no series
    frame = plain(frame.lazy()).collect()
    return frame.with_columns(_hyphened(name) for name in uuids)


def _hyphened(name: str) -> pl.Expr:
    starts = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    return pl.concat_str(
        [pl.col(name).str.slice(start, length) for start, length in starts], separator="-"
    ).alias(name)
