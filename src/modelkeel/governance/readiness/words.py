"""What outcomes, stages and counts are called; the same words in every form of the answer."""

from __future__ import annotations

from collections import Counter

from modelkeel.governance.gates.gate import Outcome, Stage

# The order in which they are counted: what needs a person first.
OUTCOMES: dict[Outcome, str] = {
    "fail": "fail",
    "not_assessed": "not assessed",
    "warn": "warn",
    "waived": "waived",
    "pass": "pass",
    "not_applicable": "not asked",
}
STAGE_NAMES: dict[Stage, str] = {
    "pull_request": "Pull request",
    "train": "Training",
    "release": "Release",
    "start_up": "Start of the server",
    "live": "Live",
}


def counted(counts: Counter[Outcome]) -> str:
    """`2 fail, 1 not assessed, 7 pass`."""
    told = [f"{counts[each]} {words}" for each, words in OUTCOMES.items() if counts[each]]
    return ", ".join(told) or "nothing"


def plural(count: int, one: str) -> str:
    """`1 gate`, `3 gates`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def points(value: float) -> str:
    """Points of the ML Test Score: `2` or `2.5`."""
    return f"{value:g}"
