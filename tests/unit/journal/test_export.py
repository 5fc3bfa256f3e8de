"""Export: a decision rebuilt, and many as a table that can be read back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.journal.case import rebuild
from modelkeel.journal.erase import erase_prediction
from modelkeel.journal.events import new_entry
from modelkeel.journal.export import COLUMNS, as_lines, microseconds, predictions, write
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records

from .people import ADA, SECRET, identity, opened, prediction


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2)])
    said = {"outcome": "0", "observed_at": "2026-11-28"}
    journal.write([new_entry("outcome", said, identity(1))])
    journal.write([new_entry("review", {"by": "r1", "decision": "decline"}, identity(1))])
    return journal


def test_a_decision_is_rebuilt(journal: Journal) -> None:
    case = rebuild(journal, identity(1))
    told = json.loads(case.to_json())
    assert told["said"]["digest"] == "ab" * 32
    assert told["inputs"] == {"amount": 101.5, "street": SECRET}
    assert told["reasons"] == {"AMOUNT": None}
    assert [each["kind"] for each in told["later"]] == ["outcome", "review"]
    assert told["holds"] is True
    text = case.to_text()
    for part in (
        "approve",
        "amount = 101.5",
        "AMOUNT (its text is not known",
        "outcome 0",
        "review",
    ):
        assert part in text


def test_what_was_erased_is_said(journal: Journal, tmp_path: Path) -> None:
    erase_prediction(journal, tmp_path / "l", identity(1), by="o", reason="")
    case = rebuild(journal, identity(1))
    assert case.inputs is None
    assert case.readable == "gone: erased, or their time is over"
    assert case.holds


def test_without_the_master_key_the_rest_is_there(journal: Journal, tmp_path: Path) -> None:
    case = rebuild(opened(tmp_path, None), identity(1))
    assert case.said["decision"] == "approve"
    assert "without its master key" in case.readable


@pytest.mark.parametrize("change", [{"body": "{}"}, {"payload": b"other"}])
def test_what_was_changed_is_said(journal: Journal, change: dict[str, object]) -> None:
    with journal.engine.begin() as connection:
        connection.execute(records.update().where(records.c.id == identity(1)).values(**change))
    case = rebuild(journal, identity(1))
    assert not case.holds
    assert case.inputs is None
    assert "DOES NOT HOLD" in case.to_text()


def test_only_a_prediction_is_rebuilt(journal: Journal) -> None:
    with pytest.raises(BadInput, match="no prediction with this id"):
        rebuild(journal, identity(3))


def test_many_as_json_lines(journal: Journal) -> None:
    lines = list(as_lines(predictions(journal, inputs=True), "jsonl"))
    rows = [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == [identity(1), identity(2)]
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["outcome"] == "0"
    assert rows[0]["later"] == 2
    assert rows[0]["inputs"]["street"] == SECRET
    assert rows[1]["outcome"] is None


def test_many_as_csv(journal: Journal) -> None:
    text = "".join(as_lines(predictions(journal), "csv"))
    assert SECRET not in text  # only when it is asked for
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert json.loads(rows[0]["probabilities"]) == {"1": 0.75, "0": 0.25}
    assert rows[0]["outcome"] == "0"


def test_only_some(journal: Journal) -> None:
    assert journal.keystore is not None
    number = journal.keystore.number_of(ADA)
    assert [row["id"] for row in predictions(journal, person=number)] == [identity(1)]
    assert list(predictions(journal, until=microseconds("2020-01-01", "--until"))) == []


def test_a_file_is_for_its_owner_only(journal: Journal, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write(out, as_lines(predictions(journal), "csv"))
    assert out.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="cannot be written"):
        write(tmp_path / "no" / "out.csv", [])


def test_a_moment_that_is_none_is_told() -> None:
    assert microseconds("1970-01-02T01:00:00+01:00", "--since") == 86_400_000_000
    with pytest.raises(BadInput, match="--since tomorrow: is no date"):
        microseconds("tomorrow", "--since")


def test_a_file_that_was_there_is_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("older")
    path.chmod(0o644)
    write(path, ["new"])
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    before = Path("/dev/null").stat().st_mode
    write(Path("/dev/null"), ["new"])
    assert Path("/dev/null").stat().st_mode == before


def test_a_time_beyond_all_times_is_told() -> None:
    with pytest.raises(BadInput, match="is no date or time"):
        microseconds("0001-01-01T00:00+14:00", "--since")
