from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from modelkeel.data.contract import check_file, load_contract
from modelkeel.data.quality.history import record
from modelkeel.project import Project

Ingest = Callable[..., Path]


@pytest.fixture
def ingest(project: Project) -> Ingest:
    """Puts a table where the pipeline would, checks it, and keeps what was found."""

    def run(rows: int = 300, *, seed: int = 1, housing: str = "rent", broken: int = 0) -> Path:
        at = pl.int_range(rows, eager=True)
        table = pl.DataFrame(
            {
                "_row": at + 1,
                "risk": (at % 2).cast(pl.String),
                "amount": ((at * seed * 7919) % 1000).cast(pl.String),
                "housing": pl.select(
                    pl.when(at % 3 == 0).then(pl.lit("own")).otherwise(pl.lit(housing))
                ).to_series(),
                "age": (20 + at % 50).cast(pl.String),
            }
        ).with_columns(
            pl.when(at < broken).then(pl.lit("x")).otherwise(pl.col("amount")).alias("amount")
        )
        data = project.data_dir
        data.mkdir(exist_ok=True)
        table.write_parquet(data / "raw.parquet")
        source = {"name": "table", "location": "data/source/table.csv", "rows": rows}
        inputs = {"rows": rows, "sources": [{**source, "sha256": f"{seed:064x}"}]}
        (data / "inputs.json").write_text(json.dumps(inputs), encoding="utf-8")
        found = check_file(
            data / "raw.parquet",
            load_contract(project.contract_path),
            valid=data / "valid.parquet",
            quarantine=data / "quarantine.parquet",
        )
        return record(project, found)

    return run
