"""Random histories of templates and random edits of users: nothing may vanish without a word."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelkeel.update.apply import update
from modelkeel.update.git import Entries, find_repo
from modelkeel.update.merge import merge
from modelkeel.update.outcome import Outcome
from modelkeel.update.parsing import parses
from modelkeel.update.resume import abort_update, undo
from modelkeel.update.scratch import Scratch, scratch_for

from .conftest import Lab, commit, configure, git, isolated, snapshot, state

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "16"))
TAGS = ("v1.0.0", "v2.0.0", "v3.0.0")
CONFIG = "_subdirectory: template\n_preserve_symlinks: true\n_templates_suffix: .jinja\n"
ANSWERS = ".copier-answers.yml"


def runs(share: int) -> settings:
    return settings(
        max_examples=max(EXAMPLES // share, 2),
        database=None,
        derandomize="HYPOTHESIS_EXAMPLES" not in os.environ,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@dataclass(frozen=True)
class Doc:
    """A file: its entries have a key and a value; every value but the first ones occurs once."""

    path: str
    kind: str
    entries: tuple[tuple[str, int], ...]
    executable: bool = False
    crlf: bool = False

    @property
    def data(self) -> bytes:
        text = FORMATS[self.kind](self.entries)
        return (text.replace("\n", "\r\n") if self.crlf else text).encode()


def _prose(entries: Sequence[tuple[str, int]]) -> str:
    return "".join(f"the {key} of this page is {value}\n" for key, value in entries)


def _sections(entries: Sequence[tuple[str, int]]) -> str:
    return "# Page\n" + "".join(f"\n## About {key}\n\nIt is {value}.\n" for key, value in entries)


def _toml(entries: Sequence[tuple[str, int]]) -> str:
    packages = "".join(f'    "{key}>={value}",\n' for key, value in entries if int(key[-1]) % 2)
    keys = "".join(f"{key} = {value}\n" for key, value in entries if not int(key[-1]) % 2)
    head = f'[project]\nname = "page"\ndependencies = [\n{packages}]\n'
    return f"{head}\n[tool.page]\nlast = true\n{keys}"


def _hooks(entries: Sequence[tuple[str, int]]) -> str:
    return "repos:\n" + "".join(
        f"  - repo: https://example.com/{key}\n    rev: v{value}\n    hooks:\n      - id: {key}\n"
        for key, value in entries
    )


def _workflow(entries: Sequence[tuple[str, int]]) -> str:
    return "jobs:\n  test:\n    runs-on: linux\n    steps:\n      - uses: checkout\n" + "".join(
        f"      - name: {key}\n        run: make {value}\n" for key, value in entries
    )


def _json(entries: Sequence[tuple[str, int]]) -> str:
    return (
        "{\n"
        + ",\n".join(f'  "{key}": {value}' for key, value in [("first", 0), *entries])
        + "\n}\n"
    )


def _python(entries: Sequence[tuple[str, int]]) -> str:
    imports = "".join(f"import {key}\n" for key, _ in entries)
    return f'"""Page."""\n\n{imports}' + "".join(
        f"\n\ndef get_{key}():\n    return {value}\n" for key, value in entries
    )


def _lines(entries: Sequence[tuple[str, int]]) -> str:
    return "# none of these\n" + "".join(f"/{key}-{value}/\n" for key, value in entries)


FORMATS = {
    "txt": _prose,
    "md": _sections,
    "toml": _toml,
    "hooks.yaml": _hooks,
    "ci.yml": _workflow,
    "json": _json,
    "py": _python,
    "gitignore": _lines,
    "bin": lambda entries: "\0".join(str(value) for _, value in entries) + "\0",
    "link": lambda entries: f"none-{'-'.join(str(value) for _, value in entries)}",
}
# To a merge by lines, a line that moved is one that went and one that came.
KEYED = {"toml", "hooks.yaml", "ci.yml", "json", "py"}
World = dict[int, Doc]
Edit = tuple[int, str, int]
WHERE = {
    "hooks.yaml": ".pre-commit-config.yaml",
    "ci.yml": ".github/workflows/ci.yml",
    "toml": "pyproject.toml",
    "gitignore": ".gitignore",
}
KINDS = [kind for kind in FORMATS if kind != "link"]
COMMON = ["set", "set", "add", "drop", "swap", "shared", "shared"]
RARE = ["move", "move to", "delete", "new", "folder", "link", "exec", "crlf"]


def first_path(kind: str, number: int) -> str:
    name = WHERE.get(kind, f"page.{kind}")
    return f"d{number}/{name}" if number else name


@st.composite
def worlds(draw: st.DrawFn) -> World:
    found: World = {}
    values = itertools.count(100)
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(KINDS))
        size = draw(st.integers(2, 9))
        entries = tuple((f"k{number}{place}", next(values)) for place in range(size))
        found[number] = Doc(first_path(kind, number), kind, entries)
    return found


def edits(size: int = 6) -> st.SearchStrategy[list[Edit]]:
    what = st.one_of(st.sampled_from(COMMON), st.sampled_from(RARE))
    return st.lists(st.tuples(st.integers(0, 2), what, st.integers(0, 9)), max_size=size)


def change(world: World, drawn: list[Edit], who: str, begin: int) -> World:
    """A world after edits; what cannot be done is left out."""
    found = dict(world)
    values = itertools.count(begin)
    for number, what, place in drawn:
        value = next(values)
        if what == "new":
            _put(found, value, Doc(f"new{place % 3}.txt", "txt", ((f"{who}{value}", value),)))
            continue
        doc = found.get(number)
        if doc is None:
            continue
        entries = list(doc.entries)
        at = place % len(entries)
        folder, _, name = doc.path.rpartition("/")
        if what == "set":
            entries[at] = (entries[at][0], value)
        elif what == "add":
            entries.insert(place % (len(entries) + 1), (f"{who}{value}", value))
        elif what == "shared" and all(key != f"both{place % 2}" for key, _ in entries):
            entries.insert(value % (len(entries) + 1), (f"both{place % 2}", value))
        elif what == "drop" and len(entries) > 1:
            del entries[at]
        elif what == "swap" and at and doc.kind in KEYED:
            entries[at - 1 : at + 1] = [entries[at], entries[at - 1]]
        elif what == "move":
            _put(found, number, replace(doc, path=f"{who}/{doc.path}"))
            continue
        elif what == "move to":
            _put(found, number, replace(doc, path=f"{folder}/moved{place % 2}/{name}".lstrip("/")))
            continue
        elif what == "folder":
            _put(found, number, replace(doc, path=f"{doc.path}/{name}"))
            continue
        elif what == "delete":
            del found[number]
            continue
        elif what == "link":
            doc = replace(doc, kind="link", executable=False, crlf=False)
            entries = [(f"{who}{value}", value)]
        elif what == "exec" and doc.kind != "link":
            doc = replace(doc, executable=not doc.executable)
        elif what == "crlf" and doc.kind not in {"bin", "link"}:
            doc = replace(doc, crlf=not doc.crlf)
        found[number] = replace(doc, entries=tuple(entries))
    return found


def _put(world: World, number: int, doc: Doc) -> None:
    others = [other.path for key, other in world.items() if key != number]
    if not any(
        f"{p}/".startswith(f"{doc.path}/") or f"{doc.path}/".startswith(f"{p}/") for p in others
    ):
        world[number] = doc


@dataclass(frozen=True)
class Story:
    """Three versions of a template, and a user's edit of what the first one made."""

    versions: tuple[World, World, World]
    user: World


@st.composite
def stories(draw: st.DrawFn) -> Story:
    one = draw(worlds())
    two = change(one, draw(edits()), "them", 2000)
    three = change(two, draw(edits()), "they", 3000)
    return Story((one, two, three), change(one, draw(edits()), "me", 1000))


def put(folder: Path, world: World) -> None:
    """Make a folder hold a world, and nothing else but git's and the template's own."""
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.name == ".git" or "answers" in each.name:
            continue
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    for doc in world.values():
        path = folder / doc.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if doc.kind == "link":
            path.symlink_to(doc.data.decode())
        else:
            path.write_bytes(doc.data)
            path.chmod(0o755 if doc.executable else 0o644)


@dataclass
class Ending:
    """Files after an update, what else is offered, and what is told."""

    files: dict[str, bytes]
    stages: bytes
    told: str
    conflicts: set[str]


def numbers(data: bytes) -> set[int]:
    return {int(found) for found in re.findall(rb"\d{3,}", data)}


def values(world: World) -> dict[int, set[str]]:
    """Paths by value."""
    found: dict[int, set[str]] = {}
    for doc in world.values():
        for _, value in doc.entries:
            found.setdefault(value, set()).add(doc.path)
    return found


def check(end: Ending, base: World, ours: World, theirs: World) -> None:
    """Nothing vanished, nothing came back, and what parsed parses."""
    everything = b"\n".join([*end.files.values(), end.stages, end.told.encode()])
    there = numbers(everything)
    old, mine, new = values(base), values(ours), values(theirs)
    gone = sorted(value for value in mine.keys() - old.keys() if value not in there)
    assert not gone, f"the user's {gone} of {[mine[value] for value in gone]} are lost\n{end.told}"
    family = families(base, ours, theirs)
    for value in sorted(new.keys() - old.keys() - there):
        assert tells(end, family, new[value]), (
            f"the template's {value} of {new[value]} is dropped\n{end.told}"
        )
    in_files = numbers(b"\n".join(end.files.values()))
    for number, doc in base.items():
        for _, value in doc.entries:
            if value not in in_files or tells(end, family, {doc.path}):
                continue
            # A file that moved and became another is a new file to git.
            if value not in mine and stays(doc, theirs.get(number)):
                raise AssertionError(f"{value} of {doc.path}, removed by the user, came back")
            if value in mine and value not in new and stays(doc, ours.get(number)):
                raise AssertionError(f"{value} of {doc.path}, removed by the template, is there")
    for path, data in end.files.items():
        if path not in end.conflicts and b"\0" not in data and b"none-" not in data:
            assert parses(path, data.decode()), f"{path} does not parse:\n{data.decode()}"
            assert b"<<<<<<<" not in data, path


def families(*worlds: World) -> list[set[str]]:
    """All paths that one file has in any of the worlds."""
    every = {number for world in worlds for number in world}
    return [{world[number].path for world in worlds if number in world} for number in every]


def tells(end: Ending, family: list[set[str]], paths: set[str]) -> bool:
    """Is a file named under any of its names?"""
    names = set(paths).union(*(each for each in family if each & paths))
    return any(re.search(rf"(?<![\w/.]){re.escape(name)}(?![\w/.])", end.told) for name in names)


def stays(doc: Doc, later: Doc | None) -> bool:
    return later is None or later.path == doc.path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("property")
    with pytest.MonkeyPatch.context() as patch:
        isolated(found, patch)
        yield found


@pytest.fixture(scope="module")
def bare(root: Path) -> Path:
    """A repository in whose scratch trees are merged."""
    repo = root / "bare"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    configure(repo)
    (repo / ANSWERS).write_text("_src_path: none\n")
    commit(repo)
    return repo


@runs(1)
@given(story=stories())
def test_merge(bare: Path, story: Story) -> None:
    """The merge alone, of whole trees."""
    base, ours, theirs = story.versions[0], story.user, story.versions[2]
    with scratch_for(find_repo(bare)) as scratch:
        sides = [
            entries(scratch, f"side{n}", world) for n, world in enumerate((base, ours, theirs))
        ]
        found = merge(scratch, *sides, "v3.0.0")
        blobs = scratch.blobs([e.oid for side in (*sides, found.entries) for e in side.values()])
        stages = [blobs[e.oid] for c in found.conflicts for e in c.stages.values()]
    conflicts = {conflict.path for conflict in found.conflicts}
    told = "\n".join([*(note.text for note in found.notes), *sorted(conflicts)])
    files = {path: blobs[entry.oid] for path, entry in found.entries.items()}
    check(Ending(files, b"\n".join(stages), told, conflicts), base, ours, theirs)


def entries(scratch: Scratch, name: str, world: World) -> Entries:
    folder = scratch.root / name
    folder.mkdir()
    put(folder, world)
    return scratch.entries(scratch.write_tree(folder))


class Place:
    """A template with the versions of a story, and the user's repository."""

    def __init__(self, root: Path, story: Story) -> None:
        self.story = story
        self.lab = Lab(root)
        self.lab.release(None, {"copier.yml": CONFIG}, raw=True)
        for tag, world in zip(TAGS, story.versions, strict=True):
            put(self.lab.template / "template", world)
            commit(self.lab.template, tag, force=True)
            git(self.lab.template, "tag", tag)
        self.repo = self.lab.generate(into="repo")
        put(self.repo, story.user)
        commit(self.repo, force=True)
        (self.repo / "own").mkdir()
        (self.repo / "own/untracked ü.txt").write_text("never touched")
        (self.repo / "own/staged.txt").write_text("staged")
        git(self.repo, "add", "--force", "own/staged.txt")

    def second(self) -> Path:
        """The same repository once more."""
        return Path(shutil.copytree(self.repo, self.lab.root / "second", symlinks=True))


def apply(repo: Path, to: str | None = None) -> Outcome:
    done = update(repo, to, verify=())
    assert isinstance(done, Outcome)
    return done


def ending(repo: Path, done: Outcome) -> Ending:
    """What an update left in a repository."""
    said = git(repo, "ls-files", "-u", "-z").split("\0")[:-1]
    oids = [line.split(" ")[1] for line in said]
    stages = [git(repo, "cat-file", "blob", oid).encode("utf-8", "surrogateescape") for oid in oids]
    files = {
        p: data
        for p, (_, data) in snapshot(repo).items()
        if p != ANSWERS and not p.startswith("own/")
    }
    conflicts = {path for path, _ in done.conflicts}
    return Ending(
        files, b"\n".join(stages), "\n".join([*done.notes, *sorted(conflicts)]), conflicts
    )


NUMBERS = itertools.count()


@runs(8)
@given(story=stories())
def test_update_and_undo(root: Path, story: Story) -> None:
    """A whole update in one jump, and back; then step by step."""
    folder = root / f"story {next(NUMBERS)}"
    folder.mkdir()
    try:
        place = Place(folder, story)
        second = place.second()
        before = state(place.repo)
        jumped = apply(place.repo)
        jump = ending(place.repo, jumped)
        check(jump, story.versions[0], story.user, story.versions[2])
        if jumped.conflicts:
            abort_update(place.repo)
        elif jumped.done == "updated":
            undo(place.repo)
        assert state(place.repo) == before
        told = [jump.told]
        for tag in TAGS[1:]:
            stepped = apply(second, tag)
            step = ending(second, stepped)
            told.append(step.told)
            if stepped.conflicts:
                return
        if not jumped.conflicts:
            family = families(*story.versions, story.user)
            both = Ending({}, b"", "\n".join(told), set())
            for path in sorted(jump.files.keys() | step.files.keys()):
                if jump.files.get(path) != step.files.get(path):
                    assert tells(both, family, {path}), (
                        f"{path}: {jump.files.get(path)!r} {step.files.get(path)!r}"
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
