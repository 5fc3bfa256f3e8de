"""What the name of a column tells, and how a name is written here."""

from __future__ import annotations

import difflib
import re
from typing import Literal

from modelkeel.data.quality.personal_names import words

_SENSITIVE: dict[str, tuple[set[str], Literal["personal", "special"]]] = {
    "sex": ({"sex", "gender", "geschlecht", "sexe", "sexo", "genero"}, "personal"),
    "age": ({"age", "alter", "edad"}, "personal"),
    "origin": (
        {"race", "ethnicity", "ethnic", "nationality", "citizenship", "ancestry", "caste"},
        "special",
    ),
    "belief": ({"religion", "religious", "faith", "political", "party", "union"}, "special"),
    "health": ({"disability", "disabled", "handicap", "pregnant", "pregnancy"}, "special"),
    "orientation": ({"orientation", "lgbt", "transgender"}, "special"),
    "seniority": ({"senior", "seniorcitizen", "elderly"}, "personal"),
    "family": ({"marital", "maritalstatus", "familienstand"}, "personal"),
}
_THINGS = {
    "account",
    "asset",
    "average",
    "bridge",
    "building",
    "car",
    "company",
    "device",
    "equipment",
    "firm",
    "home",
    "house",
    "loan",
    "machine",
    "mean",
    "policy",
    "product",
    "property",
    "stand",
    "tree",
    "vehicle",
    "wine",
}
_ID = {"id", "uuid", "guid", "key", "identifier", "identifiant", "kennung", "rownum", "index"}
_NUMBER = {"nr", "no", "num", "number", "code", "ref", "nummer"}


def sensitive(name: str) -> tuple[str, Literal["personal", "special"]] | None:
    """The attribute of a person that a model should be judged by, not fed with; its class."""
    found = set(words(name))
    if {"native", "country"} <= found or {"country", "birth"} <= found:
        return "origin", "special"
    for attribute, (named, classification) in _SENSITIVE.items():
        if not found & named:
            continue
        if attribute in ("age", "orientation", "belief") and found & _THINGS:
            continue
        if attribute == "belief" and found & {"union", "party"} and len(found) > 2:
            continue
        return attribute, classification
    return None


def is_id(name: str) -> bool:
    """Whether a name says identifier."""
    found = words(name)
    return bool(set(found) & _ID) or bool(found and found[-1] in {"nr", "nummer"})


def is_numbering(name: str) -> bool:
    """Whether a name may say identifier: `order_no`."""
    found = words(name)
    return bool(found) and found[-1] in _NUMBER


def near(name: str, names: list[str]) -> list[str]:
    """Names that may have been meant."""
    by_fold = {"".join(words(each)): each for each in names}
    close = difflib.get_close_matches("".join(words(name)), list(by_fold), n=3, cutoff=0.6)
    return [by_fold[each] for each in close]


def slug(text: str, fallback: str = "table") -> str:
    """A name of letters, digits and underscores that begins with a letter."""
    found = "_".join(words(text)).encode("ascii", "ignore").decode()
    found = re.sub(r"_+", "_", found).lstrip("0123456789_").rstrip("_")
    return found or fallback
