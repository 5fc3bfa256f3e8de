"""A decision can be looked up by those whose business it is, and nobody else."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from modelkeel.governance.explaining import Explained, explain_pending
from modelkeel.journal.erase import erase_person
from modelkeel.journal.place import master_key
from modelkeel.journal.store import Journal
from modelkeel.project import Project
from modelkeel.serving import create_app
from modelkeel.serving.keys import Role, create_key

ROW = {"age": 35, "credit amount": 2500.0, "housing": "own", "savings": "rich", "income": 3000.0}
NOBODY = "01938f2e-5c7a-7d31-9a44-0c5f1e2b3a4d"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    path = tmp_path / "keys.toml"
    monkeypatch.setenv("MODELKEEL_KEYS", str(path))
    callers: dict[str, tuple[Role, ...]] = {
        "desk": ("predict",),
        "other": ("predict",),
        "auditor": ("audit",),
        "operator": ("operate",),
    }
    return {
        name: {"x-api-key": create_key(path, name, roles, None)[1]}
        for name, roles in callers.items()
    }


@pytest.mark.usefixtures("journal_url")
def test_who_may_see_a_decision(models: Path, keys: dict[str, dict[str, str]]) -> None:
    with TestClient(create_app(models)) as client:
        answer = client.post("/predict", json=ROW, headers=keys["desk"]).json()
        path = f"/decisions/{answer['prediction_id']}"
        found = client.get(path, headers=keys["desk"])
        assert found.status_code == 200
        assert found.json()["inputs"] == ROW
        assert found.json()["said"]["decision"] == answer["decision"]
        assert client.get(path, headers=keys["auditor"]).json() == found.json()
        assert client.get(path, headers=keys["other"]).status_code == 404
        assert client.get(path, headers=keys["operator"]).status_code == 403
        assert client.get(path).status_code == 401
        assert client.get(f"/decisions/{NOBODY}", headers=keys["auditor"]).status_code == 404
        wrong = client.get("/decisions/Erika", headers=keys["auditor"])
        assert wrong.status_code == 422
        assert "Erika" not in wrong.text


def test_a_server_that_records_nothing(models: Path) -> None:
    with TestClient(create_app(models)) as client:
        assert client.get(f"/decisions/{NOBODY}").status_code == 404


def test_an_explanation_that_another_process_makes(
    models: Path, tmp_path: Path, journal_url: str
) -> None:
    project = Project(tmp_path, "credit-risk", "credit_risk", "classification")
    with TestClient(create_app(models)) as client:
        identity = client.post("/predict", json=ROW).json()["prediction_id"]
        path = f"/decisions/{identity}/explanation"
        pending = client.get(path)
        assert pending.status_code == 202
        assert pending.headers["retry-after"]
        journal = Journal.open(journal_url, master=master_key(None, production=False))
        assert explain_pending(project, journal) == Explained(made=1)
        assert explain_pending(project, journal) == Explained(exact=1)
        found = client.get(path).json()
        assert found["prediction"] == "1"
        assert {each["feature"] for each in found["contributions"]} == set(ROW)
        assert len(found["errors"]) == len(ROW)
        margin = found["base"] + sum(each["contribution"] for each in found["contributions"])
        probability = client.get(f"/decisions/{identity}").json()["said"]["probabilities"]["1"]
        assert 1 / (1 + math.exp(-margin)) == pytest.approx(probability, abs=1e-5)


def test_what_would_have_turned_it(models: Path, journal_url: str) -> None:
    row = {**ROW, "credit amount": 90000.0}
    with TestClient(create_app(models)) as client:
        answer = client.post("/predict", json=row).json()
        assert answer["decision"] == "decline"
        journal = Journal.open(journal_url, master=master_key(None, production=False))
        explain_pending(
            Project(models.parent, "credit-risk", "credit_risk", "classification"), journal
        )
        path = f"/decisions/{answer['prediction_id']}/explanation"
        assert client.get(path).json()["counterfactual"] is None
        found = client.get(path, params={"counterfactual": True}).json()["counterfactual"]
        assert found["said"]


def test_the_database_goes_away(models: Path, tmp_path: Path, journal_url: str) -> None:
    with TestClient(create_app(models)) as client:
        identity = client.post("/predict", json=ROW).json()["prediction_id"]
        with sqlite3.connect(tmp_path / "journal.db") as database:
            database.execute("ALTER TABLE records RENAME TO elsewhere")
        for path in (f"/decisions/{identity}", f"/decisions/{identity}/explanation"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:modelkeel:problem:journal-unavailable"
            assert answer.headers["retry-after"]


def test_what_is_sealed_is_not_read_without_the_key(
    models: Path, journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(models)) as client:
        identity = client.post("/predict", json=ROW).json()["prediction_id"]
        told = client.get(f"/decisions/{identity}").json()
        assert (told["inputs"], told["sealed"]) == (ROW, False)
    monkeypatch.delenv("MODELKEEL_JOURNAL_KEY")
    with TestClient(create_app(models)) as client:
        answer = client.get(f"/decisions/{identity}")
        assert answer.status_code == 200
        assert answer.json() == {**told, "inputs": None, "sealed": True}
        problem = client.get(f"/decisions/{identity}/explanation")
        assert problem.status_code == 410
        assert problem.json()["type"] == "urn:modelkeel:problem:sealed"
        assert "MODELKEEL_JOURNAL_KEY" in problem.json()["detail"]


def test_what_was_erased_is_not_sealed(models: Path, tmp_path: Path, journal_url: str) -> None:
    with TestClient(create_app(models)) as client:
        sent = client.post("/predict", json=ROW, headers={"x-subject-id": "Ada"})
        path = f"/decisions/{sent.json()['prediction_id']}"
        journal = Journal.open(journal_url, master=master_key(None, production=False))
        erase_person(journal, tmp_path / "erased.jsonl", "Ada", by="ada@example.com", reason="asks")
        answer = client.get(path).json()
        assert (answer["inputs"], answer["sealed"]) == (None, False)
        gone = client.get(f"{path}/explanation")
        assert gone.status_code == 410
        assert gone.json()["type"] == "urn:modelkeel:problem:erased"
