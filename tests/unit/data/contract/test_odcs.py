from __future__ import annotations

import datetime as dt
import importlib.resources
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from modelkeel.data.contract import Contract, Freshness, Volume, dump_contract, load_contract
from modelkeel.errors import BadInput

Make = Callable[..., Contract]
EVERYTHING = """
apiVersion: v3.2.0
kind: DataContract
id: orders
name: Orders
version: 2.1.0
status: active
description: {purpose: Orders of a shop, limitations: One shop}
team: {name: shop, members: [{username: data@shop.example, role: Owner}, {username: b}]}
slaProperties: [{property: freshness, element: orders.placed, value: 36, unit: h}]
schema:
  - name: orders
    physicalType: table
    quality:
      - {type: library, metric: rowCount, mustBeGreaterThan: 99, mustBeLessOrEqualTo: 5000}
      - type: custom
        engine: modelkeel
        name: shipped_later
        description: Nothing is shipped before it is ordered
        implementation: shipped >= placed OR "gross amount" = 0
    properties:
      - {name: shop, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: number, logicalType: integer, primaryKey: true, primaryKeyPosition: 2}
      - name: gross amount
        logicalType: number
        required: true
        description: Paid
        logicalTypeOptions: {exclusiveMinimum: -1, maximum: 10.5}
        customProperties:
          - {property: unit, value: EUR}
          - {property: decimal, value: ","}
          - {property: thousands, value: "."}
          - {property: unit_factors, value: {EUR: 1, ct: 0.01}}
      - {name: placed, logicalType: date, logicalTypeOptions: {format: dd.MM.yyyy}}
      - name: shipped
        logicalType: timestamp
        logicalTypeOptions: {minimum: 2020-01-01}
        customProperties: [{property: date_formats, value: ["%d.%m.%Y %H:%M"]}]
      - name: state
        logicalType: string
        enum: [{value: open, label: Not yet paid}, {value: paid}]
        customProperties:
          - {property: case, value: lower}
          - {property: synonyms, value: {o: open}}
          - {property: missing, value: ["n/a", "-"]}
          - {property: steward, value: me, vendor: other}
      - name: express
        logicalType: boolean
        customProperties: [{property: true, value: [ja]}, {property: "false", value: [nein]}]
      - name: code
        logicalType: string
        unique: true
        logicalTypeOptions: {minLength: 2, maxLength: 9, pattern: "^[A-Z]"}
        customProperties: [{property: trim, value: false}]
      - name: customer
        logicalType: string
        classification: personal
        customProperties: [{property: pseudonymise, value: true}]
"""


def read(tmp_path: Path, text: str) -> Contract:
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def test_everything_is_read(tmp_path: Path) -> None:
    contract = read(tmp_path, EVERYTHING)
    assert contract.key == ("shop", "number")
    assert contract.column("shop").required
    assert contract.owner == "data@shop.example"
    assert contract.freshness == Freshness("placed", dt.timedelta(hours=36))
    assert contract.volume == Volume(100, 5000)
    assert contract.rules[0].columns == ("shipped", "placed", "gross amount")
    amount = contract.column("gross amount")
    assert (amount.above, amount.maximum, amount.unit) == (-1, 10.5, "EUR")
    assert amount.normalise.unit_factors == {"EUR": 1.0, "ct": 0.01}
    assert contract.column("state").labels == {"open": "Not yet paid"}
    assert contract.column("express").normalise.true == ("ja",)
    assert contract.column("shipped").minimum == dt.datetime(2020, 1, 1)  # noqa: DTZ001
    assert contract.column("customer").pseudonymise


def test_a_contract_survives_being_written(tmp_path: Path) -> None:
    contract = read(tmp_path, EVERYTHING)
    assert read(tmp_path, dump_contract(contract)) == contract


def test_what_is_written_is_odcs(tmp_path: Path) -> None:
    from jsonschema import Draft201909Validator
    from open_data_contract_standard.model import OpenDataContractStandard

    written = dump_contract(read(tmp_path, EVERYTHING))
    OpenDataContractStandard.from_string(written)
    package = importlib.resources.files("open_data_contract_standard")
    schema = json.loads((package / "schema.json").read_text(encoding="utf-8"))
    Draft201909Validator(schema).validate(yaml.safe_load(written))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("logicalType: boolean", "logicalType: money", "logicalType is 'money'"),
        ("minLength: 2", "format: uuid", r"logicalTypeOptions \['format'\] are not checked"),
        ("maximum: 10.5", "multipleOf: 2", r"\['multipleOf'\] are not checked"),
        ("schema:", "schemas:", "schemas"),
        ("maximum: 10.5", "maximum: few", "maximum is 'few'"),
        ("maximum: 10.5", "maximum: -3", "minimum is above maximum"),
        ("name: number", "name: shop", "property 'shop' stands twice"),
        ("kind: DataContract", "kind: [", "no valid YAML"),
        ("kind: DataContract", "kind: Contract", "is no data contract of ODCS 3"),
        ("v3.2.0", "v2.2.2", "is no data contract of ODCS 3"),
        ("required: true", "requried: true", "the key 'requried' is not checked"),
        ("required: true", "required: maybe", "is 'maybe'"),
        ("property: case", "property: casing", "'casing' is not understood"),
        ("value: lower", "value: title", "is 'title'"),
        ("classification: personal", "classification: secret", "classification is 'secret'"),
        ('"^[A-Z]"', '"(?=a)"', "pattern '.*' cannot be read: .*look-around"),
        ("dd.MM.yyyy", "dd.QQ.yyyy", "has QQ"),
        ("%d.%m.%Y", "%d.%m", "needs one year, one month and one day"),
        ("shipped >= placed", "shipd >= placed", "reads 'shipd', which is no column"),
        ("shipped >= placed", "shipped >", "is no condition"),
        ("shipped >= placed", "placed > MAX(placed)", "no condition on single rows: MAX"),
        ("shipped >= placed", "number > (SELECT 1)", "no condition on single rows: SELECT"),
        ("shipped >= placed", "number IN (SELECT 1)", "no condition on single rows: SELECT"),
        ("shipped >= placed", "RANK() OVER () > 1", "no condition on single rows: RANK"),
        ("shipped >= placed", "CAST(code AS INT) > 1", "no condition on single rows: CAST"),
        ("shipped >= placed", "placed > 'today'", "compares what cannot be compared"),
        ('shipped >= placed OR "gross amount" = 0', "number + 1", "gives Int64, not true"),
        ("metric: rowCount", "metric: nullValues", "an entry is not checked"),
        ("mustBeGreaterThan: 99", "mustBeGreaterThan: 9999", "no bounds that can be held"),
        ("property: freshness", "property: latency", "'latency' is not checked"),
        ("element: orders.placed", "element: orders.shop", "'shop' is no date or timestamp"),
        ("name: customer", "name: _customer", "kept for the row number"),
        ("{property: pseudonymise, value: true}", "{property: case, value: 7}", "is 7"),
        ("value: [ja]", "value: ja", "needs a list"),
        ('thousands, value: "."', 'thousands, value: ","', "decimal and thousands are the same"),
        ("property: decimal", "property: date_formats", "does nothing for a number"),
        ("enum: [", "enum: [{value: paid}, ", "enum has 'paid' twice"),
    ],
)
def test_a_contract_that_is_not_understood(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in EVERYTHING
    with pytest.raises(BadInput, match=said) as found:
        read(tmp_path, EVERYTHING.replace(old, new, 1))
    assert "orders.odcs.yaml" in str(found.value)


def test_an_enum_of_another_type(contract_of: Make) -> None:
    with pytest.raises(BadInput, match="enum has 'one', which is no integer"):
        contract_of("name: a, logicalType: integer, enum: [{value: one}]")


@pytest.mark.parametrize("text", ["", "[]", "a", "schema: 3", "\0"])
def test_no_contract_at_all(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"orders\.odcs\.yaml"):
        read(tmp_path, text)
