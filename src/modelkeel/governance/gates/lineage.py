"""Gates on where a model comes from."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from modelkeel.data.digest import sha256_file
from modelkeel.data.sources import current_digests
from modelkeel.governance.commits import has_commit, is_in_history, text_at
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.gates.moments import age_of
from modelkeel.governance.thresholds import loosened_charter, loosened_gates, read_old
from modelkeel.records.approvals import Approval
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.sources import locations

GATES_FILE, CHARTER_FILE = "governance/gates.toml", "charter.toml"
_REPRODUCE = "run `uv run keel model assess --reproduce`"


def check_lineage(case: Case) -> Verdict:
    """The bundle was made from the code, charter, parameters, contract and data as they are."""
    project, manifest = case.project, case.bundle.manifest
    made_from = {
        "charter.toml": (manifest.charter, project.root / "charter.toml"),
        "params.yaml": (manifest.params, project.root / "params.yaml"),
        project.params.contract: (manifest.contract, project.contract_path),
    }
    stale = [
        name
        for name, (digest, path) in made_from.items()
        if not path.is_file() or digest != sha256_file(path)
    ]
    now = current_digests(project)
    stale += [
        name
        for name in locations(project.params.sources).values()
        if name not in now or manifest.data.get(name) != now[name]
    ]
    if (project.root / "dvc.yaml").is_file():
        stale += [f"stage {name}" for name in changed_stages(project.root)]
    measured = "changed since: " + ", ".join(stale) if stale else "nothing changed since"
    return Verdict(not stale, measured, "nothing changed")


def changed_stages(root: Path) -> list[str]:
    """Stages of the pipeline whose inputs changed since they were run; G-DOC judges documents.

    Raises:
        NotMeasured: DVC is not there or gives no answer, so nothing is known.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json", "--no-updates"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    try:
        return sorted(set(json.loads(done.stdout)) - {"document"})
    except ValueError:
        raise NotMeasured("DVC gives no answer to `dvc status`", "run `uv sync`") from None


def check_prior(case: Case) -> Verdict:
    """What judges the run was committed before it; only a change that asks less is held up."""
    root = case.project.root
    commit = _commit_of(case)
    gates, charter = (text_at(root, commit, name) for name in (GATES_FILE, CHARTER_FILE))
    absent = [name for name, text in ((GATES_FILE, gates), (CHARTER_FILE, charter)) if text is None]
    asked = "nothing asks less than in the commit that was trained from, or it is approved"
    if gates is None or charter is None:
        measured = f"commit {commit[:12]} does not have {' and '.join(absent)}"
        remedy = "commit them, and run `uv run dvc repro --force`"
        return Verdict(False, measured, asked, remedy=remedy)
    before = read_old(Gates, gates, f"{GATES_FILE} of commit {commit[:12]}")
    charter_before = read_old(Charter, charter, f"{CHARTER_FILE} of commit {commit[:12]}")
    found = loosened_gates(before, case.project.gates)
    of_charter = loosened_charter(charter_before, case.project.charter)
    if not found and not of_charter:
        return Verdict(True, f"nothing asks less than in commit {commit[:12]}", asked)
    measured = f"since commit {commit[:12]}: {', '.join([*found, *of_charter])}"
    given = _approval_of_thresholds(case, charter_too=bool(of_charter))
    if given is not None:
        return Verdict(True, f"{measured}; approved by {given.by.email} on {given.given}", asked)
    return Verdict(False, measured, asked)


def _commit_of(case: Case) -> str:
    """The commit that the model was made from.

    Raises:
        NotMeasured: it was made outside git, or this clone does not have that commit.
    """
    commit = case.bundle.manifest.code_commit
    if commit is None:
        raise NotMeasured(
            "the model was not made from a commit",
            "put the project under git, commit, and run `uv run dvc repro --force`",
        )
    if not has_commit(case.project.root, commit):
        raise NotMeasured(
            f"git has no commit {commit[:12]} here, which the model was made from",
            "fetch the whole history (`git fetch --unshallow`), or train again from a commit of it",
        )
    return commit


def _approval_of_thresholds(case: Case, *, charter_too: bool) -> Approval | None:
    """The approval of gates.toml as it is, and where it matters of charter.toml as it is."""
    root = case.project.root
    digest = sha256_file(root / GATES_FILE)
    for name in (GATES_FILE, Path(GATES_FILE).name):
        given = case.approval("thresholds", name, digest, by_risk=case.tier == "high")
        if given is None:
            continue
        if not charter_too or given.inputs.get(CHARTER_FILE) == sha256_file(root / CHARTER_FILE):
            return given
    return None


def check_reproduction(case: Case) -> Verdict:
    """A second training from the same inputs gave the same scores, not long ago."""
    gate = case.project.gates.reproduction
    try:
        found = case.evidence("reproduction")
    except NotMeasured:
        raise NotMeasured("nobody trained it a second time", _REPRODUCE) from None
    age = age_of(found["time"], case.now, "the second training")
    difference = found["largest_difference"]
    measured = (
        f"largest difference {difference:.1e} over {found['rows']} held-out and "
        f"{found['golden_rows']} golden rows, {age.days} days ago"
    )
    asked = f"at most {gate.max_difference:g}, at most {gate.max_age_days} days ago"
    fresh = age <= timedelta(days=gate.max_age_days)
    return Verdict(
        difference <= gate.max_difference and fresh,
        measured,
        asked,
        remedy=None if fresh else _REPRODUCE,
    )


def check_commit(case: Case) -> Verdict:
    """The model was made from a commit without changes, which is in this history."""
    manifest, root = case.bundle.manifest, case.project.root
    commit = _commit_of(case)
    known = is_in_history(root, commit)
    measured = f"commit {commit[:12]}{' with uncommitted changes' if manifest.code_dirty else ''}"
    measured += ", in the history" if known else ", not in the history of HEAD"
    asked = "a commit without changes beside it, in this history"
    return Verdict(known and not manifest.code_dirty, measured, asked)


LINEAGE_GATES = (
    Gate(
        "G-LINEAGE",
        "The model was made from the code, records and data as they are",
        ("release",),
        check_lineage,
        "run `uv run dvc repro`",
        ("AIA 12(2)", "AIA 15(5)", "AML.T0020"),
        waivable=False,
    ),
    Gate(
        "G-PRIOR",
        "What judges the model was settled before it was trained",
        ("release",),
        check_prior,
        "put it back, or have it approved: `uv run keel approve thresholds gates.toml --as YOU "
        "--role risk --key KEY`",
        ("AIA 9(8)", "MTS M1"),
        trial=False,
    ),
    Gate(
        "G-REPRO",
        "A second training gives the same model",
        ("release",),
        check_reproduction,
        "fix seeds and threads in train.py and params.yaml, then " + _REPRODUCE,
        ("AIA 15(1)", "MTS I1"),
        tiers=("high",),
        trial=False,
    ),
    Gate(
        "G-COMMIT",
        "The model was made from a commit of this repository",
        ("release",),
        check_commit,
        "commit what changed, and run `uv run dvc repro --force`",
        ("AIA 12(2)", "AIA Annex IV 2(g)", "SLSA provenance"),
        trial=False,
    ),
)
