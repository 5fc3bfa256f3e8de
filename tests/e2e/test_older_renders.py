"""Repositories of every released template, with what users did to them, come to this template.

`tests/releases/` holds an archive of the template of each release and the recorded edits. A
repository of that release is generated and edited, updated to the template as it is here, then to
a template that has also changed what the users edited. No edit may be lost, and its own checks run.
"""

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from generated import HOSTS, ROOT, TASKS, Repo, copy_template, git, keel, plain, run

sys.path.append(str(ROOT / "tests" / "releases"))

import archive

RELEASES = archive.HERE

VERSIONS = sorted(path.name.removesuffix(".tar.gz") for path in RELEASES.glob("v*.tar.gz"))
HERE, NEXT = "v9.9.9", "v9.10.0"


def edits(version: str, task: str) -> dict[str, str]:
    """The recorded edits by name, as patches of a release's render.

    `NAME@v0.3.0.patch` takes the place of `NAME.patch` from that release on.
    """
    found: dict[str, tuple[list[int], str]] = {}
    for path in sorted(RELEASES.glob("edits/*.patch")):
        name, _, since = path.stem.partition("@")
        other = ({"github", "gitlab"} - {HOSTS[task]}).pop()
        if name.startswith(f"{other}-") or _key(since) > _key(version):
            continue
        text = path.read_text(encoding="utf-8").replace("credit_risk", _package(task))
        found[name] = max(found.get(name, ([], "")), (_key(since), text))
    return {name: text for name, (_, text) in found.items()}


def _key(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _package(task: str) -> str:
    return {"classification": "credit_risk", "regression": "bike_demand"}[task]


@dataclass
class Edit:
    """What an edit did to a file: path afterwards, its lines, and whether it removed the file."""

    name: str
    path: str
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    deleted: bool = False
    moved_from: str = ""


def parse(name: str, patch: str) -> list[Edit]:
    """The files of a patch."""
    found: list[Edit] = []
    for line in patch.splitlines():
        if line.startswith("diff --git "):
            found.append(Edit(name, line.split(" b/", 1)[1]))
        elif line.startswith("deleted file"):
            found[-1].deleted = True
        elif line.startswith("rename from "):
            found[-1].moved_from = line.removeprefix("rename from ")
        elif line.startswith(("+++", "---")):
            continue
        elif line.startswith("+") and line[1:].strip():
            found[-1].added.append(line[1:].strip())
        elif line.startswith("-") and line[1:].strip():
            found[-1].removed.append(line[1:].strip())
    return found


def lay_template(folder: Path, version: str, env: Mapping[str, str]) -> None:
    """A git repository with the template of a release, the one of here, and a newer one."""
    folder.mkdir(parents=True)
    git(folder, env, "init", "--quiet", "--initial-branch=main")
    archive.unpack(RELEASES / f"{version}.tar.gz", folder)
    _tag(folder, env, version)
    for path in folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_template(folder)
    for name in ("CHANGELOG.md", "docs/reference/ownership.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    _tag(folder, env, HERE)
    change_template(folder / "template")
    _tag(folder, env, NEXT)


def _tag(folder: Path, env: Mapping[str, str], tag: str) -> None:
    git(folder, env, "add", "--all", "--force")
    git(folder, env, "commit", "--quiet", "--allow-empty", "--message", tag)
    git(folder, env, "tag", tag)


NEW_SESSION = '''

@nox.session
def newest(session: nox.Session) -> None:
    """A session that a later template has."""
    session.run("keel", "--help")
'''


def change_template(template: Path) -> None:
    """What a later release brings, in the files that the recorded edits changed too."""

    def after(name: str, pattern: str, text: str) -> None:
        paths = [path for path in template.rglob("*") if path.is_file() and path.name == name]
        path = min(paths, key=lambda path: len(path.parts))
        before = path.read_text(encoding="utf-8")
        changed, count = re.subn(pattern, lambda found: found[0] + text, before, count=1)
        assert count == 1, f"{name} has no {pattern}"
        path.write_text(changed, encoding="utf-8")

    after("pyproject.toml.jinja", r'(?m)^    "pytest[^\n]*\n', '    "rich>=13",\n')
    after("noxfile.py", r"(?s)\A.*\Z", NEW_SESSION)
    hook = (
        "      - id: ast\n        name: Python parses\n        entry: uv run --no-sync check-ast\n"
    )
    hook += "        language: system\n        types: [python]\n"
    after(".pre-commit-config.yaml", r"(?m)^    hooks:\n", hook)
    step = "      - name: Charter\n        run: uv run keel charter check\n"
    after("ci.yml", r"(?m)^        run: uv run nox -s types\n", step)
    gitlab = ".gitlab-ci.yml{% endif %}"
    (path,) = [p for p in template.iterdir() if p.name.endswith(gitlab)]
    after(path.name, r"(?m)^    - uv run nox -s types\n", "    - uv run keel charter check\n")
    after(
        "AGENTS.md.jinja",
        r"(?m)^## When is it done\n",
        "Leave no failing check for the next person.\n",
    )
    after(".editorconfig", r"(?s)\A.*\Z", "\n[*.sh]\nindent_size = 2\n")
    # Plain `copier update` loses what a user added to these two.
    (template / ".dvcignore").unlink()
    (folder,) = template.glob(".devcontainer")
    (folder / "work").mkdir()
    (folder / "devcontainer.json.jinja").rename(folder / "work" / "devcontainer.json.jinja")
    after(".gitignore.jinja", r"(?s)\A.*\Z", "\n# Newer\n/newer/\n")
    after(
        "README.md.jinja", r"(?s)\A.*\Z", "\nA later template says more about {{ project_name }}.\n"
    )


@dataclass
class Story:
    """A repository that followed its template, and what each update told."""

    repo: Repo
    edits: list[Edit]
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)

    def update(self, to: str) -> None:
        """Update, and where conflicts are left, go on with the user's side."""
        options = ("--to", to, "--no-verify", "--json")
        done = keel(self.repo.root, self.repo.env, "update", *options, check=False)
        assert done.returncode in (0, 4), done.stdout + done.stderr
        self.told[to] = json.loads(done.stdout)
        self.files[to] = self._read()
        if done.returncode == 4:
            for each in self.told[to]["conflicts"]:
                path = each["path"]
                run(["git", "checkout", "--ours", path], self.repo.root, self.repo.env, check=False)
                self.repo.git("add", "--all", "--", path)
            keel(self.repo.root, self.repo.env, "update", "--continue", "--no-verify")
        assert self.repo.git("status", "--porcelain") == ""

    def _read(self) -> dict[str, str]:
        names = self.repo.git("ls-files", "-z").split("\0")
        paths = {name: self.repo.root / name for name in names if name}
        return {
            name: path.read_text(encoding="utf-8", errors="replace")
            for name, path in paths.items()
            if path.is_file()
        }

    def lost(self, to: str) -> list[str]:
        """Edits that are neither there nor told of."""
        told, files = self.told[to], self.files[to]
        conflicts = {each["path"] for each in told["conflicts"]}
        said = "\n".join(told["notes"])
        moved = (told["plan"] or {}).get("moved", {})
        found = []
        for edit in self.edits:
            path = moved.get(edit.path, edit.path)
            if path in conflicts or edit.path in conflicts:
                continue
            if edit.deleted:
                if path in files and path not in said:
                    found.append(f"{edit.name}: {path} is back")
                continue
            if edit.moved_from in files and edit.moved_from:
                found.append(f"{edit.name}: {edit.moved_from} is back")
            lines = [line.strip() for line in files.get(path, "").splitlines()]
            lacks = [line for line in edit.added if line not in lines and not _within(line, lines)]
            again = [line for line in edit.removed if line in lines and line not in edit.added]
            if path not in said:
                found += [f"{edit.name}: {path} lacks {line!r}" for line in lacks]
                found += [f"{edit.name}: {path} has {line!r} again" for line in again]
        return found


def _within(line: str, lines: list[str]) -> bool:
    """Is a list of one line there, with more in it?"""
    key, equals, rest = line.partition(" = [")
    items = set(re.findall(r'"[^"]+"', rest))
    same = [other for other in lines if other.startswith(f"{key} = [")]
    return bool(equals) and any(items <= set(re.findall(r'"[^"]+"', other)) for other in same)


@pytest.fixture(
    scope="module",
    params=[(version, task) for version in VERSIONS for task in TASKS],
    ids=lambda param: "-".join(param),
)
def story(
    request: pytest.FixtureRequest,
    env: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    version, task = request.param
    folder = tmp_path_factory.mktemp("older")
    lay_template(folder / "modelkeel", version, env)
    answers = ("-d", f"task={task}", "-d", f"ci_host={HOSTS[task]}", "--vcs-ref", version)
    copy = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", *answers]
    run([*copy, str(folder / "modelkeel"), "repo"], folder, env)
    repo = Repo(folder / "repo", task, env)
    repo.git("init", "--quiet", "--initial-branch=main")
    (repo.root / ".dvc" / "config.local").unlink(missing_ok=True)
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--message", "First commit")
    done: list[Edit] = []
    for name, patch in edits(version, task).items():
        path = folder / f"{name}.patch"
        path.write_text(patch, encoding="utf-8")
        run(["git", "apply", "--index", "-C1", str(path)], repo.root, env)
        repo.git("commit", "--quiet", "--message", name)
        done += parse(name, patch)
    told = Story(repo, done)
    for to in (HERE, NEXT):
        told.update(to)
    return told


def test_each_release_has_an_archive_that_is_whole() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = {f"v{number}" for number in re.findall(r"(?m)^## \[(\d[^\]]*)\]", text)}
    assert released == set(VERSIONS), "python tests/releases/archive.py VERSION adds one"


def test_an_archive_is_the_same_each_time(tmp_path: Path) -> None:
    one = archive.pack("v1.0.0", "HEAD", tmp_path).read_bytes()
    assert archive.pack("v1.0.0", "HEAD", tmp_path).read_bytes() == one
    archive.unpack(tmp_path / "v1.0.0.tar.gz", tmp_path / "out")
    for name in ("copier.yml", "constraints.txt", "hooks/questions.jinja", "template/noxfile.py"):
        assert (tmp_path / "out" / name).is_file()


@pytest.mark.parametrize("to", [HERE, NEXT])
def test_no_edit_is_lost(to: str, story: Story) -> None:
    assert len(story.edits) > 10
    assert story.lost(to) == []


def test_the_guard_sees_a_lost_edit(story: Story) -> None:
    path = next(edit.path for edit in story.edits if edit.name == "own-nox-session")
    broken = Story(story.repo, story.edits, story.told, {NEXT: {**story.files[NEXT], path: ""}})
    assert any("own-nox-session" in finding for finding in broken.lost(NEXT))


@pytest.mark.parametrize("to", [HERE, NEXT])
def test_what_is_merged_parses(to: str, story: Story) -> None:
    conflicts = {each["path"] for each in story.told[to]["conflicts"]}
    for name, text in story.files[to].items():
        if name in conflicts:
            continue
        if name.endswith(".toml"):
            tomllib.loads(text)
        elif name.endswith((".yaml", ".yml")):
            yaml.compose(text)
        elif name.endswith(".py"):
            compile(text, name, "exec")
        assert not re.search(r"(?m)^(<{7}|>{7})( |$)", text), name
    document = tomllib.loads(story.files[to]["pyproject.toml"])
    dev = [each for each in document["dependency-groups"]["dev"] if isinstance(each, str)]
    names = [re.split(r"[\[<>=~! ]", each)[0] for each in dev]
    assert len(names) == len(set(names))
    assert "defusedxml" in names


def test_what_the_newer_template_brings_is_there(story: Story) -> None:
    files = story.files[NEXT]
    ci = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}[HOSTS[story.repo.task]]
    conflicts = {each["path"] for each in story.told[NEXT]["conflicts"]}
    # There, both sides add a command at the end of one list: somebody has to say which is first.
    assert conflicts <= {".gitlab-ci.yml"}
    for path, text in {
        "pyproject.toml": '"rich>=13",',
        "noxfile.py": "def newest(",
        ".pre-commit-config.yaml": "- id: ast",
        ci: "uv run keel charter check",
        "CLAUDE.md": "Leave no failing check",
        ".gitignore": "/newer/",
        "README.md": "A later template says more",
    }.items():
        assert text in files[path] or path in conflicts, path
    for path in (".editorconfig", ".dvcignore"):
        assert any(path in note for note in story.told[NEXT]["notes"]), path
    assert story.told[NEXT]["plan"]["moved"] == {
        ".devcontainer/devcontainer.json": ".devcontainer/work/devcontainer.json"
    }


@pytest.mark.slow
def test_its_own_checks_pass(story: Story) -> None:
    repo = story.repo
    repo.uv("sync")
    done = repo.run("nox", "-s", "lint", "types", "pipeline", "tests", "source", check=False)
    said = plain(done.stdout + done.stderr)
    assert done.returncode == 0, said
    passed = set(re.findall(r"Session (\w+) was successful", said))
    assert passed == {"lint", "types", "pipeline", "tests", "source"}
    assert json.loads((repo.root / "reports" / "count.json").read_text())["rows"] > 0
