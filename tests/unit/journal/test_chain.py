"""The hashes of a chain, and segments that name each other."""

from __future__ import annotations

from typing import Any

import pytest

from modelkeel.journal.append import Appender
from modelkeel.journal.chain import Head, genesis, link, read, written
from modelkeel.journal.segments import begin, frontier, heads
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify

from .conftest import KINDS, entries

RECORD: dict[str, Any] = {
    "before": b"h" * 32,
    "segment": "s",
    "seq": 1,
    "id": "i",
    "kind": "prediction",
    "at": 5,
    "ref": None,
    "subject": None,
    "body": b"{}",
    "payload_digest": None,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("before", b"g" * 32),
        ("segment", "t"),
        ("seq", 2),
        ("id", "j"),
        ("kind", "event"),
        ("at", 6),
        ("ref", "s"),
        ("ref", ""),
        ("subject", "s"),
        ("body", b'{"a":1}'),
        ("payload_digest", b"d" * 32),
    ],
)
def test_each_field_is_in_the_hash(field: str, value: object) -> None:
    assert link(**RECORD) == link(**RECORD)
    assert link(**RECORD) != link(**RECORD | {field: value})


def test_what_moves_from_one_field_to_the_next_is_seen() -> None:
    one = RECORD | {"ref": "ab", "subject": "c"}
    other = RECORD | {"ref": "a", "subject": "bc"}
    assert link(**one) != link(**other)


def test_the_beginning_has_writer_time_and_parents_in_it() -> None:
    all_ = {genesis("s", "w", 1, "[]"), genesis("t", "w", 1, "[]"), genesis("s", "v", 1, "[]")}
    all_ |= {genesis("s", "w", 2, "[]"), genesis("s", "w", 1, '[["t",0,"00"]]')}
    assert len(all_) == 5


def test_heads_are_written_in_one_way() -> None:
    one, other = Head("a", 3, b"\x01" * 32), Head("b", 0, b"\x02" * 32)
    assert written([other, one]) == written([one, other])
    assert read(written([other, one])) == [one, other]


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[["s",1]]', '[["s",1,"zz"]]', '[["s",1,2]]'])
def test_what_is_no_list_of_heads(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_a_segment_names_the_ends_before_it(journal: Journal) -> None:
    first, second, third = (Appender(journal, name) for name in "abc")
    first.append(entries(3))
    second.append(entries(1))
    first.append(entries(2))
    third.append([])
    assert first.head is not None
    assert second.head is not None
    with journal.engine.connect() as connection:
        assert {head.segment: head.seq for head in heads(connection)} == {
            first.head.segment: 5,
            second.head.segment: 1,
            third.head.segment if third.head else "": 0,
        }
        # The second named the first at 3; then that went on.
        assert {head.seq for head in frontier(connection)} == {0}
        fourth = begin(connection, "d")
        assert [head.segment for head in read(fourth.parents)] == [
            third.head.segment if third.head else ""
        ]
    for each in (first, second, third):
        each.close()
    report = verify(journal.engine)
    assert report.intact
    assert {each.writer: (each.records, each.held) for each in report.segments} == {
        "a": (5, 5),
        "b": (1, 1),
        "c": (0, 0),
    }


def test_a_full_segment_is_followed_by_another(journal: Journal) -> None:
    appender = Appender(journal, "w", most=10)
    for _ in range(5):
        appender.append(entries(4))
    appender.close()
    report = verify(journal.engine)
    assert report.intact
    assert [each.records for each in report.segments] == [12, 8]
    assert report.loose == 8


def test_an_old_segment_is_followed_by_another(journal: Journal) -> None:
    appender = Appender(journal, "w", longest=0)
    for _ in range(3):
        appender.append(entries(2))
    appender.close()
    assert [each.records for each in verify(journal.engine).segments] == [2, 2, 2]


def test_a_clock_that_jumps_back_changes_no_order(journal: Journal) -> None:
    batch = entries(50)
    for n, entry in enumerate(batch):
        entry.at -= n * 1_000_000_000
    appender = Appender(journal, "w")
    appender.append(batch)
    appender.close()
    assert verify(journal.engine).intact
    by_place = sorted(journal.reader().find(), key=lambda record: record.seq)
    assert [record.id for record in by_place] == [entry.id for entry in batch]
    by_time = list(journal.reader().find())
    assert [record.id for record in by_time] == [entry.id for entry in reversed(batch)]
