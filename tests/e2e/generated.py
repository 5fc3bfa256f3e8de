"""Repositories that `keel new` made, and what is done with them: commands, servers, damage."""

import filecmp
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
TASKS = ("classification", "regression")
# One task for each CI host, so that both are run.
HOSTS = {"classification": "github", "regression": "gitlab"}
PATIENCE = 900  # seconds until a command counts as hanging
# What belongs to the environment that the tests run in, or to the person who runs them.
_OUTER = ("COPIER_", "GIT_", "MLFLOW_", "NOX", "PYTHON", "UV_", "VIRTUAL_ENV", "XDG_")
_KEPT = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_PARTS = ("cookiecutter.json", "copier.yml", "constraints.txt", "pyproject.toml", "README.md")
_FOLDERS = ("hooks", "src", "template", "{{cookiecutter.project_slug}}")
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com")

Done = subprocess.CompletedProcess[str]


@functools.cache
def find_uv() -> str:
    """Path of uv: that of its package, or the one on PATH."""
    try:
        import uv
    except ImportError:
        found = shutil.which("uv")
        assert found, "uv is neither installed as a package nor on PATH"
        return found
    return str(uv.find_uv_bin())


def clean_environment(home: Path) -> dict[str, str]:
    """An environment with an empty HOME, and uv's cache of the machine.

    The generated repositories get the interpreter that the tests run on.
    """
    cache = subprocess.run(
        [find_uv(), "cache", "dir"], check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in _KEPT or not key.startswith(_OUTER)
    }
    scripts = Path(sys.executable).parent
    folders = [f for f in kept["PATH"].split(os.pathsep) if Path(f) != scripts]
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(home),
        "PATH": os.pathsep.join([str(Path(find_uv()).parent), *folders]),
        "UV_CACHE_DIR": cache,
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": str(Path(getattr(sys, "_base_executable", sys.executable)).resolve()),
        "UV_PYTHON_DOWNLOADS": "never",
    }


def run(
    arguments: list[str], cwd: Path, env: Mapping[str, str], *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command; a failure that is not asked for shows what it printed."""
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env=dict(env),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
    )
    if check and done.returncode:
        raise AssertionError(
            f"{arguments} ended with {done.returncode} in {cwd}\n{done.stdout}\n{done.stderr}"
        )
    return done


def keel(
    cwd: Path, env: Mapping[str, str], *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the `keel` of the environment that the tests run in."""
    return run([sys.executable, "-m", "modelkeel.cli", *arguments], cwd, env, check=check)


def git(cwd: Path, env: Mapping[str, str], *arguments: str) -> str:
    """Output of git, which has an identity of its own."""
    return run(["git", *IDENTITY, *arguments], cwd, env).stdout.strip()


def copy_template(folder: Path) -> Path:
    """A copy of what repositories are made from, without git: template and library."""
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in (*_PARTS, "LICENSE"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


@dataclass(frozen=True)
class Repo:
    """A generated repository.

    Attributes:
        root: its folder.
        task: what its model predicts.
        env: environment of its commands.
        told: what `keel new --json` answered; empty when it was made another way.
    """

    root: Path
    task: str
    env: Mapping[str, str]
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the system."""
        return {"classification": "credit-risk", "regression": "bike-demand"}[self.task]

    @property
    def package(self) -> str:
        """Its Python package."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """The table that is ingested."""
        return self.root / "data" / "source" / f"{_SOURCES[self.task]}.csv"

    @property
    def champion_file(self) -> Path:
        """What was approved to serve."""
        return self.root / "models" / "champion.json"

    @property
    def champion(self) -> Path:
        """Folder of the promoted bundle."""
        record = json.loads(self.champion_file.read_text(encoding="utf-8"))
        return self.root / "models" / str(record["folder"])

    def uv(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run uv in it."""
        return run([find_uv(), *arguments], self.root, self.env, check=check)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in its environment."""
        return self.uv("run", *arguments, check=check)

    def python(self, code: str) -> Any:
        """What a piece of Python prints last, as JSON."""
        return json.loads(self.run("python", "-c", code).stdout.strip().splitlines()[-1])

    def git(self, *arguments: str) -> str:
        """Output of git in it."""
        return git(self.root, self.env, *arguments)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that occurs once in one of its files."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def versions(self) -> dict[str, list[str]]:
        """Aliases of each registered version."""
        told = json.loads(self.run("keel", "model", "list", "--json").stdout)
        return {each["version"]: each["aliases"] for each in told["versions"]}

    def approved(self) -> dict[str, bytes]:
        """Content of champion.json and of all that it names, by path."""
        files = [self.champion_file, *self.champion.rglob("*")]
        return {str(path): path.read_bytes() for path in files if path.is_file()}


_SOURCES = {"classification": "german_credit", "regression": "bikeshare"}


@contextmanager
def put_back(repo: Repo, beside: Path) -> Iterator[Repo]:
    """Lend a repository; what was changed in it, the environment excepted, is set right after."""
    shutil.copytree(repo.root, beside, symlinks=True, ignore=_environment_of(repo.root))
    try:
        yield repo
    finally:
        _mirror(beside, repo.root)
        shutil.rmtree(beside)


def _environment_of(root: Path) -> Any:
    def ignore(folder: str, names: list[str]) -> list[str]:
        return [".venv"] if Path(folder) == root else []

    return ignore


def _mirror(source: Path, target: Path, *, top: bool = True) -> None:
    """Make a folder what another is, leaving alone the files that are the same."""
    for path in target.iterdir():
        if top and path.name == ".venv":
            continue
        if not (source / path.name).exists():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in source.iterdir():
        other = target / path.name
        if path.is_dir():
            if other.exists() and not other.is_dir():
                other.unlink()
            other.mkdir(exist_ok=True)
            _mirror(path, other, top=False)
        elif not (other.is_file() and filecmp.cmp(path, other)):
            if other.is_dir():
                shutil.rmtree(other)
            other.unlink(missing_ok=True)  # it may be a read-only file of DVC's cache
            shutil.copy2(path, other)


@contextmanager
def serving(repo: Repo) -> Iterator[httpx2.Client]:
    """A client of the repository's own server, which is stopped in the end."""
    port = free_port()
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
    with client, started(repo, port) as process:
        wait_until_ready(client, process)
        yield client


@contextmanager
def started(repo: Repo, port: int) -> Iterator[subprocess.Popen[str]]:
    """`uv run uvicorn`, with what it says in a file `server.log` beside the repository."""
    app = f"{repo.package}.serve:app"
    command = [find_uv(), "run", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    with (repo.root.parent / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=repo.root,
            env=dict(repo.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _stop(process)


def log_of(repo: Repo) -> str:
    """What the repository's last server said."""
    return (repo.root.parent / "server.log").read_text(encoding="utf-8")


def wait_until_ready(client: httpx2.Client, process: subprocess.Popen[str]) -> None:
    """Return once the server can predict."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server was not ready in time")


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            continue


def example_of(client: httpx2.Client) -> dict[str, Any]:
    """The first example of one row in the server's own description."""
    operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    return next(each["value"] for each in examples.values() if "rows" not in each["value"])


def plain(text: str) -> str:
    """A text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
