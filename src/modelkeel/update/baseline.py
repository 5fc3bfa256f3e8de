"""The template's files at a version, as a repository's answers render them."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from modelkeel.errors import BadInput
from modelkeel.update.git import Entries, Entry, Repo, list_tree
from modelkeel.update.ownership import DOCUMENT, owner_of, read_owners
from modelkeel.update.render import Job, Rendered, render_all
from modelkeel.update.scratch import Scratch
from modelkeel.update.template import Answers, Release, Remote

_CACHE = "baseline.json"


@dataclass(frozen=True)
class Baseline:
    """Files of the template and who owns them.

    Attributes:
        source: the template.
        commit: full id of its revision.
        answers: digest of the answers file that it belongs to, which is among its files.
        entries: the files, as git records them.
        project: paths that belong to the project.
        owners: owner by path or folder, as the template documents it.
    """

    source: str
    commit: str
    answers: str
    entries: Entries
    project: frozenset[str]
    owners: dict[str, str]

    def owner(self, path: str) -> str:
        """project, template or shared."""
        return owner_of(path, self.owners, self.project)


def digest(text: str) -> str:
    """Digest of an answers file."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def make_baseline(
    scratch: Scratch, remote: Remote, commit: str, rendered: Rendered, answers: str = ""
) -> Baseline:
    """The baseline of a rendered version."""
    entries = scratch.entries(rendered.tree)
    document = remote.read(remote.mirror, commit, DOCUMENT) if remote.mirror else None
    return Baseline(
        remote.source, commit, answers, entries, rendered.project, read_owners(document)
    )


def save_baseline(repo: Repo, baseline: Baseline, answers: str) -> None:
    """Keep it for the next question; a full disk is no error."""
    facts = asdict(baseline) | {"answers": answers, "project": sorted(baseline.project)}
    facts["entries"] = {path: [e.mode, e.oid] for path, e in baseline.entries.items()}
    target = repo.state_dir / _CACHE
    with suppress(OSError):
        fresh = target.with_suffix(".tmp")
        fresh.write_text(json.dumps(facts), encoding="utf-8")
        fresh.replace(target)


def load_baseline(repo: Repo, given: Answers) -> Baseline | None:
    """What was kept, if it belongs to these answers."""
    try:
        facts = json.loads((repo.state_dir / _CACHE).read_text(encoding="utf-8"))
        facts["entries"] = {path: Entry(*pair) for path, pair in facts["entries"].items()}
        found = Baseline(**facts | {"project": frozenset(facts["project"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if found.answers == digest(given.text) else None


def render_baseline(
    scratch: Scratch, remote: Remote, given: Answers, *, trust: bool = False
) -> Baseline:
    """Render the version that a repository is at, and keep it.

    Raises:
        BadInput: the version cannot be found.
        KeelError: it cannot be rendered.
    """
    remote.objects(scratch.root, scratch.held)
    release = old_release(remote, given, None)
    ref = given.commit if given.commit in remote.tags else release.commit
    rendered = render_all(scratch, remote, [Job("old", ref, given.values)], given.file, trust=trust)
    found = make_baseline(scratch, remote, release.commit, rendered[0])
    save_baseline(scratch.repo, found, digest(given.text))
    return found


def head_entries(repo: Repo) -> Entries:
    """The project's files in the user's HEAD."""
    prefix = repo.prefix.rstrip("/")
    return list_tree(repo.top, f"HEAD:{prefix}" if prefix else "HEAD^{tree}")


def old_release(remote: Remote, given: Answers, since: str | None) -> Release:
    """The revision that a repository was generated from.

    Raises:
        BadInput: the answers name none, or one that the template does not have.
    """
    mirror = remote.mirror
    wanted = since or given.commit
    found = remote.resolve(mirror, wanted) if mirror and wanted else None
    if found:
        return found
    if not wanted:
        raise BadInput(
            f"{given.file} does not say from which version of the template the repository comes "
            "(_commit): it came from a folder without git",
            remedy="name the closest version: --since VERSION",
        )
    raise BadInput(
        f"the template {given.source} has no revision {wanted!r}, which {given.file} names",
        remedy="it may have been made from uncommitted changes; name the closest: --since VERSION",
    )
