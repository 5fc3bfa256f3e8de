"""A repository of its own for everything that is tried out, beside the user's.

It borrows the user's objects and writes none there; its settings are git's own, so that no hook,
filter, signature or merge driver of the user fires.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from modelkeel.errors import KeelError
from modelkeel.update import git
from modelkeel.update.git import Entries, Entry, Repo
from modelkeel.update.lock import hold, try_hold

_IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "keel"), ("EMAIL", "keel@localhost"), ("DATE", "1000000000 +0000"))
}


@dataclass(frozen=True)
class Scratch:
    """A temporary folder with a git repository that borrows the objects of another.

    Attributes:
        root: the folder, removed at the end.
        repo: whose objects it borrows.
        held: descriptors of its lock; a process that works in it keeps them open, so that the
            folder is not swept away under it.
    """

    root: Path
    repo: Repo
    held: tuple[int, ...] = ()

    @property
    def git_dir(self) -> Path:
        """Its repository."""
        return self.root / "git"

    def env(self, index: str = "index", work_tree: Path | None = None) -> dict[str, str]:
        """Environment of git commands on it."""
        return {
            **_IDENTITY,
            **git.settings(
                {
                    **git.QUIET,
                    "core.autocrlf": self.repo.config.get("core.autocrlf", "false"),
                    "core.eol": self.repo.config.get("core.eol", "native"),
                    "core.safecrlf": "false",
                    "merge.conflictStyle": "merge",
                    "merge.directoryRenames": "false",
                    "merge.renames": "true",
                    "merge.renameLimit": "0",
                }
            ),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_DIR": str(self.git_dir),
            "GIT_INDEX_FILE": str(self.root / index),
            "GIT_WORK_TREE": str(work_tree or self.root / "none"),
        }

    def git(
        self,
        *arguments: str,
        data: str | None = None,
        allowed: tuple[int, ...] = (0,),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run git on it, without a work tree unless `env` names one.

        A git that outlives a killed keel holds the lock, so that nothing is swept under it.
        """
        return git.run(
            cwd or self.root,
            *arguments,
            data=data,
            env=self.env() if env is None else env,
            allowed=allowed,
            hold=self.held,
        )

    def write_tree(self, folder: Path) -> str:
        """Tree of a rendered folder, as `git add` of everything in it would record it.

        Ignored files are in it, executable bits and symbolic links are kept; line ends change only
        where the folder's .gitattributes or the user's core.autocrlf say so.
        """
        env = self.env(f"index-{secrets.token_hex(4)}", folder)
        self.git("add", "--all", "--force", "--", ".", cwd=folder, env=env)
        return self.git("write-tree", cwd=folder, env=env).strip()

    def tree_of(self, entries: Mapping[str, Entry]) -> str:
        """Tree that holds these entries."""
        env = self.env(f"index-{secrets.token_hex(4)}")
        lines = git.index_lines(dict(entries), self.repo.oid_width)
        self.git("update-index", "-z", "--index-info", data=lines, env=env)
        return self.git("write-tree", "--missing-ok", env=env).strip()

    def entries(self, tree: str) -> Entries:
        """What a tree holds."""
        return git.list_tree(self.root, tree, self.env())

    def blobs(self, oids: list[str]) -> dict[str, bytes]:
        """Contents of objects."""
        return git.read_blobs(self.root, oids, self.env())

    def write_blob(self, data: bytes) -> str:
        """Store a content; its object's name."""
        return self.git("hash-object", "-w", "--stdin", data=git.decode(data)).strip()

    def commit(self, tree: str, *parents: str, ref: str | None = None) -> str:
        """Commit of a tree, under a branch when `ref` names one."""
        options = [part for parent in parents for part in ("-p", parent)]
        oid = self.git("commit-tree", *options, "-m", "keel", tree).strip()
        if ref:
            self.git("update-ref", f"refs/heads/{ref}", oid)
        return oid


@contextmanager
def scratch_for(repo: Repo) -> Iterator[Scratch]:
    """A scratch repository, gone when the block ends; what a killed process left goes too."""
    records = repo.state_dir / "scratch"
    records.mkdir(parents=True, exist_ok=True)
    sweep(repo)
    root = Path(tempfile.gettempdir()).resolve() / f"keel-{secrets.token_hex(8)}"
    record = records / root.name
    with hold(record) as held:
        record.write_text(str(root), encoding="utf-8")
        try:
            root.mkdir(mode=0o700)
            (root / "none").mkdir()
            scratch = Scratch(root, repo, (held,))
            _create(scratch)
            yield scratch
        except OSError as error:
            raise disk_error(error) from error
        finally:
            _remove(root)
            record.unlink(missing_ok=True)


def sweep(repo: Repo) -> None:
    """Remove the folders of processes that were killed."""
    records = repo.state_dir / "scratch"
    for record in records.iterdir() if records.is_dir() else ():
        with try_hold(record) as free:
            if free is None:
                continue
            root = Path(record.read_text(encoding="utf-8"))
            if root.name == record.name:
                _remove(root)
                if root.exists():  # the next sweep tries again
                    continue
            record.unlink(missing_ok=True)


def disk_error(error: OSError) -> KeelError:
    """What the operating system refused, as an error that says nothing has changed."""
    where = f" ({error.filename})" if error.filename else ""
    return KeelError(
        f"{error.strerror or error}{where}; the repository is as it was",
        remedy="make room or set the permission right, then run it again",
    )


def _create(scratch: Scratch) -> None:
    kind = scratch.repo.config["format"]
    env = scratch.env()
    del env["GIT_WORK_TREE"]
    options = ("--quiet", "--bare", "--template=", f"--object-format={kind}")
    scratch.git("init", *options, env=env)
    objects = scratch.repo.common_dir / "objects"
    shown = str(objects)
    (scratch.git_dir / "objects/info").mkdir(parents=True, exist_ok=True)
    (scratch.git_dir / "objects/info/alternates").write_bytes(os.fsencode(shown) + b"\n")
    shallow = scratch.repo.common_dir / "shallow"
    if shallow.is_file():
        shutil.copyfile(shallow, scratch.git_dir / "shallow")


def _remove(root: Path) -> None:
    def writable(function: object, path: str, _: object) -> None:
        with suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)
            if callable(function):
                function(path)

    shutil.rmtree(root, onerror=writable)
