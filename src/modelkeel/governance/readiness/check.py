"""Runs the gates and says whether a project is ready, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from modelkeel.errors import KeelError
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.governance.gates.gate import BEFORE_RELEASE, STAGES, Outcome, Stage
from modelkeel.governance.readiness.places import Place, place_of
from modelkeel.governance.readiness.score import Score, score_of
from modelkeel.governance.readiness.steps import Step, next_step
from modelkeel.project import Project

Progress = Callable[[str, int, int], None]
"""Told of each gate before it runs: its id, its number from 1, and how many there are."""


@dataclass(frozen=True)
class Readiness:
    """What the gates said of a project.

    Attributes:
        name: of the system.
        tier: its risk tier.
        tier_reason: why that tier; why it is not known, where the record cannot be read.
        bundle: digest of the newest bundle; None where there is none that verifies.
        now: the moment that dates were judged by.
        stages: those that were asked for, in order.
        results: one a gate, in the order of the gates.
        places: where to look, by gate.
        score: the ML Test Score; None where only some stages were asked for.
        next: the next best step; None where nothing blocks.
    """

    name: str
    tier: str
    tier_reason: str
    bundle: str | None
    now: datetime
    stages: tuple[Stage, ...]
    results: list[GateResult]
    places: dict[str, Place]
    score: Score | None
    next: Step | None

    def due(self, stage: Stage) -> list[GateResult]:
        """The results that are due at a stage."""
        return [each for each in self.results if stage in each.stages]

    def first_due(self, stage: Stage) -> list[GateResult]:
        """Those due at a stage and at no earlier one that is shown, so that each is told once."""
        earlier = set(self.stages[: self.stages.index(stage)])
        return [each for each in self.due(stage) if not earlier & set(each.stages)]

    def blocking(self, *stages: Stage) -> list[GateResult]:
        """What blocks at one of the stages."""
        return [each for each in self.results if each.blocks and set(stages) & set(each.stages)]

    @property
    def ready(self) -> bool:
        """Whether nothing blocks a promotion; what is judged live never does."""
        return not self.blocking(*BEFORE_RELEASE)

    @property
    def holds(self) -> bool:
        """Whether nothing blocks what was asked: a release, or the stages that were named."""
        return self.ready if self.stages == STAGES else not self.blocking(*self.stages)

    def counts(self, stage: Stage | None = None) -> Counter[Outcome]:
        """How many results of each outcome, of a stage or of all."""
        return Counter(each.outcome for each in (self.due(stage) if stage else self.results))


def check(
    project: Project,
    stages: tuple[Stage, ...] | None = None,
    now: datetime | None = None,
    key: Path | None = None,
    progress: Progress | None = None,
) -> Readiness:
    """Run every gate that is due, each once.

    Args:
        project: the project.
        stages: only gates that are due at one of them; every stage when left out.
        now: the moment to judge dates by; the present when left out.
        key: private key that will sign the bundle, if it is at hand.
        progress: told of each gate before it runs.
    """
    case = Case(project, now or datetime.now(UTC), key)
    asked = tuple(stage for stage in STAGES if stages is None or stage in stages)
    due = [gate for gate in GATES if set(asked) & set(gate.stages)]
    results = []
    for number, gate in enumerate(due, 1):
        if progress:
            progress(gate.id, number, len(due))
        results.append(_below(project, gate.run(case)))
    return Readiness(
        name=project.name,
        tier=case.tier,
        tier_reason=_reason(project),
        bundle=_digest(case),
        now=case.now,
        stages=asked,
        results=results,
        places={each.id: place_of(project.root, each) for each in results},
        score=score_of(case, results) if asked == STAGES else None,
        next=next_step(project, results),
    )


def _below(project: Project, result: GateResult) -> GateResult:
    """The same with paths relative to the project, as they read on every machine."""
    return replace(
        result,
        measured=_relative(project, result.measured),
        asked=_relative(project, result.asked),
        remedy=_relative(project, result.remedy),
    )


def _relative(project: Project, text: str) -> str:
    return text.replace(f"{project.root}/", "").replace(str(project.root), project.root.name)


def _reason(project: Project) -> str:
    try:
        return project.system.tier_reason
    except KeelError as error:
        said = _relative(project, str(error))
        return f"Taken as high, as the system record cannot be read: {said}"


def _digest(case: Case) -> str | None:
    try:
        return case.bundle.digest
    except KeelError:
        return None
