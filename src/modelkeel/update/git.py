"""Running git: quiet, without a user's hooks, and in the repository that is meant."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modelkeel.errors import BadInput, KeelError

# What git sets for its hooks would point these calls at another repository.
_KEPT = (
    "GIT_ASKPASS", "GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_EXEC_PATH", "GIT_HTTP_", "GIT_PROXY_",
    "GIT_SSH", "GIT_SSL_", "GIT_TERMINAL_PROMPT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM", "GIT_ALLOW_PROTOCOL", "GIT_CEILING_DIRECTORIES",
)  # fmt: skip
QUIET = {
    "advice.detachedHead": "false",
    "commit.gpgSign": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "maintenance.auto": "false",
    "rerere.enabled": "false",
    "submodule.recurse": "false",
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment for git: no outer repository, English, no optional locks."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith(_KEPT)
    }
    return {**kept, "LC_ALL": "C", "LANGUAGE": "C", "GIT_OPTIONAL_LOCKS": "0", **(extra or {})}


def settings(values: Mapping[str, str]) -> dict[str, str]:
    """Environment that hands git settings, also to the git processes that it starts."""
    found = {"GIT_CONFIG_COUNT": str(len(values))}
    for number, (key, value) in enumerate(values.items()):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found


class GitFailed(KeelError):
    """Git ended with an exit code that was not expected."""

    def __init__(self, shown: str, cwd: Path, code: int, said: str) -> None:
        super().__init__(f"`{shown}` ended with exit code {code} in {cwd}:\n{said.strip()}")
        self.said = said


def raw(
    cwd: Path,
    *arguments: str,
    data: bytes | None = None,
    env: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
    hold: Sequence[int] = (),
) -> bytes:
    """Output of a git command.

    Args:
        cwd: where it runs.
        arguments: of git.
        data: its standard input.
        env: variables on top of `environment()`.
        allowed: exit codes that are no failure.
        hold: file descriptors that the process keeps open as long as it lives.

    Raises:
        GitFailed: another exit code.
        KeelError: git is not installed.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            env=environment({**settings(QUIET), **(env or {})}),
            capture_output=True,
            check=False,
            pass_fds=tuple(hold),
        )
    except FileNotFoundError:
        if not cwd.is_dir():
            raise BadInput(f"{cwd} is no folder") from None
        raise KeelError("git was not found", remedy="install git, and put it on PATH") from None
    if done.returncode not in allowed:
        shown = " ".join(("git", *arguments[:6]))
        said = (done.stderr or done.stdout).decode("utf-8", "replace")
        raise GitFailed(shown, cwd, done.returncode, said)
    return done.stdout


def run(
    cwd: Path,
    *arguments: str,
    data: str | None = None,
    env: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
    hold: Sequence[int] = (),
) -> str:
    """As `raw`, in text; bytes that are not UTF-8 survive the way there and back."""
    given = None if data is None else encode(data)
    return decode(raw(cwd, *arguments, data=given, env=env, allowed=allowed, hold=hold))


def encode(text: str) -> bytes:
    """Text to bytes, the inverse of `decode`."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """Bytes to text without loss."""
    return data.decode("utf-8", "surrogateescape")


def split_z(output: str) -> list[str]:
    """Fields that end with NUL."""
    return output.split("\0")[:-1] if output else []


@dataclass(frozen=True)
class Entry:
    """What a tree holds at a path: git's mode ("100644", "100755", "120000", "160000"), object."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """An ordinary file, with or without the executable bit."""
        return self.mode.startswith("100")


Entries = dict[str, Entry]


def list_tree(cwd: Path, tree: str, env: Mapping[str, str] | None = None) -> Entries:
    """All files below a tree, by path."""
    found: Entries = {}
    for line in split_z(run(cwd, "ls-tree", "-r", "-z", "--full-tree", tree, env=env)):
        head, path = line.split("\t", 1)
        mode, _, oid = head.split(" ")
        found[path] = Entry(mode, oid)
    return found


def read_blobs(
    cwd: Path, oids: Iterable[str], env: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Contents of many objects by one process."""
    wanted = list(dict.fromkeys(oids))
    if not wanted:
        return {}
    output = raw(cwd, "cat-file", "--batch", data=encode("\n".join(wanted) + "\n"), env=env)
    found: dict[str, bytes] = {}
    at = 0
    for oid in wanted:
        end = output.index(b"\n", at)
        head = output[at:end].split(b" ")
        if len(head) != 3:
            raise KeelError(f"git has no object {oid}: {decode(output[at:end])}")
        size = int(head[2])
        found[oid] = output[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def index_lines(entries: Mapping[str, Entry | None], width: int) -> str:
    """Input for `update-index -z --index-info`; None removes the path."""
    return "".join(
        f"{e.mode} {e.oid}\t{path}\0" if e else f"0 {'0' * width}\t{path}\0"
        for path, e in entries.items()
    )


@dataclass(frozen=True)
class Repo:
    """The user's repository, and the generated project in it.

    Attributes:
        top: root of the work tree.
        prefix: the project's folder in it, "" or "sub/folder/".
        git_dir: of this work tree.
        common_dir: of the repository.
    """

    top: Path
    prefix: str
    git_dir: Path
    common_dir: Path

    @property
    def project(self) -> Path:
        """Folder of the generated project."""
        return self.top / self.prefix

    @property
    def state_dir(self) -> Path:
        """Where an update keeps its journal."""
        return self.git_dir / "modelkeel"

    def git(self, *arguments: str, **options: object) -> str:
        """Run git at the top of the work tree."""
        return run(self.top, *arguments, **options)  # type: ignore[arg-type]

    @cached_property
    def config(self) -> dict[str, str]:
        """The `core.` settings and the object format."""
        found = {"format": self.git("rev-parse", "--show-object-format").strip()}
        for line in split_z(self.git("config", "-z", "--get-regexp", r"^core\.", allowed=(0, 1))):
            key, _, value = line.partition("\n")
            found[key.lower()] = value
        return found

    @property
    def oid_width(self) -> int:
        """Length of an object's name."""
        return 64 if self.config["format"] == "sha256" else 40


def find_repo(start: Path, answers_file: str = ".copier-answers.yml") -> Repo:
    """The repository and generated project at or above a folder.

    Raises:
        BadInput: no git repository, or nothing generated from a template.
    """
    start = start.resolve()
    try:
        said = run(
            start, "rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir"
        ).split("\n")
    except GitFailed:
        raise BadInput(
            f"{start} is in no git work tree",
            remedy="run it in the repository; git init && git add -A && git commit for a new one",
        ) from None
    top, git_dir, common = Path(said[0]).resolve(), Path(said[1]), start / said[2]
    for folder in (start, *start.parents):
        if (folder / answers_file).is_file():
            relative = folder.relative_to(top).as_posix()
            prefix = "" if relative == "." else f"{relative}/"
            return Repo(top, prefix, git_dir, common.resolve())
        if folder == top:
            break
    raise BadInput(
        f"{start} was not generated from a template: there is no {answers_file}",
        remedy="run it in a generated repository, or take the template on with `keel adopt`",
    )
