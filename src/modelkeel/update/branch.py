"""A commit on a branch of its own, made without touching work tree, index or current branch."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.update import git
from modelkeel.update.git import Entry, GitFailed, Repo


@dataclass(frozen=True)
class Content:
    """A file to commit: git's mode, and its bytes (the target, for a symbolic link)."""

    mode: str
    data: bytes


def locate(folder: Path) -> Repo | None:
    """The git work tree that a folder lies in, None when there is none.

    Raises:
        BadInput: a bare repository.
    """
    try:
        said = git.run(
            folder, "rev-parse", "--is-bare-repository", "--show-prefix", "--absolute-git-dir",
            "--git-common-dir",
        ).split("\n")  # fmt: skip
    except GitFailed:
        return None
    if said[0] == "true":
        raise BadInput(f"{folder} is a bare repository", remedy="give a clone of it")
    top = git.run(folder, "rev-parse", "--show-toplevel").removesuffix("\n")
    return Repo(Path(top).resolve(), said[1], Path(said[2]), (folder / said[3]).resolve())


def head_of(repo: Repo) -> str | None:
    """The commit that is checked out, None before the first."""
    said = repo.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", allowed=(0, 1, 128))
    return said.strip() or None


def ref_of(repo: Repo, ref: str) -> str | None:
    """The commit of a ref, None when there is none."""
    said = repo.git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", allowed=(0, 1, 128))
    return said.strip() or None


def write_commit(
    repo: Repo, head: str, files: Mapping[str, Content], message: str, email: str
) -> str:
    """Commit of what a commit holds with files added or replaced; only objects are written.

    Args:
        repo: the repository.
        head: the parent.
        files: by path from the top of the work tree.
        message: of the commit.
        email: whose commit it is when git has no identity of its own.
    """
    with tempfile.TemporaryDirectory(prefix="keel-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        names = [Path(folder, str(number)) for number in range(len(files))]
        for name, content in zip(names, files.values(), strict=True):
            name.write_bytes(content.data)
        oids = repo.git(
            "hash-object", "-w", "--no-filters", "--stdin-paths",
            data="".join(f"{name}\n" for name in names),
        ).split()  # fmt: skip
        entries = {
            path: Entry(content.mode, oid)
            for (path, content), oid in zip(files.items(), oids, strict=True)
        }
        entries |= _filtered(repo, files)
        repo.git("read-tree", head, env=index)
        lines = git.index_lines(dict(entries), repo.oid_width)
        repo.git("update-index", "-z", "--add", "--index-info", data=lines, env=index)
        tree = repo.git("write-tree", env=index).strip()
    return commit_tree(repo, tree, head, message, email)


def commit_tree(repo: Repo, tree: str, parent: str | None, message: str, email: str) -> str:
    """Commit a tree as the user, or as `email` when git knows no user."""
    options = ["-p", parent] if parent else []
    return repo.git(
        *identity(repo, email), "commit-tree", *options, "-F", "-", tree, data=message
    ).strip()


def identity(repo: Repo, email: str) -> list[str]:
    """Options that stand in for a user that git does not know."""
    known = repo.git("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT",
                     allowed=(0, 1, 128))  # fmt: skip
    name = email.partition("@")[0] or "keel"
    return [] if known else ["-c", f"user.name={name}", "-c", f"user.email={email}"]


def create_refs(repo: Repo, refs: Mapping[str, str]) -> None:
    """Create branches, and set other refs, all or none.

    Raises:
        Refused: one is there already, or a branch stands in its way.
    """
    lines = "".join(
        f"{'create' if name.startswith('refs/heads/') else 'update'} {name} {oid}\n"
        for name, oid in refs.items()
    )
    try:
        repo.git("update-ref", "--create-reflog", "--stdin", data=lines)
    except GitFailed as error:
        if "exists" not in error.said:
            raise
        raise Refused(
            f"the branch cannot be made: {error.said.strip()}",
            remedy="look at what is there; git branch -D NAME removes a branch",
        ) from None


def init_with_files(root: Path, left_out: list[str], email: str) -> Repo:
    """Make a folder a repository and commit what is in it.

    Args:
        root: the folder.
        left_out: paths that stay out of the commit.
        email: whose commit it is when git has no identity of its own.

    Raises:
        KeelError: git refuses.
    """
    if locate(root) is None:
        git.run(root, "init", "--quiet")
        git.run(root, "symbolic-ref", "HEAD", "refs/heads/main")
    repo = locate(root)
    if repo is None:
        raise KeelError(f"git init made no repository in {root}")
    excluded = [f":(exclude,literal){path}" for path in left_out]
    repo.git("add", "--all", "--", ".", *excluded)
    repo.git(*identity(repo, email), "commit", "--quiet", "--allow-empty", "-m", "As it was")
    return repo


def _filtered(repo: Repo, files: Mapping[str, Content]) -> dict[str, Entry]:
    """Files that the user's attributes pass through a filter, such as LFS, as it makes them."""
    plain = [path for path, content in files.items() if content.mode != "120000"]
    said = repo.git("check-attr", "-z", "--stdin", "filter", data="".join(f"{p}\0" for p in plain))
    fields = git.split_z(said)
    filtered = [
        path
        for path, value in zip(fields[::3], fields[2::3], strict=True)
        if value not in ("unspecified", "unset", "set", "")
    ]
    found: dict[str, Entry] = {}
    for path in filtered:
        options = ("hash-object", "-w", "--stdin", "--path", path)
        oid = git.raw(repo.top, *options, data=files[path].data)
        found[path] = Entry(files[path].mode, git.decode(oid).strip())
    return found
