"""What the gates ask of the rows that a model was made from: reports/data_checks.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelkeel.data.quality.distance import noise_of_share
from modelkeel.data.quality.shifts import label_shifts
from modelkeel.records.gates import LabelsGate, LeakageGate

Judged = tuple[bool, str, str]
"""Whether it holds, what was measured, and what was asked."""


def judge_leakage(checks: Mapping[str, Any], gate: LeakageGate) -> Judged:
    """Held-out rows are new to the model, and no column gives the target away."""
    exact, near = checks["overlap"]["exact"], checks["overlap"]["near"]
    found = checks["leakage"]
    most, name = (gate.max_auc, "AUC") if found["measure"] == "auc" else (gate.max_r2, "R2")
    told = found["columns"]
    leaks = [f"{column} gives {name} {value:.3f}" for column, value in told.items() if value > most]
    if found["parts"] and most < 1:
        leaks.append(f"{' + '.join(found['parts'])} is the target")
    best = max(told, key=lambda column: told[column], default=None)
    if not leaks and best is not None:
        leaks_said = f"best single column {best} with {name} {told[best]:.3f}"
    else:
        leaks_said = "; ".join(leaks) or "no column to judge"
    copies = exact["excess"] > gate.max_overlap or near["excess"] > gate.max_near_overlap
    return (
        not leaks and not copies,
        f"held-out rows in training {_alike(exact)}, almost {_alike(near)}; {leaks_said}",
        (
            f"beyond chance at most {gate.max_overlap:.1%} and {gate.max_near_overlap:.1%}; "
            f"{name} of one column at most {most:g}"
        ),
    )


def judge_labels(
    checks: Mapping[str, Any], gate: LabelsGate, accepted: Mapping[str, Any] | None
) -> Judged:
    """Labels agree with each other, and with those of the accepted reference.

    Args:
        checks: reports/data_checks.json.
        gate: the limits.
        accepted: labels of the reference, as `accepted_labels` gives them.
    """
    found = checks["labels"]
    suspicious, conflicting = found["suspicious"], found["conflicting"]
    measured = [f"{suspicious['share']:.1%} suspicious labels"]
    asked = [f"at most {gate.max_suspicious:.1%}"]
    holds = suspicious["share"] <= gate.max_suspicious
    if conflicting is not None:
        measured.append(f"equal rows that disagree {_alike(conflicting)}")
        asked.append(f"{gate.max_conflicting:.1%} beyond chance")
        holds &= conflicting["excess"] <= gate.max_conflicting
    if accepted is None:
        measured.append("no accepted reference to compare with")
        return holds, "; ".join(measured), ", ".join(asked)
    before = accepted.get("disputed")
    if before is not None:
        chance = noise_of_share(before, suspicious["of"], suspicious["of"])
        measured.append(f"{before:.1%} disputed labels, now {suspicious['disputed']:.1%}")
        asked.append(f"{gate.max_suspicious_rise:.1%} more disputed beyond chance")
        holds &= suspicious["disputed"] - before - chance <= gate.max_suspicious_rise
    shifts = label_shifts(accepted, found["rates"])
    beyond = [each for each in shifts if each.size > each.chance + gate.max_shift]
    measured += [each.to_text() for each in beyond or shifts[:1]]
    asked.append(f"labels moved by at most {gate.max_shift:g} beyond chance")
    return holds and not beyond, "; ".join(measured), ", ".join(asked)


def _alike(found: Mapping[str, Any]) -> str:
    return f"{found['share']:.1%} (chance {found['chance']:.1%})"
