"""Promotion: register the newest bundle, run the gates, and only then make it champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelkeel.data.digest import sha256_file
from modelkeel.errors import KeelError, Refused
from modelkeel.governance.decider import Decider, catch_up, deciding
from modelkeel.governance.evidence.assess import assess
from modelkeel.governance.evidence.statements import write_statement
from modelkeel.governance.gates import Case, GateResult, run_gates
from modelkeel.governance.gates.gate import BEFORE_RELEASE
from modelkeel.governance.publication import publish
from modelkeel.model import registry
from modelkeel.model.champion import Champion
from modelkeel.model.keys import load_private
from modelkeel.model.switch import changing, mirror, standing
from modelkeel.project import Project

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


@dataclass(frozen=True)
class Promotion:
    """A candidate, the gates it met, and whether it became champion.

    Attributes:
        version: in the registry.
        results: of the gates.
        promoted: whether it is champion now.
        trial: whether it is only tried out.
        signed: whether bundle and summary were signed.
        notes: what a person should know beside.
    """

    version: registry.Version
    results: list[GateResult]
    promoted: bool
    trial: bool = False
    signed: bool = False
    notes: tuple[str, ...] = ()


def promote(project: Project, *, trial: bool = False, key: Path | None = None) -> Promotion:
    """Register the newest bundle as candidate and promote it if every gate passes.

    A refused candidate stays registered, and the champion stays what it was.

    Args:
        project: the project.
        trial: ask only the gates that a model needs to be tried out. Such a champion never takes
            the place of one that was released, and no server in production loads it.
        key: private key to sign the bundle and the summary with.

    Raises:
        BadInput: the pipeline has not been run, or the key cannot be used.
        Refused: the bundle or the history of promotions does not verify, or a trial would take
            the place of a released champion, or another promotion was faster.
        KeelError: the registry or the journal cannot be reached, or another promotion is under
            way.
    """
    if key is not None:
        load_private(key)
    with changing(project), deciding(project) as decider:
        caught_up = catch_up(project, decider)
        entry = decider.entry if decider else None
        case = Case(project, key=key, elsewhere=entry.champion if entry else None)
        done = _promote(case, trial, decider)
    return replace(done, notes=(*caught_up, *done.notes))


def _promote(case: Case, trial: bool, decider: Decider | None) -> Promotion:
    project, bundle = case.project, case.bundle
    before = standing(project)
    serving = before.champion or case.elsewhere
    if trial:
        _refuse_to_displace(serving)
    version = registry.register(project, bundle)
    notes = [f"{before.problem}; a promotion puts it right"] if before.problem else []
    notes += _assess(project)
    results = run_gates(case, BEFORE_RELEASE, trial=trial)
    state_gates(project, bundle.digest, results, trial=trial)
    passed = not any(each.blocks for each in results)
    notes += _tag(project, version, outcome_of(results))
    if passed:
        claim = decider.claim if decider else None
        outcome = outcome_of(results)
        publish(case, serving, version, results, outcome, trial=trial, claim=claim)
        lag = mirror(project)
        notes += [str(lag)] if lag else []
        version = _anew(project, version)
    signed = passed and case.key is not None
    return Promotion(version, results, passed, trial, signed, tuple(notes))


def state_gates(
    project: Project, digest: str, results: Sequence[GateResult], *, trial: bool
) -> Path:
    """Write what the gates said of a bundle as a statement."""
    gates = project.governance_dir / "gates.toml"

    def named(*outcomes: str) -> list[str]:
        return [each.id for each in results if each.outcome in outcomes]

    predicate = {
        "result": outcome_of(results),
        "configuration": [
            {"name": "governance/gates.toml", "digest": {"sha256": sha256_file(gates)}}
        ],
        "passedTests": named("pass"),
        "warnedTests": named("warn"),
        "failedTests": named("fail"),
        "waived": named("waived"),
        "notAssessed": named("not_assessed"),
        "notApplicable": named("not_applicable"),
        "trial": trial,
        "tier": project.system.tier,
        "measured": [
            {
                "id": each.id,
                "title": each.title,
                "outcome": each.outcome,
                "measured": each.measured,
                "asked": each.asked,
            }
            for each in results
        ],
    }
    return write_statement(project, digest, "gates", TEST_RESULT, predicate)


def outcome_of(results: Sequence[GateResult]) -> str:
    """PASSED, WARNED or FAILED, the words of the test-result predicate."""
    if any(each.blocks for each in results):
        return "FAILED"
    weak = any(each.outcome in ("warn", "waived") for each in results)
    return "WARNED" if weak else "PASSED"


def _refuse_to_displace(champion: Champion | None) -> None:
    if champion is not None and not champion.trial:
        raise Refused(
            f"version {champion.version} ({champion.digest[:12]}) was released, and a trial does "
            "not take its place",
            remedy="promote without --trial, or try the candidate out in another checkout",
        )


def _assess(project: Project) -> list[str]:
    """Make the evidence that can be made here; what cannot is for its gate to refuse."""
    try:
        assess(project, audit=False, reproduce=False)
    except KeelError as error:
        return [f"evidence is lacking: {error}"]
    return []


def _tag(project: Project, version: registry.Version, outcome: str) -> list[str]:
    """Mark the version in the registry; what the gates said stands without it."""
    try:
        registry.tag_gates(project, version.version, outcome)
    except KeelError as error:
        return [f"the gates' outcome is not marked in the registry: {error}"]
    return []


def _anew(project: Project, version: registry.Version) -> registry.Version:
    try:
        return registry.find(project, version.version)
    except KeelError:
        return version
