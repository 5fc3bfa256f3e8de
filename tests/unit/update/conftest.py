"""Small Copier templates in git, repositories generated from them, and what users do to those."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelkeel.update.apply import update
from modelkeel.update.outcome import Outcome

from .scenarios import lines, put

Content = str | bytes | None
Edit = Mapping[str, Content]

COPIER_YML = """\
_subdirectory: template
_answers_file: .copier-answers.yml
_skip_if_exists: [/src/]
name:
  type: str
  default: demo
"""
ANSWERS = "{{ _copier_answers | to_nice_yaml -}}\n"
ANSWERS_NAME = "template/{{ _copier_conf.answers_file }}.jinja"


def git(folder: Path, *arguments: str, data: str | None = None, check: bool = True) -> str:
    """Run git as the user does."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    identity = [
        f"GIT_{role}_{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    ]
    env |= dict.fromkeys(identity, "user@example.com")
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, check=False, input=data, capture_output=True,
        encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def write(root: Path, edit: Edit) -> None:
    """Write, or with None remove, files; `a -> b` moves, `a @ b` links, `a +x` makes executable."""
    for name, content in edit.items():
        if " -> " in name:
            old, new = name.split(" -> ")
            (root / new).parent.mkdir(parents=True, exist_ok=True)
            (root / old).rename(root / new)
            if content is None:
                continue
            name = new
        elif " @ " in name:
            link, target = name.split(" @ ")
            (root / link).unlink(missing_ok=True)
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(target)
            continue
        elif name.endswith(" +x"):
            (root / name[:-3]).chmod(0o755)
            continue
        path = root / name
        if content is None:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path, message: str = "work", *, force: bool = False) -> str:
    """Commit all that is there."""
    git(folder, "add", "--all", *(["--force"] if force else []))
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


@dataclass
class Lab:
    """A template with versions, and repositories made from it."""

    root: Path
    names: int = 0
    ready: Path | None = None

    @property
    def template(self) -> Path:
        return self.root / "template repo"

    def release(self, tag: str | None, edit: Edit, *, raw: bool = False) -> str:
        """Change the template's files (below template/, unless raw) and tag it."""
        if not self.template.is_dir():
            self.template.mkdir(parents=True)
            git(self.template, "init", "-q", "-b", "main")
            write(self.template, {"copier.yml": COPIER_YML, ANSWERS_NAME: ANSWERS})

        def below(name: str) -> str:
            if " -> " in name:
                return " -> ".join(f"template/{part}" for part in name.split(" -> "))
            return f"template/{name}"

        write(self.template, edit if raw else {below(k): v for k, v in edit.items()})
        oid = commit(self.template, tag or "work", force=True)
        if tag:
            git(self.template, "tag", tag)
        return oid

    def generate(
        self,
        ref: str = "v1.0.0",
        *,
        source: str | None = None,
        into: str | None = None,
        data: dict[str, Any] | None = None,
        init: bool = True,
    ) -> Path:
        """A repository made from a version, committed."""
        import copier

        self.names += 1
        target = self.root / (into or f"repo {self.names} é")
        if self.ready and not data and source is None and ref == "v1.0.0":
            return self._copy(self.ready, target, init=init)
        copier.run_copy(
            source or str(self.template), target, data=data or {}, vcs_ref=ref, defaults=True,
            quiet=True, overwrite=True,
        )  # fmt: skip
        if init:
            git(target, "init", "-q", "-b", "main")
            configure(target)
            commit(target, "generated", force=True)
        return target

    def _copy(self, ready: Path, target: Path, *, init: bool) -> Path:
        """What was generated before, as if from this lab's template."""
        git(self.root, "clone", "-q", "--no-local", str(ready), str(target))
        answers = target / ".copier-answers.yml"
        text = answers.read_text().splitlines(keepends=True)
        source = f"_src_path: {self.template}\n"
        answers.write_text("".join(source if t.startswith("_src") else t for t in text))
        shutil.rmtree(target / ".git")
        if init:
            git(target, "init", "-q", "-b", "main")
            configure(target)
            commit(target, "generated", force=True)
        return target


def configure(repo: Path) -> None:
    git(repo, "config", "user.name", "Ada User")
    git(repo, "config", "user.email", "ada@example.com")


def isolated(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Leave out the settings of who runs the tests; scratch folders are below `root`."""
    home, scratch = root / "home", root / "scratch"
    home.mkdir()
    scratch.mkdir()
    patch.setenv("HOME", str(home))
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    patch.setenv("TMPDIR", str(scratch))
    patch.setattr("tempfile.tempdir", str(scratch))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab without the settings of who runs the tests."""
    isolated(tmp_path, monkeypatch)
    return Lab(tmp_path)


def snapshot(repo: Path) -> dict[str, tuple[str, bytes]]:
    """Every file of the work tree: kind with executable bit, content."""
    found: dict[str, tuple[str, bytes]] = {}
    for folder, folders, files in os.walk(repo):
        folders[:] = [f for f in folders if not (f == ".git" and Path(folder) == repo)]
        for name in files + [f for f in folders if Path(folder, f).is_symlink()]:
            path = Path(folder, name)
            if path.name == ".git":
                continue
            key = path.relative_to(repo).as_posix()
            if path.is_symlink():
                found[key] = ("link", os.fsencode(path.readlink()))
            else:
                kind = "exec" if path.stat().st_mode & 0o100 else "file"
                found[key] = (kind, path.read_bytes())
    return found


def state(repo: Path) -> tuple[Any, ...]:
    """Work tree, index entries, HEAD and branch: what must be as before."""
    return (
        snapshot(repo),
        git(repo, "ls-files", "--stage", "-z"),
        git(repo, "rev-parse", "HEAD"),
        git(repo, "symbolic-ref", "-q", "HEAD", check=False),
        git(repo, "status", "--porcelain=v1", "-z", "--ignored", "-uall"),
    )


Runner = Callable[..., "subprocess.Popen[bytes]"]


def keel_process(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process that runs some lines with the library at hand."""
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


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
