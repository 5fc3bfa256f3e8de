"""Validate: type the rows by the data contract; rows that break it go to quarantine."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from modelkeel.data.contract import Outcome, check_file, load_contract, quality, refuse_broken
from modelkeel.data.labels import require_classes
from modelkeel.data.quality.history import record
from modelkeel.data.quality.personal import refuse_personal
from modelkeel.errors import run_stage
from modelkeel.project import load_project


def main() -> None:
    """Write data/valid.parquet, data/quarantine.parquet, reports/quality.json and evidence/data."""
    project = load_project()
    contract = load_contract(project.contract_path)
    refuse_personal(project, contract)

    def accept(found: Outcome) -> None:
        project.write_report("quality.json", json.dumps(quality(found), indent=2) + "\n")
        allowed = project.gates.contract.max_quarantine_share
        refuse_broken(found, contract, allowed, project.source_names)

    # The last good rows stay until the new ones have passed everything.
    with TemporaryDirectory(dir=project.data_dir) as folder:
        valid = Path(folder, "valid.parquet")
        found = check_file(
            project.data_dir / "raw.parquet",
            contract,
            valid=valid,
            quarantine=project.data_dir / "quarantine.parquet",
            accept=accept,
        )
        if project.task == "classification":
            require_classes(pl.read_parquet(valid, columns=[project.params.target]), project)
        valid.replace(project.data_dir / valid.name)
    record(project, found)
    print(f"{found.rows - found.quarantined} of {found.rows} rows hold the contract")


if __name__ == "__main__":
    run_stage(main)
