"""Contributions are recorded where reasons are told; of the others they are made when asked for."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from small import Fit, bundle_of, table

from modelkeel.governance.cases import case_of
from modelkeel.governance.explaining import Explained, explain_pending
from modelkeel.journal.events import new_entry
from modelkeel.journal.store import Journal
from modelkeel.model.champion import folder_of
from modelkeel.project import Project
from modelkeel.serving import create_app


def test_both_ways_tell_the_same(fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    monkeypatch.setenv("MODELKEEL_JOURNAL", url)
    monkeypatch.setenv("MODELKEEL_RUNTIME", str(tmp_path / "runtime"))
    small = fit("boosted")
    built = bundle_of(small, tmp_path / "built")
    project = Project(tmp_path, "small", "small", "classification")
    folder = project.models_dir / folder_of(built.digest)
    folder.parent.mkdir(parents=True)
    built.path.rename(folder)
    rows = table().head(20).to_dicts()
    with TestClient(create_app(folder)) as client:
        answers = client.post("/predict", json={"rows": rows}).json()["predictions"]
        paths = [f"/decisions/{each['prediction_id']}/explanation" for each in answers]
        told = [client.get(path).json() for path in paths]
    assert {each["decision"] for each in answers} == {"give", "refuse"}
    journal = Journal.open(url)
    for answer, explained in zip(answers, told, strict=True):
        record = journal.reader().get(answer["prediction_id"])
        assert record is not None
        payload = json.loads(record.payload or b"")
        assert ("contributions" in payload) == (answer["decision"] == "refuse")
        shares = {each["feature"]: each["contribution"] for each in explained["contributions"]}
        margin = explained["base"] + sum(shares.values())
        (_, probability) = answer["probabilities"].values()
        assert 1 / (1 + math.exp(-margin)) == pytest.approx(probability, abs=1e-5)
        case = case_of(project, journal, record.id)
        assert case.contributions == pytest.approx(shares, abs=1e-6)
        assert case.reasons == {each["code"]: each["text"] for each in answer["reasons"] or []}
    assert explain_pending(project, journal) == Explained(exact=20)


def test_the_text_of_a_reason_is_the_one_that_was_told(fit: Fit, tmp_path: Path) -> None:
    """That of the bundle that predicted, whatever governance/reasons.toml says by now."""
    built = bundle_of(fit("boosted"), tmp_path / "built")
    project = Project(tmp_path, "small", "small", "classification")
    journal = Journal.open(f"sqlite:///{tmp_path / 'journal.db'}")
    body = {"digest": built.digest, "decision": "refuse", "reasons": ["MEANS"]}
    entry = new_entry("prediction", body)
    journal.write([entry])
    gone = case_of(project, journal, entry.id)
    assert gone.reasons == {"MEANS": None}
    assert "reason       MEANS (its text is not known" in gone.to_text()
    for folder in (project.bundle_dir, project.models_dir / folder_of(built.digest)):
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(built.path, folder)
        told = case_of(project, journal, entry.id)
        assert told.reasons == {"MEANS": "The means."}
        assert "reason       MEANS: The means." in told.to_text()
        shutil.rmtree(folder)
