"""The gates between a candidate and production: each measures, compares, and may say no."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput, Refused
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.project import Project

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


def load_case(project: Project) -> Case:
    """Collect what the gates judge.

    Raises:
        BadInput: the pipeline has not been run.
        Refused: the bundle does not verify.
    """
    needed = [
        project.bundle_dir / "manifest.json",
        project.reports_dir / "metrics.json",
        project.reports_dir / "quality.json",
    ]
    for path in needed:
        if not path.is_file():
            raise BadInput(f"{path}: no such file", remedy="run `uv run dvc repro`")
    metrics, quality = (json.loads(path.read_text(encoding="utf-8")) for path in needed[1:])
    return Case(project, load_bundle(project.bundle_dir), metrics, quality)


def check_contract(case: Case) -> GateResult:
    """The rows that the model was made from hold the data contract."""
    allowed = case.project.gates.contract.max_quarantine_share
    share, rows = case.quality["share"], case.quality["rows"]
    return GateResult(
        "G-DATA",
        "The data contract holds",
        "pass" if share <= allowed else "fail",
        f"{share:.2%} of {rows} rows broken",
        f"at most {allowed:.2%}",
        "mend the source, or correct the contract",
    )


def check_lineage(case: Case) -> GateResult:
    """The bundle was made from the charter, the parameters and the contract as they are now."""
    project, manifest = case.project, case.bundle.manifest
    now = {
        "charter.toml": (manifest.charter, project.root / "charter.toml"),
        "params.yaml": (manifest.params, project.root / "params.yaml"),
        project.params.contract: (manifest.contract, project.contract_path),
        project.params.source.path: (
            manifest.data.get(project.params.source.path),
            project.source_path,
        ),
    }
    stale = [name for name, (digest, path) in now.items() if digest != sha256_file(path)]
    return GateResult(
        "G-LINEAGE",
        "The model was made from the records and data as they are",
        "fail" if stale else "pass",
        "changed since: " + ", ".join(stale) if stale else "nothing changed since",
        "nothing changed",
        "run `uv run dvc repro`",
    )


def check_baseline(case: Case) -> GateResult:
    """The gain over today's way is positive beyond chance, and the linear model is no better."""
    gate, unit = case.project.gates.baseline, case.project.charter.value.unit
    uplift = case.metrics["uplift"]
    today = uplift["value_per_decision"]
    constant = uplift.get("vs_best_action", today)  # one action for everyone
    linear = uplift["vs_linear"]
    lows = [each["low"] for each in (today, constant)]
    beats = all(low is not None and low > gate.min_uplift for low in lows)
    holds = linear["value"] is not None and linear["value"] >= -gate.max_loss_to_linear
    return GateResult(
        "G-BASE",
        "The model beats the baseline",
        "pass" if beats and holds else "fail",
        f"gain {_interval(today)} {unit} a decision; over the best action for everyone "
        f"{_interval(constant)}; over the linear model {_interval(linear)}",
        f"lower bounds above {gate.min_uplift:g}; "
        f"at most {gate.max_loss_to_linear:g} below the linear model",
        "improve features or model; reports/evaluation.html shows where it loses",
    )


def check_target(case: Case) -> GateResult:
    """The charter's target is reached, or still within what the held-out rows allow."""
    charter, gate = case.project.charter, case.project.gates.target
    uplift = case.metrics["uplift"]["value_per_decision"]
    asked = charter.target.at_least
    reached = uplift["value"] is not None and uplift["value"] >= asked
    reachable = uplift["high"] is not None and uplift["high"] >= asked
    words = "reached" if reached else "within reach" if reachable else "out of reach"
    return GateResult(
        "G-TARGET",
        "The charter's target can be reached",
        "pass" if reached or reachable or not gate.require_reachable else "fail",
        f"gain {_interval(uplift)} {charter.value.unit} a decision: {words}",
        f"upper bound of at least {asked:g} (charter.toml, target.at_least)",
        "improve the model, or agree on another target with the owner",
    )


def check_golden(case: Case) -> GateResult:
    """The bundle gives the scores that were recorded when it was built."""
    allowed = case.project.gates.golden.max_difference
    worst, rows = case.bundle.replay()
    return GateResult(
        "G-GOLDEN",
        "Golden rows reproduce",
        "pass" if worst <= allowed else "fail",
        f"largest difference {worst:.1e} over {rows} rows",
        f"at most {allowed:g}",
        "build the bundle again with `uv run dvc repro`",
    )


GATES: tuple[Callable[[Case], GateResult], ...] = (
    check_contract,
    check_lineage,
    check_baseline,
    check_target,
    check_golden,
)


def run_gates(case: Case) -> list[GateResult]:
    """Every gate, in order; a measurement that is missing is `not_assessed`, which never passes."""
    results = []
    for gate in GATES:
        try:
            results.append(gate(case))
        except KeyError as error:
            title = (gate.__doc__ or gate.__name__).splitlines()[0]
            results.append(
                GateResult(
                    gate.__name__.replace("check_", "G-").upper(),
                    title,
                    "not_assessed",
                    f"no measurement {error}",
                    "a measurement",
                    "run `uv run dvc repro`",
                )
            )
    return results


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
    return f"{value['value']:+.3g} [{value['low']:+.3g}, {value['high']:+.3g}]"
