"""Gates on what a bundle was made with: its bill of materials, packages and provenance."""

from __future__ import annotations

from datetime import timedelta

from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict

ASSESS = "run `uv run keel model assess`"
AUDIT = "run `uv run keel model assess --audit`"
_SHOWN = 5


def check_bom(case: Case) -> Verdict:
    """A valid bill of materials names the model, its data and its packages, by digest."""
    from modelkeel.governance.evidence.bom import bom_path, bom_problems, read_bom

    bundle = case.bundle
    path = bom_path(case.project, bundle.digest)
    if not path.is_file():
        raise NotMeasured(f"{path}: no such file", ASSESS)
    found = bom_problems(case.project, read_bom(path), bundle.digest, bundle.manifest)
    measured = listed(found) or f"valid, with the model and {len(bundle.manifest.data)} data files"
    return Verdict(not found, measured, "CycloneDX 1.7 with the digests of this bundle")


def check_vulnerabilities(case: Case) -> Verdict:
    """No known vulnerability in the packages as they are, but those that a person lets stand."""
    from modelkeel.governance.evidence.audit import Finding, read_audit
    from modelkeel.governance.evidence.environment import environment_digest

    def waived_until(finding: Finding) -> str | None:
        for name in (finding.id, *finding.aliases):
            if approval := case.approval("waiver", name):
                return approval.expires.isoformat()
        return None

    try:
        stated = read_audit(case.evidence("vulnerabilities"))
    except NotMeasured as missing:
        raise NotMeasured(str(missing), AUDIT) from None
    allowed = case.project.gates.vulnerabilities.max_age_days
    asked = f"none unwaived, of the packages as they are, at most {allowed} days old"
    now = environment_digest(case.project)
    made = (stated.environment.source, stated.environment.sha256)
    if made != now:
        then, current = (f"{source} {sha[:12]}" for source, sha in (made, now))
        return Verdict(False, f"made for {then}, now {current}", asked, remedy=AUDIT)
    age = case.now - stated.finished
    if not timedelta(days=-1) < age <= timedelta(days=allowed):
        return Verdict(False, f"{age.days} days old", asked, remedy=AUDIT)
    until = [(each, waived_until(each)) for each in stated.findings]
    notes = [f"{each.id} waived until {date}" for each, date in until if date]
    if stated.unknown:
        notes.append(f"unknown to the service: {listed(stated.unknown, ', ')}")
    left = [each.to_text() for each, date in until if date is None]
    measured = "; ".join([listed(left) or f"none unwaived in {stated.packages} packages", *notes])
    return Verdict(not left, measured, asked, warn=bool(notes))


def check_provenance(case: Case) -> Verdict:
    """Code, settings, data and run of the bundle are stated, as its manifest has them."""
    from modelkeel.governance.evidence.provenance import provenance_problems

    found = provenance_problems(case.evidence("provenance"), case.bundle.manifest)
    measured = listed(found) or f"run {case.bundle.run_id}, as the manifest has it"
    return Verdict(not found, measured, "commit, settings, data and run of this bundle")


def listed(found: list[str], between: str = "; ") -> str:
    """The first few, and how many more there are."""
    more = [f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return between.join([*found[:_SHOWN], *more])


SUPPLY_GATES = (
    Gate(
        "G-BOM",
        "A bill of materials names model, data and packages",
        ("release",),
        check_bom,
        ASSESS,
        ("AIA 15(5)", "OWASP ML06", "AML.T0010"),
        trial=False,
    ),
    Gate(
        "G-VULN",
        "No known vulnerability in the packages",
        ("release", "live"),
        check_vulnerabilities,
        "update the packages named (`uv lock --upgrade-package NAME`), build the model again and "
        "run `uv run keel model assess --audit`; or have a waiver signed that names the id",
        ("AIA 15(5)", "OWASP ML06", "MTS O1"),
        trial=False,
    ),
    Gate(
        "G-PROV",
        "Where the model comes from is stated",
        ("release",),
        check_provenance,
        "train from a commit with `uv run dvc repro`, then run `uv run keel model assess`",
        ("AIA 12(2)", "AIA 15(5)", "AML.T0010"),
        trial=False,
    ),
)
