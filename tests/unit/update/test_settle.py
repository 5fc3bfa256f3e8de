"""What follows an update: settling conflicts, giving up, undoing."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelkeel.errors import Conflicts, KeelError, Refused
from modelkeel.update.outcome import Plan
from modelkeel.update.resume import abort_update, continue_update, undo

from .conftest import (
    FILES,
    Lab,
    apply,
    commit,
    git,
    snapshot,
    state,
    write,
)
from .scenarios import lines, put


def conflicting(two: Lab) -> Path:
    repo = two.generate()
    write(repo, {"f.txt": put(lines("file f"), 3, "mine")})
    commit(repo)
    return repo


def test_conflicts_continue(two: Lab) -> None:
    repo = conflicting(two)
    write(repo, {"staged.txt": "before\n"})
    git(repo, "add", "staged.txt")
    done = apply(repo)
    assert done.exit_code == 4
    assert done.conflicts == [("f.txt", "content")]
    assert "UU f.txt" in git(repo, "status", "--porcelain")
    for verb in (lambda: apply(repo), lambda: undo(repo)):
        with pytest.raises(Refused, match="waits for its conflicts"):
            verb()
    with pytest.raises(Conflicts, match="unmerged"):
        continue_update(repo)
    git(repo, "add", "f.txt")
    with pytest.raises(Conflicts, match="markers"):
        continue_update(repo)
    write(repo, {"f.txt": put(lines("file f"), 3, "both"), "helper.txt": "needed for it\n"})
    git(repo, "add", "f.txt", "helper.txt")
    assert continue_update(repo).done == "updated"
    assert (repo / "f.txt").read_text().count("both") == 1
    assert git(repo, "diff", "--cached", "--name-only").split() == ["staged.txt"]
    assert "helper.txt" in git(repo, "show", "--name-only", "--format=")
    assert not (repo / ".git/MERGE_MSG").exists()


def test_the_user_commits_the_settled_update(two: Lab) -> None:
    repo = conflicting(two)
    before = git(repo, "rev-parse", "HEAD^{tree}")
    apply(repo)
    write(repo, {"f.txt": "settled\n"})
    git(repo, "add", "f.txt")
    git(repo, "commit", "-q", "--no-edit")
    assert git(repo, "log", "-1", "--format=%s").startswith("chore: update from template v1.0.0")
    assert continue_update(repo).done == "updated"
    undo(repo)
    assert git(repo, "rev-parse", "HEAD^{tree}") == before
    assert git(repo, "status", "--porcelain") == ""


def test_abort(two: Lab) -> None:
    repo = conflicting(two)
    before = state(repo)
    apply(repo)
    abort_update(repo)
    assert state(repo) == before
    with pytest.raises(Refused, match="no update"):
        abort_update(repo)


def test_checks_must_pass_first(two: Lab) -> None:
    repo = two.generate()
    before = state(repo)
    heard: list[str] = []
    with pytest.raises(Refused, match="does not pass") as caught:
        apply(repo, verify=["ls n.txt", "sh -c 'echo broken; exit 7'"], on_line=heard.append)
    assert "exit code 7" in str(caught.value)
    assert "n.txt" in heard
    assert "broken" in heard
    assert state(repo) == before
    with pytest.raises(KeelError, match="no such command"):
        apply(repo, verify=["no-such-command-here"])
    assert state(repo) == before
    assert apply(repo, verify=["git diff --quiet HEAD", "test -f n.txt"]).done == "updated"


def test_on_plan_may_stop(two: Lab) -> None:
    repo = two.generate()
    before = state(repo)

    def no(plan: Plan) -> None:
        raise Refused(f"not {plan.new}")

    with pytest.raises(Refused, match=r"not v2\.0\.0"):
        apply(repo, on_plan=no)
    assert state(repo) == before


def test_undo_keeps_later_work(two: Lab) -> None:
    repo = two.generate()
    apply(repo)
    write(repo, {"later.txt": "later\n", "g.txt": "later too\n"})
    commit(repo, "later")
    write(repo, {"uncommitted.txt": "x\n"})
    undo(repo)
    assert git(repo, "log", "-1", "--format=%s").startswith("chore: undo update")
    assert (repo / "later.txt").read_text() == "later\n"
    assert (repo / "f.txt").read_text() == FILES["f.txt"]
    assert not (repo / "n.txt").exists()
    assert git(repo, "status", "--porcelain").split() == ["??", "uncommitted.txt"]


def test_undo_refuses_overlapping_work(two: Lab) -> None:
    repo = two.generate()
    with pytest.raises(Refused, match="no update to undo"):
        undo(repo)
    apply(repo)
    write(repo, {"f.txt": "edited since\n"})
    before = state(repo)
    with pytest.raises(Refused, match=r"f\.txt"):
        undo(repo)
    assert state(repo) == before
    commit(repo)
    with pytest.raises(Refused, match="later commits"):
        undo(repo)


def test_undo_of_a_published_update_is_a_new_commit(two: Lab) -> None:
    repo = two.generate()
    git(two.root, "init", "-q", "--bare", "remote.git")
    git(repo, "remote", "add", "origin", str(two.root / "remote.git"))
    before = snapshot(repo)
    apply(repo)
    git(repo, "push", "-q", "origin", "main")
    undo(repo)
    assert snapshot(repo) == before
    assert git(repo, "status", "--porcelain") == ""
    assert len(git(repo, "log", "--format=%h").split()) == 3
