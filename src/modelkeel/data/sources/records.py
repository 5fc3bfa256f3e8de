"""Rows from Python values: JSON lines, answers of an endpoint, rows of a database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Never

import polars as pl

from modelkeel.data.sources.columns import check_names, stack
from modelkeel.data.sources.scanned import Scanned
from modelkeel.data.sources.text import lines, open_text
from modelkeel.data.sources.writing import replacing
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source

_BATCH = 50_000
_INT64 = 2**63


def scan_jsonl(source: Source, file: Path, scratch: Path, shown: str) -> Scanned:
    """The rows of a file with one JSON object a line, typed as JSON has them.

    Raises:
        BadInput: the encoding is broken, or a line is no JSON object.
    """
    text = open_text(file, scratch / "copy", encoding=source.encoding, shown=shown)
    parts: list[pl.LazyFrame] = []
    numbered = enumerate(lines(text.path), 1)
    while batch := list(islice(numbered, _BATCH)):
        records = [_object(line, f"{shown}: row {row}") for row, line in batch if line.strip()]
        if not records:
            continue
        part = scratch / f"{len(parts)}.parquet"
        with replacing(part) as beside:
            frame_of(records, shown).write_parquet(beside, compression_level=1)
        parts.append(pl.scan_parquet(part, glob=False))

    def explain(found: str) -> BadInput:
        return BadInput(f"{shown}: {found.splitlines()[0]}", remedy="export the file again")

    return Scanned(stack(parts) if parts else pl.LazyFrame(), text.sha256, text.size, explain)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; NaN and Infinity are none.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(text, parse_constant=_no_constant)


def frame_of(records: Sequence[dict[str, Any]], shown: str) -> pl.DataFrame:
    """A table of JSON objects; what is nested becomes JSON text."""
    names = list(dict.fromkeys(name for record in records for name in record))
    check_names(names, shown)
    return frame_of_columns({name: [record.get(name) for record in records] for name in names})


def frame_of_columns(columns: dict[str, list[Any]]) -> pl.DataFrame:
    """A table of Python values; a column of several types becomes text."""
    return pl.DataFrame([_series(name, values) for name, values in columns.items()])


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if kinds & {dict, list}:
        values = [
            json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
            for value in values
        ]
        kinds = (kinds - {dict, list}) | {str}
    if kinds == {int, float}:
        return pl.Series(name, values, pl.Float64, strict=False)
    if kinds == {int} and any(v is not None and not -_INT64 <= v < _INT64 for v in values):
        return pl.Series(name, [None if v is None else str(v) for v in values], pl.String)
    if not kinds:
        return pl.Series(name, values, pl.Null)
    if len(kinds) > 1:
        return pl.Series(name, [_text(value) for value in values], pl.String)
    return pl.Series(name, values)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object(line: str, shown: str) -> dict[str, Any]:
    try:
        value = parse_json(line)
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{shown}: is no JSON: {error.msg} at character {error.pos + 1}",
            remedy="mend that line",
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{shown}: is no JSON: {error}", remedy="mend that line") from None
    if not isinstance(value, dict):
        raise BadInput(
            f"{shown}: is no JSON object", remedy="write one object a line, as in JSON lines"
        )
    return value


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")
