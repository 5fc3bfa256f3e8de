"""The answer to a question of a record: a value, evidence, work still to do, or a reason for none.

In TOML, for a key `basis`:

    basis = "contract with the applicant, Art 6(1)(b)"
    basis = { evidence = "reports/evaluation.json#uplift.value_per_decision.value" }
    basis = { todo = "which basis it is", owner = "officer@bank.eu", due = 2027-01-31 }
    basis = { not_applicable = "the data describes no people" }
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag

from modelkeel.records.base import KIND, Email, Said, Strict, Text


class Todo(Strict):
    """Work that someone has still to do; documents show it as MISSING."""

    todo: Said = Field(min_length=3)
    owner: Email
    due: date


class NotApplicable(Strict):
    """Why a question does not arise."""

    not_applicable: Text = Field(min_length=10)


def _reference(value: str) -> str:
    path, _, key = value.partition("#")
    if not key or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("write it as path/in/the/project.json#dotted.key")
    return value


class Evidence(Strict):
    """Where a machine wrote the answer: `path.json#dotted.key`."""

    evidence: Annotated[str, AfterValidator(_reference)]

    @property
    def path(self) -> str:
        """The file, relative to the project."""
        return self.evidence.partition("#")[0]

    @property
    def keys(self) -> list[str]:
        """The way to the value inside the file."""
        return self.evidence.partition("#")[2].split(".")


Deferred = Todo | NotApplicable | Evidence


def _kind(value: Any) -> str:
    given = value if isinstance(value, dict) else {}
    for name, model in (("todo", Todo), ("not_applicable", NotApplicable), ("evidence", Evidence)):
        if name in given or isinstance(value, model):
            return f"{KIND}{name}"
    return f"{KIND}value"


T = TypeVar("T")

Answer = Annotated[
    Annotated[T, Tag(f"{KIND}value")]
    | Annotated[Todo, Tag(f"{KIND}todo")]
    | Annotated[NotApplicable, Tag(f"{KIND}not_applicable")]
    | Annotated[Evidence, Tag(f"{KIND}evidence")],
    Discriminator(_kind),
]


def deferred(record: BaseModel, prefix: str = "") -> Iterator[tuple[str, Deferred]]:
    """Every answer of a record that is not a plain value, by its dotted key."""
    for name in type(record).model_fields:
        yield from answers_in(getattr(record, name), f"{prefix}{name.rstrip('_')}")


def answers_in(value: Any, key: str = "") -> Iterator[tuple[str, Deferred]]:
    """Every answer in a value of a record that is not a plain value, by its dotted key."""
    if isinstance(value, Todo | NotApplicable | Evidence):
        yield key, value
    elif isinstance(value, BaseModel):
        yield from deferred(value, f"{key}." if key else "")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from answers_in(each, f"{key}.{getattr(each, 'id', number)}")
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from answers_in(each, f"{key}.{name}")


def todos(record: BaseModel) -> list[tuple[str, Todo]]:
    """What is still to do in a record."""
    return [(key, each) for key, each in deferred(record) if isinstance(each, Todo)]
