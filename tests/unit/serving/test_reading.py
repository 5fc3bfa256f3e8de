"""Serving reads text as the data contract does: dates, and what a column normalises."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeel.data.contract.model import Normalise
from modelkeel.errors import BadInput
from modelkeel.model.export import model_inputs
from modelkeel.model.signature import Feature, Signature
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.schemas import feature_schema
from modelkeel.serving.wire import Wire

MONEY = Normalise(decimal=",", thousands=".", unit_factors={"EUR": 1.0, "ct": 0.01})
WORD = Normalise(case="lower", synonyms={"m": "male"}, missing=("n/a",))
FEATURES = [
    Feature(name="amount", kind="number", minimum=0, maximum=5000, normalise=MONEY, unit="EUR"),
    Feature(name="sex", kind="category", categories=["male", "female"], normalise=WORD),
    Feature(name="town", kind="category", nullable=True, normalise=WORD),
    Feature(name="member", kind="boolean", normalise=Normalise(true=("ja",), false=("nein",))),
    Feature(name="born", kind="date", minimum=0, maximum=20000, nullable=True),
    Feature(name="seen", kind="timestamp", normalise=Normalise(date_formats=("%d.%m.%Y %H:%M",))),
]
SIGNATURE = Signature(name="n", task="regression", target="t", features=FEATURES)
ROW: dict[str, Any] = {
    "amount": 1234.5,
    "sex": "male",
    "town": "bonn",
    "member": True,
    "born": "2001-02-03",
    "seen": "2024-01-02T12:00:00Z",
}
BORN = float((dt.date(2001, 2, 3) - dt.date(1970, 1, 1)).days)
SEEN = (dt.date(2024, 1, 2) - dt.date(1970, 1, 1)).days + 0.5
VALUES = [1234.5, "male", "bonn", True, BORN, SEEN]


def decode(*rows: dict[str, Any]) -> list[list[Any]]:
    body = json.dumps({"rows": rows}, ensure_ascii=False).encode()
    decoded = Wire(SIGNATURE, 100).decode(body)
    return [list(each) for each in zip(*decoded.columns, strict=True)]


def test_values_as_they_should_be_take_the_fast_way() -> None:
    wire = Wire(SIGNATURE, 100)
    fast = wire._decode_fast(json.dumps(ROW).encode())
    assert fast is not None
    assert [column[0] for column in fast.columns] == VALUES
    assert fast == wire._careful.decode(json.dumps(ROW).encode())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("amount", "1.234,5 EUR", 1234.5),
        ("amount", "123450 ct", 1234.5),
        ("sex", " M ", "male"),
        ("sex", "FEMALE", "female"),
        ("town", " Köln", "köln"),
        ("town", "N/A", "n/a"),
        ("town", "n/a", None),
        ("town", "", None),
        ("member", "Ja", True),
        ("born", " 2001-02-03 ", BORN),
        ("born", None, None),
        ("seen", "02.01.2024 12:00", SEEN),
        ("seen", "2024-01-02 13:00+01:00", SEEN),
    ],
)
def test_text_is_read_as_the_contract_reads_it(name: str, text: str | None, value: Any) -> None:
    expected = [value if f.name == name else old for f, old in zip(FEATURES, VALUES, strict=True)]
    assert decode({**ROW, name: text}) == [expected]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amount", "1,2,3", "is text that is no number; send a number from 0 to 5000 EUR"),
        ("amount", "6.000", "is above the maximum 5000 EUR"),
        ("sex", "n/a", "stands for a missing value; send one of male, female"),
        ("sex", "x", "is not one of male, female"),
        ("member", "vielleicht", "is text that is no boolean; send true or false"),
        (
            "born",
            "3.2.2001",
            "is no date; send a date like 2024-01-31 from 1970-01-01 to 2024-10-04",
        ),
        ("born", "1969-12-31", "is below the minimum 1970-01-01"),
        ("born", 11356, "is a number; send a date"),
        ("seen", "", "is empty text; send a timestamp"),
        ("seen", None, "is null; send a timestamp"),
    ],
)
def test_text_that_cannot_be_read(name: str, value: Any, said: str) -> None:
    with pytest.raises(ProblemError) as found:
        decode(ROW, {**ROW, name: value})
    assert f"row 1, field {name} {said}" in str(found.value.errors[0].detail)


def test_columns_of_dates_become_days() -> None:
    columns: dict[str, list[Any]] = {name: [value] * 3 for name, value in ROW.items()}
    columns["born"] = ["2001-02-03", dt.date(2001, 2, 3), BORN]
    assert SIGNATURE.inputs(columns)["born"].tolist() == [[BORN]] * 3
    with pytest.raises(BadInput, match="column born holds a value that is no date"):
        SIGNATURE.inputs({**columns, "born": ["x", None, None]})


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)))  # noqa: DTZ001
def test_a_model_learns_from_the_days_it_is_served(when: dt.datetime) -> None:
    features = [Feature(name="d", kind="date"), Feature(name="t", kind="timestamp")]
    signature = Signature(name="n", task="regression", target="y", features=features)
    frame = pl.DataFrame({"d": [when.date()], "t": [when]})
    learnt = model_inputs(frame, signature)
    body = json.dumps({"d": when.date().isoformat(), "t": when.isoformat()}).encode()
    wire = Wire(signature, 10)
    served = wire.inputs(wire.decode(body).columns)
    for name in ("d", "t"):
        assert learnt[name].dtype == pl.Float32
        assert np.array_equal(learnt[name].to_numpy(), served[name][:, 0])


def test_dates_in_the_openapi_document() -> None:
    born = feature_schema(FEATURES[4])
    assert (born["type"], born["format"]) == (["string", "null"], "date")
    assert "Not before 1970-01-01. Not after 2024-10-04." in born["description"]
    assert "minimum" not in born
    assert feature_schema(FEATURES[5])["format"] == "date-time"
    assert feature_schema(FEATURES[5])["examples"] == ["1970-01-01T00:00:00Z"]


def test_serving_needs_no_polars() -> None:
    heavy = "{'polars', 'yaml', 'sqlglot'}"
    code = f"import sys, modelkeel.serving.app; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
