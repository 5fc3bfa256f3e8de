"""The gates between a candidate and production, in the order in which they are read."""

from __future__ import annotations

from modelkeel.errors import Refused
from modelkeel.governance.gates.artifact import ARTIFACT_GATES
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.charter import CHARTER_GATES
from modelkeel.governance.gates.code import CODE_GATES
from modelkeel.governance.gates.data import DATA_GATES
from modelkeel.governance.gates.documents import DOCUMENTS_GATES
from modelkeel.governance.gates.fairness import FAIRNESS_GATES
from modelkeel.governance.gates.gate import Gate, GateResult, Stage
from modelkeel.governance.gates.law import LAW_GATES
from modelkeel.governance.gates.lineage import LINEAGE_GATES
from modelkeel.governance.gates.operation import OPERATION_GATES
from modelkeel.governance.gates.people import PEOPLE_GATES
from modelkeel.governance.gates.performance import PERFORMANCE_GATES
from modelkeel.governance.gates.records import RECORD_GATES

__all__ = ["GATES", "Case", "Gate", "GateResult", "Stage", "refuse_failed", "run_gates"]

GATES: tuple[Gate, ...] = (
    *LAW_GATES,
    *CODE_GATES,
    *RECORD_GATES,
    *CHARTER_GATES,
    *DATA_GATES,
    *LINEAGE_GATES,
    *PERFORMANCE_GATES,
    *FAIRNESS_GATES,
    *ARTIFACT_GATES,
    *PEOPLE_GATES,
    *OPERATION_GATES,
    *DOCUMENTS_GATES,
)


def run_gates(
    case: Case, stages: tuple[Stage, ...] = ("release",), *, trial: bool = False
) -> list[GateResult]:
    """The gates that are due at one of the stages, in order; of a trial only those it needs."""
    due = [gate for gate in GATES if set(gate.stages) & set(stages) and (gate.trial or not trial)]
    return [gate.run(case) for gate in due]


def refuse_failed(results: list[GateResult]) -> None:
    """Stop unless no gate blocks.

    Raises:
        Refused: with what was measured against what was asked, gate by gate.
    """
    failed = [each for each in results if each.blocks]
    if failed:
        lines = [
            f"  {each.id} {each.title}: {each.measured}; asked: {each.asked}" for each in failed
        ]
        raise Refused(
            f"{len(failed)} of {len(results)} gates refuse the candidate:\n" + "\n".join(lines),
            remedy="; ".join(dict.fromkeys(each.remedy for each in failed)),
        )
