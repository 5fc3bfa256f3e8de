"""The next best step: of all that blocks, what a person should do first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelkeel.governance.gates.gate import BEFORE_RELEASE, GateResult
from modelkeel.project import Project

# What comes first makes what comes later possible: without a run nothing is measured, and a
# signature on a model that then changes is lost.
_ORDER: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "settle what the system is for and what may go wrong",
        (
            *(
                "G-REC",
                "G-OWNER",
                "G-PROHIB",
                "G-TIER",
                "G-CHARTER",
                "G-ROLES",
                "G-PRIVACY",
                "G-RISK",
            ),
            *("G-EXPL", "G-OVERSIGHT", "G-OBL"),
        ),
    ),
    ("put the repository in order", ("G-SECRETS", "G-CI", "G-TESTS")),
    ("bring the model up to date", ("G-LINEAGE",)),
    ("mend the data", ("G-DATA", "G-PERSONAL", "G-SHIFT", "G-LEAK", "G-LABELS")),
    (
        "improve the model",
        (
            *("G-PRIOR", "G-BASE", "G-TARGET", "G-PERF", "G-CHAMP", "G-SLICE", "G-FAIR"),
            *("G-ROB", "G-GOLDEN", "G-FORMAT"),
        ),
    ),
    ("gather the evidence", ("G-COMMIT", "G-REPRO", "G-BOM", "G-VULN", "G-PROV", "G-AGE")),
    ("bring the documents up to date", ("G-DOC", "G-MISSING")),
    ("ask the people who have to agree", ("G-PAYOFF", "G-FOUR")),
    ("sign it", ("G-SIGN",)),
    ("keep it in good order", ("G-SERVED", "G-INC", "G-KILL", "G-STOP", "G-VALUE")),
)
_RANK = {
    gate: (at, inner) for at, (_, gates) in enumerate(_ORDER) for inner, gate in enumerate(gates)
}
_COMMAND = re.compile(r"`((?:uv|keel|git|dvc|nox|ssh-keygen) [^`]+)`")


@dataclass(frozen=True)
class Step:
    """What to do next.

    Attributes:
        goal: what it is for, in words.
        gate: the gate that it is to turn green; None for the run that all of them need.
        why: what was found.
        remedy: what to do, in words.
        command: what to type; None where a person has to think or to write first.
    """

    goal: str
    gate: str | None
    why: str
    remedy: str
    command: str | None


def ordered() -> frozenset[str]:
    """The gates that have a place in the order."""
    return frozenset(_RANK)


def next_step(project: Project, results: Sequence[GateResult]) -> Step | None:
    """The first step of all that block, those of a release before the others."""
    blocked = [each for each in results if each.blocks]
    if not blocked:
        return None
    if not (project.bundle_dir / "manifest.json").is_file() and _pipeline(blocked):
        remedy = "run the pipeline: `uv run dvc repro`"
        return Step("run the pipeline", None, "there is no bundle yet", remedy, "uv run dvc repro")
    first = min(blocked, key=rank)
    goal = _ORDER[rank(first)[1]][0]
    return Step(goal, first.id, first.measured, first.remedy, command_in(first.remedy))


def rank(result: GateResult) -> tuple[bool, int, int]:
    """Where a result stands in the order in which a person should go about it."""
    at, inner = _RANK.get(result.id, (len(_ORDER) - 1, 99))
    return (not set(BEFORE_RELEASE) & set(result.stages), at, inner)


def command_in(remedy: str) -> str | None:
    """The first command that a remedy names."""
    found = _COMMAND.search(remedy)
    if found:
        return found[1]
    return remedy if remedy.startswith(("uv run ", "keel ", "git ")) else None


def _pipeline(blocked: Sequence[GateResult]) -> bool:
    return any("manifest.json: no such file" in each.measured for each in blocked)
