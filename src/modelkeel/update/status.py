"""`keel status`: behind by what, drifted where, and would an update conflict?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelkeel.errors import Conflicts, KeelError
from modelkeel.update.baseline import (
    Baseline,
    digest,
    head_entries,
    load_baseline,
    render_baseline,
    save_baseline,
)
from modelkeel.update.git import Repo, find_repo
from modelkeel.update.journal import waiting
from modelkeel.update.outcome import Plan
from modelkeel.update.plan import make_plan
from modelkeel.update.recover import recover
from modelkeel.update.scratch import scratch_for
from modelkeel.update.template import (
    Answers,
    Release,
    Remote,
    open_remote,
    read_answers,
)

BEHIND = 5


@dataclass
class Status:
    """Where a repository stands.

    Attributes:
        source: the template.
        current: its version in the repository.
        newest: the newest version there is.
        behind: releases in between, oldest first.
        changelog: what they bring.
        drift: by owner (template, shared), files that differ from the template's.
        plan: of the update, when there is one and it was worked out.
        waiting: does an update wait for its conflicts to be settled?
        notes: what could not be told.
    """

    source: str
    current: str
    newest: str
    behind: list[str] = field(default_factory=list)
    changelog: str = ""
    drift: dict[str, list[str]] | None = None
    plan: Plan | None = None
    waiting: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 up to date, 5 an update is there, 4 it would conflict or one waits for that."""
        if self.waiting or (self.plan and self.plan.conflicts):
            return Conflicts.exit_code
        return BEHIND if self.behind else 0

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(self.facts(), default=str, ensure_ascii=False)

    def facts(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        plan = self.plan
        return {
            "template": self.source,
            "current": self.current,
            "newest": self.newest,
            "behind": self.behind,
            "changelog": self.changelog,
            "drift": self.drift,
            "conflicts": None
            if plan is None
            else [{"path": path, "kind": kind} for path, kind in plan.conflicts],
            "overlaps": None if plan is None else [vars(overlap) for overlap in plan.overlaps],
            "waiting": self.waiting,
            "notes": self.notes,
        }

    def to_text(self) -> str:
        """For a person."""
        lines = [f"Template {self.source}, version {self.current}."]
        if self.waiting:
            lines.append("An update waits for its conflicts: keel update --continue | --abort.")
        if not self.behind:
            lines.append("Up to date.")
        else:
            lines.append(f"Behind by {len(self.behind)}: {', '.join(self.behind)}.")
        lines += [f"  {line}".rstrip() for line in self.changelog.splitlines()]
        for owner, paths in (self.drift or {}).items():
            lines.append(f"Changed here, owned by {_owner(owner)}: {len(paths)}")
            lines += [f"  {path}" for path in paths]
        if self.plan and self.behind:
            if self.plan.conflicts:
                lines.append("keel update would leave conflicts:")
                lines += [f"  {path} ({kind})" for path, kind in self.plan.conflicts]
            else:
                lines.append("keel update would leave no conflict.")
            lines += [f"  not committed, in the way: {o.path}" for o in self.plan.overlaps]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def status(
    start: Path,
    *,
    quick: bool = False,
    trust: bool = False,
    answers_file: str = ".copier-answers.yml",
) -> Status:
    """Where the repository stands against its template.

    The template's tags are asked for over the network; when the repository is up to date and was
    looked at before, nothing else is.

    Args:
        start: a folder of the generated project.
        quick: only ask for tags; neither drift nor conflicts are worked out when that needs more.
        trust: let the template use Jinja extensions.
        answers_file: path of the answers below the project.

    Raises:
        BadInput: no generated repository, a template without git.
        KeelError: the template cannot be reached.
    """
    repo = find_repo(start, answers_file)
    said = recover(repo)
    given = read_answers(repo, answers_file)
    remote = open_remote(given.source, repo.project)
    newest, behind = _behind(remote, given)
    found = Status(given.source, given.commit, newest, behind, notes=said)
    found.waiting = waiting(repo) is not None
    baseline = load_baseline(repo, given)
    work_out = not quick and ((bool(behind) and not found.waiting) or baseline is None)
    if work_out:
        with scratch_for(repo) as scratch:
            try:
                if behind and not found.waiting:
                    prepared = make_plan(repo, scratch, trust=trust, answers_file=answers_file)
                    _take_plan(found, prepared.plan)
                    if prepared.before:
                        baseline = prepared.before
                        save_baseline(repo, baseline, digest(given.text))
                baseline = baseline or render_baseline(scratch, remote, given, trust=trust)
            except KeelError as error:
                found.notes.append(f"drift and conflicts could not be worked out: {error}")
    if baseline is not None:
        found.drift = drift(repo, baseline)
    return found


def drift(repo: Repo, baseline: Baseline) -> dict[str, list[str]]:
    """Files of the template and shared files whose HEAD differs from the template's."""
    entries = head_entries(repo)
    found: dict[str, list[str]] = {}
    for path, entry in sorted(baseline.entries.items()):
        owner = baseline.owner(path)
        if owner != "project" and entries.get(path) != entry:
            found.setdefault(owner, []).append(path)
    return found


def _take_plan(found: Status, plan: Plan) -> None:
    if plan.current:
        found.behind = []
    else:
        found.plan, found.changelog = plan, plan.changelog


def _behind(remote: Remote, given: Answers) -> tuple[str, list[str]]:
    """Newest version, and the versions between the repository's and that one."""
    commit = remote.tags.get(given.commit)
    current = Release(given.commit, commit or "", tagged=commit is not None)
    pre = bool(current.version and current.version.is_prerelease)
    releases = remote.releases(prereleases=pre)
    if not releases:
        same = bool(given.commit) and remote.head.startswith(given.commit.rpartition("-g")[2])
        return remote.head[:12], [] if same else [remote.head[:12]]
    version = current.version
    newer = [r.name for r in releases if version is None or (r.version and r.version > version)]
    if version is None:
        # A bare commit: only the history tells, which the plan looks into.
        newer = newer[-1:]
    return releases[-1].name, newer


def _owner(owner: str) -> str:
    return "both sides" if owner == "shared" else f"the {owner}"
