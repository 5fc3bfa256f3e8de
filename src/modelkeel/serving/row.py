"""The journal's row that decides what serves, so that all replicas agree."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelkeel.errors import KeelError, Refused
from modelkeel.model.files import first_problem
from modelkeel.model.promotions import Entry
from modelkeel.serving.choice import Choice, Look

if TYPE_CHECKING:
    import sqlalchemy as sa


class RowLook:
    """Looks at the row of a model; where none was ever written, another place says what serves.

    A journal that does not answer is no such case, nor is a row that is gone: it may have named
    another model than the other place does.

    Args:
        url: of the journal.
        name: of the model.
        otherwise: the other place.
    """

    def __init__(self, url: str, name: str, otherwise: Look) -> None:
        self.url = url
        self._name = name
        self._otherwise = otherwise
        self._seen = False

    def __call__(self) -> Choice | None:
        """What the row says now.

        Raises:
            KeelError: the journal does not answer, or the row cannot be read.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            choice = self._read()
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or error
            raise KeelError(
                f"the journal, which decides what serves, does not answer: {reason}",
                remedy="see that its database is up",
            ) from error
        if choice is not None:
            self._seen = True
            return choice
        if self._seen:
            raise KeelError(
                f"the journal's row of {self._name}, which decided what serves, is gone",
                remedy="restore the journal, or write the row again: keel model verify --heal",
            )
        return self._otherwise()

    def _read(self) -> Choice | None:
        import sqlalchemy as sa

        from modelkeel.journal.standing import read_standing

        engine = self._engine
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file is not None and not Path(file).is_file():
            return None  # to connect would make it
        try:
            row = read_standing(engine, self._name)
        except sa.exc.DBAPIError:
            if sa.inspect(engine).has_table("standing"):
                raise
            return None  # the journal was not used yet
        finally:
            if file is not None:
                engine.dispose()  # a file that took its place would not be seen
        if row is None:
            return None
        try:
            champion = Entry.model_validate(row.champion).champion
        except ValidationError as error:
            raise Refused(
                f"the journal's row of {self._name}, generation {row.generation}: "
                f"{first_problem(error)}",
                remedy="promote again, or restore the journal from a backup",
            ) from error
        return Choice(champion.digest, champion, row.generation)

    @cached_property
    def _engine(self) -> sa.Engine:
        from modelkeel.journal.url import engine_of

        return engine_of(self.url)
