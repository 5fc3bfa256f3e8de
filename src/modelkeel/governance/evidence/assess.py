"""`keel model assess`: the evidence about the newest bundle that the release gates read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeel.data.digest import sha256_file
from modelkeel.errors import KeelError
from modelkeel.governance.evidence.bom import write_bom
from modelkeel.governance.evidence.provenance import write_provenance
from modelkeel.governance.evidence.statements import statement_path, write_assessed, write_statement
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.summary import NAMESPACE, GateLine, Summary, policy_digest
from modelkeel.project import Project

if TYPE_CHECKING:
    from modelkeel.governance.gates import Case, GateResult

COMPARISON = f"{NAMESPACE}/comparison/v1"
REPRODUCTION = f"{NAMESPACE}/reproduction/v1"


def assess(project: Project, *, audit: bool = False, reproduce: bool = False) -> list[Path]:
    """Write what is to be known of the newest bundle before it is released.

    Args:
        project: the project.
        audit: whether to ask for known vulnerabilities, which takes a network.
        reproduce: whether to train again and compare, which takes as long as training.

    Returns:
        The files written: bill of materials, provenance, comparison with the champion where there
        is one, what was asked for, and the documents, if they were ever rendered.

    Raises:
        BadInput: the pipeline has not been run, or a record is broken.
        KeelError: a package is missing, or the advisory service cannot be reached.
        Refused: the bundle does not verify.
    """
    bundle = load_bundle(project.bundle_dir, tolerance=_tolerance(project))
    written = [write_bom(project, bundle), write_provenance(project, bundle)]
    written += [write_assessed(project, bundle.digest), *_compared(project, bundle)]
    if reproduce:
        written.append(_reproduced(project, bundle))
    if audit:  # last, for it is the one that may not get an answer
        from modelkeel.governance.evidence.audit import audit as ask

        written.append(ask(project))
    return [*written, *_rendered(project)]


def _rendered(project: Project) -> list[Path]:
    """The documents anew, where there are any: they show what was just written."""
    if not project.documents_dir.is_dir():
        return []
    from modelkeel.governance.documents import render

    return render(project)


def evidence_digests(project: Project, digest: str) -> dict[str, str]:
    """SHA-256 of what was measured and stated of a bundle, by path in the project."""
    stated = statement_path(project, digest, "x").parent
    files = [*project.evidence_paths, *sorted(stated.glob("*.json"))]
    return {
        each.relative_to(project.root).as_posix(): sha256_file(each)
        for each in files
        if each.is_file()
    }


def summarise(
    case: Case, results: Sequence[GateResult], version: str | None, *, trial: bool
) -> Summary:
    """The summary of a promotion: what the gates said, and what they read."""
    project, digest = case.project, case.bundle.digest
    return Summary(
        name=project.name,
        version=version,
        digest=digest,
        verdict="FAILED" if any(each.blocks for each in results) else "PASSED",
        verified_at=case.now.replace(microsecond=0),
        policy=policy_digest(project.governance_dir / "gates.toml"),
        inputs=evidence_digests(project, digest),
        tier=case.tier,
        trial=trial,
        gates=tuple(_line(each, project.root) for each in results),
    )


def _line(result: GateResult, root: Path) -> GateLine:
    """A result as the summary keeps it, without the folder of this machine."""
    here = f"{root}/"
    measured, asked = (text.replace(here, "") for text in (result.measured, result.asked))
    return GateLine(id=result.id, outcome=result.outcome, measured=measured, asked=asked)


def _compared(project: Project, bundle: Bundle) -> list[Path]:
    from modelkeel.model.comparison import compare_with_champion

    found = compare_with_champion(project)
    if found is None:
        statement_path(project, bundle.digest, "comparison").unlink(missing_ok=True)
        return []
    return [write_statement(project, bundle.digest, "comparison", COMPARISON, found)]


def _reproduced(project: Project, bundle: Bundle) -> Path:
    from modelkeel.model.reproduction import reproduce

    found = reproduce(project)
    return write_statement(project, bundle.digest, "reproduction", REPRODUCTION, found)


def _tolerance(project: Project) -> float:
    from modelkeel.model.golden import TOLERANCE

    try:
        return max(project.gates.golden.max_difference, TOLERANCE)
    except KeelError:
        return TOLERANCE
