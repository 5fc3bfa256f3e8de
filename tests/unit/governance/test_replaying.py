"""Replay: the score in a record comes out of its inputs and its model again, bit for bit."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from cases import write_model

from modelkeel.errors import BadInput, Refused
from modelkeel.governance.replaying import refuse_different, replay
from modelkeel.journal.entry import Entry
from modelkeel.journal.erase import erase_prediction
from modelkeel.journal.opening import journal_of
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records
from modelkeel.model.bundle import Bundle
from modelkeel.project import Project

AMOUNTS = [310.7, 0.1, 999.9]


def identity(number: int) -> str:
    return f"0192f0c0-0000-7000-8000-{number:012x}"


@pytest.fixture
def bundle(project: Project) -> Bundle:
    return write_model(project)


@pytest.fixture
def journal(project: Project, bundle: Bundle) -> Journal:
    """Three predictions of one batch, as a server records them."""
    journal = journal_of(project, make=True)
    scores = bundle.scorer.predict({"amount": AMOUNTS})
    decisions = bundle.decide(scores) or []
    entries = []
    for at, (amount, row) in enumerate(zip(AMOUNTS, scores.tolist(), strict=True)):
        classes = bundle.signature.classes
        body = {
            "model": "credit",
            "version": "1",
            "digest": bundle.digest,
            "prediction": classes[row.index(max(row))],
            "probabilities": dict(zip(classes, row, strict=True)),
            "decision": decisions[at],
            "batch": [len(AMOUNTS), at],
        }
        payload = json.dumps({"inputs": {"amount": amount}}).encode()
        now = time.time_ns() // 1000
        encoded = json.dumps(body).encode()
        entries.append(
            Entry(identity(at), "prediction", now, encoded, subject=f"p{at}", payload=payload)
        )
    journal.write(entries)
    return journal


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_same_bits_come_out(project: Project, journal: Journal, number: int) -> None:
    found = replay(project, journal, identity(number))
    assert found.equal
    assert found.recorded == found.found
    assert found.how == f"row {number + 1} of 3"
    assert "bit for bit" in found.to_text()
    assert json.loads(found.to_json())["equal"] is True
    refuse_different(found)


def test_what_differs_is_said(project: Project, journal: Journal) -> None:
    """A record that was written wrong: the chain holds, the model says otherwise."""
    said = journal.reader().get(identity(0))
    assert said is not None
    probabilities = dict(said.said["probabilities"])
    probabilities["1"] = float.fromhex("0x1.9p-1")
    wrong = said.said | {"probabilities": probabilities, "decision": "decline"}
    payload = json.dumps({"inputs": {"amount": AMOUNTS[0]}}).encode()
    now = time.time_ns() // 1000
    entry = Entry(identity(7), "prediction", now, json.dumps(wrong).encode(), payload=payload)
    journal.write([entry])
    found = replay(project, journal, identity(7))
    assert [each.partition(":")[0] for each in found.differences] == ["score of 1", "decision"]
    with pytest.raises(Refused, match="differs: score of 1: recorded"):
        refuse_different(found)


def test_a_model_that_is_not_here_is_named(
    project: Project, journal: Journal, bundle: Bundle, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(bundle.path, kept)
    write_model(project, slope=0.002)
    with pytest.raises(BadInput, match=f"{bundle.digest[:12]}, is not in"):
        replay(project, journal, identity(0))
    with pytest.raises(Refused, match="is not the bundle that was approved"):
        replay(project, journal, identity(0), project.bundle_dir)
    assert replay(project, journal, identity(0), kept).equal


def test_what_was_erased_or_changed_is_not_replayed(
    project: Project, journal: Journal, tmp_path: Path
) -> None:
    erase_prediction(journal, tmp_path / "l", identity(0), by="officer", reason="")
    with pytest.raises(BadInput, match="no inputs to replay: gone"):
        replay(project, journal, identity(0))
    with journal.engine.begin() as connection:
        changed = records.update().where(records.c.id == identity(1))
        connection.execute(changed.values(body='{"digest":"x"}'))
    with pytest.raises(Refused, match="was changed since it was written"):
        replay(project, journal, identity(1))
