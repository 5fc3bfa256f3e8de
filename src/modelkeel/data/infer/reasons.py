"""`governance/reasons.toml` for a table: a code for each feature, texts for a person to write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta


def reasons_text(
    features: Iterable[str], audit: Sequence[str], adverse: str, owner: str, today: date
) -> str:
    """One reason a feature, as work for the owner; what is kept for audits is forbidden.

    Args:
        features: the columns that the model sees.
        audit: columns that it must not see.
        adverse: the action that goes against a person.
        owner: who has to write the texts.
        today: the present day; the texts are due in a quarter.
    """
    import tomlkit

    document = tomlkit.document()
    document.add(
        tomlkit.comment("What a person is told when a feature spoke against them. Written")
    )
    document.add(tomlkit.comment("by `keel contract infer`: the texts and `adverse` are yours."))
    document.add("schema", "reasons/1")
    document.add("max_reasons", 4)
    document.add("adverse", adverse)
    document.add("reference", "the average of the rows that the model was trained on")
    document.add("forbidden", list(audit))
    rows = tomlkit.aot()
    used: set[str] = set()
    for feature in features:
        text = tomlkit.inline_table()
        text["todo"] = f"what a person is told when {feature} spoke against them"
        text["owner"] = owner
        text["due"] = today + timedelta(days=90)
        row = tomlkit.table()
        row.update({"code": _code(feature, used), "text": text, "features": [feature]})
        rows.append(row)
    document.add("reason", rows)
    return tomlkit.dumps(document)


def _code(feature: str, used: set[str]) -> str:
    """A code in capitals that no other feature has."""
    plain = re.sub(r"[^A-Z0-9]+", "_", feature.upper()).strip("_")
    code = plain if plain[:1].isalpha() else f"FEATURE_{plain}".rstrip("_")
    number = 2
    while code in used:
        code = f"{plain or 'FEATURE'}_{number}".lstrip("_")
        number += 1
    used.add(code)
    return code
