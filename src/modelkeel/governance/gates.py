"""The gates between a candidate and production: each measures, compares, and may say no."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from modelkeel.data.digest import sha256_file
from modelkeel.data.quality.shifts import accepted_labels
from modelkeel.data.sources import current_digests
from modelkeel.errors import BadInput, Refused
from modelkeel.governance.data_gates import judge_labels, judge_leakage
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.golden import TOLERANCE
from modelkeel.project import Project
from modelkeel.records.sources import locations

Outcome = Literal["pass", "fail", "not_assessed"]


@dataclass(frozen=True)
class GateResult:
    """What a gate measured against what was asked. Only `pass` lets a candidate through."""

    id: str
    title: str
    outcome: Outcome
    measured: str
    asked: str
    remedy: str


@dataclass(frozen=True)
class Case:
    """All that the gates look at: the project, its newest bundle and what was measured."""

    project: Project
    bundle: Bundle
    metrics: dict[str, Any]
    quality: dict[str, Any]
    checks: dict[str, Any]


class Verdict(NamedTuple):
    """A comparison: whether it holds, and both sides in words."""

    holds: bool
    measured: str
    asked: str


@dataclass(frozen=True)
class Gate:
    """A check with a name; a `KeyError` it raises means that a measurement is missing."""

    id: str
    title: str
    check: Callable[[Case], Verdict]
    remedy: str

    def run(self, case: Case) -> GateResult:
        """Judge a case."""
        try:
            verdict = self.check(case)
        except KeyError as error:
            missing = f"no measurement {error}"
            return self._result("not_assessed", missing, "a measurement", "run `uv run dvc repro`")
        outcome: Outcome = "pass" if verdict.holds else "fail"
        return self._result(outcome, verdict.measured, verdict.asked, self.remedy)

    def _result(self, outcome: Outcome, measured: str, asked: str, remedy: str) -> GateResult:
        return GateResult(self.id, self.title, outcome, measured, asked, remedy)


def load_case(project: Project) -> Case:
    """Collect what the gates judge.

    Raises:
        BadInput: the pipeline has not been run.
        Refused: the bundle does not verify, or the evidence is not about it.
    """
    evidence = project.evidence_paths
    for path in [project.bundle_dir / "manifest.json", *evidence]:
        if not path.is_file():
            raise BadInput(
                f"{path}: no such file",
                remedy="run `uv run dvc repro`; if no stage writes it, run `keel update` first",
            )
    allowed = project.gates.golden.max_difference
    bundle = load_bundle(project.bundle_dir, tolerance=max(allowed, TOLERANCE))
    for path in evidence:
        name = path.relative_to(project.root).as_posix()
        if bundle.manifest.evidence.get(name) != sha256_file(path):
            raise Refused(
                f"{path}: is not what was measured on the bundle {bundle.digest[:12]}",
                remedy="run `uv run dvc repro`",
            )
    return Case(
        project, bundle, *(json.loads(path.read_text(encoding="utf-8")) for path in evidence)
    )


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
    """Stages of the pipeline whose inputs changed since they were run.

    Raises:
        KeyError: DVC is not there or gives no answer, so nothing is known.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json", "--no-updates"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    try:
        return sorted(json.loads(done.stdout))
    except ValueError:
        raise KeyError("dvc status") from None


def check_baseline(case: Case) -> Verdict:
    """The gain over today's way is positive beyond chance, and the linear model is no better."""
    gate, unit = case.project.gates.baseline, case.project.charter.value.unit
    uplift = case.metrics["uplift"]
    today = uplift["value_per_decision"]
    constant = uplift.get("vs_best_action", today)  # one action for everyone
    linear = uplift["vs_linear"]
    lows = [each["low"] for each in (today, constant)]
    beats = all(low is not None and low > gate.min_uplift for low in lows)
    matches = linear["low"] is not None and linear["low"] >= -gate.max_loss_to_linear
    return Verdict(
        beats and matches,
        f"gain {_interval(today)} {unit} a decision; over the best action for everyone "
        f"{_interval(constant)}; over the linear model {_interval(linear)}",
        f"lower bounds above {gate.min_uplift:g}; "
        f"against the linear model above {-gate.max_loss_to_linear:g}",
    )


def check_target(case: Case) -> Verdict:
    """The charter's target is reached, or not ruled out by the held-out rows."""
    charter, gate = case.project.charter, case.project.gates.target
    target = case.metrics["target"]
    words = {
        "reached": "reached, the whole interval lies above it",
        "undecided": "open, the interval holds it: more rows are needed to settle it",
        "not_reached": "out of reach, the whole interval lies below it",
    }[target["state"]]
    return Verdict(
        target["state"] != "not_reached" or not gate.require_reachable,
        f"gain {_interval(target)} {charter.value.unit} a decision at "
        f"{charter.target.confidence:.0%}: {words}",
        f"not ruled out: {charter.target.at_least:g} (charter.toml, target.at_least)",
    )


def check_golden(case: Case) -> Verdict:
    """The bundle gives the scores that were recorded when it was built."""
    allowed = case.project.gates.golden.max_difference
    worst, rows = case.bundle.replay()
    measured = f"largest difference {worst:.1e} over {rows} rows"
    return Verdict(worst <= allowed, measured, f"at most {allowed:g}")


GATES = (
    Gate(
        "G-DATA",
        "The data contract holds",
        check_contract,
        "mend the source, or correct the contract",
    ),
    Gate(
        "G-LEAK",
        "Held-out rows are new, and no column gives the target away",
        check_leakage,
        "hold out whole groups or remove copies; take out what is known only afterwards",
    ),
    Gate(
        "G-LABELS",
        "Labels agree with each other and with the accepted reference",
        check_labels,
        "look at the rows that reports/data_checks.json lists, and at what the sources changed",
    ),
    Gate(
        "G-LINEAGE",
        "The model was made from the code, records and data as they are",
        check_lineage,
        "run `uv run dvc repro`",
    ),
    Gate(
        "G-BASE",
        "The model beats the baseline",
        check_baseline,
        "improve features or model; reports/evaluation.html shows where it loses",
    ),
    Gate(
        "G-TARGET",
        "The charter's target can be reached",
        check_target,
        "improve the model, or agree on another target with the owner",
    ),
    Gate(
        "G-GOLDEN",
        "Golden rows reproduce",
        check_golden,
        "build the bundle again with `uv run dvc repro`",
    ),
)


def run_gates(case: Case) -> list[GateResult]:
    """Every gate, in order."""
    return [gate.run(case) for gate in GATES]


def refuse_failed(results: list[GateResult]) -> None:
    """Stop unless every gate passed.

    Raises:
        Refused: with what was measured against what was asked, gate by gate.
    """
    failed = [each for each in results if each.outcome != "pass"]
    if failed:
        lines = [
            f"  {each.id} {each.title}: {each.measured}; asked: {each.asked}" for each in failed
        ]
        raise Refused(
            f"{len(failed)} of {len(results)} gates refuse the candidate:\n" + "\n".join(lines),
            remedy="; ".join(dict.fromkeys(each.remedy for each in failed)),
        )


def _interval(value: dict[str, Any]) -> str:
    if value["value"] is None:
        return "undefined"
    if value["low"] is None:
        return f"{value['value']:+.3g} (no interval)"
    return f"{value['value']:+.3g} [{value['low']:+.3g}, {value['high']:+.3g}]"
