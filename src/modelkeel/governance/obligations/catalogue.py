"""The catalogue of obligations: what the law asks of which systems, since when, by which source.

It ships with the library as `catalogue.toml`, so a change in the law arrives with a new version.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from modelkeel.errors import BadInput
from modelkeel.records.base import Strict, Text, describe
from modelkeel.records.system import Domain, Jurisdiction, OutputUse, Tier

Status = Literal["in_force", "pending", "proposed", "repealed", "voluntary"]
Annex = Literal["annex_iii", "annex_i"]
CATALOGUE = Path(__file__).with_name("catalogue.toml")

_RECORD = re.compile(r"[a-z_]+(\.[a-z_0-9]+)*")
_DOCUMENT = re.compile(r"[a-z0-9*-]+\.(md|csv|json)")


def _matching(pattern: re.Pattern[str]) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} does not look like {pattern.pattern}")
        return value

    return AfterValidator(check)


class Condition(Strict):
    """The answers that make a duty apply: any value of each key; an empty key asks nothing."""

    output_use: tuple[OutputUse, ...] = ()
    domain: tuple[Domain, ...] = ()
    personal_data: tuple[Literal["none", "personal", "special"], ...] = ()
    jurisdictions: tuple[Jurisdiction, ...] = ()
    tier: tuple[Tier, ...] = ()
    profiling: tuple[bool, ...] = ()
    art_6_3: tuple[bool, ...] = ()


class Needs(Strict):
    """What a repository holds as evidence for a duty.

    Attributes:
        records: dotted keys of records, `privacy.rights.erasure`, or `approvals.KIND`.
        gates: ids of gates.
        documents: names in docs/governance/; `*` stands for any text.
    """

    records: tuple[Annotated[str, _matching(_RECORD)], ...] = ()
    gates: tuple[Annotated[str, _matching(re.compile(r"G-[A-Z]+"))], ...] = ()
    documents: tuple[Annotated[str, _matching(_DOCUMENT)], ...] = ()


class ByAnnex(Strict):
    """A date for uses of Annex III and one for products of Annex I; no date, no duty."""

    annex_iii: date | None = None
    annex_i: date | None = None


class Obligation(Strict):
    """A duty, or an item of a vocabulary (status `voluntary`).

    Attributes:
        cite: law and article.
        duty: what it asks, in one sentence of our own.
        only_if: a condition that no answer settles; a person has to know.
        verified_on: the day its state was last looked up.
        source: where the text of the law stands.
        checked: what was read on that day.
        note: what is uncertain.
    """

    id: str = Field(pattern=r"^[A-Z][A-Za-z0-9.()-]*$")
    law: str
    cite: str
    title: Text
    duty: Text
    applies_if: Condition = Condition()
    only_if: str = ""
    applies_from: date | ByAnnex | None = None
    status: Status
    needs: Needs = Needs()
    verified_on: date
    source: str = Field(pattern=r"^https://")
    checked: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if (self.status in ("in_force", "pending")) != (self.applies_from is not None):
            raise ValueError(f"applies_from and the status {self.status} do not go together")
        return self

    def applies_on(self, annex: Annex) -> date | None:
        """Since when it applies to a system of this annex; None if it never does."""
        since = self.applies_from
        if isinstance(since, ByAnnex):
            return since.annex_iii if annex == "annex_iii" else since.annex_i
        return since


@cache
def load_catalogue(path: Path = CATALOGUE) -> tuple[Obligation, ...]:
    """The duties, then the vocabularies, in the order of the file.

    Raises:
        BadInput: the file breaks its schema, or an id stands twice.
    """
    text = path.read_text(encoding="utf-8")
    try:
        found = TypeAdapter(tuple[Obligation, ...]).validate_python(list(_entries(text)))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: no valid TOML: {error}", remedy=_REMEDY) from None
    except KeyError as key:
        raise BadInput(f"{path}: an entry lacks or names no known {key}", remedy=_REMEDY) from None
    except ValidationError as error:
        raise BadInput(describe(error, path, text), remedy=_REMEDY) from None
    names = [each.id for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{path}: the id {twice[0]} stands twice", remedy=_REMEDY)
    return found


_REMEDY = "install modelkeel again"


def _entries(text: str) -> list[dict[str, Any]]:
    """Each entry with the facts that its law or vocabulary gives to all of them."""
    document = tomllib.loads(text)
    entries = []
    for each in document["obligation"]:
        law = document["law"][each["law"]]
        shared = {"source": law["source"], "checked": law["checked"], "law": law["name"]}
        own = {key: value for key, value in each.items() if key not in ("article", "law")}
        entries.append({**shared, **own, "cite": f"{law['title']} {each['article']}"})
    for each in document["vocabulary"]:
        shared = {key: each[key] for key in ("source", "verified_on", "note")}
        shared |= {"law": each["title"], "cite": each["title"], "status": "voluntary"}
        entries += [
            {
                **shared,
                "id": item["id"],
                "title": item["title"],
                "duty": f"A word for what gates are evidence for: {item['title'].lower()}.",
                "needs": {"gates": item["gates"]},
            }
            for item in each["items"]
        ]
    return entries
