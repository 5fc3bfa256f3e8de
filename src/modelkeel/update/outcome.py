"""What an update is going to do, and what it did, for a person and for a program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from modelkeel.errors import Conflicts, Refused
from modelkeel.update.merge import Note
from modelkeel.update.overlap import Overlap


@dataclass(frozen=True)
class Question:
    """A question that this update brings, or whose answer it changes.

    Attributes:
        key: its name.
        kind: new (its default is taken), given, "no longer valid" (the default is taken), default
            (the default changed, the answer stays).
        old: answer so far.
        new: answer from now on; for kind default, the new default.
        help: its text.
    """

    key: str
    kind: str
    old: Any
    new: Any
    help: str = ""

    def __str__(self) -> str:
        """One line."""
        if self.kind == "default":
            return (
                f"{self.key}: the default is {self.new!r} now, yours stays {self.old!r}; "
                f"to follow: --answer {self.key}={self.new}"
            )
        if self.kind == "new":
            return f"{self.key}: asked anew, {self.new!r} is taken; another: --answer {self.key}=…"
        if self.kind == "given":
            return f"{self.key}: {self.old!r} becomes {self.new!r}"
        return f"{self.key}: {self.old!r} is no longer valid, {self.new!r} is taken"


@dataclass
class Plan:
    """What an update does, by file.

    Attributes:
        source: the template.
        old: its version so far.
        new: its version from now on.
        current: is there nothing to do?
        added: files that come.
        changed: files that the template changed and the user did not.
        merged: files that both changed, merged by lines.
        structured: files that both changed, merged by structure.
        deleted: files that go.
        moved: new path by old path.
        conflicts: path and kind.
        notes: what stays out of the merge, and why.
        overlaps: uncommitted work that is in the way.
        questions: new or changed.
        migrations: names, in order.
        tasks: number of tasks of the template, which are not run.
        changelog: what the releases in between bring.
    """

    source: str
    old: str
    new: str
    current: bool = False
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    structured: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    conflicts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    overlaps: list[Overlap] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    migrations: list[str] = field(default_factory=list)
    tasks: int = 0
    changelog: str = ""

    @property
    def exit_code(self) -> int:
        """0 when it would pass, 3 when uncommitted work is in the way, 4 when it conflicts."""
        if self.overlaps:
            return Refused.exit_code
        return Conflicts.exit_code if self.conflicts else 0

    def files(self) -> dict[str, list[str]]:
        """Paths by what happens to them."""
        found = {
            "added": self.added,
            "changed": self.changed,
            "merged": self.merged,
            "merged by structure": self.structured,
            "moved": [f"{old} -> {new}" for old, new in sorted(self.moved.items())],
            "deleted": self.deleted,
            "in conflict": [f"{path} ({kind})" for path, kind in self.conflicts],
        }
        return {what: paths for what, paths in found.items() if paths}

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(self.facts(), default=str, ensure_ascii=False)

    def facts(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "template": self.source,
            "from": self.old,
            "to": self.new,
            "current": self.current,
            "added": self.added,
            "changed": self.changed,
            "merged": self.merged,
            "structured": self.structured,
            "moved": self.moved,
            "deleted": self.deleted,
            "conflicts": [{"path": path, "kind": kind} for path, kind in self.conflicts],
            "notes": [vars(note) for note in self.notes],
            "overlaps": [vars(overlap) for overlap in self.overlaps],
            "questions": [vars(question) for question in self.questions],
            "migrations": self.migrations,
            "tasks_not_run": self.tasks,
            "changelog": self.changelog,
        }

    def to_text(self) -> str:
        """For a person."""
        if self.current:
            return f"Up to date with template {self.old}."
        lines = [f"Update from template {self.old} to {self.new}"]
        if self.changelog:
            lines += ["", *(f"  {line}".rstrip() for line in self.changelog.splitlines())]
        for what, paths in self.files().items():
            lines += ["", f"{what[0].upper()}{what[1:]} ({len(paths)})"]
            lines += [f"  {path}" for path in paths]
        for title, items in (
            ("Questions", [str(question) for question in self.questions]),
            ("Migrations", self.migrations),
            ("To know", [note.text for note in self.notes]),
            ("In the way, not committed", [f"{o.path} ({o.kind})" for o in self.overlaps]),
        ):
            if items:
                lines += ["", title, *(f"  {item}" for item in items)]
        if self.tasks:
            lines += ["", f"The template's tasks ({self.tasks}) are not run by an update."]
        return "\n".join(lines)


@dataclass
class Outcome:
    """What was done.

    Attributes:
        done: updated, conflicts, current, aborted or undone.
        plan: of an update.
        commit: that the branch is at now.
        text: what happened, in a sentence or two.
        notes: what to know.
        conflicts: path and kind of what is left to settle.
    """

    done: str
    text: str
    plan: Plan | None = None
    commit: str = ""
    notes: list[str] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or 4 with conflicts left."""
        return Conflicts.exit_code if self.conflicts else 0

    def to_json(self) -> str:
        """One JSON object."""
        facts = {
            "done": self.done,
            "commit": self.commit,
            "text": self.text,
            "notes": self.notes,
            "conflicts": [{"path": path, "kind": kind} for path, kind in self.conflicts],
            "plan": self.plan.facts() if self.plan else None,
        }
        return json.dumps(facts, default=str, ensure_ascii=False)

    def to_text(self) -> str:
        """For a person."""
        lines = [self.text]
        lines += [f"  {path} ({kind})" for path, kind in self.conflicts]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def commit_message(plan: Plan, notes: list[str], verb: str = "") -> str:
    """Message of the commit of an update: from which version to which, and every file."""
    lines = [f"chore: {verb}update from template {plan.old} to {plan.new}"]
    for what, paths in plan.files().items():
        what = "had conflicts" if what == "in conflict" else what
        lines += ["", f"{what[0].upper()}{what[1:]}:", *(f"- {path}" for path in paths)]
    if plan.migrations:
        lines += ["", "Migrations:", *(f"- {name}" for name in plan.migrations)]
    if notes:
        lines += ["", "Notes:", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"
