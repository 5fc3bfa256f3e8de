from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from modelkeel.errors import BadInput
from modelkeel.model.signature import Feature, Signature

SIGNATURE = Signature(
    name="m",
    task="regression",
    target="y",
    features=[
        Feature(name="x", kind="number", nullable=True),
        Feature(name="n", kind="integer", minimum=1, maximum=9),
        Feature(name="b", kind="boolean"),
        Feature(name="c", kind="category", categories=["a", "b"], nullable=True),
    ],
)


def test_inputs_are_columns_of_one_with_gaps_filled() -> None:
    arrays = SIGNATURE.inputs(
        {"x": [1.5, None], "n": [1, 2], "b": [True, False], "c": ["a", None], "other": [1]}
    )
    assert list(arrays) == ["x", "n", "b", "c"]
    assert {name: array.shape for name, array in arrays.items()} == dict.fromkeys("xnbc", (2, 1))
    np.testing.assert_array_equal(arrays["x"], np.array([[1.5], [np.nan]], dtype=np.float32))
    np.testing.assert_array_equal(arrays["b"], np.array([[1], [0]], dtype=np.float32))
    assert arrays["n"].dtype == np.float32
    assert arrays["c"].dtype == object
    assert arrays["c"].tolist() == [["a"], [""]]


def test_numpy_columns_are_taken() -> None:
    arrays = SIGNATURE.inputs(
        {
            "x": np.array([1.0, np.nan]),
            "n": np.array([1, 2]),
            "b": np.array([True, False]),
            "c": np.array(["a", "b"]),
        }
    )
    assert np.isnan(arrays["x"][1, 0])
    assert arrays["c"].tolist() == [["a"], ["b"]]
    assert type(arrays["c"][0, 0]) is str


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n": ...}, "column n is missing"),
        ({"n": [1, 2]}, "column n has 2 values, column x has 1"),
        ({"x": ["word"]}, "column x holds a value that is no number"),
        ({"c": [3]}, "column c holds a value that is no category"),
    ],
)
def test_bad_columns_are_named(change: dict[str, Any], says: str) -> None:
    columns: dict[str, Any] = {"x": [1.0], "n": [1], "b": [True], "c": ["a"], **change}
    columns = {name: column for name, column in columns.items() if column is not ...}
    with pytest.raises(BadInput, match=says):
        SIGNATURE.inputs(columns)


@pytest.mark.parametrize(
    ("feature", "example"),
    [
        ({"kind": "number"}, 0.0),
        ({"kind": "number", "minimum": 2, "maximum": 3}, 2.5),
        ({"kind": "integer", "minimum": 2.5, "maximum": 4}, 3),
        ({"kind": "integer", "maximum": -3}, -3),
        ({"kind": "boolean"}, True),
        ({"kind": "category", "categories": ["b", "a"]}, "b"),
        ({"kind": "category"}, "text"),
        ({"kind": "number", "nullable": True, "example": None}, None),
        ({"kind": "number", "example": 7}, 7),
    ],
)
def test_an_example_is_given_or_made(feature: dict[str, Any], example: Any) -> None:
    made = Feature(name="f", **feature).example
    assert made == example
    assert type(made) is type(example)


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ({"kind": "category", "minimum": 1}, "a category has no range"),
        ({"kind": "number", "minimum": 2, "maximum": 1}, "minimum is above maximum"),
        ({"kind": "number", "categories": ["a"]}, "a number has no categories"),
        ({"kind": "category", "categories": []}, "the list of categories is empty"),
        ({"kind": "category", "categories": ["a", "a"]}, "a category appears twice"),
        ({"kind": "category", "categories": ["a", ""]}, "stands for missing"),
        ({"kind": "number", "maximum": 1, "example": 2}, "is above the maximum 1"),
        ({"kind": "number", "minimum": float("inf")}, "a bound must be finite"),
        ({"kind": "boolean", "example": 1}, "is not true or false"),
        ({"kind": "number", "unknown": 1}, "Extra inputs"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(feature: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Feature(name="f", **feature)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"task": "classification"}, "at least two classes"),
        ({"classes": ["a", "b"]}, "a regression has no classes"),
        ({"task": "classification", "classes": ["a", "b", "a"]}, "a class appears twice"),
        ({"features": [SIGNATURE.features[0]] * 2}, "a feature appears twice: x"),
        ({"features": []}, "at least 1 item"),
    ],
)
def test_a_signature_that_contradicts_itself_is_refused(change: dict[str, Any], says: str) -> None:
    values = {**SIGNATURE.model_dump(), **change}
    with pytest.raises(ValidationError, match=says):
        Signature.model_validate(values)


def test_a_signature_survives_json() -> None:
    assert Signature.model_validate_json(SIGNATURE.model_dump_json()) == SIGNATURE
