"""The API: what it answers, and what it refuses."""

import json

import pytest
from modelkeel.model.bundle import Bundle
from modelkeel.serving.problems import pointer
from starlette.testclient import TestClient

Row = dict[str, object]


def test_ready_and_model(client: TestClient, row: Row) -> None:
    assert client.get("/live").status_code == 200
    assert client.get("/ready").status_code == 200
    features = client.get("/model").json()["features"]
    assert {each["name"] for each in features} == set(row)


def test_one_row(client: TestClient, row: Row) -> None:
    answer = client.post("/predict", json=row)
    assert answer.status_code == 200
    assert answer.json()["prediction_id"]
    assert "prediction" in answer.json()


def test_many_rows_answer_as_each_alone(client: TestClient, row: Row) -> None:
    alone = client.post("/predict", json=row).json()["prediction"]
    many = client.post("/predict", json={"rows": [row, row]}).json()["predictions"]
    assert [each["prediction"] for each in many] == [alone, alone]


def test_a_missing_field_is_named(client: TestClient, bundle: Bundle, row: Row) -> None:
    required = [each.name for each in bundle.signature.features if not each.nullable]
    name = required[-1] if required else pytest.skip("every field may be left out")
    del row[name]
    answer = client.post("/predict", json=row)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer(name)]


def test_an_unknown_field_is_refused(client: TestClient, row: Row) -> None:
    answer = client.post("/predict", json={**row, "no_such_field": 1})
    assert answer.status_code == 422
    assert "no_such_field" in answer.text


def test_a_value_of_another_type_is_refused(client: TestClient, row: Row) -> None:
    name = next(iter(row))
    answer = client.post("/predict", json={**row, name: ["neither number nor text"]})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer(name)]


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_what_json_has_no_number_for_is_refused(client: TestClient, row: Row, value: str) -> None:
    name = next(iter(row))
    body = json.dumps({**row, name: "HERE"}).replace('"HERE"', value)
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert value in answer.text
