"""Requests to the generated repository's own server, good and bad."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from generated import TASKS, Repo, example_of, serving

pytestmark = pytest.mark.slow

Row = dict[str, Any]


@pytest.fixture(scope="module", params=TASKS)
def client(request: pytest.FixtureRequest, make: Callable[[str], Repo]) -> Iterator[httpx2.Client]:
    with serving(make(request.param)) as client:
        yield client


@pytest.fixture
def row(client: httpx2.Client) -> Row:
    return example_of(client)


def numeric(row: Row) -> str:
    return next(key for key, value in row.items() if isinstance(value, int | float))


def missing(row: Row) -> tuple[str, str]:
    name = numeric(row)
    return name, json.dumps({key: value for key, value in row.items() if key != name})


def extra(row: Row) -> tuple[str, str]:
    return "no_such_field", json.dumps({**row, "no_such_field": 1})


def not_a_number(row: Row) -> tuple[str, str]:
    name = numeric(row)
    return name, json.dumps({**row, name: float("nan")})


def text_for_a_number(row: Row) -> tuple[str, str]:
    name = numeric(row)
    return name, json.dumps({**row, name: "a lot"})


def post(client: httpx2.Client, body: str) -> httpx2.Response:
    return client.post("/predict", content=body, headers={"content-type": "application/json"})


def test_one_row_and_many(client: httpx2.Client, row: Row) -> None:
    one = client.post("/predict", json=row)
    many = client.post("/predict", json={"rows": [row, row]})
    assert one.status_code == many.status_code == 200
    first, second = many.json()["predictions"]
    assert first["prediction"] == second["prediction"] == one.json()["prediction"]
    ids = {first["prediction_id"], second["prediction_id"], one.json()["prediction_id"]}
    assert len(ids) == 3


@pytest.mark.parametrize("damage", [missing, extra, not_a_number, text_for_a_number])
def test_a_bad_field_is_named(
    client: httpx2.Client, row: Row, damage: Callable[[Row], tuple[str, str]]
) -> None:
    name, body = damage(row)
    answer = post(client, body)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert name in json.dumps({k: v for k, v in problem.items() if k != "instance"})
    assert client.get("/ready").status_code == 200


def test_a_bad_row_among_many_is_named_by_its_number(client: httpx2.Client, row: Row) -> None:
    bad = dict(row)
    name = numeric(row)
    del bad[name]
    answer = client.post("/predict", json={"rows": [row, bad]})
    assert answer.status_code == 422
    assert f"#/rows/1/{name}" in answer.text


def test_every_example_of_the_description_is_answered(client: httpx2.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        assert client.post("/predict", json=example["value"]).status_code == 200
