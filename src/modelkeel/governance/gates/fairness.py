"""Gates on the parts of the people or cases: for whom the model works, and whom it favours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelkeel.errors import BadInput
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.gates.performance import measured, soft

_DECLARE = (
    "name the columns in params.yaml (audit, evaluate.slices) and in governance/gates.toml "
    "(fairness.columns), then run `uv run dvc repro`"
)


def check_slices(case: Case) -> Verdict:
    """No part of the rows is served much worse than all of them, beyond chance.

    In the minimal tier it only warns.
    """
    gate = case.project.gates.slices
    parts = {key: part for key, part in measured(case.metrics, "slices").items() if part["n"]}
    small = [key for key, part in parts.items() if part["small"]]
    judged = {key: part for key, part in parts.items() if not part["small"]}
    regression = case.project.task == "regression"
    name = "mae" if regression else "roc_auc"
    most = gate.max_error_rise if regression else gate.max_drop
    asked = f"{name} at most {most:{'.0%' if regression else 'g'}} worse than over all rows"
    if not judged:
        told = f"too few rows in each of {len(small)} slices" if small else "no slice is declared"
        if case.tier == "minimal":
            return Verdict(True, told, asked, warn=True, assessed=False)
        raise NotMeasured(told, "hold out more rows, or declare other slices in params.yaml")
    whole = measured(case.metrics, "model", name)
    loss = {key: _loss(part, name, whole) for key, part in judged.items()}
    worst = max(loss, key=lambda key: loss[key][0])
    beyond = [key for key, (_, sure) in loss.items() if sure > most]
    harmed = [key for key, part in judged.items() if (part["uplift_high"] or 0.0) < 0]
    told = f"{worst} {name} {judged[worst][name]:.3g} against {whole:.3g}"
    if beyond:
        told += f"; beyond it for sure: {', '.join(beyond)}"
    if harmed:
        told += f"; worse off than today: {', '.join(harmed)}"
    if small:
        told += f"; too few rows to judge {', '.join(small)}"
    warn = bool(harmed) or loss[worst][0] > most
    return soft(case, not beyond, told, asked, warn=warn)


def _loss(part: Mapping[str, Any], name: str, whole: float) -> tuple[float, float]:
    """How much worse a slice is than all rows, and how much at least, by its interval."""
    value = part[name]
    low, high = (value if part[f"{name}_{s}"] is None else part[f"{name}_{s}"] for s in _SIDES)
    if name == "mae":  # relative, for an error has no scale of its own
        return _rise(value, whole), _rise(low, whole)
    return whole - value, whole - high


def _rise(error: float, whole: float) -> float:
    if whole:
        return error / whole - 1.0
    return math.inf if error > 0 else 0.0


_SIDES = ("low", "high")


def check_fairness(case: Case) -> Verdict:
    """Of each column, the least favoured group gets nearly as much as the most favoured one."""
    gate = case.project.gates.fairness
    found = measured(case.metrics, "fairness") if case.metrics.get("slices") else {}
    columns = gate.columns or [name for name in case.project.params.audit if name in found]
    if not columns:
        raise NotMeasured("no column is declared to compare groups by", _DECLARE)
    if missing := [name for name in columns if name not in found]:
        raise NotMeasured(f"no group of {', '.join(missing)} was measured", _DECLARE)
    told: list[str] = []
    states: list[str] = []
    for name in columns:
        gap, also, small = _gap(case, found[name])
        state, said = _judged(gap, gate.min_ratio)
        states.append(state)
        told.append(f"{name} {said}{also}")
        if small and gap is not None:
            states.append("near")
            told[-1] += f", too few rows to judge {', '.join(small)}"
    if not gate.columns:  # who chose some of the audit columns has left out the others
        for name in case.project.params.audit:
            if name not in found:
                states.append("none")
                told.append(f"{name} not assessed: it is none of evaluate.slices")
    asked = f"{_compared(case)}, lowest to highest group, at least {gate.min_ratio:g}"
    if set(states) == {"none"}:
        raise NotMeasured("; ".join(told), "hold out more rows, or cut the groups wider")
    warn = bool({"none", "near"} & set(states))
    return Verdict("fail" not in states, "; ".join(told), asked, warn=warn)


def _compared(case: Case) -> str:
    if case.project.task == "regression":
        return "ratio of the mean error"
    return f"ratio of the share given {_favourable(case)!r}"


def _favourable(case: Case) -> str:
    actions = case.project.charter.decision.actions
    wanted = case.project.gates.fairness.favourable
    if wanted is not None and wanted not in actions:
        raise BadInput(
            f"governance/gates.toml: fairness.favourable: {wanted!r} is no action of the charter",
            remedy=f"choose among: {', '.join(actions)}",
        )
    return wanted or actions[0]


def _gap(case: Case, found: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str, list[str]]:
    """The ratio that is judged, what else is worth telling, and the groups left out of it."""
    if case.project.task == "regression":
        other, judged = found["lean"]["gap"], found["error"]
        said = f", leaning apart by {other['value']:.2g} sd" if other else ""
        return judged["gap"], said, _small(judged)
    action = _favourable(case)
    other, judged = found["opportunity"][action]["gap"], found["selection"][action]
    if other is None or other["value"] is None:
        return judged["gap"], "", _small(judged)
    span = f" [{other['low']:+.2f}, {other['high']:+.2f}]" if other["low"] is not None else ""
    said = f", true positive rates {other['value']:+.2f}{span} apart"
    return judged["gap"], said, _small(judged)


def _small(measure: Mapping[str, Any]) -> list[str]:
    """Groups of too few rows; those without a value are no group."""
    groups = measure["groups"].items()
    return [name for name, each in groups if not each["assessed"] and name != "missing"]


def _judged(gap: Mapping[str, Any] | None, least: float) -> tuple[str, str]:
    """fail, near (the interval holds the limit), pass or none (not assessed), and it in words."""
    if gap is None:
        return "none", "not assessed: fewer than two groups have enough rows"
    if gap["value"] is None:
        return "none", "not assessed: no group gets it"
    said = f"{gap['value']:.2f} ({gap['lowest']} to {gap['highest']})"
    if gap["low"] is None:
        return "fail", f"{said}, no interval"
    said = f"{gap['value']:.2f} [{gap['low']:.2f}, {gap['high']:.2f}] ({gap['lowest']} to "
    said += f"{gap['highest']})"
    if gap["high"] < least:
        return "fail", said
    return ("near" if gap["low"] < least else "pass"), said


def _about_people(case: Case) -> str | None:
    return None if case.project.system.use.about_people else "the output is not about people"


FAIRNESS_GATES = (
    Gate(
        "G-SLICE",
        "No part of the rows is served much worse",
        ("train", "release"),
        check_slices,
        "reports/evaluation.html shows the slices: get more rows of that part, or leave it out of "
        "the intended use",
        ("AIA 13(3)(b)(v)", "MTS M6"),
        trial=False,
    ),
    Gate(
        "G-FAIR",
        "Groups of people get the favourable decision alike",
        ("train", "release"),
        check_fairness,
        "reports/evaluation.html shows the groups; ask those who know why they differ, change the "
        "features, or have the difference justified and waived",
        ("AIA 10(2)(f)", "NIST MEASURE 2.11", "MTS M7"),
        applies=_about_people,
        trial=False,
    ),
)
