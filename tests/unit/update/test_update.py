"""`keel update` of a small repository: what it takes, what it leaves, what stops it."""

from __future__ import annotations

import shutil

import pytest

from modelkeel.errors import BadInput, Conflicts, Refused
from modelkeel.update.apply import update
from modelkeel.update.git import find_repo
from modelkeel.update.outcome import Plan
from modelkeel.update.resume import undo
from modelkeel.update.template import read_answers

from .conftest import (
    FILES,
    Lab,
    apply,
    commit,
    git,
    snapshot,
    state,
    updated,
    write,
)
from .scenarios import lines, put


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


def test_your_file_in_a_folder_that_the_template_renames(lab: Lab) -> None:
    lab.release("v1.0.0", {"guide/a.md": lines("a"), "guide/b.md": lines("b")})
    repo = lab.generate()
    write(repo, {"guide/own.md": "own\n"})
    commit(repo)
    lab.release("v2.0.0", {"guide/a.md -> manual/a.md": None, "guide/b.md -> manual/b.md": None})
    outcome = apply(repo)
    assert (repo / "guide/own.md").read_text() == "own\n"
    assert [note.path for note in outcome.plan.notes] == ["guide/own.md"]
    assert "manual" in outcome.plan.notes[0].text


def test_both_sides_lines_where_attributes_ask_for_them(lab: Lab) -> None:
    lab.release("v1.0.0", {"news.txt": "first\n", ".gitattributes": "news.txt merge=union\n"})
    repo = lab.generate()
    write(repo, {"news.txt": "first\nmine\n"})
    commit(repo)
    lab.release("v2.0.0", {"news.txt": "first\ntheirs\n"})
    assert apply(repo).exit_code == 0
    assert (repo / "news.txt").read_text() == "first\nmine\ntheirs\n"
