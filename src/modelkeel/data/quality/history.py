"""What each ingest brought: one file a table in `evidence/data`, kept in git."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from modelkeel.data.contract import Contract, Outcome, load_contract, quality
from modelkeel.data.contract.model import ROW
from modelkeel.data.digest import sha256_file
from modelkeel.data.quality.personal import scanned
from modelkeel.data.quality.profiles import profile
from modelkeel.data.sources.writing import write_text
from modelkeel.errors import BadInput
from modelkeel.project import Project

SCHEMA = "data/1"
EVIDENCE = Path("evidence", "data")
REMEDY = "restore it from git, or remove it and run `uv run dvc repro --force validate`"


@dataclass(frozen=True)
class Snapshot:
    """One table as it was ingested and checked.

    Attributes:
        path: the file.
        digest: SHA-256 of data/raw.parquet, in hexadecimal.
        time: when it was checked; UTC.
        contract: path of the data contract in the project.
        contract_digest: its SHA-256.
        inputs: what was read of each source, as in data/inputs.json.
        quality: the record of reports/quality.json.
        profile: of the rows that hold the contract.
        personal: how many columns were scanned for personal data, and what is undeclared; None
            where an older version kept no scan.
    """

    path: Path
    digest: str
    time: dt.datetime
    contract: str
    contract_digest: str
    inputs: list[dict[str, Any]]
    quality: dict[str, Any]
    profile: dict[str, Any]
    personal: dict[str, Any] | None = None

    @property
    def rows(self) -> int:
        """Rows that were checked."""
        return int(self.quality["rows"])

    @property
    def quarantined(self) -> int:
        """Rows that broke the contract."""
        return int(self.quality["quarantined"])

    @property
    def share(self) -> float:
        """Share of the rows in quarantine."""
        return float(self.quality["share"])

    @property
    def missing(self) -> float:
        """Share of the values that are missing, over all columns."""
        shares = [float(each["missing"]) for each in self.profile["columns"].values()]
        return sum(shares) / len(shares) if shares else 0.0

    @property
    def sources(self) -> dict[str, str]:
        """SHA-256 of each source by path, or URL without secrets."""
        return {str(each["location"]): str(each["sha256"]) for each in self.inputs}


def record(project: Project, outcome: Outcome) -> Path:
    """Keep what the pipeline has read and checked.

    A table that is known is not written again, unless the contract has changed since, or what the
    scan for personal data finds: then other rows may hold, and other columns be about people.

    Args:
        project: whose data/raw.parquet, data/inputs.json and data/valid.parquet are there.
        outcome: of the check of that table.

    Raises:
        BadInput: the sources' record, or what was kept, is missing or broken.
        KeelError: the disk is full.
    """
    digest = sha256_file(project.data_dir / "raw.parquet")
    rules = sha256_file(project.contract_path)
    path = project.root / EVIDENCE / f"{digest[:16]}.json"
    contract = load_contract(project.contract_path)
    personal = scanned(project, contract)
    if path.is_file():
        known = _read(path)
        if known.contract_digest == rules and known.personal == personal:
            return path
    rows = pl.scan_parquet(project.data_dir / "valid.parquet", glob=False).drop(ROW, strict=False)
    hidden = hidden_columns(contract)
    found = {
        "schema": SCHEMA,
        "digest": digest,
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "contract": project.params.contract,
        "contract_sha256": rules,
        "inputs": _inputs(project),
        "quality": quality(outcome),
        "personal": personal,
        "profile": profile(rows, hidden=hidden),
    }
    write_text(path, dumped(found))
    return path


def load(project: Project) -> list[Snapshot]:
    """Every table that was kept, the newest last.

    Raises:
        BadInput: a file is broken.
    """
    folder = project.root / EVIDENCE
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda each: (each.time, each.path.name))


def newest(project: Project, snapshots: list[Snapshot]) -> Snapshot:
    """The one of data/raw.parquet; where that is not here, the newest of this contract.

    Raises:
        BadInput: there is none.
    """
    raw = project.data_dir / "raw.parquet"
    ours = [each for each in snapshots if each.contract == project.params.contract]
    if raw.is_file():
        digest = sha256_file(raw)
        ours = [each for each in ours if each.digest == digest]
    if not ours:
        what = "data/raw.parquet" if raw.is_file() else f"the contract {project.params.contract}"
        raise BadInput(
            f"{project.root / EVIDENCE}: has no record of {what}",
            remedy="run `uv run dvc repro --force validate`",
        )
    return ours[-1]


def hidden_columns(contract: Contract) -> set[str]:
    """Columns whose values must not be told: those about people, and pseudonyms."""
    return {
        each.name for each in contract.columns if each.classification != "none" or each.pseudonymise
    }


def dumped(found: dict[str, Any]) -> str:
    """JSON with one line a column of the profile, so that git shows what has changed."""
    columns = found["profile"]["columns"]
    lines = ",\n".join(
        f"      {json.dumps(name, ensure_ascii=False)}: "
        + json.dumps(_finite(entry), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        for name, entry in columns.items()
    )
    hole = "\0columns"
    outline = {**found, "profile": {**found["profile"], "columns": hole}}
    text = json.dumps(outline, indent=2, ensure_ascii=False, allow_nan=False)
    return text.replace(json.dumps(hole), f"{{\n{lines}\n    }}" if lines else "{}") + "\n"


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """Without the means and deviations that very large numbers overflow to."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entry.items()
    }


def profile_of(value: Any) -> dict[str, Any]:
    """A profile that was read back.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    for entry in value["columns"].values():
        _ = entry["kind"], float(entry["missing"])
        for at, below, upto in entry.get("points") or ():
            _ = float(at), float(below), float(upto)
        _ = [float(share) for share in entry.get("shares", {}).values()]
    return {"rows": int(value["rows"]), "columns": dict(value["columns"])}


def _read(path: Path) -> Snapshot:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema is {value['schema']!r}, expected {SCHEMA!r}")
        found = Snapshot(
            path=path,
            digest=str(value["digest"]),
            time=dt.datetime.fromisoformat(value["time"]).astimezone(dt.UTC),
            contract=str(value["contract"]),
            contract_digest=str(value["contract_sha256"]),
            inputs=[dict(each) for each in value["inputs"]],
            quality=dict(value["quality"]),
            profile=profile_of(value["profile"]),
            personal=_scan_of(value.get("personal")),
        )
        _ = found.rows, found.quarantined, found.share, found.sources
        if path.stem != found.digest[:16]:
            raise ValueError(f"is about the table {found.digest[:16]}")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", remedy="check its permissions") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{path}: is no record of an ingest: {said(error)}", remedy=REMEDY) from None
    return found


def _scan_of(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"columns": int(value["columns"]), "undeclared": dict(value["undeclared"])}


def said(error: Exception) -> str:
    """What is wrong with JSON that was read, in a line."""
    return f"no key {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]


def _inputs(project: Project) -> list[dict[str, Any]]:
    path = project.data_dir / "inputs.json"
    try:
        sources = json.loads(path.read_text(encoding="utf-8"))["sources"]
        return [dict(each, location=each["location"], sha256=each["sha256"]) for each in sources]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{path}: is missing, or no record of an ingest",
            remedy="run `uv run dvc repro --force ingest`",
        ) from None
