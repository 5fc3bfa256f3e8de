"""The journal's row that decides what serves, where there is a journal.

It is changed by compare-and-swap before champion.json is, so of two promotions at once one is
refused, wherever they run. Each change is an event in the journal as well. The row holds the line
of evidence/promotions.jsonl that goes with it.

A command that was cut off leaves the row ahead of champion.json: the next one puts champion.json
right. A journal that was away or restored leaves the row behind: the next change, or
`keel model verify --heal`, puts the row right.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelkeel.data.digest import sha256_file
from modelkeel.errors import KeelError, Refused
from modelkeel.model.files import first_problem
from modelkeel.model.promotions import Entry, read_history
from modelkeel.model.summary import staged_summary, summary_path
from modelkeel.model.switch import standing, switch
from modelkeel.project import Project

if TYPE_CHECKING:
    from modelkeel.journal.standing import Standing as Row
    from modelkeel.journal.store import Journal

_PULL = "bring models/ and evidence/ up to date from where it was promoted, then run it again"


@dataclass
class Decider:
    """The row of a project, as it was when the command began.

    Attributes:
        project: the project.
        journal: that holds it.
        row: None where none was written yet.
    """

    project: Project
    journal: Journal
    row: Row | None

    @property
    def generation(self) -> int:
        """How often it was changed."""
        return self.row.generation if self.row else 0

    @property
    def entry(self) -> Entry | None:
        """The line of the history that it holds.

        Raises:
            Refused: it holds something else.
        """
        if self.row is None:
            return None
        try:
            return Entry.model_validate(self.row.champion)
        except ValidationError as error:
            raise Refused(
                f"the journal's row of {self.project.name}, generation {self.generation}: "
                f"{first_problem(error)}",
                remedy="restore the journal from a backup",
            ) from error

    def claim(self, draft: Entry) -> None:
        """Decide that a bundle is to serve.

        Raises:
            Refused: another one was decided since; what serves is that one.
            KeelError: the journal does not answer.
        """
        from sqlalchemy.exc import SQLAlchemyError

        from modelkeel.journal.standing import swap_standing

        said = draft.draft.model_dump()
        try:
            self.row = swap_standing(
                self.journal.engine,
                self.project.name,
                self.generation,
                said,
                draft.by,
                draft.reason,
            )
        except SQLAlchemyError as error:
            raise _away(error) from error


@contextmanager
def deciding(project: Project) -> Iterator[Decider | None]:
    """The row, where MODELKEEL_JOURNAL is set or the project has a journal; else None.

    Raises:
        KeelError: the journal does not answer.
    """
    url = _journal_of(project)
    if url is None:
        yield None
        return
    try:
        from sqlalchemy.exc import SQLAlchemyError

        from modelkeel.journal.standing import read_standing
        from modelkeel.journal.store import Journal
    except ImportError as error:
        raise KeelError(
            f"the journal decides what serves, and a package for it is missing: {error.name}",
            remedy="install the extra: uv add 'modelkeel[serve]'",
        ) from None
    journal = Journal.open(url)
    try:
        try:
            row = read_standing(journal.engine, project.name)
        except SQLAlchemyError as error:
            raise _away(error) from error
        yield Decider(project, journal, row)
    finally:
        journal.engine.dispose()


def catch_up(project: Project, decider: Decider | None) -> tuple[str, ...]:
    """Put champion.json right where the row is ahead of it; what there is to tell.

    To be called while the champion may be changed.

    Raises:
        Refused: what serves is not here, so that a change would be made blindly.
    """
    entry = decider.entry if decider else None
    if decider is None or entry is None:
        return ()
    local = standing(project).champion
    if local == entry.champion:
        return ()
    if is_behind(project, entry):
        which = f"version {entry.version} by the journal's row, generation {decider.generation}"
        return (f"champion.json had gone on from {which}",)
    if _place(project, entry):
        row = f"the journal's row, generation {decider.generation}"
        return (f"champion.json lagged behind {row}, and names version {entry.version} now",)
    if local is None:  # a checkout without models, as in CI
        return ()
    raise Refused(
        f"version {entry.version} ({entry.digest[:12]}, by {entry.by} at {entry.time}) serves by "
        f"the journal's row, generation {decider.generation}; here champion.json names version "
        f"{local.version}",
        remedy=_PULL,
    )


def row_problems(project: Project, decider: Decider | None) -> tuple[str, ...]:
    """How the row and champion.json differ."""
    entry = decider.entry if decider else None
    local = standing(project).champion
    if decider is None or entry is None or local is None or local == entry.champion:
        return ()
    row = f"the journal's row (generation {decider.generation}) names version {entry.version}"
    here = f"champion.json version {local.version} ({local.digest[:12]})"
    return (f"{row} ({entry.digest[:12]}), {here}",)


def heal(project: Project, decider: Decider | None) -> None:
    """Make the row and champion.json agree, whichever is behind.

    Raises:
        Refused: what serves is not here.
    """
    if decider is None:
        return
    catch_up(project, decider)
    here = standing(project).entry
    if here is not None and (decider.entry is None or decider.entry.champion != here.champion):
        decider.claim(here)


def is_behind(project: Project, entry: Entry) -> bool:
    """Whether champion.json is a later line of the history than the row's."""
    history = read_history(project)
    here = standing(project).entry
    lines = [each.draft for each in history]
    return (
        here is not None and entry.draft in lines and lines.index(entry.draft) < history.index(here)
    )


def _place(project: Project, entry: Entry) -> bool:
    """Make what the row names the champion here, if all of it is at hand."""
    folder = project.models_dir / entry.champion.folder
    staged = staged_summary(folder)
    if not folder.is_dir():
        return False
    for path in (staged, summary_path(folder)):
        if path.is_file() and sha256_file(path) == entry.summary:
            switch(project, entry, staged if path == staged else None)
            return True
    if entry.summary is None:
        switch(project, entry)
        return True
    return False


def _journal_of(project: Project) -> str | None:
    """The URL of a journal that was set or is there; a command makes none by itself."""
    from modelkeel.journal.place import journal_url

    url = journal_url(None)
    if url is not None:
        return url
    there = (project.root / "journal" / "journal.db").is_file()
    return journal_url(project.root) if there else None


def _away(error: Exception) -> KeelError:
    reason = getattr(error, "orig", None) or error
    return KeelError(
        f"the journal, which decides what serves, does not answer: {reason}",
        remedy="see that its database is up, then run the command again",
    )
