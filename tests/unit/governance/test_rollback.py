"""Rolling back: with and without the registry, knowingly forth again, and as a drill."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest
from promoting import release, train

from modelkeel.errors import BadInput, Refused
from modelkeel.governance.drill import drill, drill_path
from modelkeel.governance.listing import list_models
from modelkeel.governance.rollback import rollback
from modelkeel.governance.standing import verify_champion
from modelkeel.model.bundle import Bundle
from modelkeel.model.champion import load_champion, read_champion
from modelkeel.model.keys import make_key, public_key_path
from modelkeel.model.promotions import read_history
from modelkeel.model.registry import list_versions
from modelkeel.model.switch import lagging
from modelkeel.project import Project


@pytest.fixture
def two(ready: Project, key: Path) -> tuple[Bundle, Bundle]:
    """Two bundles that were released one after the other."""
    first = train(ready, 0.001)
    release(ready, key)
    second = train(ready, 0.002)
    release(ready, key)
    return first, second


def aliases(project: Project) -> dict[str, tuple[str, ...]]:
    return {each.version: each.aliases for each in list_versions(project)}


def test_the_champion_before_serves_again(ready: Project, two: tuple[Bundle, Bundle]) -> None:
    first, second = two
    done = rollback(ready, "it declines everybody")
    loaded = load_champion(ready.models_dir)
    assert (loaded.digest, loaded.version) == (first.digest, "1")
    assert done.displaced.digest == second.digest
    assert done.notes == ()
    assert aliases(ready) == {"2": ("previous",), "1": ("champion",)}
    last = read_history(ready)[-1]
    assert (last.kind, last.reason) == ("rollback", "it declines everybody")
    assert last.previous == second.digest
    assert verify_champion(ready).problems == ()


def test_a_second_rollback_has_to_say_where_to(ready: Project, two: tuple[Bundle, Bundle]) -> None:
    first, second = two
    rollback(ready, "it declines everybody")
    with pytest.raises(Refused, match="was itself reached by a rollback") as refused:
        rollback(ready, "again")
    assert f"--to {second.digest[:12]}" in refused.value.remedy
    assert load_champion(ready.models_dir).digest == first.digest
    rollback(ready, "it was the data", to=second.digest[:12])
    assert load_champion(ready.models_dir).digest == second.digest
    assert aliases(ready) == {"2": ("champion",), "1": ("previous",)}


def test_without_the_registry_the_aliases_follow_later(
    ready: Project, two: tuple[Bundle, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    done = rollback(ready, "it declines everybody")
    assert load_champion(ready.models_dir).digest == two[0].digest
    assert "aliases lag behind the champion" in done.notes[0]
    assert lagging(ready)
    assert "lag behind" in verify_champion(ready).notes[0]
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert aliases(ready)["2"] == ("champion",)
    found = list_models(ready)
    assert found.problems == ()
    assert "have followed" in found.notes[0]
    assert aliases(ready) == {"2": ("previous",), "1": ("champion",)}
    assert not lagging(ready)


def damage_bundle(champion: Path) -> str:
    with (champion / "model.onnx").open("ab") as file:
        file.write(b"x")
    return r"model\.onnx was changed"


def damage_summary(champion: Path) -> str:
    path = champion.with_name(f"{champion.name}.summary.json")
    path.write_text(path.read_text() + "\n")
    return "is not the summary of that promotion"


def lose_signature(champion: Path) -> str:
    champion.with_name(f"{champion.name}.sig").unlink()
    return r"\.sig: no such file"


def lose_summary(champion: Path) -> str:
    champion.with_name(f"{champion.name}.summary.json").unlink()
    return "found no such file"


@pytest.mark.parametrize("damage", [damage_bundle, damage_summary, lose_summary, lose_signature])
def test_what_does_not_verify_does_not_come_back(
    ready: Project, two: tuple[Bundle, Bundle], damage: object
) -> None:
    first, second = two
    said = damage(ready.models_dir / "champion" / first.digest[:12])  # type: ignore[operator]
    history = read_history(ready)
    with pytest.raises(Refused, match=said):
        rollback(ready, "it declines everybody")
    with pytest.raises(Refused, match=said):
        drill(ready)
    assert load_champion(ready.models_dir).digest == second.digest
    assert read_history(ready) == history
    assert not (ready.models_dir / ".drill").exists()


def test_a_damaged_champion_can_be_rolled_back(ready: Project, two: tuple[Bundle, Bundle]) -> None:
    damage_bundle(ready.models_dir / "champion" / two[1].digest[:12])
    rollback(ready, "somebody changed it")
    assert load_champion(ready.models_dir).digest == two[0].digest


def test_there_is_nothing_to_go_back_to(ready: Project) -> None:
    with pytest.raises(Refused, match="nothing serves"):
        rollback(ready, "why not")
    train(ready)
    release(ready)
    with pytest.raises(Refused, match="no champion before version 1 that was released"):
        rollback(ready, "why not")
    with pytest.raises(Refused, match="no champion before version 1"):
        drill(ready)
    with pytest.raises(BadInput, match="--reason: is empty"):
        rollback(ready, " ")


@pytest.mark.parametrize("to", ["0" * 64, "abc", ""])
def test_what_is_not_kept_is_refused(ready: Project, two: tuple[Bundle, Bundle], to: str) -> None:
    with pytest.raises(Refused, match=f"is kept beside the champion; kept: {two[0].digest[:12]}"):
        rollback(ready, "why not", to=to)


def test_a_trial_does_not_come_back_over_a_release(ready: Project, key: Path) -> None:
    tried = train(ready, 0.001)
    release(ready, trial=True)
    train(ready, 0.002)
    release(ready, key)
    with pytest.raises(Refused, match="only tried out"):
        rollback(ready, "why not", to=tried.digest)


def test_only_the_champion_and_the_one_before_are_kept(
    ready: Project, two: tuple[Bundle, Bundle], key: Path
) -> None:
    third = train(ready, 0.003)
    release(ready, key)
    folder = ready.models_dir / "champion"
    kept = {digest[:12] for digest in (two[1].digest, third.digest)}
    assert {path.name for path in folder.iterdir() if path.is_dir()} == kept
    for suffix in ("summary.json", "sig"):
        assert {path.name for path in folder.glob(f"*.{suffix}")} == {f"{d}.{suffix}" for d in kept}


def test_a_drill_is_timed_and_changes_nothing(ready: Project, two: tuple[Bundle, Bundle]) -> None:
    before = {path: path.read_bytes() for path in ready.models_dir.rglob("*") if path.is_file()}
    history = read_history(ready)
    done = drill(ready)
    after = {path: path.read_bytes() for path in ready.models_dir.rglob("*") if path.is_file()}
    assert after == before
    assert read_history(ready) == history
    found = json.loads(drill_path(ready).read_text())
    assert found["back"]["digest"] == two[0].digest
    assert found["forth"]["digest"] == two[1].digest
    assert 0 < found["seconds"] == round(done.seconds, 3) < 10
    rollback(ready, "it declines everybody")
    drill(ready)  # also from where a rollback led
    champion = read_champion(ready.models_dir)
    assert champion is not None
    assert champion.digest == two[0].digest


def bring_back(project: Project, bundle: Bundle) -> None:
    """Make a bundle that is kept the newest one again."""
    shutil.rmtree(project.bundle_dir)
    kept = project.models_dir / "champion" / bundle.digest[:12]
    shutil.copytree(kept, project.bundle_dir)


def test_a_promotion_again_that_is_cut_off_leaves_the_way_back(
    ready: Project, two: tuple[Bundle, Bundle], key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    folder = ready.models_dir / "champion"
    before = {path.name for path in folder.iterdir()}
    bring_back(ready, first)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("modelkeel.model.switch.point_at", full)
        with pytest.raises(OSError, match="No space left"):
            release(ready, key)
    assert load_champion(ready.models_dir).digest == second.digest
    drill(ready)
    rollback(ready, "it declines everybody")
    assert load_champion(ready.models_dir).digest == first.digest
    assert verify_champion(ready).problems == ()
    release(ready, key)  # and what was cut off may be done again
    assert verify_champion(ready).problems == ()
    assert {path.name for path in folder.iterdir()} == before


def test_a_bundle_promoted_again_does_not_lead_forth_to_what_was_left(
    ready: Project, two: tuple[Bundle, Bundle], key: Path
) -> None:
    first, second = two
    rollback(ready, "it declines everybody")
    bring_back(ready, first)
    release(ready, key)
    with pytest.raises(Refused, match=r"reached by a rollback \(it declines everybody\)"):
        rollback(ready, "again")
    rollback(ready, "it was the data", to=second.digest[:12])
    assert load_champion(ready.models_dir).digest == second.digest


def test_the_public_key_may_lie_elsewhere(
    ready: Project, two: tuple[Bundle, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = public_key_path(ready).rename(tmp_path / "elsewhere.pub")
    with pytest.raises(Refused, match="no public key is given"):
        verify_champion(ready)
    monkeypatch.setenv("MODELKEEL_PUBLIC_KEY", str(elsewhere))
    assert verify_champion(ready).problems == ()
    drill(ready)
    rollback(ready, "it declines everybody")
    assert load_champion(ready.models_dir).digest == two[0].digest
    make_key(tmp_path / "other.key", tmp_path / "other.pub")
    monkeypatch.setenv("MODELKEEL_PUBLIC_KEY", str(tmp_path / "other.pub"))
    with pytest.raises(Refused):
        verify_champion(ready)
