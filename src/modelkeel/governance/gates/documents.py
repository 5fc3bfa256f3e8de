"""Gates on the documents that people read: that they are current, and that nothing is missing."""

from __future__ import annotations

from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, Verdict

_LISTED = 3


def check_current(case: Case) -> Verdict:
    """Each document is what would be rendered now, and none is left over."""
    from modelkeel.governance.documents.rendering import stale

    found = stale(case.project)
    measured = _listed(found) if found else "every document is current"
    return Verdict(not found, measured, "docs/governance as `keel govern render` writes it")


def check_complete(case: Case) -> Verdict:
    """No document lacks a field that the law asks for by now."""
    from modelkeel.governance.documents.rendering import documents_of

    gaps = {
        key: f"{gap.what} ({each.file})"
        for each in documents_of(case.project)
        for key, gap in each.gaps.items()
        if gap.since is None or gap.since <= case.now.date()
    }
    found = list(gaps.values())
    measured = f"{len(found)} MISSING: {_listed(found)}" if found else "nothing is missing"
    return Verdict(not found, measured, "no field MISSING")


def _listed(found: list[str]) -> str:
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return "; ".join(found[:_LISTED]) + more


DOCUMENTS_GATES = (
    Gate(
        "G-DOC",
        "The documents are current",
        ("pull_request", "release"),
        check_current,
        "run `uv run keel govern render` and commit docs/governance",
        ("AIA 11(1)", "AIA 18"),
        trial=False,
    ),
    Gate(
        "G-MISSING",
        "The documents lack nothing",
        ("release",),
        check_complete,
        "answer what docs/governance/index.md lists as missing, then render again",
        ("AIA 11(1)", "AIA 13(3)", "GDPR 35(7)"),
        tiers=("high",),
        trial=False,
    ),
)
