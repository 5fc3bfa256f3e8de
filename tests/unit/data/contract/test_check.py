from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from modelkeel.data.contract import (
    Column,
    Contract,
    Normalise,
    check,
    check_file,
    load_contract,
    quality,
    refuse_broken,
)
from modelkeel.errors import BadInput, Refused

GOOD = {"risk": "1", "amount": "10.5", "housing": "own", "age": "30"}
PROPERTIES = (
    'name: risk, logicalType: integer, required: true, enum: [{value: "1"}, {value: "0"}]',
    "name: amount, logicalType: number, required: true, logicalTypeOptions: {maximum: 1000, minimum: 0}",  # noqa: E501
    "name: housing, logicalType: string, enum: [{value: own}, {value: rent}]",
    "name: age, logicalType: integer, required: true, classification: personal",
)
Make = Callable[..., Contract]


@pytest.fixture
def contract(contract_of: Make) -> Contract:
    return contract_of(*PROPERTIES)


def rows(*changes: dict[str, str | None]) -> pl.DataFrame:
    table = [{"_row": number, **GOOD, **change} for number, change in enumerate(changes, 1)]
    return pl.DataFrame(table, schema={"_row": pl.Int64, **dict.fromkeys(GOOD, pl.String)})


def test_valid_rows_are_typed(contract: Contract) -> None:
    checked = check(rows({}, {"housing": None}), contract)
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
    contract: Contract, change: dict[str, str | None], reason: str
) -> None:
    table = rows({}, change, {})
    checked = check(table, contract)
    assert checked.valid["_row"].to_list() == [1, 3]
    assert checked.quarantine["_row"].to_list() == [2]
    assert checked.quarantine["_reason"].to_list() == [reason]
    assert checked.quarantine.drop("_reason").equals(table[1:2])  # as it was given
    assert quality(checked)["broken"] == {reason: 1}


def test_every_reason_of_a_row_is_kept(contract: Contract) -> None:
    checked = check(rows({"amount": "x", "risk": "7"}), contract)
    assert checked.quarantine["_reason"][0] == "risk: is none of 1, 0; amount: is no number"


def test_whole_numbers_written_with_a_point_are_integers(contract: Contract) -> None:
    assert check(rows({"age": "30.0"}), contract).valid["age"][0] == 30


def test_an_empty_table_holds(contract: Contract) -> None:
    checked = check(rows({}).clear(), contract)
    assert (checked.rows, checked.valid.height, checked.quarantine.height) == (0, 0, 0)


def test_too_many_broken_rows_stop_with_their_places(contract: Contract) -> None:
    checked = check(rows({}, {"amount": "x"}, {"age": "old"}), contract)
    refuse_broken(checked, contract, 0.7, Path("t.csv"))
    with pytest.raises(Refused, match=r"2 of 3 rows break") as found:
        refuse_broken(checked, contract, 0.5, Path("t.csv"))
    assert "row 2, column amount: 'x' is no number" in str(found.value)
    assert "row 3, column age: is no integer" in str(found.value)  # personal: no value
    assert "old" not in str(found.value)


def test_a_missing_column(contract: Contract) -> None:
    with pytest.raises(BadInput, match="lacks the column 'age'"):
        check(rows({}).drop("age"), contract)


def test_a_unique_column(contract_of: Make) -> None:
    contract = contract_of("name: age, logicalType: integer, unique: true")
    table = pl.DataFrame({"age": ["1", "2", "1.0", None, None]})
    checked = check(table, contract)
    assert checked.quarantine["_row"].to_list() == [1, 3]
    assert checked.broken == {"age: is repeated": 2}


@pytest.mark.parametrize("values", [["1", "2", "3"], ["1", "2", "3", "1"]])
def test_keys_are_compared_in_parts(
    contract_of: Make, monkeypatch: pytest.MonkeyPatch, values: list[str]
) -> None:
    from modelkeel.data.contract import plan

    contract = contract_of("name: a, logicalType: integer, unique: true")
    table = pl.DataFrame({"a": values * 20}).with_row_index("n")
    table = table.select(pl.col("a").cast(pl.Int64) + pl.col("n").cast(pl.Int64) // 3 * 10)
    monkeypatch.setattr(plan, "_PART_ROWS", 7)
    twice = table.height - table["a"].n_unique()
    assert (check(table, contract).quarantined > 0) == (twice > 0)


def test_a_key_of_two_columns(contract_of: Make) -> None:
    contract = contract_of(
        "name: day, logicalType: date, primaryKey: true, primaryKeyPosition: 2",
        "name: shop, logicalType: string, primaryKey: true, primaryKeyPosition: 1",
        "name: sold, logicalType: integer",
    )
    assert contract.key == ("shop", "day")
    table = pl.DataFrame(
        {
            "day": ["2024-01-01", "2024-01-01", "2024-01-01", None],
            "shop": ["a", "b", "a ", "a"],
            "sold": ["1", "2", "3", "4"],
        }
    )
    checked = check(table, contract)
    assert checked.valid["_row"].to_list() == [2]
    assert checked.broken == {"day: is missing": 1, "shop, day: is repeated": 2}


@pytest.mark.parametrize(
    ("kind", "values", "broken"),
    [
        ("number", ["1", "2.5"], "2"),
        ("boolean", ["true"], "false"),
        ("integer", ["1"], "2"),
        ("date", ["2024-01-31"], "2024-02-01"),
    ],
)
def test_an_enum_is_of_the_type_of_its_column(
    contract_of: Make, kind: str, values: list[str], broken: str
) -> None:
    enum = ", ".join(f'{{value: "{each}"}}' for each in values)
    contract = contract_of(f"name: a, logicalType: {kind}, required: true, enum: [{enum}]")
    checked = check(pl.DataFrame({"a": [*values, broken]}), contract)
    assert checked.valid.height == len(values)
    assert "is none of" in checked.quarantine["_reason"][0]


@pytest.mark.parametrize(
    ("options", "kind", "holds", "breaks", "reason"),
    [
        ("minLength: 2", "string", "éé", "é", "is shorter than 2 characters"),
        ("maxLength: 2", "string", "éé", "abc", "is longer than 2 characters"),
        ("pattern: '^A[0-9]+$'", "string", "A1", "B1", "does not match ^A[0-9]+$"),
        ("exclusiveMinimum: 0", "number", "0.1", "0", "is not above 0"),
        ("exclusiveMaximum: 5", "integer", "4", "5", "is not below 5"),
        ("minimum: 2020-01-01", "date", "2020-01-01", "2019-12-31", "is below 2020-01-01"),
        ("maximum: '2020-01-01'", "date", "2020-01-01", "2020-01-02", "is above 2020-01-01"),
        ("format: dd.MM.yyyy", "date", "31.12.2019", "2019-12-31", "is no date"),
    ],
)
def test_options_of_the_types(
    contract_of: Make, options: str, kind: str, holds: str, breaks: str, reason: str
) -> None:
    contract = contract_of(f"name: a, logicalType: {kind}, logicalTypeOptions: {{{options}}}")
    checked = check(pl.DataFrame({"a": [holds, breaks, None]}), contract)
    assert checked.valid["_row"].to_list() == [1, 3]
    assert checked.broken == {f"a: {reason}": 1}


RULE = """    quality:
      - type: custom
        engine: modelkeel
        name: ends_after_start
        implementation: "ends >= starts"
"""


def test_a_rule_across_columns(contract_of: Make) -> None:
    contract = contract_of(
        "name: starts, logicalType: date", "name: ends, logicalType: date", table=RULE
    )
    table = pl.DataFrame(
        {
            "starts": ["2024-01-02", "2024-01-02", None, "2024-01-02"],
            "ends": ["2024-01-02", "2024-01-01", "2024-01-01", "soon"],
        }
    )
    checked = check(table, contract)
    assert checked.valid["_row"].to_list() == [1, 3]  # what is null holds
    reason = "ends, starts: breaks ends_after_start (ends >= starts)"
    assert checked.broken == {"ends: is no date": 1, reason: 1}
    assert [(each.row, each.column, each.value) for each in checked.findings] == [
        (2, "ends, starts", None),
        (4, "ends", "soon"),
    ]


def test_typed_values_do_not_go_through_text(contract_of: Make) -> None:
    contract = contract_of(
        "name: i, logicalType: integer",
        "name: f, logicalType: number",
        "name: s, logicalType: string",
        "name: d, logicalType: date",
        "name: t, logicalType: timestamp",
        "name: b, logicalType: boolean",
    )
    when = pl.Series(["2024-01-01 12:00", "2024-01-02 00:00", None]).str.to_datetime()
    table = pl.DataFrame(
        {
            "i": [1.0, 2.5, 2.0**60],
            "f": [1, 2, 3],
            "s": [1, 2, 3],
            "d": when,
            "t": when.dt.replace_time_zone("Europe/Berlin"),
            "b": [1, 0, 2],
        }
    )
    checked = check(table, contract)
    assert checked.broken == {"i: is no integer": 2, "d: is no date": 1, "b: is no boolean": 1}
    assert not checked.valid.height
    assert check(table.filter(pl.col("i") < 2).with_columns(d=None), contract).valid.schema == {
        "_row": pl.Int64,
        "i": pl.Int64,
        "f": pl.Float64,
        "s": pl.String,
        "d": pl.Date,
        "t": pl.Datetime("us"),
        "b": pl.Boolean,
    }


def test_an_infinite_number_is_no_number(contract_of: Make) -> None:
    contract = contract_of("name: a, logicalType: number, required: true")
    checked = check(pl.DataFrame({"a": [1.0, float("inf"), float("nan"), None]}), contract)
    assert checked.broken == {"a: is missing": 1, "a: is no number": 2}


def test_normalisation_is_counted_by_column(contract_of: Make) -> None:
    contract = contract_of(
        "name: a, logicalType: number, customProperties: "
        '[{property: decimal, value: ","}, {property: thousands, value: "."}]',
        "name: s, logicalType: string, customProperties: [{property: case, value: lower}, "
        "{property: synonyms, value: {m: male}}, {property: missing, value: [NA]}]",
    )
    table = pl.DataFrame(
        {"a": ["1,5", "1.000", "12", "1.5", None], "s": ["m", "Male", "male", "NA", ""]}
    )
    checked = check(table, contract)
    assert checked.normalised == {
        "a": {"changed": 2, "unreadable": 1},
        "s": {"changed": 3, "unreadable": 0},
    }
    assert checked.valid["a"].to_list() == [1.5, 1000.0, 12.0, None]
    assert checked.valid["s"].to_list() == ["male", "male", "male", None]


VOLUME = "    quality: [{metric: rowCount, mustBeBetween: [3, 10]}]\n"
FRESH = "slaProperties: [{property: freshness, element: t.day, value: 2, unit: d}]\n"


def test_volume_and_freshness_are_named_both(contract_of: Make) -> None:
    import datetime as dt

    contract = contract_of("name: day, logicalType: date", table=VOLUME, more=FRESH)
    checked = check(pl.DataFrame({"day": ["2024-01-01", "2024-01-02"]}), contract)
    with pytest.raises(Refused) as found:
        refuse_broken(checked, contract, 1.0, "t.csv", now=dt.datetime(2024, 2, 1, tzinfo=dt.UTC))
    assert "volume: has 2 rows, needs at least 3" in str(found.value)
    assert "freshness: the newest day is 2024-01-02 00:00, 30 days ago" in str(found.value)
    table = pl.DataFrame({"day": ["2024-01-01"] * 3})
    now = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    refuse_broken(check(table, contract), contract, 1.0, "t.csv", now=now)
    assert quality(checked)["newest"] == "2024-01-02T00:00:00"


@pytest.mark.parametrize("bad", [True, False])
def test_a_file_is_checked_as_the_same_table_in_memory(
    contract: Contract, tmp_path: Path, bad: bool
) -> None:
    changes: list[dict[str, str | None]] = [{}, {"amount": " 3"}, {"age": "31"}] * 50
    if bad:
        changes[7], changes[60] = {"amount": "x"}, {"housing": "castle", "risk": None}
    table = rows(*changes)
    raw, valid, quarantine = (tmp_path / f"{name}.parquet" for name in ("raw", "ok", "bad"))
    table.write_parquet(raw, row_group_size=17)
    checked = check(table, contract)
    outcome = check_file(raw, contract, valid=valid, quarantine=quarantine)
    assert quality(outcome) == quality(checked)
    assert outcome.findings == checked.findings
    assert pl.read_parquet(valid).equals(checked.valid)
    assert pl.read_parquet(valid).schema == checked.valid.schema
    assert pl.read_parquet(quarantine).equals(checked.quarantine)
    assert pl.read_parquet(quarantine).schema == checked.quarantine.schema
    assert {each.name for each in tmp_path.glob("*.parquet")} == {
        "raw.parquet",
        "ok.parquet",
        "bad.parquet",
    }
    assert not list(tmp_path.glob(".*"))


def test_a_truncated_file(contract: Contract, tmp_path: Path) -> None:
    raw, valid = tmp_path / "raw.parquet", tmp_path / "valid.parquet"
    rows({}).write_parquet(raw)
    raw.write_bytes(raw.read_bytes()[:-20])
    with pytest.raises(BadInput, match=r"raw\.parquet: cannot be read"):
        check_file(raw, contract, valid=valid)
    with pytest.raises(BadInput, match="no such file"):
        check_file(tmp_path / "other.parquet", contract)
    assert not valid.exists()


def test_the_source_of_a_row_is_kept(contract: Contract) -> None:
    table = rows({}, {"age": None}).with_columns(_source=pl.lit("branch"))
    checked = check(table, contract)
    assert checked.valid.columns == ["_row", "_source", *GOOD]
    assert checked.quarantine.columns == ["_row", "_source", *GOOD, "_reason"]


def test_the_names_are_there(tmp_path: Path) -> None:
    import modelkeel.data.contract as package

    assert all(getattr(package, name) for name in package.__all__)
    assert callable(package.check)
    with pytest.raises(BadInput, match="no such file"):
        load_contract(tmp_path / "none.yaml")


def test_an_empty_text_is_missing_also_where_nothing_else_is_odd() -> None:
    contract = Contract(Path("c.odcs.yaml"), (Column("a", "string", required=False),))
    frame = pl.DataFrame({"_row": [1, 2, 3], "a": ["x", "", "y"]})
    assert check(frame, contract).valid["a"].to_list() == ["x", None, "y"]


def test_a_pseudonym_is_not_normalised_again() -> None:
    how = Normalise(case="upper", missing=("abc",))
    column = Column("k", "string", required=True, normalise=how, pseudonymise=True)
    frame = pl.DataFrame({"_row": [1, 2], "k": ["abc", "def"]})
    contract = Contract(Path("c.odcs.yaml"), (column,))
    assert check(frame, contract).valid["k"].to_list() == ["abc", "def"]
