"""Promotion: register the newest bundle, run the gates, and only then make it champion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelkeel.governance.gates import GateResult, load_case, refuse_failed, run_gates
from modelkeel.model import registry
from modelkeel.project import Project


@dataclass(frozen=True)
class Promotion:
    """A candidate that became champion, and the gates it passed."""

    version: registry.Version
    results: list[GateResult]


def promote(project: Project, seen: Callable[[list[GateResult]], None]) -> Promotion:
    """Register the newest bundle as candidate and promote it if every gate passes.

    Args:
        project: the project.
        seen: is given the gate results before a refusal is raised.

    Raises:
        BadInput: the pipeline has not been run.
        Refused: a gate said no; the candidate stays registered, the champion stays.
        KeelError: the registry cannot be reached.
    """
    case = load_case(project)
    version = registry.register(project, case.bundle)
    results = run_gates(case)
    seen(results)
    refuse_failed(results)
    registry.promote(project, version, case.bundle)
    return Promotion(version, results)
