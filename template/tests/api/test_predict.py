"""The API: what it answers, and what it refuses."""

import pytest
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


def test_a_missing_field_is_named(client: TestClient, row: Row) -> None:
    name, _ = row.popitem()
    answer = client.post("/predict", json=row)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert name in answer.text


def test_an_unknown_field_is_refused(client: TestClient, row: Row) -> None:
    answer = client.post("/predict", json={**row, "no_such_field": 1})
    assert answer.status_code == 422
    assert "no_such_field" in answer.text


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"text"'])
def test_what_is_no_number_is_refused(client: TestClient, row: Row, value: str) -> None:
    name = next(key for key, given in row.items() if isinstance(given, int | float))
    fields = [f'"{key}": {value if key == name else 0}' for key in row]
    body = "{" + ", ".join(fields) + "}"
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
