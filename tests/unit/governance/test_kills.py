"""SIGKILL before each write of a promotion, a rollback and a drill: nothing is half done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from promoting import release, train

from modelkeel.model.champion import load_champion
from modelkeel.model.registry import register
from modelkeel.project import Project

pytestmark = pytest.mark.slow


def killed_everywhere(project: Project, action: str, again: str, new: str) -> list[dict[str, str]]:
    """What was found after each kill."""
    shutil.copytree(project.root, project.root.with_name(f"{project.root.name}.snapshot"))
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, str(script), str(project.root), action, again, new],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr
    assert found, done.stderr
    assert not [each for each in found if "failed" in each], found[-1]
    assert [(each["before"], each["problem"]) for each in found if each["left"]] == []
    assert not found[-1]["killed"]
    return found


def writes(found: list[dict[str, str]], name: str) -> int:
    return sum(name in each["before"] for each in found)


@pytest.mark.parametrize("action", ["publish", "promote"])
def test_a_promotion_that_is_killed(ready: Project, action: str) -> None:
    train(ready, 0.001)
    release(ready, trial=True)
    new = train(ready, 0.002)
    register(ready, new)
    found = killed_everywhere(ready, action, action, new.digest)
    for name in ("manifest.json", "summary", ".switch.json", "champion.json", "promotions.jsonl"):
        assert writes(found, name), name


def test_a_release_of_what_was_tried_out_that_is_killed(ready: Project) -> None:
    bundle = train(ready, 0.001)
    release(ready, trial=True)
    found = killed_everywhere(ready, "release", "release", bundle.digest)
    assert writes(found, "champion.json")


def test_a_rollback_that_is_killed(ready: Project) -> None:
    first = train(ready, 0.001)
    release(ready, trial=True)
    train(ready, 0.002)
    release(ready, trial=True)
    found = killed_everywhere(ready, "rollback", "rollback", first.digest)
    assert writes(found, "champion.json")


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_promotion_again_that_is_killed_leaves_the_way_back(
    ready: Project, cut_off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(ready, 0.001)
    release(ready, trial=True)
    kept = ready.root / "kept"
    shutil.copytree(ready.bundle_dir, kept)
    train(ready, 0.002)
    release(ready, trial=True)
    shutil.rmtree(ready.bundle_dir)
    kept.rename(ready.bundle_dir)
    if cut_off:  # and what the next command does about it is killed as well

        def full(*_: object) -> None:
            raise OSError("No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("modelkeel.model.switch.point_at", full)
            with pytest.raises(OSError, match="No space left"):
                release(ready, trial=True)
    found = killed_everywhere(ready, "publish", "back", first.digest)
    assert writes(found, ".summary.old")


def test_a_drill_that_is_killed_leaves_the_champion_alone(ready: Project) -> None:
    train(ready, 0.001)
    release(ready, trial=True)
    new = train(ready, 0.002)
    release(ready, trial=True)
    found = killed_everywhere(ready, "drill", "same", new.digest)
    assert writes(found, ".drill")
    assert writes(found, "drills")
    assert load_champion(ready.models_dir).digest == new.digest
