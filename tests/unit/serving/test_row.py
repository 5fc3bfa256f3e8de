"""A server serves what the journal's row says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from publishing import publish_bundle

from modelkeel.errors import KeelError, Refused
from modelkeel.journal.standing import swap_standing
from modelkeel.journal.store import Journal
from modelkeel.model.bundle import Bundle
from modelkeel.model.champion import Champion, place_bundle, read_champion
from modelkeel.model.promotions import Entry
from modelkeel.serving.admission import Mode
from modelkeel.serving.choice import FileLook
from modelkeel.serving.follow import Follower
from modelkeel.serving.last_good import LastGood
from modelkeel.serving.loader import Loader
from modelkeel.serving.row import RowLook
from modelkeel.serving.state import State

from .promoted import NAME, line


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


def decide(url: str, expected: int, entry: Entry) -> None:
    journal = Journal.open(url)
    swap_standing(journal.engine, NAME, expected, entry.model_dump(), entry.by, entry.reason)
    journal.engine.dispose()


def follower_of(models: Path, url: str, kept: Path | None = None) -> Follower:
    return Follower(
        State(None),
        RowLook(url, NAME, FileLook(models)),
        Loader(models, 100, Mode(), (models,)),
        last_good=LastGood(kept) if kept else None,
    )


def test_without_a_row_champion_json_says_what_serves(
    models: Path, url: str, credit: Bundle, tmp_path: Path
) -> None:
    follower = follower_of(models, url)
    follower.begin()
    assert follower.state.loaded().bundle.digest == credit.digest
    assert follower.generation is None
    assert not (tmp_path / "journal.db").exists(), "a look makes no database"
    (tmp_path / "journal.db").touch()
    follower.check()
    assert follower.state.problem is None, "an empty database has no row either"


def test_replicas_agree_on_the_row_whatever_their_champion_json_says(
    models: Path, url: str, credit: Bundle, demand: Bundle, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    publish_bundle(demand.path, other, {"name": NAME, "version": "1"})
    place_bundle(credit, other)
    decide(url, 0, line(credit, "5"))
    both = [follower_of(each, url) for each in (models, other)]
    for each in both:
        each.begin()
        bundle = each.state.loaded().bundle
        assert (bundle.digest, bundle.version, each.generation) == (credit.digest, "5", 1)
    decide(url, 1, line(credit, "6"))
    for each in both:
        each.check()
        assert (each.state.loaded().bundle.version, each.generation) == ("6", 2)


def test_a_replica_without_the_bundle_keeps_what_it_has(
    models: Path, url: str, credit: Bundle, demand: Bundle
) -> None:
    follower = follower_of(models, url)
    follower.begin()
    decide(url, 0, line(demand, "8"))
    follower.check()
    assert follower.state.loaded().bundle.digest == credit.digest
    assert f"version 8 ({demand.digest[:12]}) is not in" in str(follower.state.problem)
    assert follower.generation is None, "the generation is that of what serves"


def test_a_journal_that_is_away_changes_nothing(
    models: Path, url: str, credit: Bundle, demand: Bundle, tmp_path: Path
) -> None:
    decide(url, 0, line(credit, "5"))
    kept = tmp_path / "last-good"
    follower = follower_of(models, url, kept)
    follower.begin()
    database = tmp_path / "journal.db"
    database.rename(tmp_path / "away.db")
    database.write_bytes(b"no database at all" * 100)
    publish_bundle(demand.path, models, {"name": NAME, "version": "9"})
    follower.check()
    assert follower.state.loaded().bundle.digest == credit.digest
    assert "does not answer" in str(follower.state.problem)
    shutil.rmtree(models)
    again = follower_of(models, url, kept)
    again.begin()
    assert (again.state.loaded().bundle.version, again.generation) == ("5", 1)
    with pytest.raises(KeelError, match="does not answer"):
        follower_of(models, url).begin()
    (tmp_path / "away.db").replace(database)
    again.check()
    assert "is not in" in str(again.state.problem), "the bundle is gone, the row is back"


def test_a_row_that_is_gone_changes_nothing(
    models: Path, url: str, credit: Bundle, tmp_path: Path
) -> None:
    decide(url, 0, line(credit, "5"))
    follower = follower_of(models, url)
    follower.begin()
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    follower.check()
    assert follower.state.loaded().bundle.version == "5"
    assert "is gone" in str(follower.state.problem)


def test_a_row_that_nobody_of_ours_wrote_is_refused(models: Path, url: str) -> None:
    journal = Journal.open(url)
    swap_standing(journal.engine, NAME, 0, {"digest": "?"}, "mallory", "")
    with pytest.raises(Refused, match="row of credit-risk, generation 1"):
        RowLook(url, NAME, FileLook(models))()
    journal.engine.dispose()


def test_the_record_is_what_champion_json_would_hold(
    models: Path, url: str, credit: Bundle
) -> None:
    entry = line(credit, "5")
    decide(url, 0, entry)
    choice = RowLook(url, NAME, FileLook(models))()
    assert choice is not None
    assert choice.champion == entry.champion
    assert isinstance(read_champion(models), Champion)
