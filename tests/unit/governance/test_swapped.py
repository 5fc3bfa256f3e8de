"""A model that somebody put in the champion's place by hand, with or without its history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from promoting import release, train

from modelkeel.errors import Refused
from modelkeel.governance.standing import verify_champion
from modelkeel.model.champion import folder_of, place_bundle, point_at
from modelkeel.model.keys import public_key_path
from modelkeel.model.promotions import history_path, read_history
from modelkeel.model.switch import changing
from modelkeel.project import Project, load_project


@pytest.fixture
def swapped(ready: Project, key: Path) -> Project:
    """A signed release, and in its place a model that nobody signed."""
    train(ready, 0.001)
    release(ready, key)
    swap(ready)
    return ready


def swap(project: Project) -> None:
    """Let champion.json and the last line of the history name another model."""
    other = train(project, -0.5)
    place_bundle(other, project.models_dir)
    path = history_path(project)
    lines = path.read_text().splitlines()
    lines[-1] = json.dumps({**json.loads(lines[-1]), "digest": other.digest, "summary": None})
    path.write_text("\n".join(lines) + "\n")
    point_at(project.models_dir, read_history(project)[-1].champion)
    assert (project.models_dir / folder_of(other.digest)).is_dir()


def lose_history(project: Project) -> None:
    history_path(project).unlink()


def keep_history(project: Project) -> None:
    assert read_history(project)


def lower_tier(project: Project) -> Project:
    path = project.governance_dir / "system.toml"
    path.write_text(path.read_text().replace("decides_about_people", "internal"))
    return load_project(project.root)


@pytest.mark.parametrize("history", [lose_history, keep_history])
@pytest.mark.parametrize("committed", [True, False])
def test_it_does_not_verify(swapped: Project, history: object, committed: bool) -> None:
    history(swapped)  # type: ignore[operator]
    if not committed:
        public_key_path(swapped).unlink()
    for _ in range(2):
        with pytest.raises(Refused, match="no such file, expected a verification summary"):
            verify_champion(swapped)
        with changing(swapped):
            assert history is keep_history or not history_path(swapped).exists()


def test_a_signed_champion_without_history_is_told(ready: Project, key: Path) -> None:
    train(ready, 0.001)
    release(ready, key)
    lose_history(ready)
    (problem,) = verify_champion(ready).problems
    assert "promotions.jsonl has no line of version 1" in problem
    with changing(ready):
        (entry,) = read_history(ready)
    assert entry.kind == "found"
    assert verify_champion(ready).problems == ()


def test_where_nothing_is_signed_a_champion_begins_the_history(ready: Project) -> None:
    project = lower_tier(ready)
    assert project.system.tier != "high"
    train(project, 0.001)
    release(project)
    swap(project)
    lose_history(project)
    assert verify_champion(project).problems == ()
    with changing(project):
        assert [each.kind for each in read_history(project)] == ["found"]
