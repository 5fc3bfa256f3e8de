"""What serves, by compare-and-swap, with its history in the chain."""

from __future__ import annotations

import threading

import pytest

from modelkeel.errors import Refused
from modelkeel.journal.standing import CHANGED, read_standing, swap_standing
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify

from .conftest import KINDS

pytestmark = pytest.mark.parametrize("url", KINDS, indirect=True)


def test_a_change(journal: Journal) -> None:
    assert read_standing(journal.engine, "credit") is None
    first = swap_standing(journal.engine, "credit", 0, {"version": "1"}, "ada", "new")
    second = swap_standing(journal.engine, "credit", 1, {"version": "2"}, "bob", "better")
    swap_standing(journal.engine, "other", 0, {"version": "9"}, "bob", "new")
    assert (first.generation, second.generation) == (1, 2)
    assert read_standing(journal.engine, "credit") == second
    assert second.champion == {"version": "2"}


def test_each_change_is_an_event_in_the_chain(journal: Journal) -> None:
    for generation in range(3):
        champion = {"version": str(generation), "event": "another"}
        swap_standing(journal.engine, "credit", generation, champion, "ada", "why")
    told = [record.said for record in journal.reader().find(kind="event")]
    assert [each["generation"] for each in told] == [1, 2, 3]
    assert told[1] == {
        "event": CHANGED,
        "name": "credit",
        "generation": 2,
        "by": "ada",
        "reason": "why",
        "version": "1",
    }
    report = verify(journal.engine)
    assert report.intact
    assert (report.records, report.loose) == (3, 1)


@pytest.mark.parametrize("expected", [0, 2, 7])
def test_what_was_changed_since_is_refused(journal: Journal, expected: int) -> None:
    swap_standing(journal.engine, "credit", 0, {"version": "1"}, "ada", "new")
    with pytest.raises(Refused, match=f"generation found 1, expected {expected}"):
        swap_standing(journal.engine, "credit", expected, {"version": "2"}, "bob", "better")
    found = read_standing(journal.engine, "credit")
    assert found is not None
    assert found.champion == {"version": "1"}
    assert verify(journal.engine).records == 1  # nor is there an event


@pytest.mark.parametrize("start", [0, 1])
def test_of_many_at_once_one_wins(journal: Journal, start: int) -> None:
    if start:
        swap_standing(journal.engine, "credit", 0, {"version": "0"}, "ada", "new")
    together = threading.Barrier(6)
    won: list[int] = []
    lost: list[Refused] = []

    def change(number: int) -> None:
        together.wait()
        try:
            swap_standing(journal.engine, "credit", start, {"version": str(number)}, "x", "y")
            won.append(number)
        except Refused as error:
            lost.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 5
    found = read_standing(journal.engine, "credit")
    assert found is not None
    assert (found.generation, found.champion) == (start + 1, {"version": str(won[0])})
    report = verify(journal.engine)
    assert report.intact
    assert report.records == start + 1
