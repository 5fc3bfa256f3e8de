"""Where a repository was generated from: its answers, the template's releases, what they bring."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from modelkeel.errors import BadInput, KeelError
from modelkeel.update import git
from modelkeel.update.git import GitFailed, Repo

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9_.-]+@[^/]+:")
_HEADING = re.compile(r"^##\s+\[?v?(\d[^\s\]]*)", re.MULTILINE)


@dataclass(frozen=True)
class Answers:
    """What the answers file of a repository's HEAD says.

    Attributes:
        file: its path below the project.
        text: its content.
        source: the template, as recorded.
        commit: the template's revision, as recorded.
        values: the answers to questions.
    """

    file: str
    text: str
    source: str
    commit: str
    values: dict[str, Any]


def read_answers(repo: Repo, file: str = ".copier-answers.yml") -> Answers:
    """The answers that the last commit holds.

    Raises:
        BadInput: nothing is committed, or the file records no template.
    """
    import yaml

    try:
        text = repo.git("cat-file", "blob", f"HEAD:{repo.prefix}{file}")
    except GitFailed:
        raise BadInput(
            f"the last commit of {repo.top} holds no {repo.prefix}{file}",
            remedy="commit the repository first: git add -A && git commit",
        ) from None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{repo.prefix}{file} is no YAML: {error}") from None
    if not isinstance(data, dict) or not data.get("_src_path"):
        raise BadInput(
            f"{repo.prefix}{file} does not say which template was used (_src_path)",
            remedy="take the template on anew with `keel adopt`",
        )
    values = {str(k): v for k, v in data.items() if not str(k).startswith("_")}
    return Answers(file, text, str(data["_src_path"]), str(data.get("_commit") or ""), values)


def answer_blocks(text: str) -> dict[str, str]:
    """The lines of an answers file by key; what is above the first key is under the empty key."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines(keepends=True):
        start = re.match(r"([A-Za-z_][^:\s]*):(\s|$)", line)
        key = start[1] if start else key
        found[key] = found.get(key, "") + line
    return found


def same_yaml(one: str, other: str) -> bool:
    """Do two texts mean the same?"""
    import yaml

    try:
        return bool(yaml.safe_load(one) == yaml.safe_load(other))
    except yaml.YAMLError:
        return False


@dataclass(frozen=True)
class Release:
    """A revision of the template.

    Attributes:
        name: tag, or what `git describe` says.
        commit: full id of the commit.
        tagged: is the name a tag? A commit's id can look like a version (5a12345).
    """

    name: str
    commit: str
    tagged: bool = False

    @property
    def version(self) -> Version | None:
        """Its version; None when the name is none. v1.2.0-3-gabc counts as later than v1.2.0."""
        if not self.tagged and re.fullmatch(r"[0-9a-f]{4,64}", self.name):
            return None
        return parse_version(self.name)


def parse_version(name: str) -> Version | None:
    """A PEP 440 version, from a tag or from what `git describe` says."""
    described = re.fullmatch(r"(.+)-(\d+)-g([0-9a-f]+)", name)
    try:
        if described:
            return Version(f"{described[1]}.post{described[2]}")
        return Version(name)
    except InvalidVersion:
        return None


@dataclass
class Remote:
    """A template in git: what it offers, and its objects once they are asked for.

    Attributes:
        source: as the answers record it.
        address: what git understands.
        folder: the repository when it is on this machine.
        head: commit of its default branch.
        tags: commit by tag.
    """

    source: str
    address: str
    folder: Path | None
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    mirror: Path | None = None

    def releases(self, *, prereleases: bool = False) -> list[Release]:
        """Tagged versions, oldest first."""
        found = [Release(name, oid, tagged=True) for name, oid in self.tags.items()]
        kept = [r for r in found if r.version and (prereleases or not r.version.is_prerelease)]
        return sorted(kept, key=lambda r: (r.version or Version("0"), r.name))

    def objects(self, into: Path, hold: Sequence[int] = ()) -> Path:
        """Git directory with all of its objects; a URL is cloned once into a folder.

        Args:
            into: the folder.
            hold: descriptors of the folder's lock, which the cloning git keeps open.

        Raises:
            KeelError: it cannot be reached.
        """
        if self.mirror is None and self.folder is not None:
            said = git.run(self.folder, "rev-parse", "--absolute-git-dir")
            self.mirror = Path(said.strip())
        if self.mirror is None:
            target = into / "mirror"
            try:
                git.run(
                    into, "clone", "--quiet", "--bare", "--", self.address, str(target), hold=hold
                )
            except GitFailed as error:
                raise _unreachable(self.source, error) from None
            self.mirror = target
        return self.mirror

    def resolve(self, mirror: Path, name: str) -> Release | None:
        """The revision of a tag, branch, commit or description; None when there is none."""
        for tag in (name, f"v{name}"):
            if tag in self.tags:
                return Release(tag, self.tags[tag], tagged=True)
        if not name or name.startswith("-"):
            return None
        said = _ask(mirror, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if not said:
            return None
        described = _ask(mirror, "describe", "--tags", "--always", said)
        return Release(described or said, said, tagged=described in self.tags)

    def read(self, mirror: Path, commit: str, path: str) -> str | None:
        """A file of a revision."""
        said = git.run(mirror, "cat-file", "blob", f"{commit}:{path}", env=_at(mirror),
                       allowed=(0, 128))  # fmt: skip
        return said or None

    def contains(self, mirror: Path, old: str, new: str) -> bool:
        """Does the history of `new` hold `old`?"""
        try:
            git.run(mirror, "merge-base", "--is-ancestor", old, new, env=_at(mirror))
        except GitFailed:
            return False
        return True


def open_remote(source: str, project: Path) -> Remote:
    """Ask a template for its tags; nothing is cloned.

    Args:
        source: as the answers record it.
        project: folder that a relative path starts from.

    Raises:
        BadInput: a plain folder, or no folder at all.
        KeelError: it cannot be reached.
    """
    address, folder = _expand(source, project)
    try:
        said = git.run(project, "ls-remote", "--", address, "HEAD", "refs/tags/*")
    except GitFailed as error:
        raise _unreachable(source, error) from None
    remote = Remote(source, address, folder)
    for line in said.splitlines():
        oid, name = line.split("\t", 1)
        if name == "HEAD":
            remote.head = oid
        else:  # the commit of an annotated tag comes after it, with ^{}
            remote.tags[name.removeprefix("refs/tags/").removesuffix("^{}")] = oid
    return remote


def choose_target(
    remote: Remote, mirror: Path | None, to: str | None, current: Release | None
) -> Release:
    """The release to go to: the one asked for, else the newest, else the newest commit.

    Raises:
        BadInput: there is no such revision.
    """
    if to is None:
        pre = bool(current and current.version and current.version.is_prerelease)
        releases = remote.releases(prereleases=pre)
        if releases:
            return releases[-1]
        if not remote.head:
            raise BadInput(f"the template {remote.source} has no commit")
        found = remote.resolve(mirror, remote.head) if mirror else None
        return found or Release(remote.head[:12], remote.head)
    if to == "HEAD" and remote.head:
        to = remote.head
    found = remote.resolve(mirror, to) if mirror else None
    if found is None:
        known = ", ".join(r.name for r in remote.releases(prereleases=True)[-8:])
        raise BadInput(
            f"the template {remote.source} has no revision {to!r}",
            remedy=f"choose one of its releases: {known}" if known else "leave out --to",
        )
    return found


def changelog(text: str | None, old: Version | None, new: Version | None) -> str:
    """Entries of a CHANGELOG.md above `old`, up to `new`; headings are `## 1.2.0`."""
    if not text:
        return ""
    marks = [*_HEADING.finditer(text)]
    kept: list[str] = []
    for number, mark in enumerate(marks):
        version = parse_version(mark[1])
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        if version and (old is None or version > old) and (new is None or version <= new):
            kept.append(text[mark.start() : end].strip())
    return "\n\n".join(kept)


def _at(mirror: Path) -> dict[str, str]:
    return {"GIT_DIR": str(mirror)}


def _ask(mirror: Path, *arguments: str) -> str:
    try:
        return git.run(mirror, *arguments, env=_at(mirror)).strip()
    except GitFailed:
        return ""


def _expand(source: str, project: Path) -> tuple[str, Path | None]:
    """What git understands, as Copier reads it, and the folder of a local repository."""
    for short, long in (("gh:", "https://github.com/"), ("gl:", "https://gitlab.com/")):
        if source.startswith(short):
            rest = source.removeprefix(short).lstrip("/")
            return f"{long}{rest.removesuffix('.git')}.git", None
    if source.startswith("git+"):
        return source[4:], None
    if _URL.match(source):
        hosted = source.startswith(("https://github.com/", "https://gitlab.com/"))
        return (f"{source}.git" if hosted and not source.endswith(".git") else source), None
    folder = (project / Path(source).expanduser()).resolve()
    if not folder.exists():
        raise BadInput(
            f"the template {source} is not there ({folder})",
            remedy="bring it back, or correct _src_path in .copier-answers.yml and commit it",
        )
    if folder.is_file():  # a git bundle
        return str(folder), None
    root = _ask_folder(folder)
    if root is None:
        raise BadInput(
            f"the template {folder} is a plain folder without git: it keeps no old versions, so "
            "what changed since this repository was generated cannot be found",
            remedy="put it under git with a tag for each version, and set _commit in "
            ".copier-answers.yml to the one that was used",
        )
    return str(folder), folder


def _ask_folder(folder: Path) -> Path | None:
    try:
        said = git.run(folder, "rev-parse", "--is-bare-repository", "--absolute-git-dir").split(
            "\n"
        )
        if said[0] == "true":
            return folder if Path(said[1]).resolve() == folder else None
        top = git.run(folder, "rev-parse", "--show-toplevel").strip()
    except GitFailed:
        return None
    return folder if Path(top).resolve() == folder else None


def _unreachable(source: str, error: GitFailed) -> KeelError:
    return KeelError(
        f"the template {source} cannot be reached: {error.said.strip() or error}",
        remedy="look at the network and your access, then run it again; nothing has changed",
    )
