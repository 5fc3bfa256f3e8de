"""A fleet: many repositories side by side, each on a branch, and trouble is a row."""

from __future__ import annotations

import fcntl
import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.update.fleet import fleet
from modelkeel.update.fleet_result import FleetResult, Row

from .repos import commit, git, snapshot, write

VERSIONS = {
    "v1.0.0": {
        "copier.yml": "_subdirectory: template\nname: {type: str, default: demo}\n",
        "CHANGELOG.md": "# Changelog\n\n## 1.0.0\n\n- first\n",
        "template/{{_copier_conf.answers_file}}.jinja": "{{ _copier_answers | to_nice_yaml }}",
        "template/README.md.jinja": "# {{ name }}\n\nOne.\n",
        "template/tool.cfg": "[a]\nx = 1\n",
    },
    "v1.1.0": {
        "CHANGELOG.md": "# Changelog\n\n## 1.1.0\n\n- a better tool\n\n## 1.0.0\n\n- first\n",
        "template/tool.cfg": "[a]\nx = 2\n",
        "template/new.txt": "new\n",
    },
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    for tag, files in VERSIONS.items():
        commit(write(folder, files), tag)
    return folder


def generated(template: Path, version: str = "v1.0.0", name: str = "demo") -> dict[str, str]:
    """What a version renders, without the time it takes."""
    answers = f"_commit: {version}\n_src_path: {template}\nname: {name}\n"
    cfg = f"[a]\nx = {2 if version == 'v1.1.0' else 1}\n"
    files = {".copier-answers.yml": answers, "README.md": f"# {name}\n\nOne.\n", "tool.cfg": cfg}
    return files | ({"new.txt": "new\n"} if version == "v1.1.0" else {})


@pytest.fixture
def repos(tmp_path: Path, template: Path) -> Path:
    """A good one, one that conflicts, a current one, and what is none."""
    folder = tmp_path / "repos"
    for name in ("good", "clash"):
        commit(write(folder / name, generated(template)))
    commit(write(folder / "clash", {"tool.cfg": "[a]\nx = 7\n"}))
    commit(write(folder / "current", generated(template, "v1.1.0")))
    commit(write(folder / "foreign", {"a.txt": "1\n"}))
    write(folder / "plain", {"a.txt": "1\n"})
    return folder


def rows(result: FleetResult) -> dict[str, Row]:
    return {row.name: row for row in result.rows}


def test_an_update_is_a_branch_and_nothing_else_changes(repos: Path, tmp_path: Path) -> None:
    write(repos / "good", {"tool.cfg": "[a]\nx = 1\n# not committed\n", "untracked": "1"})
    before = {path.name: snapshot(path) for path in repos.iterdir()}
    status = git(repos / "good", "status", "--porcelain")
    seen: list[str] = []
    result = fleet(
        repos,
        update=True,
        jobs=2,
        folder=tmp_path / "out",
        on_row=lambda row: seen.append(row.name),
    )
    found = rows(result)
    assert {name: row.state for name, row in found.items()} == {
        "clash": "conflict",
        "current": "current",
        "foreign": "failed",
        "good": "updated",
        "plain": "failed",
    }
    assert sorted(seen) == sorted(found)
    assert result.exit_code == 1
    assert {path.name: snapshot(path) for path in repos.iterdir()} == before
    assert git(repos / "good", "status", "--porcelain") == status
    assert git(repos / "good", "branch", "--show-current").strip() == "main"
    good = found["good"]
    assert (good.old, good.new, good.branch) == ("v1.0.0", "v1.1.0", "modelkeel/update-v1.1.0")
    assert good.notes == ["uncommitted work in tool.cfg overlaps"]
    assert git(repos / "good", "show", f"{good.branch}:tool.cfg") == "[a]\nx = 2\n"
    assert git(repos / "good", "rev-list", "--count", f"main..{good.branch}").strip() == "1"
    text = Path(good.pull_request).read_text()
    assert "`v1.0.0` to `v1.1.0`" in text
    assert "- a better tool" in text
    assert "- first" not in text
    assert "- `new.txt`" in text
    clash = found["clash"]
    assert clash.conflicts == ["tool.cfg"]
    marked = git(repos / "clash", "show", f"{clash.branch}:tool.cfg")
    assert "<<<<<<< yours\nx = 7\n=======\nx = 2\n>>>>>>> template v1.1.0" in marked
    assert "holds conflict markers" in Path(clash.pull_request).read_text()
    assert "no git work tree" in found["plain"].message
    assert "was not generated" in found["foreign"].message
    assert "Update from template v1.0.0 to v1.1.0" in Path(good.log).read_text()
    told = json.loads((tmp_path / "out/summary.json").read_text())
    assert told["counts"] == result.counts()
    assert "v1.0.0 → v1.1.0" in result.to_text()


def test_looking_makes_no_branch(repos: Path, tmp_path: Path) -> None:
    for name in ("foreign", "plain"):
        shutil.rmtree(repos / name)
    result = fleet(repos, folder=tmp_path / "out")
    states = {name: row.state for name, row in rows(result).items()}
    assert states == {"clash": "would conflict", "current": "current", "good": "behind"}
    assert result.exit_code == 4
    assert "modelkeel" not in git(repos / "good", "branch", "-a")


def test_a_second_run_finds_its_branch(repos: Path, tmp_path: Path) -> None:
    listed = tmp_path / "fleet.txt"
    listed.write_text("repos/good\n", encoding="utf-8")
    first = fleet(listed, update=True, folder=tmp_path / "out").rows[0]
    again = fleet(listed, update=True, folder=tmp_path / "out").rows[0]
    assert (again.state, again.commit) == ("updated", first.commit)
    assert again.message == "the branch was there already"
    # The user's branch goes on: what nobody worked on is made anew.
    commit(write(repos / "good", {"mine.txt": "1\n"}))
    moved = fleet(listed, update=True, folder=tmp_path / "out").rows[0]
    assert moved.state == "updated"
    assert git(repos / "good", "show", f"{moved.branch}:mine.txt") == "1\n"
    # Somebody else's commit on the branch stays.
    git(repos / "good", "switch", "-q", moved.branch)
    commit(write(repos / "good", {"more.txt": "1\n"}))
    tip = git(repos / "good", "rev-parse", moved.branch)
    git(repos / "good", "switch", "-q", "main")
    commit(write(repos / "good", {"mine.txt": "2\n"}))
    refused = fleet(listed, update=True, folder=tmp_path / "out").rows[0]
    assert refused.state == "failed"
    assert "work of others" in refused.message
    assert git(repos / "good", "rev-parse", moved.branch) == tip


def test_a_list_of_paths_and_urls(repos: Path, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    git(tmp_path, "clone", "-q", "--bare", str(repos / "good"), str(bare))
    listed = tmp_path / "fleet.txt"
    lines = ["# our repositories", "repos/good", f"{repos}/good/  # again", "", "repos/gone"]
    listed.write_text("\n".join([*lines, bare.as_uri()]), encoding="utf-8")
    result = fleet(listed, update=True, push=True, jobs=2, folder=tmp_path / "out")
    states = [(row.name, row.state) for row in result.rows]
    assert states == [("good", "failed"), ("gone", "failed"), ("remote", "updated")]
    assert result.rows[0].notes == [f"listed again as {repos}/good/; done once"]
    assert "origin" in result.rows[0].message  # it has none to push to
    assert "is no folder" in result.rows[1].message
    assert result.rows[2].pushed
    assert git(bare, "show", "modelkeel/update-v1.1.0:tool.cfg") == "[a]\nx = 2\n"
    with pytest.raises(BadInput, match="is not there"):
        fleet(tmp_path / "nothing", folder=tmp_path / "out")


def test_projects_of_one_repository_take_turns(template: Path, tmp_path: Path) -> None:
    mono = tmp_path / "mono"
    for name in ("one", "two"):
        write(mono / name, generated(template, name=name))
    commit(mono)
    listed = tmp_path / "fleet.txt"
    listed.write_text("mono/one\nmono/two\n", encoding="utf-8")
    result = fleet(listed, update=True, jobs=2, folder=tmp_path / "out")
    assert [(row.state, row.branch) for row in result.rows] == [
        ("updated", "modelkeel/update-v1.1.0-one"),
        ("updated", "modelkeel/update-v1.1.0-two"),
    ]
    changed = git(mono, "diff", "--name-only", "main", result.rows[0].branch).split()
    assert changed == ["one/.copier-answers.yml", "one/new.txt", "one/tool.cfg"]


def test_a_locked_repository_is_tried_again(repos: Path, tmp_path: Path) -> None:
    lock = repos / "good/.git/modelkeel/lock"
    lock.parent.mkdir()
    listed = tmp_path / "fleet.txt"
    listed.write_text("repos/good\n", encoding="utf-8")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def let_go() -> None:
            log = tmp_path / "out/logs/good.log"
            while not log.is_file() or "attempt 2" not in log.read_text():
                time.sleep(0.05)
            fcntl.flock(held, fcntl.LOCK_UN)

        waiting = threading.Thread(target=let_go)
        waiting.start()
        row = fleet(listed, update=True, folder=tmp_path / "out").rows[0]
        waiting.join()
    assert (row.state, row.attempts) == ("updated", 2)


def test_what_takes_too_long_is_a_row(repos: Path, tmp_path: Path) -> None:
    listed = tmp_path / "fleet.txt"
    listed.write_text("repos/good\n", encoding="utf-8")
    row = fleet(listed, update=True, timeout=0.01, folder=tmp_path / "out").rows[0]
    assert (row.state, row.message) == ("failed", "it took more than 0.01 seconds")


@pytest.mark.slow
def test_fifty_repositories_of_which_three_are_broken(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repos"
    for number in range(50):
        repo = commit(write(folder / f"r{number:02}", generated(template, name=f"n{number}")))
        if number % 10 == 5:
            commit(write(repo, {"own.txt": "mine\n"}))
    write(folder / "r07", {".copier-answers.yml": "_src_path: /nowhere\n_commit: v1.0.0\n"})
    commit(folder / "r07")
    (folder / "r21/.copier-answers.yml").unlink()
    commit(folder / "r21")
    shutil.rmtree(folder / "r33/.git")
    before = {path.name: snapshot(path) for path in folder.iterdir()}
    result = fleet(folder, update=True, jobs=4, folder=tmp_path / "out")
    assert result.counts() == {"updated": 47, "failed": 3}
    assert [row.name for row in result.rows if row.state == "failed"] == ["r07", "r21", "r33"]
    assert {path.name: snapshot(path) for path in folder.iterdir()} == before
    for row in result.rows:
        if row.state == "updated":
            assert git(folder / row.name, "show", f"{row.branch}:new.txt") == "new\n"
    print(result.to_text())
