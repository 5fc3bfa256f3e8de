"""Promotion: register the newest bundle, run the gates, and only then make it champion."""

from __future__ import annotations

from dataclasses import dataclass

from filelock import FileLock, Timeout

from modelkeel.errors import KeelError
from modelkeel.governance.gates import GateResult, load_case, run_gates
from modelkeel.model import registry
from modelkeel.project import Project


@dataclass(frozen=True)
class Promotion:
    """A candidate, the gates it met, and whether it became champion."""

    version: registry.Version
    results: list[GateResult]
    promoted: bool


def promote(project: Project) -> Promotion:
    """Register the newest bundle as candidate and promote it if every gate passes.

    A refused candidate stays registered, and the champion stays what it was.

    Raises:
        BadInput: the pipeline has not been run.
        Refused: the bundle does not verify.
        KeelError: the registry cannot be reached, or another promotion is under way.
    """
    project.models_dir.mkdir(exist_ok=True)
    lock = FileLock(project.models_dir / ".promote.lock", timeout=0)
    try:
        with lock:
            return _promote(project)
    except Timeout:
        raise KeelError(
            f"another promotion of {project.name} is under way",
            remedy="wait until it has ended, then promote again",
        ) from None


def _promote(project: Project) -> Promotion:
    case = load_case(project)
    version = registry.register(project, case.bundle)
    results = run_gates(case)
    passed = all(each.outcome == "pass" for each in results)
    if passed:
        version = registry.promote(project, version, case.bundle)
    return Promotion(version, results, passed)
