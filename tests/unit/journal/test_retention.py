"""Retention: what goes when, what stays, and that the chain still holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.journal.anchor import Anchor, Anchored, read_anchors
from modelkeel.journal.chain import Head
from modelkeel.journal.events import event
from modelkeel.journal.keystore import day_of
from modelkeel.journal.retention import Pruned, Retention, least_days, prune, retention_of
from modelkeel.journal.segments import heads
from modelkeel.journal.show import pruned_text, report_json, report_text
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import day_keys, records, segments, subjects
from modelkeel.journal.verify import verify
from modelkeel.journal.writer import Writer
from modelkeel.project import Project

from .conftest import until
from .people import ADA, BOB, DAY, count, files, identity, inputs_of, now, opened, prediction

KEEP = Retention(payloads=30, records=200)


def test_payloads_go_and_the_keys_of_their_days(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    old = now() - 31 * DAY
    journal.write([prediction(1, at=old), prediction(2, ADA, at=old), prediction(3)])
    with journal.engine.connect() as connection:
        query = sa.select(day_keys.c.wrapped).where(day_keys.c.day == day_of(old))
        key = bytes(connection.scalar(query) or b"")
        payload = bytes(connection.scalar(sa.select(records.c.payload)) or b"")
    assert key in files(tmp_path)
    done = prune(journal, KEEP, by="operator")
    assert (done.payloads, done.days, done.segments, done.people) == (2, 1, 0, 0)
    assert done.scrubbed
    assert key not in files(tmp_path)
    assert payload not in files(tmp_path)
    assert inputs_of(journal, 1) is None
    assert inputs_of(journal, 2) is None
    assert inputs_of(journal, 3) is not None
    assert count(journal, records) == 4  # the event is one
    assert count(journal, subjects) == 1  # decisions about Ada are still found
    assert verify(journal.engine).intact
    assert prune(journal, KEEP, by="operator").payloads == 0


def test_segments_go_as_a_whole(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    old = now() - 201 * DAY
    journal.write([prediction(1, ADA, at=old), prediction(2, at=old)])
    journal.write([prediction(3, at=old), prediction(4, BOB)])
    with journal.engine.begin() as connection:
        connection.execute(subjects.update().values(created=old))
    done = prune(journal, KEEP, by="operator")
    assert (done.segments, done.records, done.people, done.waiting) == (1, 2, 1, 1)
    assert journal.reader().get(identity(1)) is None
    assert journal.reader().get(identity(3)) is not None
    report = verify(journal.engine)
    assert report.intact
    assert [each.outcome for each in report.segments] == ["pruned", "intact", "intact"]
    told = next(journal.reader().find(kind="event")).said
    assert told["event"] == "prune"
    assert [each[1] for each in told["segments"]] == [2]
    journal.write([prediction(5)])  # a new segment after a pruned one
    assert verify(journal.engine).intact


def test_a_segment_of_a_writer_that_was_killed_goes_too(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    writer = journal.writer()
    writer.write([prediction(1, at=now() - 201 * DAY)])  # and it is never closed
    assert prune(journal, KEEP, by="operator").segments == 1
    assert verify(journal.engine).intact


def test_pruning_is_not_a_way_to_hide(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1), prediction(2)])
    with journal.engine.begin() as connection:
        connection.execute(records.delete())
        connection.execute(segments.update().values(pruned_at=now()))
    report = verify(journal.engine)
    assert not report.intact
    assert "no event says that they were pruned" in report.segments[0].problems[0]


def forged(journal: Journal, **said: Any) -> None:
    """Take out a segment and write the event of a pruning, all in the database."""
    with journal.engine.begin() as connection:
        (end,) = heads(connection)
        connection.execute(records.delete())
        pruned = {"pruned_at": now(), "count": end.seq, "head": end.hash}
        connection.execute(segments.update().values(**pruned))
    told = event("prune", by="operator", segments=[end.shown], **said)
    Journal(journal.engine).write([told])


def anchors_of(folder: Path) -> list[Anchored]:
    return read_anchors(folder / "anchors.jsonl")


def test_a_pruning_that_only_an_event_tells_proves_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1), prediction(2)])
    forged(journal)
    report = verify(journal.engine, anchors_of(tmp_path))
    assert report.intact
    assert report.unproven == 1
    text = report_text(report)
    assert "pruned by operator at 2" in text
    assert "by its own event alone" in text
    assert "cannot  say whether 1 segments were pruned or taken out" in text
    assert json.loads(report_json(report))["unproven"] == 1


def test_a_pruning_is_anchored(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, at=now() - 201 * DAY)])
    prune(journal, KEEP, by="operator")
    report = verify(journal.engine, anchors_of(tmp_path))
    assert report.intact
    assert report.unproven == 0
    assert "and an anchor says so" in report_text(report)
    assert verify(journal.engine).unproven == 1
    lines = (tmp_path / "anchors.jsonl").read_text().splitlines()
    assert sum("pruned" in json.loads(line) for line in lines) == 1


def test_what_cannot_be_anchored_is_not_pruned(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, at=now() - 201 * DAY)])
    (tmp_path / "file").touch()
    blocked = Journal(journal.engine, anchor=Anchor(tmp_path / "file" / "anchors.jsonl"))
    with pytest.raises(KeelError, match="cannot be written"):
        prune(blocked, KEEP, by="operator")
    assert count(journal, records) == 1


def test_records_that_were_too_young_to_be_pruned(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    writer = Writer(journal, anchor_every=0.05)
    writer.write([prediction(1)])
    until((tmp_path / "anchors.jsonl").exists)
    until(lambda: anchors_of(tmp_path))
    writer.write([prediction(2)])
    writer.close()
    forged(journal, kept_days={"payloads": 30, "records": 200})
    report = verify(journal.engine, anchors_of(tmp_path))
    assert not report.intact
    assert "were not 200 days old" in report.segments[0].problems[0]


def test_a_signed_anchor_of_a_pruning_cannot_be_made_from_another(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = tmp_path / "anchor.pub"
    shown = key.public_key()
    public.write_bytes(shown.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    end = Head("s", 2, b"x" * 32)
    path = tmp_path / "anchors.jsonl"
    Anchor(path, key).add([end], 5)
    Anchor(path, key).add([], 6, pruned=[end])
    assert [each.pruned for each in read_anchors(path, public)] == [False, True]
    line = json.loads(path.read_text().splitlines()[0])
    for change in ({"pruned": line["heads"]}, {"pruned": line["heads"], "heads": []}):
        path.write_text(json.dumps(line | change) + "\n")
        with pytest.raises(Refused, match="the signature does not hold"):
            read_anchors(path, public)


def test_a_segment_that_was_changed_stays_as_evidence(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, at=now() - 201 * DAY)])
    with journal.engine.begin() as connection:
        connection.execute(records.update().values(body="{}"))
    with pytest.raises(Refused, match="does not verify"):
        prune(journal, KEEP, by="operator")
    assert count(journal, records) == 1


def test_events_are_never_pruned(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, at=now() - 201 * DAY)])
    prune(journal, KEEP, by="operator")
    later = now() + 400 * DAY
    assert prune(journal, KEEP, by="operator", now=later).segments == 0
    assert len(list(journal.reader().find(kind="event"))) == 1


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, at=now() - 201 * DAY)])
    done = prune(journal, KEEP, by="operator", dry=True)
    assert (done.segments, done.records) == (1, 1)
    assert count(journal, records) == 1
    with pytest.raises(BadInput, match="at least 1"):
        prune(journal, replace(KEEP, payloads=0), by="operator")


def change_system(project: Project, old: str, new: str) -> Project:
    path = project.governance_dir / "system.toml"
    path.write_text(path.read_text().replace(old, new))
    return Project(project.root, project.name, project.package, project.task)


LOGGING = 'jurisdictions = ["EU"]\n[logging]\nretention_days = 400\nbasis = "the contract"'


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (
            Retention(None, 400),
            "payloads kept as long as their records, records of decisions 400 days",
        ),
        (Retention(None, None), "payloads kept for good, records of decisions for good"),
        (Retention(30, None), "payloads kept 30 days, records of decisions for good"),
    ],
)
def test_how_long_it_is_kept_is_said(keep: Retention, said: str) -> None:
    assert pruned_text(Pruned(), keep, dry=True).splitlines()[0] == said


def test_the_record_says_how_long(project: Project) -> None:
    assert retention_of(project) == Retention(None, None)  # high tier: inputs as long as records
    kept = change_system(project, 'jurisdictions = ["EU"]', LOGGING)
    assert retention_of(kept) == Retention(None, 400)
    with pytest.raises(Refused, match=r"at least 400 days \(logging\.retention_days"):
        retention_of(kept, records_=399)
    assert retention_of(kept, 30, 500) == Retention(30, 500)


@pytest.mark.parametrize(
    ("old", "new", "least"),
    [
        ('domain = "credit"', 'domain = "credit"', 183),
        ('jurisdictions = ["EU"]', 'jurisdictions = ["EU", "US"]', 762),
        ('"decides_about_people"', '"internal"', 0),
    ],
)
def test_the_law_says_how_long_at_least(project: Project, old: str, new: str, least: int) -> None:
    changed = change_system(project, old, new)
    assert least_days(changed.system)[0] == least
    if least:
        with pytest.raises(Refused, match=f"at least {least} days"):
            retention_of(changed, records_=least - 1)


@pytest.mark.parametrize("longer", ["", LOGGING.replace("400", "1825").split("\n", 1)[1]])
def test_inputs_of_credit_decisions_in_the_us(project: Project, longer: str) -> None:
    """Also where the records themselves are kept for longer than that."""
    new = 'jurisdictions = ["US"]\n' + longer
    changed = change_system(project, 'jurisdictions = ["EU"]', new)
    with pytest.raises(Refused, match=r"inputs of a credit decision .* 762 days .*Regulation B"):
        retention_of(changed, payloads=761)
    assert retention_of(changed, payloads=762).payloads == 762


def test_the_privacy_record_says_how_long_inputs_are_kept(project: Project) -> None:
    work = '{ todo = "to do", owner = "o@bank.example", due = 2027-01-31 }'
    lines = [
        'schema = "privacy/1"',
        "[processing]",
        'purposes = ["to decide"]',
        *(
            f"{key} = {work}"
            for key in ("controller", "protection_officer", "subjects", "legal_basis")
        ),
        *(f"{key} = {work}" for key in ("recipients", "transfers", "security")),
        "[[retention]]",
        'data = "inputs of predictions"',
        "days = 60",
        'basis = "so that a complaint can be answered"',
        "[rights]",
        *(f"{key} = {work}" for key in ("information", "access", "erasure", "contest")),
    ]
    (project.governance_dir / "privacy.toml").write_text("\n".join(lines))
    assert retention_of(project) == Retention(60, None)
