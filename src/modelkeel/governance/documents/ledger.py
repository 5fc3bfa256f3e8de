"""Answers of records in Markdown, and the count of those that are missing."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel

from modelkeel.governance.documents.sources import RECORDS, Sources
from modelkeel.governance.documents.words import plain_value, text
from modelkeel.records.answer import Evidence, NotApplicable, Todo

MISSING = "**MISSING**"


@dataclass(frozen=True)
class Gap:
    """Something that a document lacks.

    Attributes:
        what: what is missing, as Markdown.
        owner, due: who gives it by when, if a record puts it off.
        remedy: what makes it, if not.
        place: the file and key to write it at, if a record has one.
        since: the day from which the law asks for it, if that may lie ahead.
    """

    what: str
    owner: str = ""
    due: date | None = None
    remedy: str = ""
    since: date | None = None
    place: str = ""

    @property
    def order(self) -> tuple[date, str, str]:
        """Sorts what is due first to the top."""
        return self.due or self.since or date.min, self.owner, self.what

    def to_text(self) -> str:
        """In words, without the mark."""
        if self.due:
            return f"{self.what} ({self.owner}, due {self.due})"
        since = f"needed from {self.since}; " if self.since else ""
        return f"{self.what} ({since}{self.remedy})"


@dataclass
class Ledger:
    """Writes answers of records and remembers what was missing.

    Attributes:
        sources: where answers come from.
        gaps: what is missing, by key.
        excused: what does not apply, by key.
        waived: gates named with a waiver.
    """

    sources: Sources
    gaps: dict[str, Gap] = field(default_factory=dict)
    excused: dict[str, str] = field(default_factory=dict)
    waived: set[str] = field(default_factory=set)

    def field(self, key: str) -> str:
        """The answer to a dotted key, such as `system.oversight.stop`, as a paragraph or list."""
        found = self.answer(key)
        if isinstance(found, list | tuple):
            return "\n".join(f"- {self.said(each, key, at)}" for at, each in enumerate(found))
        return self.said(found, key)

    def cell(self, key: str) -> str:
        """The same, inside a table."""
        found = self.answer(key)
        if isinstance(found, list | tuple):
            items = [self.said(each, key, at) for at, each in enumerate(found)]
            shown = "<br>".join(f"• {item}" for item in items) if len(items) > 1 else items[0]
        else:
            shown = self.said(found, key)
        return shown.replace("|", "\\|")

    def answer(self, key: str) -> Any:
        """What stands at a key; None where it is empty. Nought is an answer."""
        found = self.value(key)
        return None if isinstance(found, Sized) and not found else found

    def value(self, key: str) -> Any:
        """What stands at a key: a value, an answer that is deferred, or None."""
        name, *rest = key.split(".")
        found = self.sources.record(name)
        for part in rest:
            if isinstance(found, BaseModel):
                found = getattr(found, part, None)
            elif isinstance(found, list | tuple):
                found = found[int(part)]
            elif isinstance(found, dict):
                found = found.get(part)
        return found

    def missing(
        self,
        key: str,
        what: str,
        remedy: str = "run `uv run dvc repro`",
        since: date | None = None,
    ) -> str:
        """Mark that something is missing that no record puts off."""
        return self._mark(key, Gap(what, remedy=remedy, since=since))

    def excuse(self, key: str, why: str) -> str:
        """Mark that a question does not arise."""
        self.excused[key] = why
        return f"Not applicable: {text(why)}"

    def said(self, found: Any, key: str, at: int | str = "") -> str:
        """An answer in words: a value, a reference that is followed, or why there is none."""
        if found is None:
            return self._mark(key, self._absent(key))
        if isinstance(found, Todo):
            return self._mark(
                key, Gap(text(found.todo), found.owner, found.due, place=self._place(key))
            )
        if isinstance(found, NotApplicable):
            return self.excuse(key, found.not_applicable)
        if isinstance(found, Evidence):
            return self._followed(found, f"{key}{at}")
        if isinstance(found, str) and not found.strip():
            return self._mark(key, Gap(f"`{key}` is empty", remedy="write it"))
        return plain_value(found)

    def _followed(self, reference: Evidence, key: str) -> str:
        found: Any = self.sources.json(reference.path)
        for part in reference.keys:
            if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            else:
                found = found.get(part) if isinstance(found, dict) else None
        if found is None or isinstance(found, dict):
            what = f"{reference.path} has no value at `{'.'.join(reference.keys)}`"
            return self._mark(key, Gap(what, remedy="run `uv run dvc repro`, or mend the key"))
        return f"{plain_value(found)} ({link(reference.path)}, `{'.'.join(reference.keys)}`)"

    def _absent(self, key: str) -> Gap:
        name, _, rest = key.partition(".")
        file = RECORDS[name]
        if self.sources.record(name) is None:
            return Gap(f"there is no {file}", remedy="write it")
        remedy = "write it, or say why it does not apply"
        return Gap(f"{file} has no `{rest}`", remedy=remedy, place=self._place(key))

    def _place(self, key: str) -> str:
        """The file and the key; what has an id is called by it."""
        name, *parts = key.split(".")
        for at, part in enumerate(parts):
            if part.isdecimal():
                each = self.value(".".join([name, *key.split(".")[1 : at + 2]]))
                parts[at] = getattr(each, "id", part)
        return f"{RECORDS[name]} `{'.'.join(parts)}`"

    def _mark(self, key: str, gap: Gap) -> str:
        self.gaps[key] = gap
        return f"{MISSING}: {gap.to_text()}"


def link(path: str) -> str:
    """A file of the project, seen from docs/governance."""
    return f"[{path}](../../{path})"
