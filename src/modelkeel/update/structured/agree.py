"""Whether data are the three-way merge of data: told from the values alone, not from a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from modelkeel.update.structured.data import Data
from modelkeel.update.structured.rules import list_rule

# None: there is no such entry.
Maybe: TypeAlias = "Data | None"


def agrees(
    base: Maybe, ours: Maybe, theirs: Maybe, result: Maybe, steps: tuple[str, ...] = ()
) -> bool:
    """Tell whether result has each side's changes of base and nothing else."""
    if ours == theirs or theirs == base:
        return result == ours
    if ours == base:
        return result == theirs
    if isinstance(ours, dict) and isinstance(theirs, dict) and isinstance(result, dict):
        old = base if isinstance(base, dict) else {}
        return all(
            agrees(old.get(key), ours.get(key), theirs.get(key), result.get(key), (*steps, key))
            for key in {*old, *ours, *theirs, *result}
        )
    if isinstance(ours, list) and isinstance(theirs, list) and isinstance(result, list):
        return _lists_agree(base if isinstance(base, list) else [], ours, theirs, result, steps)
    return False


def _lists_agree(
    base: list[Data],
    ours: list[Data],
    theirs: list[Data],
    result: list[Data],
    steps: tuple[str, ...],
) -> bool:
    rule = list_rule(steps, [base, ours, theirs])
    if rule is None or list_rule(steps, [result]) is None:
        return False
    tables = [
        dict(zip(rule.keys(items), items, strict=True)) for items in (base, ours, theirs, result)
    ]
    if len(tables[3]) < len(result):
        return False
    before, mine, yours, merged = tables
    # What both sides added, each at its place, stands at one of the two.
    twice = (mine.keys() & yours.keys()) - before.keys() if rule.mode == "any" else set()
    return all(
        agrees(before.get(key), mine.get(key), yours.get(key), merged.get(key), (*steps, "*"))
        for key in {*before, *mine, *yours, *merged}
    ) and in_order(*([key for key in table if key not in twice] for table in tables))


def in_order(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], result: Sequence[str]
) -> bool:
    """Tell whether the keys of a side stand in the result as they stand there.

    The side that moved keys decides where both have them.
    """
    return all(
        _common(side, result) == _common(result, side)
        or _common(base, other) != _common(other, base)
        for side, other in ((ours, theirs), (theirs, ours))
    )


def _common(keys: Sequence[str], others: Sequence[str]) -> list[str]:
    present = set(others)
    return [key for key in keys if key in present]
