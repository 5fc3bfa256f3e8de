"""Outcomes from a table: bad rows by row and column, twice is once, a correction is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.journal.outcomes import Taken, read_table, record_outcomes
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify

from .people import identity, opened, prediction

CLASSES = ["1", "0"]
HEAD = "prediction_id,outcome,observed_at\n"


def bring(journal: Journal, path: Path, text: str, classes: list[str] | None = CLASSES) -> Taken:
    path.write_text(text, encoding="utf-8")
    return record_outcomes(journal, read_table(path, classes), by="ops", source=path.name)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = opened(tmp_path)
    journal.write([prediction(each) for each in range(5)])
    return journal


def outcomes(journal: Journal, number: int) -> list[object]:
    return [each.said["outcome"] for each in journal.reader().about(identity(number))]


def test_outcomes_are_recorded_once(journal: Journal, tmp_path: Path) -> None:
    text = HEAD + f"{identity(1)},1,2026-12-01\n{identity(2)},0,2026-12-01T08:00:00+01:00\n"
    text = text.replace("2026-12-01", today())
    done = bring(journal, tmp_path / "t.csv", text)
    assert (done.written, done.known, done.refused) == (2, 0, 0)
    again = bring(journal, tmp_path / "t.csv", text)
    assert (again.written, again.known, again.refused) == (0, 2, 0)
    said = journal.reader().about(identity(1))[0].said
    assert said == {"outcome": "1", "observed_at": today(), "by": "ops", "source": "t.csv"}
    assert verify(journal.engine).intact


def test_a_correction_is_kept_beside_what_it_corrects(journal: Journal, tmp_path: Path) -> None:
    row = f"{identity(1)},1,{today()}\n"
    bring(journal, tmp_path / "t.csv", HEAD + row)
    both = HEAD + row + row.replace(",1,", ",0,")
    done = bring(journal, tmp_path / "t.csv", both)
    assert (done.written, done.corrected, done.known) == (1, 1, 1)
    assert outcomes(journal, 1) == ["1", "0"]
    assert bring(journal, tmp_path / "t.csv", both).known == 2


def test_bad_rows_are_named_and_good_ones_are_taken(journal: Journal, tmp_path: Path) -> None:
    rows = [
        f"{identity(1)},1,{today()}",
        f"{identity(99)},1,{today()}",
        f"{identity(2)},maybe,{today()}",
        f"{identity(2)},1,yesterday",
        f"{identity(2)},1,2999-01-01",
        f"{identity(2)},1,2001-01-01",
        f",1,{today()}",
        f"{identity(2)},1",
        "",
        f"{identity(3)},0,{today()}",
    ]
    done = bring(journal, tmp_path / "t.csv", HEAD + "\n".join(rows) + "\n")
    assert (done.written, done.refused) == (2, 7)
    told = sorted(each.text for each in done.bad)
    assert [each.partition(": ")[0] for each in told] == [
        "row 3, column prediction_id",
        "row 4, column outcome",
        "row 5, column observed_at",
        "row 6, column observed_at",
        "row 7, column observed_at",
        "row 8, column prediction_id",
        "row 9, column outcome",
    ]
    assert "is none of 1, 0" in told[1]
    assert "lies in the future" in told[3]
    assert "lies before the prediction" in told[4]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_order_of_columns(journal: Journal, tmp_path: Path, delimiter: str) -> None:
    head = ["note", "observed_at", "outcome", "prediction_id"]
    row = ['"said: ""yes"""', today(), "1", identity(1)]
    text = "\ufeff" + delimiter.join(head) + "\r\n" + delimiter.join(row) + "\r\n"
    assert bring(journal, tmp_path / "t.csv", text).written == 1


@pytest.mark.parametrize(("value", "good"), [("12.5", True), ("nan", False), ("much", False)])
def test_a_number_for_a_regression(
    journal: Journal, tmp_path: Path, value: str, *, good: bool
) -> None:
    done = bring(journal, tmp_path / "t.csv", HEAD + f"{identity(1)},{value},{today()}\n", None)
    assert done.written == good
    assert outcomes(journal, 1) == ([12.5] if good else [])


def test_a_table_that_is_none_is_told(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"row 1: no column outcome, observed_at; found"):
        bring(journal, tmp_path / "t.csv", "prediction_id,result\n")
    (tmp_path / "t.csv").write_bytes(HEAD.encode() + b"\xff\xfe\n")
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_table(tmp_path / "t.csv", CLASSES))
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_table(tmp_path / "missing.csv", CLASSES))


def today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()
