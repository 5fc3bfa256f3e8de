"""The data contract: the source holds it, and what breaks it is named."""

import re
from pathlib import Path

import polars as pl
import pytest
from modelkeel.data.contract import Contract, check, load_contract, refuse_broken
from modelkeel.data.sources import gather, require_columns
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project


@pytest.fixture(scope="module")
def rows(project: Project, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("data")
    read = gather(project, folder / "raw.parquet", folder / "work", folder / "landing")
    return pl.read_parquet(read.path)


@pytest.fixture(scope="module")
def contract(project: Project) -> Contract:
    return load_contract(project.contract_path)


def test_the_source_holds_the_contract(
    project: Project, contract: Contract, rows: pl.DataFrame
) -> None:
    checked = check(rows, contract)
    assert checked.share <= project.gates.contract.max_quarantine_share
    assert checked.valid.height + checked.quarantine.height == rows.height


def test_a_wrong_value_is_named_by_row_and_column(
    project: Project, contract: Contract, rows: pl.DataFrame
) -> None:
    if not project.params.features.numeric:
        pytest.skip("every feature is text")
    name = project.params.features.numeric[-1]
    held = rows.filter(pl.col("_row").is_in(check(rows, contract).valid["_row"].implode()))
    number = held["_row"][-1]
    given = pl.col(name).cast(pl.String)
    wrong = pl.when(pl.col("_row") == number).then(pl.lit("a lot")).otherwise(given)
    checked = check(held.with_columns(wrong.alias(name)), contract)
    assert [(each.row, each.column) for each in checked.findings] == [(number, name)]
    with pytest.raises(Refused, match=f"row {number}, column {re.escape(name)}"):
        refuse_broken(checked, contract, 0.0, project.source_names)


def test_a_missing_target_is_named(project: Project, rows: pl.DataFrame) -> None:
    target = project.params.target
    with pytest.raises(BadInput, match=re.escape(f"lacks the target column {target!r}")):
        require_columns(rows.drop(target), Path("table.csv"), [], target)
