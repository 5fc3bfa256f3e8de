"""One source at a time: read whatever it is, and write it as Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from modelkeel.data.digest import sha256_file
from modelkeel.data.sources.columns import ROW, check_names, plain
from modelkeel.data.sources.delimited import scan_delimited
from modelkeel.data.sources.endpoint import land_http
from modelkeel.data.sources.environment import scrub
from modelkeel.data.sources.excel import scan_excel
from modelkeel.data.sources.files import local_file
from modelkeel.data.sources.fixed_width import scan_fixed_width
from modelkeel.data.sources.records import scan_jsonl
from modelkeel.data.sources.scanned import Scanned
from modelkeel.data.sources.sql import land_sql
from modelkeel.data.sources.writing import disk_full, full, write_parquet
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source


@dataclass(frozen=True)
class Landed:
    """A source as Parquet, renamed, with its row numbers.

    Attributes:
        source: its settings.
        path: the Parquet file.
        rows: how many it has.
        blank: rows without any value, left out.
        size: bytes of the file as it came; of the rows as kept, for SQL and HTTP.
        sha256: digest of the same bytes.
        watermark: the last value of the watermark column.
    """

    source: Source
    path: Path
    rows: int
    blank: int
    size: int
    sha256: str
    watermark: str | int | float | None = None


def land(source: Source, root: Path, work: Path, landing: Path) -> Landed:
    """Read one source.

    Args:
        source: its settings.
        root: the project.
        work: a folder for files that are needed until the run ends.
        landing: the folder in which databases and endpoints keep what they gave.

    Raises:
        BadInput: the source is broken; the message says where.
        KeelError: it does not answer, or the disk is full.
    """
    shown = str(root / source.location) if source.local else source.location
    try:
        return _land(source, root, work, landing, shown)
    except OSError as error:
        if disk_full(error):
            raise full(work) from None
        raise BadInput(
            f"{shown}: cannot be read: {scrub(error.strerror or error, source.location)}",
            remedy="check that it is there and that you may read it",
        ) from None


def _land(source: Source, root: Path, work: Path, landing: Path, shown: str) -> Landed:
    scratch = work / source.name
    scratch.mkdir(parents=True, exist_ok=True)
    watermark = None
    if source.kind in ("sql", "http"):
        kept = (
            land_sql(source, landing / source.name, root, shown)
            if source.kind == "sql"
            else land_http(source, landing / source.name, shown)
        )
        watermark = kept.progress.get("watermark")
        scanned = _of_landing(kept.frame() if kept.parts else pl.LazyFrame(), shown)
    else:
        scanned = _scan(source, local_file(source, root, scratch, shown), scratch, shown)
    out = work / f"{source.name}.parquet"
    frame = _renamed(scanned.frame, source, shown)
    columns = frame.collect_schema().names()
    if not columns:
        raise BadInput(f"{shown}: {scanned.empty}", remedy="export the table again")
    numbered = frame.with_row_index(ROW, 1).with_columns(pl.col(ROW).cast(pl.Int64))
    filled = numbered.filter(pl.any_horizontal(pl.col(columns).is_not_null()))
    rows = write_parquet(out, filled, scanned.explain)
    if not rows:
        out.unlink()
        raise BadInput(f"{shown}: {scanned.empty}", remedy="export the table again")
    last = pl.scan_parquet(out, glob=False).select(pl.col(ROW).max()).collect().item()
    if scanned.sha256:
        return Landed(source, out, rows, last - rows, scanned.size, scanned.sha256)
    digest = sha256_file(out)
    return Landed(source, out, rows, last - rows, out.stat().st_size, digest, watermark)


def _scan(source: Source, file: Path, scratch: Path, shown: str) -> Scanned:
    match source.kind:
        case "fixed_width":
            return scan_fixed_width(source, file, scratch / "copy", shown)
        case "excel":
            return scan_excel(source, file, shown)
        case "jsonl":
            return scan_jsonl(source, file, scratch, shown)
        case "parquet":
            return _scan_parquet(file, shown)
        case _:
            return scan_delimited(source, file, scratch / "copy", shown)


def _scan_parquet(file: Path, shown: str) -> Scanned:
    def explain(found: str) -> BadInput:
        problem = found.splitlines()[0].removeprefix("parquet: ")
        return BadInput(
            f"{shown}: is no whole Parquet file: {problem}",
            remedy="copy or export it again; it may have been cut off",
        )

    try:
        frame = pl.scan_parquet(file, glob=False)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise explain(str(error)) from None
    check_names(frame.collect_schema().names(), shown)
    return Scanned(plain(frame), sha256_file(file), file.stat().st_size, explain)


def _of_landing(frame: pl.LazyFrame, shown: str) -> Scanned:
    def explain(found: str) -> BadInput:
        return BadInput(
            f"{shown}: what was kept of it is damaged: {found.splitlines()[0]}",
            remedy="remove data/landing, and read it again",
        )

    return Scanned(frame, "", 0, explain)


def _renamed(frame: pl.LazyFrame, source: Source, shown: str) -> pl.LazyFrame:
    names = frame.collect_schema().names()
    if missing := [name for name in source.rename if name not in names]:
        raise BadInput(
            f"{shown}: has no column {missing[0]!r} to rename; it has: {', '.join(names)}",
            remedy=f"correct `rename` of {source.name} in params.yaml",
        )
    renamed = [source.rename.get(name, name) for name in names]
    if not source.rename:
        return frame
    check_names(renamed, f"{shown} renamed")
    return frame.rename(source.rename)
