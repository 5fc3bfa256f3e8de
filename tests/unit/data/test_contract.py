from pathlib import Path

import polars as pl
import pytest

from modelkeel.data.check import check_source
from modelkeel.data.contract import check, load_contract, quality, refuse_broken
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project

GOOD = {"risk": "1", "amount": "10.5", "housing": "own", "age": "30"}


def rows(*changes: dict[str, str | None]) -> pl.DataFrame:
    table = [{"_row": number, **GOOD, **change} for number, change in enumerate(changes, 1)]
    return pl.DataFrame(table, schema={"_row": pl.Int64, **dict.fromkeys(GOOD, pl.String)})


def test_valid_rows_are_typed(project: Project) -> None:
    checked = check(rows({}, {"housing": None}), load_contract(project.contract_path))
    assert checked.valid.schema == {
        "_row": pl.Int64,
        "risk": pl.Int64,
        "amount": pl.Float64,
        "housing": pl.String,
        "age": pl.Int64,
    }
    assert checked.valid.height == 2
    assert checked.share == 0.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "a lot"}, "amount: is no number"),
        ({"amount": "nan"}, "amount: is no number"),
        ({"amount": "inf"}, "amount: is no number"),
        ({"amount": None}, "amount: is missing"),
        ({"amount": " "}, "amount: is missing"),
        ({"amount": "-1"}, "amount: is below 0"),
        ({"amount": "1000.5"}, "amount: is above 1000"),
        ({"age": "30.5"}, "age: is no integer"),
        ({"housing": "castle"}, "housing: is none of own, rent"),
        ({"risk": "2"}, "risk: is none of 1, 0"),
    ],
)
def test_a_broken_rule_sends_the_row_to_quarantine(
    project: Project, change: dict[str, str | None], reason: str
) -> None:
    checked = check(rows({}, change, {}), load_contract(project.contract_path))
    assert checked.valid["_row"].to_list() == [1, 3]
    assert checked.quarantine["_row"].to_list() == [2]
    assert checked.quarantine["_reason"].to_list() == [reason]
    assert quality(checked)["broken"] == {reason: 1}


def test_every_reason_of_a_row_is_kept(project: Project) -> None:
    checked = check(rows({"amount": "x", "risk": "7"}), load_contract(project.contract_path))
    assert checked.quarantine["_reason"][0] == "risk: is none of 1, 0; amount: is no number"


def test_whole_numbers_written_with_a_point_are_integers(project: Project) -> None:
    assert check(rows({"age": "30.0"}), load_contract(project.contract_path)).valid["age"][0] == 30


def test_too_many_broken_rows_stop_with_their_places(project: Project) -> None:
    contract = load_contract(project.contract_path)
    checked = check(rows({}, {"amount": "x"}, {"age": "old"}), contract)
    refuse_broken(checked, contract, 0.7, Path("t.csv"))
    with pytest.raises(Refused, match=r"2 of 3 rows break") as found:
        refuse_broken(checked, contract, 0.5, Path("t.csv"))
    assert "row 2, column amount: 'x' is no number" in str(found.value)
    assert "row 3, column age: is no integer" in str(found.value)  # personal: no value
    assert "old" not in str(found.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("logicalType: number", "logicalType: money", "logicalType is 'money'"),
        ("maximum: 1000", "maxLength: 3", r"logicalTypeOptions \['maxLength'\] are not checked"),
        ("schema:", "schemas:", "schemas"),
        ("minimum: 0", "minimum: few", "minimum is 'few'"),
        ('value: "1"', "value: one", "enum has 'one', which is no integer"),
        ("name: age,", "name: amount,", "property 'amount' stands twice"),
        ("kind: DataContract", "kind: [", "no valid YAML"),
    ],
)
def test_a_contract_that_is_not_understood(project: Project, old: str, new: str, said: str) -> None:
    path = project.contract_path
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=said):
        load_contract(path)


def test_a_unique_column(project: Project) -> None:
    path = project.contract_path
    path.write_text(path.read_text().replace("name: age,", "name: age, unique: true,"))
    checked = check(rows({"age": "1"}, {"age": "2"}, {"age": "1"}), load_contract(path))
    assert checked.quarantine["_row"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("kind", "values", "broken"),
    [("number", ["1", "2.5"], "2"), ("boolean", ["true"], "false"), ("integer", ["1"], "2")],
)
def test_an_enum_is_of_the_type_of_its_column(
    project: Project, kind: str, values: list[str], broken: str
) -> None:
    path = project.contract_path
    enum = ", ".join(f'{{value: "{each}"}}' for each in values)
    old = "name: age, logicalType: integer, required: true, classification: personal"
    new = f"name: age, logicalType: {kind}, required: true, enum: [{enum}]"
    path.write_text(path.read_text().replace(old, new))
    changes = [{"age": each} for each in [*values, broken]]
    checked = check(rows(*changes), load_contract(path))
    assert checked.valid.height == len(values)
    assert "is none of" in checked.quarantine["_reason"][0]


def test_check_source_reads_and_writes_nothing(project: Project) -> None:
    before = sorted(project.root.rglob("*"))
    found = check_source(project)
    assert (found.rows, found.quarantined) == (40, 0)
    assert sorted(project.root.rglob("*")) == before


def test_a_class_that_never_occurs(project: Project) -> None:
    lines = project.source_path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("0,")]
    project.source_path.write_text("\n".join(kept) + "\n")
    with pytest.raises(BadInput, match=r"column risk: class '0' \(not repaid\) never occurs"):
        check_source(project)
