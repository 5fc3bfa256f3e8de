"""`keel update` in a monorepo, a linked work tree, with CRLF, submodules, odd modes."""

from __future__ import annotations

import stat

import pytest

from modelkeel.errors import Refused
from modelkeel.update.resume import undo

from .conftest import (
    FILES,
    Lab,
    apply,
    commit,
    configure,
    git,
    snapshot,
    state,
    updated,
    write,
)


def test_monorepo_folder(two: Lab) -> None:
    top = two.root / "mono repo"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    configure(top)
    project = two.generate(into="mono repo/services/ä b", init=False)
    write(top, {"other/f.txt": FILES["f.txt"], "services/x.txt": "x\n"})
    commit(top, force=True)
    write(top, {"other/f.txt": "dirty\n"})
    apply(project)
    assert (top / "other/f.txt").read_text() == "dirty\n"
    write(top, {"other/f.txt": FILES["f.txt"]})
    assert updated(project, top)
    changed = git(top, "-c", "core.quotePath=false", "show", "--name-only", "--format=").split("\n")
    assert all(path.startswith("services/ä b/") for path in changed if path)
    undo(project / "src")
    assert not (project / "n.txt").exists()


def test_linked_worktree_and_detached_head(two: Lab) -> None:
    repo = two.generate()
    linked = two.root / "linked"
    git(repo, "worktree", "add", "-q", "--detach", str(linked))
    head = git(repo, "rev-parse", "HEAD")
    before = state(linked)
    apply(linked)
    assert updated(linked)
    assert git(linked, "symbolic-ref", "-q", "HEAD", check=False) == ""
    assert git(repo, "rev-parse", "HEAD") == head
    undo(linked)
    assert state(linked) == before


def test_nobody_is_named(two: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = two.generate()
    git(repo, "config", "--unset", "user.name")
    git(repo, "config", "--unset", "user.email")
    git(repo, "config", "user.useConfigOnly", "true")
    apply(repo)
    assert git(repo, "log", "-1", "--format=%an").strip() == "keel"


@pytest.mark.parametrize("setting", ["true", "input"])
def test_crlf_checkout(two: Lab, setting: str) -> None:
    repo = two.generate()
    git(repo, "config", "core.autocrlf", setting)
    if setting == "true":
        for path in ("f.txt", "g.txt"):
            (repo / path).unlink()
        git(repo, "checkout", "--", "f.txt", "g.txt")
        assert b"\r\n" in (repo / "f.txt").read_bytes()
    before = state(repo)
    write(repo, {"g.txt": (repo / "g.txt").read_bytes().replace(b"line 3", b"mine")})
    commit(repo)
    apply(repo)
    assert updated(repo)
    assert (b"theirs\r\n" in (repo / "f.txt").read_bytes()) == (setting == "true")
    assert b"\r" not in git(repo, "cat-file", "blob", "HEAD:f.txt").encode()
    undo(repo)
    assert snapshot(repo)["f.txt"] == before[0]["f.txt"]


def test_submodules_pointers_and_sparse_files_are_left_alone(two: Lab) -> None:
    repo = two.generate()
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 9\n"
    write(repo, {"big.bin": pointer, ".gitattributes": "*.bin filter=lfs\n"})
    git(repo, "config", "filter.lfs.smudge", "false")
    git(repo, "config", "filter.lfs.clean", "cat")
    git(repo, "config", "filter.lfs.required", "true")
    git(
        repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(two.template), "mod"
    )
    commit(repo)
    git(repo, "update-index", "--skip-worktree", "f.txt")
    (repo / "f.txt").unlink()
    write(repo, {"mod/inner.txt": "in the submodule\n"})
    apply(repo)
    assert (repo / "big.bin").read_text() == pointer
    assert (repo / "mod/inner.txt").read_text() == "in the submodule\n"
    assert not (repo / "f.txt").exists()
    assert "theirs" in git(repo, "show", "HEAD:f.txt")
    assert "S f.txt" in git(repo, "ls-files", "-v")
    assert git(repo, "diff", "--cached", "--name-only") == ""


def test_hidden_local_edits_are_not_overwritten(two: Lab) -> None:
    repo = two.generate()
    git(repo, "update-index", "--assume-unchanged", "f.txt")
    write(repo, {"f.txt": "my local settings\n"})
    with pytest.raises(Refused, match=r"f\.txt"):
        apply(repo)
    assert (repo / "f.txt").read_text() == "my local settings\n"


def test_a_merge_under_way_stops_it(two: Lab) -> None:
    repo = two.generate()
    (repo / ".git/MERGE_HEAD").write_text(git(repo, "rev-parse", "HEAD"))
    with pytest.raises(Refused, match="a merge is under way"):
        apply(repo)


def test_special_modes(two: Lab) -> None:
    repo = two.generate()
    (repo / "f.txt").chmod(0o600)
    apply(repo)
    assert updated(repo)
    undo(repo)
    assert stat.S_IMODE((repo / "f.txt").stat().st_mode) == 0o600
