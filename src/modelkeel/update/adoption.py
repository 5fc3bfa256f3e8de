"""What adopting a repository brings, shown before and after."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from modelkeel.update.survey import Survey

What = Literal["added", "same", "kept", "extendable", "extended", "blocked"]

_TITLES = {
    "added": "Would be new|New",
    "extended": "Would be added to, every line of yours kept|Added to, every line of yours kept",
    "extendable": "Yours, unchanged; could be added to with every line of yours kept",
    "kept": "Yours, unchanged; the template has another version",
    "same": "The same on both sides",
    "blocked": "Left out, since something of yours stands in the way",
}


@dataclass(frozen=True)
class FileNote:
    """One file of the template.

    Attributes:
        path: below the project.
        what: what becomes of it.
        added: lines that the template's version, or the addition, has and yours has not.
        removed: lines that yours has and it has not.
        note: why.
    """

    path: str
    what: What
    added: int = 0
    removed: int = 0
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer to a question of the template, and where it comes from."""

    key: str
    value: Any
    why: str


@dataclass
class Adoption:
    """A repository taken under the template, or what that would bring.

    Attributes:
        path: the project.
        kind: the tool that made it: "copier", "cookiecutter", "cruft", or "plain".
        origin: the template it was made from, "" when unknown.
        source: the template that it is taken under.
        release: version or commit of it.
        component: the one capability that is taken on, "" for all.
        dry_run: nothing was written.
        has_git: does the project lie in a git repository?
        branch: name of the new branch.
        commit: on it, "" when none was made.
        switched: was the branch checked out?
        files: what becomes of each file of the template.
        answers: what the template was rendered with.
        requirements: files that name dependencies.
        dependencies: what they name.
        survey: what the project's files seem to be.
        notes: what a person should know.
        next_commands: what to run next, with what it does.
    """

    path: Path
    kind: str
    origin: str
    source: str
    release: str
    component: str
    dry_run: bool
    has_git: bool
    branch: str
    commit: str = ""
    switched: bool = False
    files: list[FileNote] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)
    survey: Survey = field(default_factory=Survey)
    notes: list[str] = field(default_factory=list)
    next_commands: list[tuple[str, str]] = field(default_factory=list)

    def paths(self, what: What) -> list[str]:
        """Files that the same becomes of."""
        return [file.path for file in self.files if file.what == what]

    def to_json(self) -> str:
        """One JSON object."""
        found = asdict(self)
        found["path"] = str(self.path)
        found["next_commands"] = [
            {"command": command, "what": what} for command, what in self.next_commands
        ]
        return json.dumps(found, ensure_ascii=False, indent=2, default=str)

    def to_text(self) -> str:
        """The proposal, or the report, for a person."""
        made = {"plain": "made by hand"}.get(self.kind, f"made by {self.kind}")
        lines = [
            f"{self.path}: {made}{f' from {self.origin}' if self.origin else ''}",
            f"template: {self.source} {self.release}"
            + (f", component {self.component}" if self.component else ""),
        ]
        if not self.component:
            lines += self._found()
        lines += ["", "Answers (give others with --answer KEY=VALUE):"]
        width = max((len(answer.key) for answer in self.answers), default=0)
        lines += [f"  {a.key:<{width}}  {_value(a.value)}  ({a.why})" for a in self.answers]
        for what, title in _TITLES.items():
            lines += self._group(what, title)
        lines += ["", *(f"note: {note}" for note in self.notes)] if self.notes else []
        lines.append("")
        if self.commit:
            lines.append(f"Branch {self.branch} has it as one commit, {self.commit[:12]}.")
            if self.switched:
                lines.append("It is checked out; `git switch -` goes back.")
            else:
                lines.append("Your branch, files and uncommitted changes are as they were.")
        elif self.dry_run:
            lines.append(f"Nothing was written. Without --dry-run: one commit on {self.branch}.")
        else:
            lines.append("There is nothing to add; nothing was written.")
        if self.next_commands:
            lines += ["", f"Next, in {shlex.quote(str(self.path))}:"]
            width = min(60, max(len(command) for command, _ in self.next_commands))
            lines += [f"  {c:<{width}}  # {what}" for c, what in self.next_commands]
        return "\n".join(lines)

    def _found(self) -> list[str]:
        survey = self.survey
        training = [f"{name} ({', '.join(used)})" for name, used in survey.training.items()]
        rows = {
            "data": survey.data,
            "target columns": survey.targets,
            "notebooks": survey.notebooks,
            "training code": training,
            "requirements": self.requirements,
            "models": survey.models,
        }
        lines = ["", "Found:"]
        lines += [f"  {name:<14}  {_some(found)}" for name, found in rows.items()]
        return [*lines, *(f"warning: {text}" for text in survey.warnings)]

    def _group(self, what: str, title: str) -> list[str]:
        found = [file for file in self.files if file.what == what]
        if not found:
            return []
        before, _, after = title.partition("|")
        shown = after if after and self.commit else before
        lines = ["", f"{shown} ({len(found)}):"]
        width = min(48, max(len(file.path) for file in found))
        for file in found:
            stat = f"+{file.added} -{file.removed}" if file.added or file.removed else ""
            note = "  ".join(part for part in (stat, file.note) if part)
            lines.append(f"  {file.path:<{width}}  {note}".rstrip())
        return lines


def _some(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
