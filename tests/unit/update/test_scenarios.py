"""One update that meets every scenario; nothing of the user's or the template's may vanish."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeel.update.apply import update
from modelkeel.update.outcome import Outcome, Plan
from modelkeel.update.parsing import parses
from modelkeel.update.resume import abort_update, continue_update, undo

from .conftest import Content, Lab, commit, git, isolated, state, write
from .scenarios import SCENARIOS, Scenario


def below(name: str, edit: dict[str, Content]) -> dict[str, Content]:
    """An edit's paths in the folder of a scenario; a link's target stays relative."""
    found: dict[str, Content] = {}
    for key, content in edit.items():
        if " -> " in key:
            old, new = key.split(" -> ")
            found[f"{name}/{old} -> {name}/{new}"] = content
        else:
            found[f"{name}/{key}"] = content
    return found


class World:
    """The update of all scenarios, stopped at its conflicts."""

    def __init__(self, root: Path) -> None:
        lab = Lab(root)
        lab.release("v0.9.0", {"copier.yml": CONFIG}, raw=True)
        self.old = {k: v for s in SCENARIOS for k, v in below(s.name, dict(s.old)).items()}
        lab.release("v1.0.0", self.old)
        self.repo = lab.generate("v1.0.0")
        for scenario in SCENARIOS:
            lab.release(None, below(scenario.name, dict(scenario.new)))
        git(lab.template, "tag", "v2.0.0")
        self.template = lab.template / "template"
        for scenario in SCENARIOS:
            write(self.repo, below(scenario.name, dict(scenario.user)))
        commit(self.repo, force=True)
        (self.repo / "untracked.txt").write_text("never touched")
        self.ours = blobs(self.repo, "HEAD")
        self.before = state(self.repo)
        self.preview = update(self.repo, preview_only=True)
        assert isinstance(self.preview, Plan)
        assert state(self.repo) == self.before
        self.outcome = update(self.repo)
        assert isinstance(self.outcome, Outcome)

    def result(self, name: str) -> dict[str, bytes]:
        """Files of a scenario in the work tree."""
        root = self.repo / name
        found = {}
        for folder, _, files in os.walk(root):
            for file in files:
                path = Path(folder, file)
                key = path.relative_to(root).as_posix()
                found[key] = (
                    os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                )
        return found

    def stages(self, name: str) -> bytes:
        """All contents that unmerged index entries of a scenario offer."""
        said = git(self.repo, "ls-files", "-u", "-z", "--", name)
        oids = [line.split(" ")[1] for line in said.split("\0")[:-1]]
        return b"\n".join(raw(self.repo, "cat-file", "blob", oid) for oid in oids)

    def told(self, name: str) -> str:
        """What the update says of a scenario."""
        plan = self.outcome.plan
        assert plan is not None
        return "\n".join(note.text for note in plan.notes if note.path.startswith(f"{name}/"))

    def conflicts(self, name: str) -> list[str]:
        return [path for path, _ in self.outcome.conflicts if path.startswith(f"{name}/")]


CONFIG = """\
_subdirectory: template
_preserve_symlinks: true
_templates_suffix: .jinja
"""


def raw(repo: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True).stdout


def blobs(repo: Path, ref: str) -> dict[str, bytes]:
    found = {}
    for line in git(repo, "ls-tree", "-r", "-z", ref).split("\0")[:-1]:
        head, path = line.split("\t")
        found[path] = raw(repo, "cat-file", "blob", head.split(" ")[2])
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        isolated(root, patch)
        yield World(root)


every = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)


@every
def test_expected_outcome(world: World, scenario: Scenario) -> None:
    name = scenario.name
    if scenario.expect == "conflict":
        assert world.conflicts(name)
    else:
        assert not world.conflicts(name)
        assert bool(world.told(name)) == (scenario.expect == "report"), world.told(name)
    result = world.result(name)
    for path, text in scenario.check.items():
        if text:
            assert text.encode() in result[path], (path, result)
        else:
            assert path not in result


@every
def test_no_line_of_the_user_is_lost(world: World, scenario: Scenario) -> None:
    old = {
        path.partition("/")[2]: content for path, content in below("x", dict(scenario.old)).items()
    }
    known = {line for content in old.values() for line in as_bytes(content).splitlines()}
    prefix = f"{scenario.name}/"
    ours = {p[len(prefix) :]: data for p, data in world.ours.items() if p.startswith(prefix)}
    there = set((b"\n".join(world.result(scenario.name).values())
                 + b"\n" + world.stages(scenario.name)).splitlines())  # fmt: skip
    for path, data in ours.items():
        if b"\0" in data:
            found = [*world.result(scenario.name).values()]
            assert data in found or data == as_bytes(old.get(path)), path
            continue
        missing = [line for line in data.splitlines() if line not in known and line not in there]
        assert not [line for line in missing if line.rstrip(b",") not in
                    {t.rstrip(b",") for t in there}], path  # fmt: skip


@every
def test_no_change_of_the_template_is_dropped_in_silence(world: World, scenario: Scenario) -> None:
    old = {line for content in scenario.old.values() for line in as_bytes(content).splitlines()}
    result = world.result(scenario.name)
    there = (b"\n".join(result.values()) + b"\n" + world.stages(scenario.name)).replace(b",", b"")
    told = world.told(scenario.name) or world.conflicts(scenario.name)
    for name, content in scenario.new.items():
        new = [line for line in as_bytes(content).splitlines() if line not in old]
        assert told or all(line.replace(b",", b"") in there for line in new), name
        if content is None and " " not in name and name not in scenario.user:
            assert told or name not in result or (world.template / scenario.name / name).exists()


@every
def test_what_parsed_before_parses_after(world: World, scenario: Scenario) -> None:
    if scenario.expect == "conflict":
        return
    for path, data in world.result(scenario.name).items():
        if b"\0" not in data:
            assert parses(path, data.decode())


def test_preview_tells_the_same(world: World) -> None:
    assert isinstance(world.preview, Plan)
    assert isinstance(world.outcome, Outcome)
    assert world.outcome.plan is not None
    assert world.preview.facts() == world.outcome.plan.facts()
    assert world.preview.exit_code == world.outcome.exit_code == 4


def test_executable_bits_and_links(world: World) -> None:
    entries = git(world.repo, "ls-files", "-s")
    assert os.access(world.repo / "exec-template/x.sh", os.X_OK)
    assert os.access(world.repo / "exec-user/x.sh", os.X_OK)
    assert (world.repo / "link-for-file/f.txt").is_symlink()
    assert (world.repo / "user-link/f.txt").is_symlink()
    for path in ("exec-template/x.sh", "exec-user/x.sh"):
        assert next(line for line in entries.splitlines() if path in line).startswith("100755")


def test_conflicts_are_those_of_an_ordinary_merge(world: World) -> None:
    text = (world.repo / "same-line/f.txt").read_text()
    assert "<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> template v2.0.0\n" in text
    text = (world.repo / "template-renames-same-line/g.txt").read_text()
    assert "<<<<<<< yours:template-renames-same-line/f.txt\nmine\n" in text
    assert ">>>>>>> template v2.0.0:template-renames-same-line/g.txt\n" in text
    said = git(world.repo, "status", "--porcelain")
    assert "UU same-line/f.txt" in said
    assert "AA both-add-other/n.txt" in said
    assert (world.repo / "untracked.txt").read_text() == "never touched"


def test_the_table_is_as_wide_as_promised() -> None:
    counted = Counter(s.expect for s in SCENARIOS)
    assert len(SCENARIOS) >= 40
    assert len({s.name for s in SCENARIOS}) == len(SCENARIOS)
    assert counted["clean"] > counted["conflict"]


def test_abort_continue_and_undo(world: World) -> None:
    """Last: it goes on with the world's update."""
    abort_update(world.repo)
    assert state(world.repo) == world.before
    again = update(world.repo)
    assert isinstance(again, Outcome)
    assert again.conflicts == world.outcome.conflicts  # type: ignore[union-attr]
    git(world.repo, "rm", "-q", "--cached", "--ignore-unmatch", "folder-for-edited-file/p~yours")
    git(world.repo, "add", "--all", "--", *[path for path, _ in again.conflicts if "~" not in path])
    for path, _ in again.conflicts:
        target = world.repo / path
        if target.is_file() and b"<<<<<<< yours" in target.read_bytes():
            target.write_text("settled\n")
            git(world.repo, "add", "--", path)
    done = continue_update(world.repo, verify=())
    assert done.exit_code == 0
    assert git(world.repo, "rev-parse", "HEAD^").strip() == world.before[2].strip()
    assert len(git(world.repo, "rev-list", "--parents", "-1", "HEAD").split()) == 2
    undo(world.repo)
    assert state(world.repo) == world.before


def as_bytes(content: Content) -> bytes:
    if content is None:
        return b""
    return content.encode() if isinstance(content, str) else content
