from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from modelkeel.model.bundle import Bundle
from modelkeel.model.signature import FLOAT32_MAX
from modelkeel.serving import create_app
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.wire import Wire

ROW: dict[str, Any] = {
    "age": 35,
    "credit amount": 2500.0,
    "housing": "own",
    "savings": "rich",
    "income": 3000,
}
JSON = {"content-type": "application/json"}


@pytest.fixture
def client(models: Path) -> Iterator[TestClient]:
    with TestClient(create_app(models, max_rows=5, max_bytes=10_000)) as client:
        yield client


@pytest.fixture
def demand_client(demand: Bundle) -> Iterator[TestClient]:
    with TestClient(create_app(demand.path)) as client:
        yield client


def post(client: TestClient, body: str | bytes) -> httpx2.Response:
    return client.post("/predict", content=body, headers=JSON)


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    value: dict[str, Any] = response.json()
    assert value["status"] == status
    assert value["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
    assert value["type"]
    assert value["title"]
    assert value["detail"]
    return value


def test_one_row_is_classified_and_decided(client: TestClient, credit: Bundle) -> None:
    response = client.post("/predict", json=ROW)
    assert response.status_code == 200
    answer = response.json()
    assert uuid.UUID(answer["prediction_id"]).version == 7
    assert answer["model"] == {"name": "credit-risk", "version": "3", "digest": credit.digest}
    assert answer["prediction"] == "1"
    assert answer["decision"] == "approve"
    scores = credit.scorer.predict({name: [value] for name, value in ROW.items()})
    assert answer["probabilities"] == dict(zip(["0", "1"], scores[0].tolist(), strict=True))


def test_the_decision_follows_the_payoff_not_the_likelier_class(client: TestClient) -> None:
    answer = client.post("/predict", json={**ROW, "income": None, "savings": None}).json()
    assert answer["prediction"] == "1"
    assert answer["probabilities"]["1"] < 5 / 6
    assert answer["decision"] == "decline"


def test_many_rows_are_answered_in_order(client: TestClient) -> None:
    rows = [ROW, {**ROW, "housing": "rent", "savings": None}, {**ROW, "age": 18}]
    many = client.post("/predict", json={"rows": rows}).json()
    assert [p["probabilities"] for p in many["predictions"]] == [
        client.post("/predict", json=row).json()["probabilities"] for row in rows
    ]
    ids = [p["prediction_id"] for p in many["predictions"]]
    assert ids == sorted(set(ids))


def test_a_nullable_field_may_be_left_out_or_null(client: TestClient) -> None:
    left_out = {name: value for name, value in ROW.items() if name not in ("savings", "income")}
    nulls = {**ROW, "savings": None, "income": None}
    first, second = client.post("/predict", json=left_out), client.post("/predict", json=nulls)
    assert first.status_code == second.status_code == 200
    assert first.json()["probabilities"] == second.json()["probabilities"]


def test_regression(demand_client: TestClient) -> None:
    row = {"temperature": 20.5, "hour": 8, "holiday": True, "station": "A"}
    answer = demand_client.post("/predict", json=row).json()
    assert answer["prediction"] == pytest.approx(20.5 * 3 + 16 - 40 + 7)
    assert set(answer) == {"prediction_id", "model", "prediction"}


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"age": ...}, "#/age", "field age is missing; send an integer from 18 to 100 years"),
        ({"agee": 3}, "#/agee", "field agee is unknown; did you mean age?"),
        ({"Credit Amount": 3}, "#/Credit%20Amount", "did you mean credit amount?"),
        ({"zzz": 3}, "#/zzz", "the fields are age, credit amount, housing, savings, income"),
        ({"a/b~c": 3}, "#/a~1b~0c", "is unknown"),
        ({"age": "hello"}, "#/age", "field age is text; send an integer"),
        ({"age": True}, "#/age", "field age is true or false; send an integer"),
        ({"age": 35.5}, "#/age", "is not an integer"),
        ({"age": None}, "#/age", "field age is null; send an integer"),
        ({"age": 17}, "#/age", "is below the minimum 18 years"),
        ({"age": 10**30}, "#/age", "is above the maximum 100 years"),
        ({"credit amount": -0.5}, "#/credit%20amount", "is below the minimum 0 EUR"),
        ({"credit amount": 1e39}, "#/credit%20amount", "is not a finite number"),
        ({"credit amount": [1]}, "#/credit%20amount", "is a list; send a number"),
        ({"credit amount": {"a": 1}}, "#/credit%20amount", "is an object; send a number"),
        ({"housing": "castle"}, "#/housing", "is not one of own, rent, free"),
        ({"housing": 3}, "#/housing", "is a number; send one of own, rent, free"),
        ({"savings": ""}, "#/savings", "send null or leave it out when unknown"),
        ({"income": float("nan")}, "#/income", "JSON does not have; send null or leave it out"),
        ({"age": float("inf")}, "#/age", "JSON does not have; send an integer"),
        ({"rows": {}}, "#/rows", "send a list of rows"),
    ],
)
def test_each_bad_field_is_named_with_its_remedy(
    client: TestClient, change: dict[str, Any], pointer: str, says: str
) -> None:
    row = {name: value for name, value in {**ROW, **change}.items() if value is not ...}
    value = problem(post(client, json.dumps(row)), 422)
    assert [error["pointer"] for error in value["errors"]] == [pointer]
    assert says in value["errors"][0]["detail"]
    assert value["detail"] == value["errors"][0]["detail"]
    many = problem(post(client, json.dumps({"rows": [ROW, row]})), 422)
    assert many["errors"][0]["pointer"] == f"#/rows/1{pointer[1:]}"
    assert many["errors"][0]["detail"].startswith("row 1, field ")


def test_all_problems_are_listed_at_once(client: TestClient) -> None:
    body = {"rows": [{**ROW, "age": 1, "housing": "x"}, ROW, {"age": 20}, 7]}
    value = problem(post(client, json.dumps(body)), 422)
    assert [error["pointer"] for error in value["errors"]] == [
        "#/rows/0/age",
        "#/rows/0/housing",
        "#/rows/2/credit%20amount",
        "#/rows/2/housing",
        "#/rows/3",
    ]
    assert value["detail"].endswith("(4 more)")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body is empty"),
        (b"  \n", "the body is empty"),
        (b'{"age": 3,\n "housing" 4}', "not JSON: line 2, column 12"),
        (b'{"age": 35', "not JSON: line 1"),
        (b"[1, 2]", "the body is a list; send an object"),
        (b'"text"', "the body is text"),
        (b"null", "the body is null"),
        (b'{"housing": "\xff"}', "not UTF-8: byte 13"),
        ('{"age": 35}'.encode("utf-16"), "not UTF-8: byte 0"),
        (b'\xef\xbb\xbf{"age": 35}', "BOM"),
        (b'{"rows": []}', "rows is empty"),
        (b'{"rows": [], "age": 3}', "field age stands beside rows"),
        (b'{"rows": [[]]}', "row 0 is a list"),
        (b"[" * 9000, "nested too deeply"),
        (b'{"age":' + b"[" * 9000, "nested too deeply"),
        (b'{"age":' + b"9" * 9000 + b"}", "is not a finite number"),
        (json.dumps(ROW).replace("}", ', "age": 36}').encode(), "field age appears twice"),
        (json.dumps(ROW).replace("}", ', "\\u0061ge": 36}').encode(), "field age appears twice"),
        (b'{"rows": [{}], "rows": [{}]}', "rows appears twice"),
        (b'{"\\ud800": 1}', "is unknown"),
    ],
)
def test_bodies_that_are_no_rows(client: TestClient, body: bytes, says: str) -> None:
    value = problem(post(client, body), 422)
    assert any(says in error["detail"] for error in value["errors"]), value


def test_a_repeated_key_is_seen_beside_a_left_out_one(client: TestClient) -> None:
    body = '{"age": 35, "credit amount": 1.0, "housing": "own", "housing": "own", "income": 3}'
    assert "appears twice" in problem(post(client, body), 422)["detail"]


@pytest.mark.parametrize("age", ["35.0", "3.5e1", "35"])
def test_a_whole_number_is_an_integer_however_it_is_written(client: TestClient, age: str) -> None:
    assert post(client, json.dumps(ROW).replace("35", age)).status_code == 200


def test_escapes_in_names_and_values_are_read(client: TestClient) -> None:
    body = json.dumps(ROW).replace("own", "\\u006fwn").replace("age", "\\u0061ge")
    assert post(client, body).json()["prediction"] == "1"


def test_half_a_surrogate_pair_is_no_text(demand_client: TestClient) -> None:
    body = '{"temperature": 1, "hour": 2, "holiday": false, "station": "\\ud800"}'
    assert "valid Unicode" in problem(post(demand_client, body), 422)["detail"]
    body = body.replace("\\ud800", "\\ud83d\\ude80 Zürich")
    assert post(demand_client, body).status_code == 200


def test_too_many_rows(client: TestClient) -> None:
    value = problem(client.post("/predict", json={"rows": [ROW] * 6}), 413)
    assert value["detail"] == "The request has 6 rows, 5 are allowed; send it in parts."
    assert problem(client.post("/predict", json={"rows": [{}] * 6}), 413)
    assert client.post("/predict", json={"rows": [ROW] * 5}).status_code == 200


def test_a_body_too_large_is_refused_with_and_without_a_length(client: TestClient) -> None:
    body = json.dumps(ROW).encode() + b" " * 10_000
    assert "10000 bytes" in problem(post(client, body), 413)["detail"]
    chunks = (body[i : i + 1000] for i in range(0, len(body), 1000))
    response = client.post("/predict", content=chunks, headers=JSON)
    assert "content-length" not in response.request.headers
    problem(response, 413)


@pytest.mark.anyio
async def test_reading_stops_at_the_limit(models: Path) -> None:
    app = create_app(models, max_bytes=1000)
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 600
        return {"type": "http.request", "body": b" " * 600, "more_body": True}

    statuses = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await app(scope, receive, send)
    assert statuses[0] == 413
    assert sent == 1200


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"content-type": "text/plain"}, "not JSON; send application/json"),
        ({"content-type": "application/jsonp"}, "not JSON"),
        ({"content-type": ""}, "missing"),
        ({"content-type": "application/json; charset=latin-1"}, "charset is not UTF-8"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "compressed"),
    ],
)
def test_another_media_type(client: TestClient, headers: dict[str, str], says: str) -> None:
    response = client.post("/predict", content=json.dumps(ROW), headers=headers)
    assert says in problem(response, 415)["detail"]


def test_json_with_a_charset_is_json(client: TestClient) -> None:
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    response = client.post("/predict", content=json.dumps(ROW), headers=headers)
    assert response.status_code == 200


@pytest.mark.anyio
async def test_fifty_requests_at_once(models: Path) -> None:
    transport = httpx2.ASGITransport(create_app(models))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        rows = [{**ROW, "age": 18 + i} for i in range(50)]
        answers = await asyncio.gather(*(client.post("/predict", json=row) for row in rows))
        alone = [(await client.post("/predict", json=row)).json() for row in rows]
    assert [a.status_code for a in answers] == [200] * 50
    together = [a.json() for a in answers]
    assert [a["probabilities"] for a in together] == [a["probabilities"] for a in alone]
    assert len({a["prediction_id"] for a in together}) == 50


def test_a_score_that_is_not_finite_is_a_fault_without_internals(overflowing: Path) -> None:
    client = TestClient(create_app(overflowing))
    row = {"temperature": 50, "hour": 2, "holiday": False}
    value = problem(client.post("/predict", json=row), 500)
    assert value["title"] == "Internal error"
    assert "rithmetic" not in json.dumps(value)


def test_no_value_of_a_request_reaches_log_or_problem(
    models: Path, log_lines: Callable[[], list[str]]
) -> None:
    client = TestClient(create_app(models))
    secret = "Erika-Mustermann-4711"
    bodies = [
        json.dumps({**ROW, "housing": secret}),
        json.dumps({**ROW, "age": secret}),
        json.dumps({"rows": [{**ROW, "savings": secret}]}),
        f'{{"age": "{secret}" oops',
        f'"{secret}"',
        json.dumps({**ROW, "age": [secret]}),
        json.dumps(ROW),
    ]
    for body in bodies:
        response = client.post(
            f"/predict?who={secret}", content=body, headers={**JSON, "x-user": secret}
        )
        assert secret not in response.text
    client.get(f"/people/{secret}")
    assert secret not in json.dumps(log_lines())
    lines = [each for each in map(json.loads, log_lines()) if "request_id" in each]
    assert len(lines) == len(bodies) + 1
    assert secret not in json.dumps(lines)
    last = lines[-2]
    assert last["status"] == 200
    assert last["rows"] == 1
    assert last["version"] == "3"
    assert last["route"] == "/predict"
    assert last["prediction_id"] == response.json()["prediction_id"]
    assert last["ms"] > 0


def test_both_ways_of_decoding_agree(credit: Bundle, demand: Bundle) -> None:
    rows = [
        ROW,
        {**ROW, "savings": None, "income": None},
        {**ROW, "income": FLOAT32_MAX},
        {**ROW, "age": 18, "credit amount": 0},
    ]
    days = [
        {"temperature": -30, "hour": 23, "holiday": True, "station": None},
        {"temperature": 1.25, "hour": 0, "holiday": False, "station": "Zürich"},
    ]
    for bundle, cases in ((credit, rows), (demand, days)):
        wire = Wire(bundle.signature, 10)
        for document in (*cases, {"rows": cases}):
            body = json.dumps(document, ensure_ascii=False).encode()
            fast, careful = wire._decode_fast(body), wire._careful.decode(body)
            assert fast is not None
            assert fast == careful
            names = bundle.signature.feature_names
            columns = dict(zip(names, fast.columns, strict=True))
            for name, array in bundle.signature.inputs(columns).items():
                np.testing.assert_array_equal(wire.inputs(fast.columns)[name], array)
                assert wire.inputs(fast.columns)[name].dtype == array.dtype


def test_what_the_fast_way_accepts_the_careful_way_accepts(credit: Bundle) -> None:
    wire = Wire(credit.signature, 10)
    values = [
        *(None, True, 0, -1, 17, 18, 100, 101, 1e39, 1e-45, 2.5, "", "own", "rich", [], {}),
        *(10**25, FLOAT32_MAX),
    ]
    for name in ROW:
        for value in values:
            body = json.dumps({**ROW, name: value}).encode()
            fast = wire._decode_fast(body)
            try:
                careful = wire._careful.decode(body)
            except ProblemError:
                assert fast is None, (name, value)
            else:
                assert fast is None or fast == careful, (name, value)


@pytest.mark.anyio
async def test_a_caller_who_leaves_gets_no_answer(models: Path) -> None:
    app = create_app(models)

    async def leave() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": b"{", "more_body": True}
        yield {"type": "http.disconnect"}

    events = leave()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await app(scope, events.__anext__, send)
    assert sent == []
