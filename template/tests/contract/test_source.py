"""The data contract: the source holds it, and what breaks it is named."""

from pathlib import Path

import polars as pl
import pytest
from modelkeel.data.contract import check, load_contract, refuse_broken
from modelkeel.data.sources import read_csv, require_columns
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project


@pytest.fixture(scope="module")
def rows(project: Project) -> pl.DataFrame:
    return read_csv(project.source_path)


def test_the_source_holds_the_contract(project: Project, rows: pl.DataFrame) -> None:
    checked = check(rows, load_contract(project.contract_path))
    assert checked.findings == []
    assert checked.valid.height == rows.height


def test_a_wrong_value_is_named_by_row_and_column(project: Project, rows: pl.DataFrame) -> None:
    contract, name = load_contract(project.contract_path), project.params.features.numeric[0]
    wrong = pl.when(pl.col("_row") == 512).then(pl.lit("a lot")).otherwise(pl.col(name))
    checked = check(rows.with_columns(wrong.alias(name)), contract)
    assert [(each.row, each.column) for each in checked.findings] == [(512, name)]
    with pytest.raises(Refused, match=f"row 512, column {name}"):
        refuse_broken(checked, contract, 0.0, project.source_path)


def test_a_missing_target_is_named(project: Project, rows: pl.DataFrame) -> None:
    target = project.params.target
    with pytest.raises(BadInput, match=f"lacks the target column '{target}'"):
        require_columns(rows.drop(target), Path("table.csv"), [], target)
