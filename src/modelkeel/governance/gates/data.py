"""Gates that judge the data a model was made from."""

from __future__ import annotations

from modelkeel.data.quality.history import load, newest
from modelkeel.data.quality.reference import HOW, load_reference
from modelkeel.data.quality.report import compare, reason
from modelkeel.data.quality.shifts import accepted_labels
from modelkeel.governance.data_gates import judge_labels, judge_leakage
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict

_SCAN = "run `uv run dvc repro --force --single-item validate`, then `uv run dvc repro`"


def check_contract(case: Case) -> Verdict:
    """The rows that the model was made from hold the data contract."""
    allowed = case.project.gates.contract.max_quarantine_share
    share, rows = case.quality["share"], case.quality["rows"]
    measured = f"{share:.2%} of {rows} rows broken"
    return Verdict(share <= allowed, measured, f"at most {allowed:.2%}")


def check_leakage(case: Case) -> Verdict:
    """Held-out rows are new to the model, and no column gives the target away."""
    return Verdict(*judge_leakage(case.checks, case.project.gates.leakage))


def check_labels(case: Case) -> Verdict:
    """Labels agree with each other, and with those of the accepted reference."""
    accepted = accepted_labels(case.project)
    return Verdict(*judge_labels(case.checks, case.project.gates.labels, accepted))


def check_shift(case: Case) -> Verdict:
    """The newest data lies close to what a person has accepted.

    Without a reference there is nothing to hold it against; the minimal tier may go on.
    """
    project, gate = case.project, case.project.gates.drift
    asked = f"PSI at most {gate.max_psi:g} beyond chance, in each column"
    accepted = load_reference(project)
    if accepted is None:
        told = "no reference is accepted, so there is nothing to compare with"
        if case.tier == "minimal":
            remedy = f"look at the data, then {HOW}"
            return Verdict(True, told, asked, warn=True, remedy=remedy, assessed=False)
        raise NotMeasured(
            told, f"look at reports/data.html (`uv run keel data report`), then {HOW}"
        )
    found = compare(project, newest(project, load(project)), accepted)
    odd = [each for each in found.columns if each.state in ("drifted", "warn")]
    listed = "; ".join(f"{each.name}: {reason(each)}" for each in odd[:5])
    more = f"; and {len(odd) - 5} more" if len(odd) > 5 else ""
    told = f"{len(found.drifted)} of {len(found.columns)} columns drifted from the reference"
    told += f" accepted on {accepted.date}" + (f": {listed}{more}" if odd else "")
    return Verdict(not found.drifted, told, asked, warn=bool(odd))


def check_personal(case: Case) -> Verdict:
    """No column that looks like personal data is called none: what the validation recorded."""
    raw = case.bundle.manifest.data.get("data/raw.parquet")
    kept = [each for each in load(case.project) if each.digest == raw]
    if not kept or kept[-1].personal is None:
        raise NotMeasured(
            "evidence/data has no scan of the data that the model was made from", _SCAN
        )
    found = kept[-1].personal
    undeclared = [
        f"{name}: {what}"
        for name, what in found["undeclared"].items()
        if name not in case.project.gates.personal.cleared
    ]
    told = "; ".join(undeclared) or f"{found['columns']} columns scanned, none is undeclared"
    return Verdict(not undeclared, told, "no column of personal data that is classified none")


DATA_GATES = (
    Gate(
        "G-DATA",
        "The data contract holds",
        ("train", "release", "live"),
        check_contract,
        "mend the source, or correct the contract",
        ("AIA 10(3)", "MTS D1", "MTS O2"),
    ),
    Gate(
        "G-LEAK",
        "Held-out rows are new, and no column gives the target away",
        ("train", "release"),
        check_leakage,
        "hold out whole groups or remove copies; take out what is known only afterwards",
        ("AIA 15(1)", "MTS D4"),
    ),
    Gate(
        "G-LABELS",
        "Labels agree with each other and with the accepted reference",
        ("train", "release"),
        check_labels,
        "look at the rows that reports/data_checks.json lists, and at what the sources changed",
        ("AIA 15(5)", "OWASP ML02"),
    ),
    Gate(
        "G-SHIFT",
        "The data is still what was accepted",
        ("train", "live"),
        check_shift,
        f"look at reports/data.html; mend the source, or if the change is right: {HOW}",
        ("AIA 10(4)", "AIA 72", "MTS O2"),
        trial=False,
    ),
    Gate(
        "G-PERSONAL",
        "Personal data is declared as such",
        ("train", "release"),
        check_personal,
        "write `classification: personal` (or special) in the contract, or leave the column out; "
        "if it is about nobody, name it in personal.cleared of governance/gates.toml",
        ("GDPR 5(1)(c)", "GDPR 25", "HIPAA 164.514(b)(2)", "MTS D5"),
    ),
)
