"""Checks the project's source table against its contract."""

from __future__ import annotations

import json
from dataclasses import dataclass

from modelkeel.data.contract import check, load_contract, quality, refuse_broken
from modelkeel.data.labels import require_classes
from modelkeel.data.sources import read_csv, require_columns
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
    """Read the source and check it; nothing is written.

    Raises:
        BadInput: the source, the contract or a class is broken or missing.
        Refused: more rows break the contract than the gates allow.
    """
    contract, params = load_contract(project.contract_path), project.params
    rows = read_csv(project.source_path)
    require_columns(rows, project.source_path, params.needed, params.target)
    checked = check(rows, contract)
    refuse_broken(
        checked, contract, project.gates.contract.max_quarantine_share, project.source_path
    )
    if project.task == "classification":
        require_classes(checked.valid, project)
    record = quality(checked)
    return SourceCheck(params.source.path, params.contract, record["rows"], record["quarantined"])
