"""A whole update is killed at any moment: all is as before, or done; the next run works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from modelkeel.update.apply import update
from modelkeel.update.git import find_repo
from modelkeel.update.recover import recover
from modelkeel.update.scratch import sweep

from .conftest import Lab, commit, git, keel_process, state, write
from .scenarios import lines, put

CODE = """
import sys
from pathlib import Path
from modelkeel.update.apply import update
update(Path(sys.argv[1]), verify=())
"""
KILLS = 24


def wait_for_the_sweep(repo: Path) -> None:
    """A child that outlives its parent for a moment still works in the scratch folder."""
    records = repo / ".git/modelkeel/scratch"
    until = time.monotonic() + 120
    while records.is_dir() and [*records.iterdir()] and time.monotonic() < until:
        time.sleep(0.1)
        recover(find_repo(repo))


@pytest.mark.slow
def test_killed_at_random_moments(lab: Lab) -> None:
    count = 120
    lab.release("v1.0.0", {f"d{n % 7}/f{n}.txt": lines(f"file {n}") for n in range(count)})
    lab.release("v2.0.0", {f"d{n % 7}/f{n}.txt": put(lines(f"file {n}"), 3, "theirs")
                           for n in range(count)} | {"new.txt": "n\n"})  # fmt: skip
    repo = lab.generate()
    write(repo, {f"d{n % 7}/f{n}.txt": put(lines(f"file {n}"), 15, "mine") for n in range(60)})
    commit(repo)
    write(repo, {"untracked.txt": "u\n"})
    saved = lab.root / "saved"
    shutil.copytree(repo, saved, symlinks=True)
    before = state(repo)
    started = time.monotonic()
    assert keel_process(CODE, str(repo)).wait() == 0
    length = time.monotonic() - started
    after = state(repo)[0]
    kept = before[2]
    counted = {"before": 0, "done": 0, "half": 0}
    for number in range(KILLS):
        shutil.rmtree(repo)
        shutil.copytree(saved, repo, symlinks=True)
        process = keel_process(CODE, str(repo))
        # Half of the kills fall into the last part, in which files are exchanged.
        late = number % 2 == 1
        time.sleep(length * random.uniform(0.75 if late else 0.0, 1.02))  # noqa: S311
        if number % 3:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        time.sleep(0.05)
        if state(repo)[0] not in (before[0], after):
            counted["half"] += 1
        recover(find_repo(repo))
        if git(repo, "rev-parse", "HEAD") == kept:
            assert state(repo) == before
            counted["before"] += 1
            length *= 1.05 if late else 1.0  # the machine is slower than it was
            if number % 6 == 0:
                update(repo, verify=())
                assert state(repo)[0] == after
        else:
            assert state(repo)[0] == after
            assert git(repo, "status", "--porcelain").split() == ["??", "untracked.txt"]
            counted["done"] += 1
            length *= 0.95 if late else 1.0
        git(repo, "fsck", "--connectivity-only")
        wait_for_the_sweep(repo)
    print(counted)
    assert sum((counted["before"], counted["done"])) == KILLS
    assert not [*(lab.root / "scratch").glob("keel-*")]


OUTLIVED = """
import sys
from pathlib import Path
from modelkeel.update.git import find_repo
from modelkeel.update.scratch import scratch_for
with scratch_for(find_repo(Path(sys.argv[1]))) as scratch:
    begun, late = scratch.root / "begun", scratch.root / "late"
    scratch.git("-c", f"alias.wait=!touch {begun} && cat {sys.argv[2]} > {late}", "wait")
"""


def test_a_git_that_outlives_keel_keeps_its_folder(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt": lines("f")})
    repo = lab.generate()
    gate = lab.root / "gate"
    os.mkfifo(gate)
    process = keel_process(OUTLIVED, str(repo), str(gate))
    until = time.monotonic() + 60
    while not (begun := [*(lab.root / "scratch").glob("keel-*/begun")]):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.wait()
    sweep(find_repo(repo))
    assert begun[0].exists()
    gate.write_text("go\n")
    wait_for_the_sweep(repo)
    assert not [*(lab.root / "scratch").glob("keel-*")]


@pytest.mark.parametrize("share", [0.6])
def test_killed_and_run_again(lab: Lab, share: float) -> None:
    lab.release("v1.0.0", {"f.txt": lines("f")})
    lab.release("v2.0.0", {"f.txt": put(lines("f"), 3, "theirs")})
    repo = lab.generate()
    before = state(repo)
    process = keel_process(CODE, str(repo))
    time.sleep(2.0 * share)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    recover(find_repo(repo))
    if git(repo, "rev-parse", "HEAD") == before[2]:
        assert state(repo) == before
    update(repo, verify=())
    assert "theirs" in (repo / "f.txt").read_text()
    wait_for_the_sweep(repo)
    assert not [*(lab.root / "scratch").glob("keel-*")]
