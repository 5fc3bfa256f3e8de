"""Every prediction that is answered is in the journal; where it cannot be, none is answered."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from modelkeel.journal.place import master_key
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify
from modelkeel.model.bundle import Bundle, write_bundle
from modelkeel.serving import create_app
from modelkeel.serving.state import StartRefused

from .conftest import CREDIT, GOLDEN_CREDIT, PAYOFF, credit_model

ROW = {"age": 35, "credit amount": 2500.0, "housing": "own", "savings": "rich", "income": 3000.0}
LINES = {"content-type": "application/x-ndjson"}


def journal_of(url: str) -> Journal:
    return Journal.open(url, master=master_key(None, production=False))


def seen(journal: Journal, identity: str) -> dict[str, Any]:
    record = journal.reader().get(identity)
    assert record is not None
    assert journal.keystore is not None
    payload = journal.keystore.open_payload(record)
    assert payload is not None
    return {**record.said, **json.loads(payload), "subject": record.subject}


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_answered_is_recorded(models: Path, credit: Bundle, journal_url: str) -> None:
    with TestClient(create_app(models)) as client:
        answer = client.post("/predict", json=ROW).json()
        many = client.post("/predict", json={"rows": [ROW, ROW], "subjects": ["Ana", "Ben"]})
        lines = client.post("/predict", content="\n".join([json.dumps(ROW)] * 3), headers=LINES)
    journal = journal_of(journal_url)
    found = seen(journal, answer["prediction_id"])
    assert found["inputs"] == ROW
    assert found["digest"] == credit.digest
    assert found["caller"] == "development"
    for key in ("prediction", "probabilities", "decision"):
        assert found[key] == answer[key]
    ids = [each["prediction_id"] for each in many.json()["predictions"]]
    ids += [json.loads(line)["prediction_id"] for line in lines.text.splitlines()]
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.headers["x-model-digest"] == credit.digest
    assert len({seen(journal, each)["subject"] for each in ids}) == 3  # Ana, Ben, nobody
    report = verify(journal.engine)
    assert report.intact
    assert report.records == 6


def test_requests_that_come_together_are_one_batch(models: Path, journal_url: str) -> None:
    with TestClient(create_app(models)) as client, ThreadPoolExecutor(16) as pool:
        rows = [{**ROW, "age": 18 + at} for at in range(64)]
        answers = list(pool.map(lambda row: client.post("/predict", json=row).json(), rows))
    journal = journal_of(journal_url)
    for row, answer in zip(rows, answers, strict=True):
        found = seen(journal, answer["prediction_id"])
        assert found["inputs"]["age"] == row["age"]
        assert found["probabilities"] == answer["probabilities"]
        assert found["batch"][1] < found["batch"][0]


def test_a_row_that_fails_fails_alone(overflowing: Path, journal_url: str) -> None:
    good = {"temperature": 0.5, "hour": 1, "holiday": True, "station": "A"}
    with (
        TestClient(create_app(overflowing), raise_server_exceptions=False) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        rows = [{**good, "temperature": 20.0} if at % 4 == 0 else good for at in range(32)]
        status = list(pool.map(lambda row: client.post("/predict", json=row).status_code, rows))
    assert status == [500 if at % 4 == 0 else 200 for at in range(32)]
    assert verify(journal_of(journal_url).engine).records == 24


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"x-subject-id": "x" * 201}, ROW, "no text of 1 to 200"),
        ({"x-subject-id": "a"}, {"rows": [ROW]}, "goes with one row"),
        ([("x-subject-id", "a"), ("x-subject-id", "b")], ROW, "x-subject-id is sent twice"),
        ([("x-subject-id", ""), ("x-subject-id", "b")], ROW, "x-subject-id is sent twice"),
        ({}, {"rows": [ROW], "subjects": ["a", "b"]}, "subjects has 2 entries"),
        ({}, {"rows": [ROW], "subjects": [""]}, "subject 0 is no text"),
        ({}, {"rows": [ROW], "subjects": "a"}, "subjects is text"),
        ({}, {"rows": [ROW], "subjects": None}, "subjects is null"),
    ],
)
def test_a_subject_that_is_none(
    models: Path, headers: Any, body: dict[str, Any], said: str
) -> None:
    answer = TestClient(create_app(models)).post("/predict", json=body, headers=headers)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


@pytest.mark.anyio
async def test_a_subject_in_another_encoding(models: Path) -> None:
    """Read with replacements, Müller and Möller were one person."""
    transport = httpx2.ASGITransport(create_app(models))  # hands on the bytes of a header
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for name in ("Müller", "Möller"):
            headers = {"x-subject-id": name.encode("latin-1")}
            answer = await client.post("/predict", json=ROW, headers=headers)
            assert answer.status_code == 422
            assert "header x-subject-id is not UTF-8" in answer.json()["detail"]


def test_two_people_with_names_beyond_ascii(models: Path, journal_url: str) -> None:
    with TestClient(create_app(models)) as client:
        ids = [
            client.post("/predict", json=ROW, headers={"x-subject-id": name.encode()}).json()
            for name in ("Müller", "Möller", "Müller")
        ]
    journal = journal_of(journal_url)
    first, second, third = (seen(journal, each["prediction_id"])["subject"] for each in ids)
    assert first == third != second


def test_without_a_journal_nothing_is_predicted(
    models: Path, tmp_path: Path, journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelkeel.serving.recorder.RETRY_SECONDS", 0.1)
    database = tmp_path / "journal.db"
    database.mkdir()
    with TestClient(create_app(models)) as client:
        answer = client.post("/predict", json=ROW)
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("journal-unavailable")
        assert client.get("/ready").status_code == 503
        assert client.get("/live").status_code == 200
        database.rmdir()
        until(lambda: client.get("/ready").status_code == 200)
        assert client.post("/predict", json=ROW).status_code == 200
    assert verify(journal_of(journal_url).engine).records == 1


@pytest.mark.usefixtures("journal_url")
def test_the_baseline_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELKEEL_ON_JOURNAL_FAILURE", "baseline")
    (tmp_path / "journal.db").mkdir()
    bundle = write_bundle(
        tmp_path / "bundle",
        name="credit-risk",
        onnx_path=credit_model(tmp_path / "m.onnx"),
        signature=CREDIT,
        decision={**PAYOFF, "baseline": "decline"},
        profile={},
        golden_columns=GOLDEN_CREDIT,
        lineage={},
    )
    with TestClient(create_app(bundle.path)) as client:
        answer = client.post("/predict", json=ROW)
        assert answer.status_code == 200
        assert answer.json() == {"source": "baseline", "decision": "decline"}
        assert len(client.post("/predict", json={"rows": [ROW] * 2}).json()["predictions"]) == 2
        assert client.post("/predict", content=json.dumps(ROW), headers=LINES).text.count("\n") == 1
        assert client.get("/ready").json()["journal"] == "away"
        assert client.post("/predict", json={**ROW, "age": 5}).status_code == 422


def test_a_journal_that_hangs_is_given_up(
    models: Path, tmp_path: Path, journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELKEEL_TIMEOUT", "0.2")
    with TestClient(create_app(models)) as client:
        assert client.post("/predict", json=ROW).status_code == 200
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert client.post("/predict", json=ROW).status_code == 503
        assert time.monotonic() - started < 4
        other.execute("ROLLBACK")
        other.close()
        until(lambda: client.post("/predict", json=ROW).status_code == 200)


def test_a_journal_that_is_replaced_has_what_was_answered(
    models: Path, tmp_path: Path, journal_url: str
) -> None:
    with TestClient(create_app(models)) as client:
        assert client.post("/predict", json=ROW).status_code == 200
        with (
            sqlite3.connect(tmp_path / "journal.db") as old,
            sqlite3.connect(tmp_path / "backup.db") as backup,
        ):
            old.backup(backup)
        for each in tmp_path.glob("journal.db*"):
            each.unlink()
        until(lambda: client.get("/ready").status_code == 503)
        assert client.post("/predict", json=ROW).status_code == 503
        (tmp_path / "backup.db").rename(tmp_path / "journal.db")
        until(lambda: client.get("/ready").status_code == 200)
        answer = client.post("/predict", json=ROW).json()
    journal = journal_of(journal_url)
    assert seen(journal, answer["prediction_id"])["inputs"] == ROW
    report = verify(journal.engine)
    assert report.intact
    assert report.records == 2


def test_a_server_does_not_start_with_another_key(
    models: Path, journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_app(models)
    assert not Path(journal_url.removeprefix("sqlite:///")).exists()
    with TestClient(create_app(models)) as client:
        assert client.post("/predict", json=ROW).status_code == 200
    monkeypatch.setenv("MODELKEEL_JOURNAL_KEY", "A" * 43 + "=")
    with pytest.raises(StartRefused, match="master key is not the one") as caught:
        create_app(models)
    assert "MODELKEEL_JOURNAL_KEY" in caught.value.remedy


def test_who_may_ask(models: Path, api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELKEEL_RATE_PER_MINUTE", "12")
    key = {"x-api-key": api_key}
    with TestClient(create_app(models)) as client:
        answer = client.post("/predict", json=ROW)
        assert answer.status_code == 401
        assert "www-authenticate" in answer.headers
        assert client.get("/live").status_code == client.get("/ready").status_code == 200
        found = [client.post("/predict", json=ROW, headers=key) for _ in range(4)]
        assert [each.status_code for each in found] == [200, 200, 429, 429]
        assert int(found[-1].headers["retry-after"]) > 0


def test_rows_count_against_the_quota(
    models: Path, api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELKEEL_DAILY_QUOTA", "5")
    with TestClient(create_app(models), headers={"x-api-key": api_key}) as client:
        assert client.post("/predict", json={"rows": [ROW] * 4}).status_code == 200
        assert client.post("/predict", json={"rows": [ROW] * 2}).status_code == 429
        assert client.post("/predict", json=ROW).status_code == 200


def test_a_fault_of_ours_leaves_nobody_waiting(models: Path) -> None:
    app = create_app(models)

    def fails(*_: Any) -> None:
        raise RuntimeError(str(ROW))

    app.state.service.pipeline._on_judged = fails
    answer = TestClient(app).post("/predict", json=ROW)
    assert answer.status_code == 500
    assert "2500" not in answer.text
