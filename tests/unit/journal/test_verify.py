"""What a check of the journal finds, and what it cannot find."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from modelkeel.errors import BadInput, Refused
from modelkeel.journal.anchor import Anchor, load_key, read_anchors
from modelkeel.journal.append import Appender, chained
from modelkeel.journal.chain import Head
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records, segments
from modelkeel.journal.verify import Report, verify

from .conftest import KINDS, entries

CUT = "DELETE FROM records WHERE seq > {}"
SWAP = (
    "UPDATE records SET seq = 99 WHERE seq = 3",
    "UPDATE records SET seq = 3 WHERE seq = 4",
    "UPDATE records SET seq = 4 WHERE seq = 99",
)


@dataclass
class Kept:
    """A journal of ten records in one open segment, and its anchors."""

    journal: Journal
    appender: Appender
    anchor: Anchor

    @property
    def head(self) -> Head:
        assert self.appender.head is not None
        return self.appender.head

    def anchored(self) -> Kept:
        self.anchor.add([self.head], 5)
        return self

    def change(self, *statements: str) -> Report:
        with self.journal.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))
        return self.check()

    def check(self) -> Report:
        path = self.anchor.path
        return verify(self.journal.engine, read_anchors(path) if path.exists() else ())


@pytest.fixture
def kept(journal: Journal, tmp_path: Path) -> Kept:
    appender = Appender(journal, "w")
    appender.append(entries(10))
    return Kept(journal, appender, Anchor(tmp_path / "anchors.jsonl"))


def only(report: Report) -> str:
    """The one problem that was found."""
    assert not report.intact
    (problem,) = [*report.problems, *(p for each in report.segments for p in each.problems)]
    return problem


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_what_was_written_is_intact(kept: Kept) -> None:
    assert kept.check().loose == 10
    report = kept.anchored().check()
    assert report.intact
    assert (report.records, report.loose, report.anchors, report.signed) == (10, 0, 1, False)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE records SET body = '{}' WHERE seq = 4", r"record 4 .* was changed"),
        ("UPDATE records SET at = at + 1 WHERE seq = 4", r"record 4 .* was changed"),
        ("UPDATE records SET kind = 'event' WHERE seq = 10", r"record 10 .* was changed"),
        ("UPDATE records SET ref = 'x' WHERE seq = 1", r"record 1 .* was changed"),
        ("UPDATE records SET subject = 'x' WHERE seq = 1", r"record 1 .* was changed"),
        ("UPDATE records SET id = 'x' WHERE seq = 2", r"record 2 .* was changed"),
        ("UPDATE records SET payload_digest = NULL WHERE seq = 7", r"record 7 .* was changed"),
        ("UPDATE records SET payload = hash WHERE seq = 7", "record 7 .* payload was changed"),
        ("DELETE FROM records WHERE seq = 5", "record 5 is gone$"),
        ("DELETE FROM records WHERE seq < 4", "record 1 is gone, and all up to 3"),
        ("UPDATE records SET seq = -1 WHERE seq = 10", "was put before the beginning"),
        ("UPDATE segments SET writer = 'x'", "its beginning was changed"),
        ("UPDATE segments SET closed_at = 1, count = 9", "closed with 9 records and ends with 10"),
        ("UPDATE segments SET pruned_at = 1, count = 10", "pruned, and has records"),
    ],
)
@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_what_is_changed_is_found(kept: Kept, statement: str, found: str) -> None:
    report = kept.change(statement)
    assert not report.intact
    (segment,) = report.segments
    assert any(re.search(found, problem) for problem in segment.problems), segment


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE records SET hash = 'x' WHERE seq = 4", r"record 4 .* cannot be read"),
        ("UPDATE records SET body = x'00ff' WHERE seq = 4", r"record 4 .* cannot be read"),
        (
            "UPDATE records SET body = CAST(x'00ff' AS TEXT) WHERE seq = 4",
            r"record 4 .* cannot be read",
        ),
        ("UPDATE records SET payload = 'x' WHERE seq = 4", r"record 4 .* cannot be read"),
        ("UPDATE records SET at = 'x' WHERE seq = 4", r"record 4 .* cannot be read"),
        ("UPDATE records SET id = x'ff' WHERE seq = 4", r"record 4 .* cannot be read"),
        ("UPDATE records SET seq = 'x' WHERE seq = 4", "its place cannot be read"),
        ("UPDATE segments SET head = 'q'", "it cannot be read"),
        ("UPDATE segments SET genesis = 'q'", "it cannot be read"),
        ("UPDATE segments SET opened_at = 'q'", "it cannot be read"),
        ("UPDATE segments SET parents = x'ff'", "what it names cannot be read"),
        ("UPDATE segments SET parents = '[[1,Infinity,3]]'", "what it names cannot be read"),
        ("UPDATE segments SET id = x'ff'", "it cannot be read"),
        ("UPDATE records SET segment = x'ff' WHERE seq = 4", "record 4 is gone"),
    ],
)
def test_what_cannot_be_read_is_found_and_the_rest_checked(
    kept: Kept, statement: str, found: str
) -> None:
    """SQLite takes any value in any column."""
    kept.appender.close()
    kept.change(statement)
    good = Appender(Journal(kept.journal.engine), "v")
    with contextlib.suppress(Exception):  # a server can do no more where segments are unreadable
        good.append(entries(3))
    report = kept.check()
    assert not report.intact
    told = [*report.problems, *(each for one in report.segments for each in one.problems)]
    assert any(re.search(found, each) for each in told), told
    if good.head is not None:
        (other,) = (each for each in report.segments if each.writer == "v")
        assert (other.outcome, other.records) == ("intact", 3)


@pytest.mark.parametrize(
    "body",
    [
        '{"event":"prune",',
        '{"event":"prune","segments":[[1,2,3]]}',
        '{"event":"prune","segments":7}',
        '["event","prune","event":"prune"]',
        '{"event":"prune","segments":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_a_pruning_that_cannot_be_read(kept: Kept, body: str) -> None:
    values = {"body": body, "kind": "event"}
    with kept.journal.engine.begin() as connection:
        connection.execute(records.update().where(records.c.seq == 2).values(values))
    report = kept.check()
    assert any("what it says was pruned cannot be read" in each for each in report.problems)
    assert "record 2" in report.segments[0].problems[0]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET hash = 'x'",
        "UPDATE records SET body = 'x'",
        "UPDATE records SET body = '7'",
    ],
)
def test_a_reader_refuses_what_cannot_be_read(kept: Kept, change: str) -> None:
    kept.change(change)
    with pytest.raises(Refused, match="cannot be read"):
        print([each.said for each in kept.journal.reader().find()])


def test_rows_that_change_places_are_found(kept: Kept) -> None:
    (segment,) = kept.change(*SWAP).segments
    assert len(segment.problems) >= 2
    assert segment.problems[0].startswith("record 3")


def test_an_edit_with_its_hash_made_anew_breaks_the_next_record(kept: Kept) -> None:
    problem = only(kept.change("UPDATE records SET hash = payload_digest WHERE seq = 10"))
    assert "record 10" in problem
    kept.change("UPDATE records SET hash = payload_digest WHERE seq = 4")
    (segment,) = kept.check().segments
    assert [each.split(" (")[0] for each in segment.problems] == [
        "record 4",
        "record 5",
        "record 10",
    ]


def test_a_payload_may_go(kept: Kept) -> None:
    assert kept.anchored().change("UPDATE records SET payload = NULL").intact


def test_a_tail_that_is_cut_off_is_found_before_an_anchor(kept: Kept) -> None:
    problem = only(kept.anchored().change(CUT.format(7)))
    assert problem == "it was cut off after record 7: an anchor knows record 10"


def test_a_tail_that_is_cut_off_after_the_last_anchor_is_not_found(kept: Kept) -> None:
    kept.anchored().appender.append(entries(5))
    assert kept.check().loose == 5  # and the report says so
    assert kept.change(CUT.format(12)).intact
    assert not kept.change(CUT.format(9)).intact


def test_a_tail_that_is_cut_off_is_found_before_a_later_segment(kept: Kept) -> None:
    Appender(kept.journal, "v").append(entries(1))
    assert "segment" in only(kept.change(CUT.format(9)))


def test_a_closed_segment_has_its_length(kept: Kept) -> None:
    kept.appender.close()
    assert kept.check().intact
    assert "closed with 10 records and ends with 8" in only(kept.change(CUT.format(8)))


def test_a_segment_that_is_gone_is_found_by_whoever_names_it(kept: Kept) -> None:
    everything = ("DELETE FROM records", "DELETE FROM segments")
    problem = only(kept.anchored().change(*everything))
    assert problem == f"segment {kept.head.segment} is gone; an anchor names it"


def test_records_of_no_segment_are_found(kept: Kept) -> None:
    assert "not there" in only(kept.change("DELETE FROM segments"))


def made_anew(kept: Kept) -> Head:
    """Edit a record and link all after it anew, as whoever can write to the database can."""
    with kept.journal.engine.begin() as connection:
        rows = connection.execute(sa.select(records).order_by(records.c.seq)).all()
        start = connection.execute(sa.select(segments.c.genesis)).scalar_one()
        batch = entries(10, edited=True)
        for row, entry in zip(rows, batch, strict=True):
            entry.id = row.id
        linked, head = chained(
            Head(kept.head.segment, 0, start), batch, [(None, each.payload) for each in batch]
        )
        connection.execute(records.delete())
        names = records.columns.keys()
        connection.execute(records.insert(), [dict(zip(names, r, strict=True)) for r in linked])
    return head


def test_a_chain_made_anew_is_found_by_an_anchor_alone(kept: Kept) -> None:
    made_anew(kept)
    assert kept.check().intact
    kept.anchored()
    assert "record 10 is not the one that an anchor knows" in only(kept.check())


@pytest.mark.parametrize("first", [True, False])
def test_an_anchor_put_beside_the_true_one_hides_nothing(kept: Kept, first: bool) -> None:
    true = kept.head
    forged = made_anew(kept)
    for head in [forged, true] if first else [true, forged]:
        kept.anchor.add([head], 5)
    assert "an anchor knows" in only(kept.check())


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "anchor.pem", tmp_path / "anchor.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shown = key.public_key()
    public.write_bytes(shown.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_a_signed_anchor_proves_itself(kept: Kept, keys: tuple[Path, Path]) -> None:
    signed = Anchor(kept.anchor.path, load_key(keys[0]))
    signed.add([kept.head], 5)
    report = verify(kept.journal.engine, read_anchors(signed.path, keys[1]))
    assert report.intact
    assert report.signed


def test_a_forged_anchor(kept: Kept, keys: tuple[Path, Path]) -> None:
    """Without a key whoever can write both files can have them agree; with one, not."""
    forged = made_anew(kept)
    kept.anchor.add([forged], 5)
    report = kept.check()
    assert report.intact
    assert not report.signed  # and the report says so
    with pytest.raises(Refused, match=r"anchors.jsonl:1: the signature does not hold"):
        read_anchors(kept.anchor.path, keys[1])
    Anchor(kept.anchor.path, Ed25519PrivateKey.generate()).add([forged], 5)
    with pytest.raises(Refused, match="the signature does not hold"):
        read_anchors(kept.anchor.path, keys[1])


@pytest.mark.parametrize("change", [{"at": 6}, {"heads": []}, {"signature": "!"}])
def test_a_signed_anchor_that_is_edited(
    kept: Kept, keys: tuple[Path, Path], change: dict[str, Any]
) -> None:
    signed = Anchor(kept.anchor.path, load_key(keys[0]))
    signed.add([kept.head], 5)
    edited = json.loads(signed.path.read_text()) | change
    signed.path.write_text(json.dumps(edited) + "\n")
    with pytest.raises(Refused, match="the signature does not hold"):
        read_anchors(signed.path, keys[1])


@pytest.mark.parametrize("text", ["x", "[]", '{"at":1}', '{"at":1,"heads":[["s",1]]}'])
def test_a_line_that_is_no_anchor(tmp_path: Path, text: str) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(BadInput, match=r"anchors.jsonl:1: is no anchor"):
        read_anchors(path)


def test_a_line_that_a_crash_cut_off_goes_with_the_next(kept: Kept) -> None:
    kept.anchored()
    whole = kept.anchor.path.read_bytes()
    kept.anchor.path.write_bytes(whole + whole[:30])
    kept.anchored()
    assert kept.anchor.path.read_bytes() == whole * 2


def test_many_writers_anchor_at_once(kept: Kept) -> None:
    threads = [threading.Thread(target=kept.anchored) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_anchors(kept.anchor.path)) == 20


def not_a_key(path: Path) -> None:
    path.write_text("no key")


@pytest.mark.parametrize("make", [not_a_key, lambda path: None])
def test_keys_that_cannot_be_read(kept: Kept, make: Callable[[Path], None]) -> None:
    path = kept.anchor.path.with_name("key.pem")
    make(path)
    with pytest.raises(BadInput, match=r"key.pem: holds no Ed25519 private key"):
        load_key(path)
    with pytest.raises(BadInput, match=r"key.pem: holds no Ed25519 public key"):
        read_anchors(kept.anchored().anchor.path, path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_anchors(path.with_name("none"))


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_a_journal_that_is_written_to_is_checked_as_it_is_at_one_moment(journal: Journal) -> None:
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            appender = Appender(journal, "w", most=5)
            for _ in range(4):
                appender.append(entries(3))
            appender.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [verify(journal.engine)]
        while reports[-1].records < 100 and writer.is_alive():
            reports.append(verify(journal.engine))
    finally:
        ended.set()
        writer.join()
    assert all(report.intact for report in reports), [r for r in reports if not r.intact]
    assert len(reports) > 2
