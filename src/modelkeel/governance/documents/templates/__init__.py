"""The templates of the documents, and how they are filled."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeel.governance.documents import words

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent


def filled(name: str, **values: Any) -> str:
    """A template as Markdown."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import ChainableUndefined, Environment, FileSystemLoader

    class Unmeasured(ChainableUndefined):
        """A key that a report, perhaps of an older pipeline, does not have."""

        __slots__ = ()

        def __str__(self) -> str:
            return words.DASH

    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=False,  # noqa: S701 - Markdown; texts of people go through words.text
        undefined=Unmeasured,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(
        text=words.text,
        cell=words.cell,
        number=words.number,
        count=words.count,
        percent=words.percent,
        estimate=words.estimate,
        words=words.words,
    )
    return found
