"""Ingest: read the sources that params.yaml declares into one table with row numbers."""

from __future__ import annotations

from modelkeel.data.sources import ingest
from modelkeel.errors import run_stage
from modelkeel.project import load_project


def main() -> None:
    """Write data/raw.parquet and data/inputs.json."""
    print(ingest(load_project()).to_text())


if __name__ == "__main__":
    run_stage(main)
