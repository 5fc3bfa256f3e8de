"""Putting an update in place: killed at every step, with a full disk, undone."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelkeel.errors import KeelError, Refused
from modelkeel.update.apply import update
from modelkeel.update.git import Entry, Repo, find_repo
from modelkeel.update.install import Outfit, copy_objects, install
from modelkeel.update.journal import records
from modelkeel.update.overlap import changes_between
from modelkeel.update.recover import recover, working
from modelkeel.update.resume import abort_update, undo
from modelkeel.update.scratch import scratch_for

from .conftest import Lab, commit, configure, git, isolated, snapshot, state, write

OLD: dict[str, str | bytes | None] = {
    ".copier-answers.yml": "_commit: v1\n_src_path: x\n",
    **{f"kept/{n}.txt": f"kept {n}\n" for n in range(3)},
    **{f"changed/{n}.txt": f"old {n}\n" * 3 for n in range(4)},
    "gone/a/b.txt": "gone\n",
    "gone.txt": "gone too\n",
    "folder-to-file/x.txt": "x\n",
    "file-to-folder": "f\n",
    "mode.sh": "#!/bin/sh\n",
}
NEW: dict[str, str | bytes | None] = {
    **{f"changed/{n}.txt": f"new {n}\n" * 4 for n in range(4)},
    "gone/a/b.txt": None,
    "gone.txt": None,
    "folder-to-file/x.txt": None,
    "folder-to-file": "now a file\n",
    "file-to-folder": None,
    "file-to-folder/y.txt": "y\n",
    "mode.sh +x": None,
    "came/deep/ä ö.txt": "came\n",
    "link @ mode.sh": None,
    "same.txt": "same\n",
}


class Prepared:
    """A repository, and an update of it that is ready to be put in place."""

    def __init__(self, root: Path, *, conflicts: bool = False, where: Path | None = None) -> None:
        self.path = (where or root) / "repo ü"
        self.path.mkdir(parents=True)
        git(self.path, "init", "-q", "-b", "main")
        configure(self.path)
        write(self.path, OLD)
        self.old = commit(self.path)
        other = root / "new"
        git(root, "clone", "-q", str(self.path), str(other))
        configure(other)
        for key, value in NEW.items():
            write(other, {key: value})
        self.new = commit(other)
        write(self.path, {"untracked.txt": "mine\n", "same.txt": "same\n", "kept/0.txt": "dirty\n"})
        write(self.path, {"kept/1.txt": "staged\n"})
        git(self.path, "add", "kept/1.txt")
        git(self.path, "status")
        self.repo: Repo = find_repo(self.path)
        with scratch_for(self.repo) as scratch:
            alternates = scratch.git_dir / "objects/info/alternates"
            with alternates.open("a") as stream:
                stream.write(f"{other}/.git/objects\n")
            before = scratch.entries(f"{self.old}^{{tree}}")
            after = scratch.entries(f"{self.new}^{{tree}}")
            tree = scratch.tree_of(after)
            copy_objects(scratch, [self.new], [self.old])
        stages: dict[str, dict[int, Entry]] = {}
        if conflicts:
            path = "changed/1.txt"
            stages = {path: {1: before[path], 2: before[path], 3: after[path]}}
        facts = {"from": "v1", "to": "v2", "message": "", "conflicts": list(stages), "steps": [],
                 "verify": []}  # fmt: skip
        self.outfit = Outfit(
            tree, changes_between(before, after), self.old, None if conflicts else self.new,
            "keel", facts, stages,
        )  # fmt: skip
        self.before = state(self.path)
        self.index = (self.repo.git_dir / "index").read_bytes()

    def install(self) -> None:
        with working(self.repo) as held:
            install(self.repo, self.outfit, held)

    def is_as_before(self) -> bool:
        """Files, index bit for bit, HEAD; no lock left."""
        locks = [*self.repo.git_dir.rglob("*.lock")]
        index = (self.repo.git_dir / "index").read_bytes()
        return state(self.path) == self.before and index == self.index and not locks

    def is_in_place(self) -> bool:
        """All of the update and the user's own files."""
        found = snapshot(self.path)
        own = found["untracked.txt"][1] == b"mine\n" and found["kept/0.txt"][1] == b"dirty\n"
        staged = git(self.path, "diff", "--cached", "--name-only", "HEAD", "--", "kept")
        head = self.old if self.outfit.commit is None else self.new
        there = git(self.path, "rev-parse", "HEAD").strip() == head
        files = "came/deep/ä ö.txt" in found and "gone.txt" not in found
        return own and staged.split() == ["kept/1.txt"] and there and files


EVENTS = {
    "open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.symlink",
    "subprocess.Popen", "shutil.rmtree", "shutil.copyfile", "os.listdir",
}  # fmt: skip


def die_at(number: int, action: Any) -> int:
    """Run an action in a process that is killed before its n-th step; how the process ended."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    left = [number]

    def hook(event: str, _: object) -> None:
        if event in EVENTS:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        action()
    finally:
        os._exit(0)


def copy_of(template: Prepared, root: Path) -> Prepared:
    """The same repository, fresh, at the same place."""
    shutil.rmtree(template.path)
    shutil.copytree(root / "saved", template.path, symlinks=True)
    return template


@pytest.fixture
def isolate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolated(tmp_path, monkeypatch)
    return tmp_path


def killed_everywhere(root: Path, *, conflicts: bool, stride: int) -> tuple[int, int, int]:
    """Kill an update before its steps; kills, how many were taken back, how many finished."""
    made = Prepared(root, conflicts=conflicts)
    shutil.copytree(made.path, root / "saved", symlinks=True)
    kills = back = forward = 0
    number = random.randrange(1, stride + 1)  # noqa: S311
    while True:
        copy_of(made, root)
        git(made.path, "status")
        made.index = (made.repo.git_dir / "index").read_bytes()
        if not os.WIFSIGNALED(die_at(number, made.install)):
            assert made.is_in_place()
            return kills, back, forward
        kills += 1
        recover(made.repo)
        if made.is_in_place():
            forward += 1
        else:
            assert made.is_as_before(), f"killed before step {number}"
            back += 1
            if kills % 7 == 0:  # and the next run works
                made.install()
                assert made.is_in_place()
        number += stride


def test_killed_before_many_steps(isolate: Path) -> None:
    kills, back, forward = killed_everywhere(isolate, conflicts=False, stride=5)
    assert kills >= 25
    assert back > forward > 0


def test_killed_with_conflicts(isolate: Path) -> None:
    kills, back, _ = killed_everywhere(isolate, conflicts=True, stride=19)
    assert kills >= 5
    assert back > 0


@pytest.mark.slow
@pytest.mark.parametrize("conflicts", [False, True])
def test_killed_before_every_step(isolate: Path, conflicts: bool) -> None:
    kills, back, forward = killed_everywhere(isolate, conflicts=conflicts, stride=1)
    print(f"{kills} kills: {back} taken back, {forward} finished")
    assert kills >= 100


def test_undo_killed_before_steps(isolate: Path) -> None:
    made = Prepared(isolate)
    made.install()
    shutil.copytree(made.path, isolate / "saved", symlinks=True)
    kills, number = 0, 2
    while True:
        copy_of(made, isolate)
        ended = die_at(number, lambda: undo(made.path))
        if not os.WIFSIGNALED(ended):
            break
        kills += 1
        recover(made.repo)
        if not made.is_in_place():
            assert state(made.path) == made.before, number
        number += 9
    assert kills >= 10
    assert state(made.path) == made.before


def test_edits_made_after_a_kill_are_kept(isolate: Path) -> None:
    made = Prepared(isolate)
    for number in range(60, 400):
        if os.WIFSIGNALED(die_at(number, made.install)):
            if (made.path / "changed/0.txt").read_text().startswith("new"):
                break
            recover(made.repo)
    (made.path / "changed/0.txt").write_text("written after the kill\n")
    said = "\n".join(recover(made.repo))
    assert made.is_as_before()
    kept = [*made.repo.state_dir.glob("kept/*/changed/0.txt")]
    assert [path.read_text() for path in kept] == ["written after the kill\n"]
    assert str(kept[0]) in said


def test_commits_made_after_a_kill_stay(isolate: Path) -> None:
    made = Prepared(isolate)
    for number in range(60, 400):
        if os.WIFSIGNALED(die_at(number, made.install)):
            if (made.path / "changed/0.txt").read_text().startswith("new"):
                break
            recover(made.repo)
    (made.repo.git_dir / "index.lock").unlink()
    head = commit(made.path)
    here = snapshot(made.path)
    assert "half-way" in "\n".join(recover(made.repo))
    assert snapshot(made.path) == here
    assert git(made.path, "rev-parse", "HEAD").strip() == head
    assert records(made.repo) == []
    assert recover(made.repo) == []


def test_undo_restores_bit_for_bit(isolate: Path) -> None:
    made = Prepared(isolate)
    made.install()
    assert made.is_in_place()
    assert git(made.path, "status", "--porcelain", "--", "changed", "came", "same.txt") == ""
    undo(made.path)
    assert made.is_as_before()


def test_abort_restores_bit_for_bit(isolate: Path) -> None:
    made = Prepared(isolate, conflicts=True)
    made.install()
    (made.path / "changed/1.txt").write_text("half settled\n")
    told = abort_update(made.path).to_text()
    assert made.is_as_before()
    assert "half settled" in next(made.repo.state_dir.glob("kept/*/changed/1.txt")).read_text()
    assert "kept" in told


def test_what_was_staged_meanwhile_stays_staged(isolate: Path) -> None:
    made = Prepared(isolate, conflicts=True)
    made.install()
    write(made.path, {"kept/2.txt": "staged meanwhile\n"})
    git(made.path, "add", "kept/2.txt")
    abort_update(made.path)
    staged = git(made.path, "diff", "--cached", "--name-only").split()
    assert staged == ["kept/1.txt", "kept/2.txt"]


def test_another_git_at_work(isolate: Path) -> None:
    made = Prepared(isolate)
    (made.repo.git_dir / "index.lock").write_bytes(b"")
    with pytest.raises(Refused, match="git is at work"):
        made.install()
    (made.repo.git_dir / "index.lock").unlink()
    assert made.is_as_before()


def test_two_updates_at_once(isolate: Path) -> None:
    made = Prepared(isolate)
    with working(made.repo), pytest.raises(Refused, match="another update"):
        made.install()
    assert made.is_as_before()


@contextmanager
def small_disk(root: Path, size: int) -> Iterator[Path]:
    """A file system of its own, of so many KiB."""
    target = root / "disk"
    target.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(target)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield target
    finally:
        subprocess.run(["umount", "-l", str(target)], check=True)


def test_full_disk(isolate: Path) -> None:
    with small_disk(isolate, 4096) as disk:
        made = Prepared(isolate, where=disk)
        failed = 0
        for free in (0, 4, 12, 24, 48, 72, 96, 120, 160, 200):
            filler = disk / "filler"
            room = shutil.disk_usage(disk).free - free * 1024
            filler.write_bytes(b"x" * max(room, 0))
            try:
                made.install()
            except KeelError:
                failed += 1
                filler.unlink()
                recover(made.repo)
                assert made.is_as_before(), free
            else:
                filler.unlink()
                assert made.is_in_place()
                undo(made.path)
                assert made.is_as_before()
        assert failed >= 4
        made.install()
        assert made.is_in_place()


def test_a_file_written_to_meanwhile(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's editor saves between the look and the exchange."""
    made = Prepared(isolate)
    saved = made.path / "changed/3.txt"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.link" and str(arguments[0]).endswith("changed/0.txt") and armed:
            armed.clear()
            saved.write_text("saved by the user\n")

    armed = [True]
    sys.addaudithook(hook)
    with pytest.raises(Refused, match=r"changed/3\.txt changed"):
        made.install()
    assert saved.read_text() == "saved by the user\n"
    saved.write_text("old 3\n" * 3)
    assert snapshot(made.path) == made.before[0]
    assert git(made.path, "rev-parse", "HEAD").strip() == made.old


def test_a_replaced_file_keeps_its_permissions(isolate: Path) -> None:
    made = Prepared(isolate)
    (made.path / "changed/0.txt").chmod(0o600)
    (made.path / "mode.sh").chmod(0o640)
    made.before = state(made.path)
    made.install()
    assert (made.path / "changed/0.txt").stat().st_mode & 0o777 == 0o600
    assert (made.path / "mode.sh").stat().st_mode & 0o777 == 0o750
    undo(made.path)
    assert state(made.path) == made.before
    assert (made.path / "changed/0.txt").stat().st_mode & 0o777 == 0o600


def test_a_template_file_below_a_submodule(lab: Lab) -> None:
    lab.release("v1.0.0", {"notes.md": "notes\n"})
    repo = lab.generate()
    source = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", str(lab.template)]
    git(repo, *source, "vendor/lib")
    commit(repo)
    before = state(repo)
    lab.release("v2.0.0", {"vendor/lib/x.md": "x\n"})
    with pytest.raises(KeelError, match=r"vendor/lib.* \(submodule\)"):
        update(repo, verify=())
    assert state(repo) == before
