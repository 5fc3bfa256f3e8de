"""Reading records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modelkeel.journal.append import Appender
from modelkeel.journal.entry import Entry
from modelkeel.journal.reader import Reader
from modelkeel.journal.store import Journal

from .conftest import KINDS

pytestmark = pytest.mark.parametrize("url", KINDS, indirect=True)
COUNT = 2_500


@pytest.fixture
def reader(journal: Journal) -> Iterator[Reader]:
    """Predictions at 0, 10, 20, … and an outcome of every hundredth; ids go the other way."""
    batch = [Entry(f"p{COUNT - n:05}", "prediction", n * 10, b"{}") for n in range(COUNT)]
    batch += [
        Entry(f"o{n:05}", "outcome", n * 10 + 5, b'{"n":1}', f"p{COUNT - n:05}")
        for n in range(0, COUNT, 100)
    ]
    appender = Appender(journal, "w")
    appender.append(batch)
    appender.close()
    return journal.reader()


def test_all_in_the_order_of_time(reader: Reader) -> None:
    found = list(reader.find())
    assert len(found) == COUNT + COUNT // 100
    assert [record.at for record in found] == sorted(record.at for record in found)
    assert [record.id for record in found[:3]] == [f"p{COUNT:05}", "o00000", f"p{COUNT - 1:05}"]


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        ({"kind": "prediction"}, range(0, COUNT * 10, 10)),
        ({"kind": "outcome"}, range(5, COUNT * 10, 1000)),
        ({"kind": "review"}, []),
        ({"since": 24_975}, [24_980, 24_990]),
        ({"kind": "prediction", "since": 100, "until": 131}, [100, 110, 120, 130]),
        ({"until": 20}, [0, 5, 10]),
        ({"limit": 2}, [0, 5]),
        ({"limit": 0}, []),
        ({"kind": "prediction", "limit": 1_500}, range(0, 15_000, 10)),
        ({"subject": "nobody"}, []),
    ],
)
def test_some(reader: Reader, asked: dict[str, Any], places: list[int]) -> None:
    assert [record.at for record in reader.find(**asked)] == list(places)


def test_one_and_what_is_about_it(reader: Reader) -> None:
    record = reader.get(f"p{COUNT - 100:05}")
    assert record is not None
    assert (record.kind, record.at, record.said, record.payload) == ("prediction", 1000, {}, None)
    assert [each.id for each in reader.about(record.id)] == ["o00100"]
    assert reader.get("none") is None
    assert reader.about("none") == []


def test_those_at_one_moment_go_by_id(journal: Journal) -> None:
    appender = Appender(journal, "w")
    appender.append([Entry(f"{n:04}", "event", 7, b"{}") for n in reversed(range(2_100))])
    appender.close()
    found = [record.id for record in journal.reader().find()]
    assert found == [f"{n:04}" for n in range(2_100)]
