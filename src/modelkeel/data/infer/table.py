"""The table that the user points at: which source it is, and its rows."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from modelkeel.data.contract import Column, Normalise
from modelkeel.data.infer import names
from modelkeel.data.infer.texts import Reading, texts_of
from modelkeel.data.infer.words import as_words, read_texts
from modelkeel.data.sources import ROW, read_source
from modelkeel.data.sources.delimited import detect
from modelkeel.data.sources.environment import expand
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source, kind_of

FOLDER = "data/source"
_WEB = ("http", "https")
_TEXT = ("csv", "tsv")
_RESERVED = (ROW, "_source", "_reason", "")
_TAKEN = {"rows": "rows_"}  # a request with many rows has them under this name


@dataclass(frozen=True)
class Table:
    """The table to conclude from.

    Attributes:
        shown: what the user called it, for messages.
        name: of the source and the contract.
        source: its entry in params.yaml.
        frame: the rows with our column names, without row numbers.
        content: the file to copy to `source.path`, or its bytes; None where nothing is copied.
        doubts: what was changed about it.
    """

    shown: str
    name: str
    source: dict[str, Any]
    frame: pl.DataFrame
    content: bytes | Path | None
    doubts: list[str]


def read_table(
    root: Path,
    table: str,
    *,
    query: str | None = None,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Table:
    """Read a file, a query or an endpoint.

    Args:
        root: the project.
        table: path of a file, URL of a file, of a database or of an endpoint.
        query: a SELECT, for a database.
        name: how to call it; concluded when left out.
        options: further keys of its entry in params.yaml (`sheet`, `delimiter`, `records` …).

    Raises:
        BadInput: there is no such file, it is no table, or it is empty.
    """
    given = dict(options or {})
    if query is not None:
        given["query"] = query
    if "://" in table or table.startswith("${"):
        return _elsewhere(root, table, name, given)
    path = Path(table).expanduser().resolve()
    if not path.is_file():
        here = "is a folder" if path.is_dir() else "no such file"
        raise BadInput(f"{table}: {here}", remedy="give the path of one table, or its URL")
    if not path.stat().st_size:
        raise BadInput(f"{table}: is empty", remedy="export the table again")
    called = names.slug(name or path.name.split(".")[0])
    entry = {"name": called, "path": path.name, **given}
    _source(entry, table)
    inside = path.is_relative_to(root / FOLDER)
    content: bytes | Path | None = None if inside else path
    doubts: list[str] = []
    mended = _mended_header(path, _source(entry, table))
    if mended is not None:
        content, changes = mended
        doubts.append(
            "headers were mended in the copy: " + ", ".join(changes) + "; mend them where the "
            "table comes from, for the next export will have them again"
        )
        if inside:
            raise BadInput(
                f"{table}: {changes[0]}: headers need to be told apart",
                remedy="mend the header, or give a file outside of data/source, to be copied",
            )
    frame = _read(entry, path, mended[0] if mended else None, table)
    suffix = "".join(path.suffixes[-2:]) if path.suffix in (".gz", ".zst") else path.suffix
    kept = path.relative_to(root) if inside else Path(FOLDER, called + suffix.lower())
    entry["path"] = kept.as_posix()
    return _named(Table(table, called, entry, frame, content, doubts))


def readings_of(table: Table, target: str) -> dict[str, Reading]:
    """How each column is read, by name; what could be read in two ways goes with the others."""
    found = {
        name: read_column(table.frame[name], as_class=name == target)
        for name in table.frame.columns
    }
    if any(each.normalise.decimal == "," for each in found.values()):
        for name, each in found.items():
            if each.normalise.thousands == "," and each.kind == "integer":
                found[name] = read_column(table.frame[name], comma=True)
    return found


def read_column(values: pl.Series, *, as_class: bool = False, comma: bool = False) -> Reading:
    """How a column is read; yes and no stay words where they are a class."""
    dtype = values.dtype
    if dtype == pl.String:
        texts = texts_of(values)
        found = read_texts(texts, comma=comma)
        return as_words(texts) if as_class and found.kind == "boolean" else found
    if dtype == pl.Boolean:
        return Reading("string" if as_class else "boolean")
    if dtype.is_integer():
        return Reading("integer")
    if dtype == pl.Date:
        return Reading("date")
    if isinstance(dtype, pl.Datetime):
        return Reading("timestamp")
    if dtype.is_numeric() or dtype.is_decimal():
        number = values.cast(pl.Float64).drop_nulls().drop_nans()
        whole = bool(((number == number.round()) & (number.abs() < 2**53)).all())
        return Reading("integer" if whole and len(number) else "number")
    return Reading("string", Normalise())


def column_of(name: str, how: Reading) -> Column:
    """The column as far as reading goes."""
    return Column(name, how.kind, required=False, normalise=how.normalise)


def _elsewhere(root: Path, url: str, name: str | None, given: dict[str, Any]) -> Table:
    whole = expand(url, "the table")
    scheme, _, rest = whole.rpartition("://")
    kind = kind_of(whole)
    called = name or given.get("table") or rest.split("?")[0].rstrip("/").rpartition("/")[2]
    called = names.slug(str(called).split(".")[0])
    if "query" in given or "table" in given or (scheme in _WEB and kind is None):
        place = {"url": url}
        if scheme in _WEB:
            place["kind"] = "http"
    elif kind is None and "kind" not in given:
        raise BadInput(
            f"{url}: is it a table of a database?",
            remedy="say which rows with --query 'SELECT …'",
        )
    else:
        place = {"path": url}
    entry = {"name": called, **place, **given}
    shown = re.sub(r"(?<=:)[^:/@]+(?=@)", "…", url.split("?")[0])  # no password in a message
    source = _source(entry, shown)
    frame = read_source(source, root).drop(ROW)
    return _named(Table(shown, called, entry, frame, None, []))


def _source(entry: Mapping[str, Any], shown: str) -> Source:
    try:
        return Source.model_validate(dict(entry))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise BadInput(
            f"{shown}: {key + ': ' if key else ''}{said}",
            remedy="correct the table's address or --set KEY=VALUE",
        ) from None


def _read(entry: Mapping[str, Any], path: Path, content: bytes | None, shown: str) -> pl.DataFrame:
    source = _source(entry, shown)
    if content is None:
        return read_source(source, path.parent).drop(ROW)
    with tempfile.TemporaryDirectory(prefix="keel-") as folder:
        (Path(folder) / path.name).write_bytes(content)
        return read_source(source, Path(folder)).drop(ROW)


def _mended_header(path: Path, source: Source) -> tuple[bytes, list[str]] | None:
    """The file with a header of distinct names, and what was changed; None if it has one."""
    if source.kind not in _TEXT or path.suffix.lower() not in (".csv", ".tsv", ".txt", ".tab"):
        return None
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    for encoding in ("utf-8-sig", source.encoding or "utf-8"):
        try:
            line = first.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        return None
    try:
        dialect = detect(path, source)
    except (BadInput, csv.Error, UnicodeError):
        return None
    if not dialect.header:
        return None
    quote = dialect.quote
    options: dict[str, Any] = {"delimiter": dialect.delimiter}
    if quote:
        options["quotechar"] = quote
    row = next(csv.reader([line.rstrip("\r\n")], **options), [])
    made = _distinct([name.strip() for name in row])
    changes = [
        f"column {at} {old.strip()!r} → {new!r}"
        for at, (old, new) in enumerate(zip(row, made, strict=True), 1)
        if old.strip() != new
    ]
    if not changes:
        return None
    out = io.StringIO()
    ending = "\r\n" if line.endswith("\r\n") else "\n"
    csv.writer(out, lineterminator=ending, **options).writerow(made)
    return out.getvalue().encode(encoding) + path.read_bytes()[len(first) :], changes


def _distinct(given: list[str]) -> list[str]:
    made: list[str] = []
    for at, name in enumerate(given, 1):
        base = f"column_{at}" if name in _RESERVED else name
        new, number = base, 2
        while new in made or (new != name and new in given):
            new, number = f"{base}_{number}", number + 1
        made.append(new)
    return made


def _named(table: Table) -> Table:
    """The table with names that requests can carry, and with null for the empty text."""
    table = replace(table, frame=table.frame.with_columns(pl.col(pl.String).replace("", None)))
    given = table.frame.columns
    plain = _distinct([_TAKEN.get(name) or _carried(name) for name in given])
    changed = {old: new for old, new in zip(given, plain, strict=True) if old != new}
    if not changed:
        return table
    return replace(
        table,
        source={**table.source, "rename": changed},
        frame=table.frame.rename(changed),
        doubts=[
            *table.doubts,
            "renamed: " + ", ".join(f"{a!r} → {b!r}" for a, b in changed.items()),
        ],
    )


def _carried(name: str) -> str:
    """A name without what a request cannot carry: quotes, backslashes, control characters."""
    kept = "".join(c if c.isprintable() and c not in '"\\' else " " for c in name)
    return name if kept == name else " ".join(kept.split())
