"""`keel update` and its companions in all sorts of repositories."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelkeel.errors import BadInput, Conflicts, KeelError, Refused
from modelkeel.update.apply import update
from modelkeel.update.git import find_repo
from modelkeel.update.outcome import Outcome, Plan
from modelkeel.update.resume import abort_update, continue_update, undo
from modelkeel.update.template import read_answers

from .conftest import Lab, commit, configure, git, isolated, snapshot, state, write
from .scenarios import lines, put

FILES = {
    "f.txt": lines("file f"),
    "g.txt": lines("file g"),
    "src/own.py": "own = 1\n",
    "sub dir/ä.txt": lines("umlaut"),
}
CHANGED = {
    "f.txt": put(lines("file f"), 3, "theirs"),
    "n.txt": "new\n",
    "src/own.py": "own = 2\n",
    "src/more.py": "more = 1\n",
}


def apply(repo: Path, *arguments: Any, **options: Any) -> Outcome:
    """An update without checks."""
    options.setdefault("verify", ())
    done = update(repo, *arguments, **options)
    assert isinstance(done, Outcome)
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A template with two releases, and a repository of the first."""
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        isolated(root, patch)
        lab = Lab(root)
        lab.release("v1.0.0", FILES)
        lab.release("v2.0.0", CHANGED)
        lab.generate(into="first")
        yield lab


@pytest.fixture
def two(lab: Lab, made: Lab) -> Lab:
    """The same for one test: a template of its own, and generated repositories."""
    shutil.copytree(made.template, lab.template)
    lab.ready = made.root / "first"
    return lab


def updated(repo: Path, top: Path | None = None) -> bool:
    """Are the template's changes in, and the project's own files as they were?"""
    done = (repo / "n.txt").is_file() and "theirs" in (repo / "f.txt").read_text()
    own = (repo / "src/own.py").read_text() == "own = 1\n" and (repo / "src/more.py").is_file()
    return done and own and git(top or repo, "status", "--porcelain") == ""


def test_one_plain_commit_in_the_users_name(two: Lab) -> None:
    repo = two.generate()
    head = git(repo, "rev-parse", "HEAD").strip()
    done = apply(repo)
    assert done.exit_code == 0
    assert updated(repo)
    said = git(repo, "log", "-1", "--format=%P|%an|%ae|%B")
    assert said.startswith(f"{head}|Ada User|ada@example.com|")
    assert "chore: update from template v1.0.0 to v2.0.0" in said
    assert "- n.txt" in said
    assert git(repo, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert "keel: update" in git(repo, "reflog", "-1")
    assert apply(repo).done == "current"
    assert not [*two.root.glob("scratch/*")]


def test_hooks_signing_and_filters_of_the_user_stay_quiet(two: Lab) -> None:
    repo = two.generate()
    for name in (
        "pre-commit",
        "post-checkout",
        "commit-msg",
        "reference-transaction",
        "post-merge",
    ):
        hook = repo / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{two.root}/fired'\nexit 1\n")
        hook.chmod(0o755)
    git(repo, "config", "commit.gpgSign", "true")
    git(repo, "config", "merge.conflictStyle", "diff3")
    git(repo, "config", "rerere.enabled", "true")
    assert apply(repo).done == "updated"
    assert not (two.root / "fired").exists()


def test_uncommitted_work_elsewhere_stays_byte_for_byte(two: Lab) -> None:
    repo = two.generate()
    write(repo, {"g.txt": "dirty\r\nand mixed\n", "staged.txt": "staged\n", "un tracked/ü": b"\0"})
    git(repo, "add", "staged.txt")
    write(repo, {"staged.txt": "staged, then edited\n", ".git/info/exclude": "*.secret\n"})
    write(repo, {"a.secret": "ignored\n"})
    before = state(repo)
    apply(repo)
    after = snapshot(repo)
    for path in ("g.txt", "staged.txt", "un tracked/ü", "a.secret"):
        assert after[path] == before[0][path]
    assert git(repo, "show", ":staged.txt") == "staged\n"
    assert git(repo, "show", "HEAD", "--name-only", "--format=").split() == [
        ".copier-answers.yml", "f.txt", "n.txt", "src/more.py",
    ]  # fmt: skip
    undo(repo)
    assert state(repo) == before


def test_overlaps_stop_the_update(two: Lab) -> None:
    new = {"f.txt": "f\n", "g.txt": "g\n", "i.txt": "i\n", "u.txt": "u\n", "w.txt": "w\n"}
    two.release("v3.0.0", new)
    repo = two.generate()
    write(repo, {"f.txt": "mine\n", "g.txt": "mine\n", "i.txt": "mine\n", "u.txt": "mine\n",
                 "w.txt/inner": "mine\n", ".git/info/exclude": "i.txt\n"})  # fmt: skip
    git(repo, "add", "g.txt")
    before = state(repo)
    with pytest.raises(Refused) as caught:
        apply(repo)
    assert caught.value.exit_code == 3
    preview = update(repo, preview_only=True)
    assert preview.exit_code == 3
    for told in ("f.txt (modified)", "g.txt (staged)", "i.txt (ignored)", "u.txt (untracked)"):
        assert told in str(caught.value)
        assert told in preview.to_text()
    assert "w.txt/inner (in the way)" in str(caught.value)
    assert state(repo) == before


def test_an_ignored_file_can_be_kept(two: Lab) -> None:
    repo = two.generate()
    write(repo, {".git/info/exclude": "n.txt\n", "n.txt": "SECRET=1\n"})
    done = apply(repo, keep=["n.txt"])
    assert "n.txt is left out" in done.to_text()
    assert (repo / "n.txt").read_text() == "SECRET=1\n"
    assert "n.txt" not in git(repo, "ls-files")
    two.release("v3.0.0", {"n.txt": "newer\n"})
    assert "n.txt" in "".join(apply(repo).notes)
    assert (repo / "n.txt").read_text() == "SECRET=1\n"


def test_an_untracked_file_like_the_templates_is_taken_over(two: Lab) -> None:
    repo = two.generate()
    write(repo, {"n.txt": "new\n"})
    before = state(repo)
    inode = (repo / "n.txt").stat().st_ino
    apply(repo)
    assert updated(repo)
    assert (repo / "n.txt").stat().st_ino == inode
    undo(repo)
    assert state(repo) == before


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


@pytest.mark.slow
def test_one_jump_or_step_by_step(lab: Lab) -> None:
    lab.release("v1.0.0", FILES)
    lab.release("v1.1.0", {"f.txt": put(lines("file f"), 3, "one"), "x.txt": "x\n"})
    lab.release("v1.2.0", {"x.txt -> y.txt": None, "g.txt": put(lines("file g"), 9, "two")})
    repos = [lab.generate(), lab.generate()]
    for repo in repos:
        write(repo, {"f.txt": put(lines("file f"), 15, "mine")})
        commit(repo)
    apply(repos[0])
    for version in ("1.1.0", "v1.2.0"):
        apply(repos[1], version)
    assert snapshot(repos[0]) == snapshot(repos[1])


def test_answers(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt.jinja": "{{ name }}\n"})
    questions = "must:\n  type: int\n  validator: '{% if must < 0 %}too small{% endif %}'\n"
    config = (lab.template / "copier.yml").read_text().replace("default: demo", "default: sample")
    lab.release(None, {"copier.yml": config + questions}, raw=True)
    lab.release("v2.0.0", {"m.txt.jinja": "{{ must }}\n"})
    repo = lab.generate()
    before = state(repo)
    with pytest.raises(BadInput, match="'must'") as caught:
        apply(repo)
    assert caught.value.remedy == "answer it: --answer must=VALUE"
    for wrong in ({"must": "-1"}, {"unknown": "1"}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            apply(repo, None, {"must": "1", **wrong})
    assert state(repo) == before
    plan = update(repo, None, {"must": "3"}, preview_only=True)
    assert isinstance(plan, Plan)
    assert {(q.key, q.kind) for q in plan.questions} == {("name", "default"), ("must", "given")}
    assert "--answer name=sample" in plan.to_text()
    apply(repo, None, {"must": "3"})
    assert (repo / "m.txt").read_text() == "3\n"
    assert read_answers(find_repo(repo)).values == {"name": "demo", "must": 3}
    apply(repo, None, {"name": "other"})
    assert (repo / "f.txt").read_text() == "other\n"


def test_an_answer_renames_a_folder(lab: Lab) -> None:
    derived = (
        "package:\n  type: str\n  when: false\n  default: \"{{ name | replace('-', '_') }}\"\n"
    )
    lab.release("v1.0.0", {"src/{{ package }}/own.py": lines("own"), "{{ package }}.cfg": "a = 1\n",
                           "docs/{{ package }}/guide.md": lines("guide")})  # fmt: skip
    config = (lab.template / "copier.yml").read_text() + derived
    git(lab.template, "tag", "-d", "v1.0.0")
    lab.release("v1.0.0", {"copier.yml": config}, raw=True)
    lab.release("v2.0.0", {"docs/{{ package }}/guide.md": put(lines("guide"), 2, "theirs"),
                           "src/{{ package }}/own.py": "rewritten\n"})  # fmt: skip
    repo = lab.generate(data={"name": "my-model"})
    write(repo, {"src/my_model/own.py": put(lines("own"), 1, "mine"),
                 "src/my_model/added.py": "a\n",
                 "docs/my_model/guide.md": put(lines("guide"), 15, "mine"),
                 "src/my_model/untracked.txt": "u\n"})  # fmt: skip
    git(repo, "add", "-A", ":!src/my_model/untracked.txt")
    git(repo, "commit", "-qm", "work")
    before = state(repo)
    done = apply(repo, None, {"name": "better-name"})
    assert done.exit_code == 0
    assert "mine" in (repo / "src/better_name/own.py").read_text()
    assert (repo / "src/better_name/added.py").is_file()
    guide = (repo / "docs/better_name/guide.md").read_text()
    assert "mine" in guide
    assert "theirs" in guide
    assert (repo / "better_name.cfg").is_file()
    left = {path for path in snapshot(repo) if "my_model" in path}
    assert left == {"src/my_model/untracked.txt"}
    undo(repo)
    assert state(repo) == before


def test_project_files_are_written_once(two: Lab) -> None:
    repo = two.generate()
    (repo / "src/own.py").unlink()
    commit(repo)
    apply(repo)
    assert not (repo / "src/own.py").exists()
    assert (repo / "src/more.py").is_file()
    two.release("v3.0.0", {"src/more.py -> src/renamed.py": None})
    done = apply(repo)
    assert (repo / "src/more.py").is_file()
    assert not (repo / "src/renamed.py").exists()
    assert "src/renamed.py" in done.to_text()


def test_a_lost_template_leaves_all_as_it_was(two: Lab) -> None:
    repo = two.generate()
    before = state(repo)
    shutil.move(two.template, two.root / "elsewhere")
    with pytest.raises(BadInput, match="is not there"):
        apply(repo)
    assert state(repo) == before


def test_special_modes(two: Lab) -> None:
    repo = two.generate()
    (repo / "f.txt").chmod(0o600)
    apply(repo)
    assert updated(repo)
    undo(repo)
    assert stat.S_IMODE((repo / "f.txt").stat().st_mode) == 0o600


def test_a_renamed_file_is_looked_at_again(lab: Lab) -> None:
    before = "[t]\nlast = 1\nk = 1\nz = 1\nmore = 1\nand = 1\n"
    lab.release("v1.0.0", {"r.toml": before})
    repo = lab.generate()
    write(repo, {"r.toml": before.replace("and = 1", "both = 1000\nand = 1")})
    commit(repo)
    moved = before.replace("last = 1", "both = 3000\nlast = 1")
    lab.release("v2.0.0", {"r.toml -> s.toml": moved})
    outcome = apply(repo)
    assert outcome.exit_code == Conflicts.exit_code
    assert "both = 1000" in (repo / "s.toml").read_text()
    assert "both = 3000" in (repo / "s.toml").read_text()


def test_what_you_removed_does_not_come_back_from_a_reordered_list(lab: Lab) -> None:
    def hooks(*names: str) -> str:
        return "repos:\n" + "".join(f"  - repo: {name}\n    rev: v1\n" for name in names)

    lab.release("v1.0.0", {"p.yaml": hooks("k00", "k01")})
    repo = lab.generate()
    write(repo, {"p.yaml": hooks("k01")})
    commit(repo)
    lab.release("v2.0.0", {"p.yaml": hooks("k01", "k00")})
    outcome = apply(repo)
    text = (repo / "p.yaml").read_text()
    assert outcome.exit_code == Conflicts.exit_code or "k00" not in text
