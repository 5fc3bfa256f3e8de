"""`keel diff`: what a repository changed against its template, by who owns the file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from modelkeel.errors import BadInput
from modelkeel.update.baseline import Baseline, head_entries, render_baseline
from modelkeel.update.git import Entries, find_repo, split_z
from modelkeel.update.recover import recover
from modelkeel.update.scratch import Scratch, scratch_for
from modelkeel.update.template import open_remote, read_answers

OWNERS = ("template", "shared", "project")


@dataclass(frozen=True)
class FileDiff:
    """A file of the template that differs.

    Attributes:
        path: below the project.
        owner: template, shared or project.
        status: changed, deleted or moved.
        moved_to: where it is now, when it moved.
        text: unified diff from the template's version to the repository's.
    """

    path: str
    owner: str
    status: str
    moved_to: str
    text: str


@dataclass
class Diff:
    """What a repository changed.

    Attributes:
        source: the template.
        version: its version in the repository.
        files: that differ, by owner and path.
        own: number of files that the template does not have.
    """

    source: str
    version: str
    files: list[FileDiff] = field(default_factory=list)
    own: int = 0

    @property
    def exit_code(self) -> int:
        """Always 0: a difference is no failure."""
        return 0

    def to_json(self) -> str:
        """One JSON object."""
        facts = {
            "template": self.source,
            "version": self.version,
            "files": [vars(each) for each in self.files],
            "own_files": self.own,
        }
        return json.dumps(facts, ensure_ascii=False)

    def to_text(self) -> str:
        """For a person."""
        lines = [f"Against template {self.source}, version {self.version}:"]
        for owner in OWNERS:
            files = [each for each in self.files if each.owner == owner]
            if files:
                lines += ["", f"# Owned by {'both sides' if owner == 'shared' else f'the {owner}'}"]
                lines += [each.text.rstrip("\n") for each in files]
        if not self.files:
            lines.append("no file of the template differs")
        lines += ["", f"{self.own} files are the repository's own."]
        return "\n".join(lines)


def diff(
    start: Path,
    *,
    owner: str | None = None,
    trust: bool = False,
    answers_file: str = ".copier-answers.yml",
) -> Diff:
    """What the last commit differs in from the template at its version.

    Args:
        start: a folder of the generated project.
        owner: only files of this owner: template, shared or project.
        trust: let the template use Jinja extensions.
        answers_file: path of the answers below the project.

    Raises:
        BadInput: no generated repository, no such owner.
        KeelError: the template cannot be reached or rendered.
    """
    if owner is not None and owner not in OWNERS:
        raise BadInput(f"{owner!r} owns nothing", remedy=f"choose one of {', '.join(OWNERS)}")
    repo = find_repo(start, answers_file)
    recover(repo)
    given = read_answers(repo, answers_file)
    remote = open_remote(given.source, repo.project)
    with scratch_for(repo) as scratch:
        baseline = render_baseline(scratch, remote, given, trust=trust)
        ours = head_entries(repo)
        files = _compare(scratch, baseline, ours)
    own = len(ours.keys() - baseline.entries.keys())
    kept = [each for each in files if owner in (None, each.owner)]
    return Diff(given.source, given.commit, kept, own)


def _compare(scratch: Scratch, baseline: Baseline, ours: Entries) -> list[FileDiff]:
    base = scratch.tree_of(baseline.entries)
    here = scratch.tree_of(ours)
    found: list[FileDiff] = []
    said = split_z(scratch.git("diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", base, here))
    at = 0
    while at < len(said):
        kind = said[at].split(" ")[4]
        path = said[at + 1]
        target = said[at + 2] if kind[0] == "R" else ""
        at += 3 if target else 2
        if path in baseline.entries:
            status = {"D": "deleted", "R": "moved"}.get(kind[0], "changed")
            found.append(FileDiff(path, baseline.owner(path), status, target, ""))
    texts = _texts(scratch, base, here)
    return [
        FileDiff(f.path, f.owner, f.status, f.moved_to, texts.get(f.moved_to or f.path, ""))
        for f in sorted(found, key=lambda f: (OWNERS.index(f.owner), f.path))
    ]


def _texts(scratch: Scratch, base: str, here: str) -> dict[str, str]:
    """Unified diff by path on the repository's side, from one run of git."""
    names = split_z(scratch.git("diff-tree", "-r", "-M", "-z", "--name-only", base, here))
    text = scratch.git("diff-tree", "-r", "-M", "-p", "--no-color", "--no-ext-diff", base, here)
    parts = [f"diff --git {part}" for part in f"\n{text}".split("\ndiff --git ")[1:]]
    return dict(zip(names, parts, strict=True))
