"""Templates from everywhere, with and without tags; what they bring."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from packaging.version import Version

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.update.apply import update
from modelkeel.update.outcome import Outcome, Plan
from modelkeel.update.status import status
from modelkeel.update.template import (
    Release,
    Remote,
    answer_blocks,
    changelog,
    open_remote,
    parse_version,
)

from .conftest import Lab, commit, git, state, write

LOG = """\
# Changelog

## Unreleased
- soon

## [2.0.0] - 2026-01-01
- two

## v1.1.0
- one

## 1.0.0
- first
"""


def test_changelog_of_the_releases_between() -> None:
    said = changelog(LOG, Version("1.0.0"), Version("2.0.0"))
    assert said == "## [2.0.0] - 2026-01-01\n- two\n\n## v1.1.0\n- one"
    assert changelog(LOG, Version("1.1.0"), Version("1.5")) == ""
    assert changelog(None, None, None) == ""


def test_versions() -> None:
    assert parse_version("v1.2.0-3-gabcdef0") > parse_version("v1.2.0")  # type: ignore[operator]
    assert Release("5a12345", "5a12345").version is None
    assert Release("5a1", "x", tagged=True).version is not None
    tags = {"v1.10.0": "a", "v1.9.0": "b", "nightly": "c", "2.0.0rc1": "d", "v0.1": "e"}
    remote = Remote("x", "x", None, "a", tags)
    assert [r.name for r in remote.releases()] == ["v0.1", "v1.9.0", "v1.10.0"]
    assert remote.releases(prereleases=True)[-1] == Release("2.0.0rc1", "d", tagged=True)


def test_answer_blocks_hold_wrapped_values() -> None:
    text = "# head\n_commit: v1\n_src_path: /a\n    b\nname: x\nlist:\n- a\n- b\n"
    assert answer_blocks(text) == {
        "": "# head\n", "_commit": "_commit: v1\n", "_src_path": "_src_path: /a\n    b\n",
        "name": "name: x\n", "list": "list:\n- a\n- b\n",
    }  # fmt: skip
    assert "".join(answer_blocks(text).values()) == text


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("gh:owner/name", "https://github.com/owner/name.git"),
        ("gl:owner/name.git", "https://gitlab.com/owner/name.git"),
        ("git+https://host.example/x", "https://host.example/x"),
        ("https://github.com/owner/name", "https://github.com/owner/name.git"),
        ("git@host.example:x.git", "git@host.example:x.git"),
    ],
)
def test_addresses_are_read_as_copier_reads_them(
    source: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "none")
    with pytest.raises(KeelError, match="cannot be reached"):
        open_remote(source, tmp_path)
    from modelkeel.update.template import _expand

    assert _expand(source, tmp_path) == (address, None)


@pytest.mark.parametrize("source", ["git+file://{}", "{}", "../template repo"])
def test_a_template_by_any_address(lab: Lab, source: str) -> None:
    lab.release("v1.0.0", {"f.txt": "one\n"})
    address = source.format(lab.template)
    if ".." in source:
        repo = lab.generate()
        answers = repo / ".copier-answers.yml"
        text = "".join(
            f"_src_path: {source}\n" if key == "_src_path" else block
            for key, block in answer_blocks(answers.read_text()).items()
        )
        answers.write_text(text)
        commit(repo)
    else:
        repo = lab.generate(source=address)
    lab.release("v2.0.0", {"f.txt": "two\n"})
    shutil.rmtree(lab.root / "home/cache", ignore_errors=True)
    assert isinstance(done := update(repo, verify=()), Outcome)
    assert done.done == "updated"
    assert (repo / "f.txt").read_text() == "two\n"
    assert git(repo, "status", "--porcelain") == ""
    assert not [*lab.root.glob("home/cache/*")]


def test_a_template_without_tags_that_gets_some(lab: Lab) -> None:
    first = lab.release(None, {"f.txt": "one\n"})
    repo = lab.generate("HEAD")
    assert status(repo).behind == []
    lab.release(None, {"f.txt": "two\n"})
    assert status(repo).exit_code == 5
    update(repo, verify=())
    assert (repo / "f.txt").read_text() == "two\n"
    lab.release("v0.1.0", {"f.txt": "three\n"})
    assert status(repo).behind == ["v0.1.0"]
    update(repo, verify=())
    assert (repo / "f.txt").read_text() == "three\n"
    assert update(repo, verify=()).to_text() == "Up to date with template v0.1.0."
    lab.release(None, {"f.txt": "four\n"})
    update(repo, "HEAD", verify=())
    assert (repo / "f.txt").read_text() == "four\n"
    assert isinstance(again := update(repo, verify=()), Outcome)
    assert again.done == "current"  # the newest release is older than the commit
    with pytest.raises(Refused, match="older"):
        update(repo, first)


def test_a_plain_folder_says_what_it_cannot_do(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt": "one\n"})
    shutil.rmtree(lab.template / ".git")
    repo = lab.generate("HEAD")
    for verb in (status, update):
        with pytest.raises(BadInput, match="plain folder without git"):
            verb(repo)


def test_a_revision_that_is_gone(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt": "one\n"})
    lab.release("v2.0.0", {"f.txt": "two\n"})
    repo = lab.generate()
    answers = repo / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v1.0.0-1-gdeadbee"))
    commit(repo)
    with pytest.raises(BadInput, match="deadbee"):
        update(repo)
    update(repo, since="v1.0.0", verify=())
    assert (repo / "f.txt").read_text() == "two\n"


def test_no_such_release(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt": "one\n"})
    repo = lab.generate()
    with pytest.raises(BadInput, match=r"no revision '9\.9'") as caught:
        update(repo, "9.9")
    assert "v1.0.0" in caught.value.remedy


def test_not_a_generated_repository(tmp_path: Path, lab: Lab) -> None:
    with pytest.raises(BadInput, match="no git work tree"):
        update(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(BadInput, match="not generated"):
        update(tmp_path)
    (tmp_path / ".copier-answers.yml").write_text("_src_path: x\n")
    with pytest.raises(BadInput, match="holds no"):
        update(tmp_path)


def test_extensions_need_trust_and_tasks_never_run(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt": "one\n"})
    repo = lab.generate()
    config = (lab.template / "copier.yml").read_text()
    tasks = f"_tasks: [\"touch '{lab.root}/ran'\"]\n"
    lab.release("v2.0.0", {"copier.yml": config + tasks}, raw=True)
    plan = update(repo, preview_only=True)
    assert isinstance(plan, Plan)
    assert plan.tasks == 1
    assert "not run" in plan.to_text()
    extended = config + "_jinja_extensions: [jinja2.ext.do]\n"
    lab.release("v3.0.0", {"copier.yml": extended, "template/f.txt": "three\n"}, raw=True)
    before = state(repo)
    with pytest.raises(KeelError, match="UnsafeTemplateError") as caught:
        update(repo)
    assert "--trust" in caught.value.remedy
    assert state(repo) == before
    update(repo, trust=True, verify=())
    assert (repo / "f.txt").read_text() == "three\n"
    assert not (lab.root / "ran").exists()


def test_what_the_new_version_excludes_stays_with_the_user(lab: Lab) -> None:
    lab.release("v1.0.0", {"f.txt": "one\n", "given.txt": "given\n"})
    repo = lab.generate()
    config = (lab.template / "copier.yml").read_text()
    lab.release("v2.0.0", {"copier.yml": config + "_exclude: [given.txt]\n"}, raw=True)
    update(repo, verify=())
    assert (repo / "given.txt").read_text() == "given\n"
    write(repo, {"given.txt": None})
