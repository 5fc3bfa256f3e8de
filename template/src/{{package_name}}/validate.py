"""Validate: type the rows by the data contract; rows that break it go to quarantine."""

from __future__ import annotations

import json

import polars as pl
from modelkeel.data.contract import check, load_contract, quality, refuse_broken
from modelkeel.data.labels import require_classes
from modelkeel.errors import run_stage
from modelkeel.project import load_project


def main() -> None:
    """Write data/valid.parquet, data/quarantine.parquet and reports/quality.json."""
    project = load_project()
    contract = load_contract(project.contract_path)
    checked = check(pl.read_parquet(project.data_dir / "raw.parquet"), contract)
    checked.quarantine.write_parquet(project.data_dir / "quarantine.parquet")
    project.write_report("quality.json", json.dumps(quality(checked), indent=2) + "\n")

    allowed = project.gates.contract.max_quarantine_share
    refuse_broken(checked, contract, allowed, project.source_path)
    if project.task == "classification":
        require_classes(checked.valid, project)
    checked.valid.write_parquet(project.data_dir / "valid.parquet")
    print(f"{checked.valid.height} of {checked.rows} rows hold the contract")


if __name__ == "__main__":
    run_stage(main)
