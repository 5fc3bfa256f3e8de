"""The keys of ODCS 3.2: those that are read here, and those that only describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


DOCUMENT = words(
    "version kind apiVersion id name tenant tags status servers dataProduct description domain "
    "schema support price team roles slaDefaultElement slaProperties authoritativeDefinitions "
    "customProperties context contractCreatedTs"
)
TABLE = words(
    "id name physicalType physicalName description businessName deprecated synonyms "
    "authoritativeDefinitions tags customProperties logicalType dataGranularityDescription "
    "properties quality context"
)
PROPERTY = words(
    "id name physicalType physicalName description businessName deprecated synonyms "
    "authoritativeDefinitions tags customProperties primaryKey primaryKeyPosition logicalType "
    "logicalTypeOptions semanticType required unique partitioned partitionKeyPosition "
    "classification encryptedName transformSourceObjects transformLogic transformDescription "
    "examples enum criticalDataElement"
)
ENUM = words("id value label description tags customProperties authoritativeDefinitions")
_PROSE = words(
    "id name description dimension businessImpact severity tags authoritativeDefinitions "
    "customProperties type unit"
)
ROW_RULE = _PROSE | {"engine", "implementation"}
BOUNDS = words(
    "mustBe mustBeGreaterThan mustBeGreaterOrEqualTo mustBeLessThan mustBeLessOrEqualTo "
    "mustBeBetween"
)
ROW_COUNT = _PROSE | BOUNDS | {"metric"}
SLA = words("id property value unit element driver description customProperties")


def known_keys(path: Path, where: str, given: object, known: frozenset[str]) -> dict[str, Any]:
    """The mapping as given.

    Raises:
        BadInput: it is none, or has a key that is not understood and so would not be checked.
    """
    place = f"{path}: {where}: " if where else f"{path}: "
    if not isinstance(given, dict):
        raise BadInput(
            f"{place}is {type(given).__name__}, needs keys and values", remedy="mend that line"
        )
    if unknown := sorted(str(key) for key in given if key not in known):
        raise BadInput(
            f"{place}the key {unknown[0]!r} is not checked",
            remedy=f"mend or remove it; understood are {', '.join(sorted(known))}",
        )
    return given


def entries(path: Path, where: str, given: object) -> list[Any]:
    """A list as given; empty when left out.

    Raises:
        BadInput: it is no list.
    """
    if given is None:
        return []
    if not isinstance(given, list):
        raise BadInput(f"{path}: {where}: needs a list", remedy="begin each entry with a dash")
    return given


def text(path: Path, where: str, given: object) -> str:
    """A scalar as text; "" when left out.

    Raises:
        BadInput: it is a list or a mapping.
    """
    if isinstance(given, dict | list):
        raise BadInput(f"{path}: {where}: needs one value", remedy="write text")
    return "" if given is None else str(given)


def flag(path: Path, where: str, given: object) -> bool:
    """True or false; false when left out.

    Raises:
        BadInput: it is neither.
    """
    if given is not None and not isinstance(given, bool):
        raise BadInput(f"{path}: {where}: is {given!r}", remedy="write true or false")
    return bool(given)
