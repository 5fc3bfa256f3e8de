"""Ingest: read the source as it is, every value as text with its row number."""

from __future__ import annotations

from modelkeel.data.sources import read_csv, require_columns
from modelkeel.errors import run_stage
from modelkeel.project import load_project


def main() -> None:
    """Write data/raw.parquet."""
    project = load_project()
    params = project.params
    rows = read_csv(project.source_path)
    require_columns(rows, project.source_path, params.needed, params.target)
    rows.write_parquet(project.data_dir / "raw.parquet")
    print(f"{rows.height} rows read from {params.source.path}")


if __name__ == "__main__":
    run_stage(main)
