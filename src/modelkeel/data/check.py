"""Checks the project's sources against its contract."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from modelkeel.data.contract import check_file, load_contract, quality, refuse_broken
from modelkeel.data.labels import require_classes
from modelkeel.data.quality.personal import refuse_personal
from modelkeel.data.sources import gather
from modelkeel.project import Project


@dataclass(frozen=True)
class SourceCheck:
    """How many rows hold the contract."""

    source: str
    contract: str
    rows: int
    quarantined: int

    def to_text(self) -> str:
        """One line for a person."""
        held = self.rows - self.quarantined
        return f"{held} of {self.rows} rows of {self.source} hold {self.contract}"

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.__dict__)


def check_source(project: Project) -> SourceCheck:
    """Read the sources and check them; nothing is written.

    Raises:
        BadInput: the source, the contract or a class is broken or missing.
        Refused: more rows break the contract than the gates allow, or personal data is not
            declared.
    """
    contract, params = load_contract(project.contract_path), project.params
    with tempfile.TemporaryDirectory(prefix="keel-") as folder:
        work = Path(folder)
        gathered = gather(project, work / "raw.parquet", work / "work", work / "landing")
        refuse_personal(project, contract, gathered.path)
        valid = work / "valid.parquet"
        found = check_file(gathered.path, contract, valid=valid)
        allowed = project.gates.contract.max_quarantine_share
        refuse_broken(found, contract, allowed, project.source_names)
        if project.task == "classification":
            require_classes(pl.read_parquet(valid, columns=[params.target]), project)
    record = quality(found)
    return SourceCheck(project.source_names, params.contract, record["rows"], record["quarantined"])
