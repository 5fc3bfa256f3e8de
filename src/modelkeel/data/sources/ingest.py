"""Ingest: all sources into data/raw.parquet, and what was read into data/inputs.json."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from modelkeel.data.digest import sha256_file
from modelkeel.data.sources.columns import require_columns
from modelkeel.data.sources.combine import Combined, combine
from modelkeel.data.sources.landed import Landed, land
from modelkeel.data.sources.writing import write_text
from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.records.sources import locations


@dataclass(frozen=True)
class Input:
    """What was read of one source.

    Attributes:
        name: of the source.
        kind: of the source.
        location: path, or URL without its secrets.
        rows: how many.
        blank: rows without any value, left out.
        bytes: of the file as it came; of the rows as kept, for SQL and HTTP.
        sha256: digest of the same bytes.
        watermark: last value of the watermark column.
        unmatched: rows that found no partner in this lookup.
    """

    name: str
    kind: str
    location: str
    rows: int
    blank: int
    bytes: int
    sha256: str
    watermark: str | int | float | None = None
    unmatched: int | None = None


@dataclass(frozen=True)
class Ingested:
    """One table from all sources."""

    path: Path
    rows: int
    inputs: list[Input]

    def to_text(self) -> str:
        """One line a source."""
        lines = [f"{self.rows} rows read"]
        for each in self.inputs:
            line = f"  {each.name}: {each.rows} rows of {each.location}"
            if each.blank:
                line += f", {each.blank} blank ones left out"
            if each.unmatched is not None:
                line += f", {each.unmatched} rows found no partner in it"
            if each.watermark is not None:
                line += f", up to {each.watermark}"
            lines.append(line)
        return "\n".join(lines)

    def to_json(self) -> str:
        """The content of data/inputs.json."""
        return json.dumps(
            {"rows": self.rows, "sources": [asdict(each) for each in self.inputs]}, indent=2
        )


def ingest(project: Project) -> Ingested:
    """Read the sources of params.yaml; the files of the last run stay until the new are whole.

    Raises:
        BadInput: a source is missing or broken, or a column is missing.
        KeelError: a source does not answer, or the disk is full.
    """
    landing = project.data_dir / "landing"
    work = landing / ".work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        done = gather(project, project.data_dir / "raw.parquet", work, landing)
        write_text(project.data_dir / "inputs.json", done.to_json() + "\n")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _forget(project, landing)
    return done


def gather(project: Project, out: Path, work: Path, landing: Path) -> Ingested:
    """Read the sources into one Parquet file.

    Args:
        project: whose sources.
        out: the file to write.
        work: a folder for files that are needed meanwhile; the caller removes it.
        landing: where databases and endpoints keep what they gave, for the next run.

    Raises:
        BadInput: a source is missing or broken, or a column is missing.
        KeelError: a source does not answer, or the disk is full.
    """
    params = project.params
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o700)
    pseudonyms = _pseudonyms(project)  # before anything is fetched: the key may be missing
    landed = [land(source, project.root, work, landing) for source in params.sources]
    try:
        combined = combine(landed, work / "combined.parquet", pseudonyms)
        names = pl.scan_parquet(combined.path, glob=False).collect_schema().names()
        require_columns(names, project.source_names, params.needed, params.target)
    except BadInput:
        # What was fetched is whole and wrong: the next run must ask again.
        _forget(project, landing)
        raise
    out.parent.mkdir(parents=True, exist_ok=True)
    combined.path.replace(out)
    return Ingested(out, combined.rows, _inputs(project, landed, combined))


def input_digests(project: Project) -> dict[str, str]:
    """SHA-256 of what the last ingest read, by path or URL without secrets.

    Files of the project are digested as they are where nothing was ingested yet.
    """
    record = project.data_dir / "inputs.json"
    if not record.is_file():
        return current_digests(project)
    return {each["location"]: each["sha256"] for each in _recorded(record)}


def current_digests(project: Project) -> dict[str, str]:
    """SHA-256 of the sources as they are now; of those elsewhere, as they were when last read.

    A file that is missing has no entry.
    """
    record = project.data_dir / "inputs.json"
    known = {each["location"]: each["sha256"] for each in _recorded(record)}
    found = {}
    names = locations(project.params.sources)
    for source in project.params.sources:
        name, file = names[source.name], project.root / source.location
        if not source.local:
            found[name] = known.get(name, "")
        elif file.is_file():
            found[name] = sha256_file(file)
    return {name: digest for name, digest in found.items() if digest}


def _recorded(record: Path) -> list[dict[str, Any]]:
    if not record.is_file():
        return []
    try:
        sources = json.loads(record.read_text(encoding="utf-8"))["sources"]
        return [dict(each, location=each["location"], sha256=each["sha256"]) for each in sources]
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            f"{record}: is no record of an ingest", remedy="run `uv run dvc repro ingest`"
        ) from None


def _inputs(project: Project, landed: list[Landed], combined: Combined) -> list[Input]:
    names = locations(project.params.sources)
    return [
        Input(
            each.source.name,
            each.source.kind,
            names[each.source.name],
            each.rows,
            each.blank,
            each.size,
            each.sha256,
            each.watermark,
            combined.unmatched.get(each.source.name),
        )
        for each in landed
    ]


def _forget(project: Project, landing: Path) -> None:
    """Only a watermark makes what was fetched of use to the next run."""
    for source in project.params.sources:
        if source.kind in ("sql", "http") and source.watermark is None:
            shutil.rmtree(landing / source.name, ignore_errors=True)


def _pseudonyms(project: Project) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """Columns that the contract wants under a pseudonym get it here, before they are kept.

    Raises:
        BadInput: there is no key for them.
    """
    from modelkeel.data.contract import load_contract

    columns = [each for each in load_contract(project.contract_path).columns if each.pseudonymise]
    if not columns:
        return lambda frame: frame
    from modelkeel.data.quality.pseudonyms import pseudonym_key, pseudonymise

    key = pseudonym_key()
    return lambda frame: pseudonymise(frame, columns, key)
