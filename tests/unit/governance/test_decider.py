"""Where there is a journal, its row decides what serves: compare-and-swap, history, healing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cases import write_model
from promoting import ROWS

from modelkeel.errors import KeelError, Refused
from modelkeel.governance.decider import Decider, catch_up, deciding, heal, row_problems
from modelkeel.governance.gates import Case
from modelkeel.governance.publication import publish
from modelkeel.governance.rollback import roll, verify_kept
from modelkeel.journal.standing import read_standing
from modelkeel.journal.store import Journal
from modelkeel.model.champion import RECORD, Champion, read_champion
from modelkeel.model.promotions import Entry, history_path, read_history
from modelkeel.model.registry import Version
from modelkeel.model.switch import changing, standing
from modelkeel.project import Project, load_project


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A journal that all checkouts share."""
    shared = f"sqlite:///{tmp_path / 'shared' / 'journal.db'}"
    monkeypatch.setenv("MODELKEEL_JOURNAL", shared)
    return shared


def publish_newest(project: Project, version: str, decider: Decider | None) -> Entry:
    """What a promotion does once its gates have passed."""
    case = Case(load_project(project.root))
    registered = Version(project.name, version, "r1", case.bundle.digest, ())
    before = standing(project).champion
    claim = decider.claim if decider else None
    return publish(case, before, registered, ROWS, "PASSED", trial=True, claim=claim)


def release(project: Project, version: str) -> Entry:
    write_model(project, slope=0.0001 * int(version))
    with changing(project), deciding(project) as decider:
        catch_up(project, decider)
        return publish_newest(project, version, decider)


def champion(project: Project) -> Champion:
    found = read_champion(project.models_dir)
    assert found is not None
    return found


def row(project: Project, url: str) -> tuple[int, str]:
    journal = Journal.open(url)
    found = read_standing(journal.engine, project.name)
    journal.engine.dispose()
    assert found is not None
    return found.generation, str(found.champion["version"])


def changes(url: str) -> list[tuple[int, str, str]]:
    """The events of the journal about what serves."""
    journal = Journal.open(url)
    bodies = [json.loads(each.body) for each in journal.reader().find(kind="event")]
    journal.engine.dispose()
    return [(b["generation"], b["kind"], b["version"]) for b in bodies if "generation" in b]


def copy(project: Project, tmp_path: Path) -> Project:
    """Another checkout, on another machine."""
    shutil.copytree(project.root, tmp_path / "elsewhere")
    return replace(project, root=tmp_path / "elsewhere")


def test_without_a_journal_there_is_no_row(project: Project) -> None:
    release(project, "1")
    with deciding(project) as decider:
        assert decider is None
    assert not (project.root / "journal").exists(), "a command makes no journal"


def test_a_journal_in_the_project_is_taken_up(project: Project) -> None:
    (project.root / "journal").mkdir()
    local = f"sqlite:///{project.root / 'journal' / 'journal.db'}"
    Journal.open(local).engine.dispose()
    release(project, "1")
    assert row(project, local) == (1, "1")


def test_each_change_is_a_generation_and_an_event(project: Project, url: str) -> None:
    first, second = release(project, "1"), release(project, "2")
    assert row(project, url) == (2, "2")
    with changing(project), deciding(project) as decider:
        assert decider is not None
        back = roll(project, "it declines everybody", None, decider.claim)
    assert (back.entry.digest, back.displaced.digest) == (first.digest, second.digest)
    assert row(project, url) == (3, "1")
    assert changes(url) == [(1, "trial", "1"), (2, "trial", "2"), (3, "rollback", "1")]
    assert champion(project) == back.entry.champion


def test_of_two_promotions_at_once_one_is_refused(
    project: Project, url: str, tmp_path: Path
) -> None:
    release(project, "1")
    other = copy(project, tmp_path)
    write_model(project, slope=0.0002)
    write_model(other, slope=0.0003)
    before = champion(other), read_history(other)
    with changing(project), deciding(project) as here, changing(other), deciding(other) as there:
        publish_newest(project, "2", here)
        with pytest.raises(Refused, match="generation found 2, expected 1"):
            publish_newest(other, "3", there)
    assert row(project, url) == (2, "2")
    assert (champion(other), read_history(other)) == before
    assert [each[0] for each in changes(url)] == [1, 2]


def test_a_checkout_that_is_behind_is_told(project: Project, url: str, tmp_path: Path) -> None:
    release(project, "1")
    other = copy(project, tmp_path)
    release(project, "2")
    with pytest.raises(Refused, match=r"version 2 .* generation 2; here champion.json names"):
        release(other, "3")
    with deciding(other) as decider:
        (problem,) = row_problems(other, decider)
    assert "(generation 2) names version 2" in problem
    shutil.rmtree(other.models_dir)
    shutil.copytree(project.models_dir, other.models_dir)
    shutil.copy2(history_path(project), history_path(other))
    release(other, "3")
    assert row(project, url) == (3, "3")


def test_a_checkout_without_models_may_promote(project: Project, url: str, tmp_path: Path) -> None:
    first = release(project, "1")
    other = copy(project, tmp_path)
    shutil.rmtree(other.models_dir)
    other.models_dir.mkdir()
    release(other, "2")
    assert row(project, url) == (2, "2")
    assert first.digest != champion(other).digest


class Killed(BaseException):
    """The process ended here."""


def test_a_kill_after_the_decision_is_finished_by_the_next_command(
    project: Project, url: str
) -> None:
    first = release(project, "1")
    write_model(project, slope=0.0002)

    def claimed_then_killed(draft: Entry) -> None:
        assert decider is not None
        decider.claim(draft)
        raise Killed

    case = Case(load_project(project.root))
    registered = Version(project.name, "2", "r1", case.bundle.digest, ())
    with pytest.raises(Killed), changing(project), deciding(project) as decider:
        publish(
            case, first.champion, registered, ROWS, "PASSED", trial=True, claim=claimed_then_killed
        )
    assert champion(project).version == "1"
    with changing(project), deciding(project) as decider:
        (note,) = catch_up(project, decider)
    assert "champion.json lagged behind the journal's row, generation 2" in note
    assert champion(project).version == "2"
    assert [each.version for each in read_history(project)] == ["1", "2"]
    assert standing(project).problem is None
    with changing(project), deciding(project) as decider:
        assert catch_up(project, decider) == ()


def test_a_kill_before_champion_json_is_finished_too(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(project, "1")
    release(project, "2")

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("modelkeel.model.switch.point_at", killed)
        with pytest.raises(Killed):
            release(project, "1")
    assert (row(project, url), champion(project).version) == ((3, "1"), "2")
    with changing(project), deciding(project) as decider:
        (note,) = catch_up(project, decider)
    assert "champion.json lagged behind the journal's row, generation 3" in note
    here = standing(project)
    assert (champion(project).version, here.problem) == ("1", None)
    assert here.entry is not None
    verify_kept(project, here.entry)


def test_a_change_is_written_down_with_it(project: Project, url: str) -> None:
    from modelkeel.journal.standing import swap_standing

    release(project, "1")
    entry = standing(project).entry
    assert entry is not None
    journal = Journal.open(url)
    swap_standing(journal.engine, project.name, 1, entry.draft.model_dump(), "ada", "again")
    journal.engine.dispose()
    assert [each[0] for each in changes(url)] == [1, 2]
    with changing(project), deciding(project) as decider:
        assert catch_up(project, decider) == ()
    assert [each[0] for each in changes(url)] == [1, 2]


def test_a_row_that_is_behind_is_healed(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(project, "1")
    monkeypatch.delenv("MODELKEEL_JOURNAL")
    release(project, "2")
    monkeypatch.setenv("MODELKEEL_JOURNAL", url)
    with deciding(project) as decider:
        assert row_problems(project, decider)
    with changing(project), deciding(project) as decider:
        heal(project, decider)
    assert (row(project, url), champion(project).version) == ((2, "2"), "2")
    with deciding(project) as decider:
        assert row_problems(project, decider) == ()


def test_a_champion_from_before_the_journal_is_published_by_heal(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(project, "1")
    later = f"sqlite:///{tmp_path / 'later.db'}"
    monkeypatch.setenv("MODELKEEL_JOURNAL", later)
    with deciding(project) as decider:
        assert row_problems(project, decider) == (), "champion.json says what serves until then"
    with changing(project), deciding(project) as decider:
        heal(project, decider)
    assert row(project, later) == (1, "1")


def test_a_journal_that_is_away_refuses_a_change(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(project, "1")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    monkeypatch.setenv("MODELKEEL_JOURNAL", f"sqlite:///{broken}")
    before = (project.models_dir / RECORD).read_bytes()
    with pytest.raises(KeelError, match="journal"):
        release(project, "2")
    assert (project.models_dir / RECORD).read_bytes() == before
