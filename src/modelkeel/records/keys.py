"""Which keys a record knows at a place, to suggest one for a key that it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like another one, if any is."""
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def known_keys(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    """The keys that may stand beside the one at a location, in the order of the model."""
    models = [model]
    for part in location[:-1]:
        fields = {_written(each, name): field for each in models for name, field in _fields(each)}
        if part in fields:
            models = list(_models(fields[part].annotation))
    names = [_written(each, name) for each in models for name, _ in _fields(each)]
    return list(dict.fromkeys(names))


def _fields(model: type[BaseModel]) -> Iterable[tuple[str, Any]]:
    return model.model_fields.items()


def _written(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    """The models inside unions, lists and tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
