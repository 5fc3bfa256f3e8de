"""Gates on what the model is worth, against today, the linear model and the champion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.model.champion import Champion, read_champion
from modelkeel.model.promotions import read_history

EVALUATE_AGAIN = (
    "run `uv run dvc repro --force --single-item evaluate`, then `uv run dvc repro`: reports made "
    "by an older modelkeel do not have it"
)

_BRING = (
    "bring models/ up to date from where it was promoted, and run it again; if that model is gone, "
    "have a waiver signed"
)


def measured(metrics: Mapping[str, Any], *keys: str) -> Any:
    """A part of reports/evaluation.json.

    Raises:
        NotMeasured: it is not there.
    """
    found: Any = metrics
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            raise NotMeasured(f"reports/evaluation.json has no {'.'.join(keys)}", EVALUATE_AGAIN)
        found = found[key]
    return found


def check_performance(case: Case) -> Verdict:
    """The primary measure is good enough beyond chance, and probabilities mean what they say."""
    gate, metrics = case.project.gates.performance, case.metrics
    if case.project.task == "regression":
        name, said, least = "r2", "variance explained", gate.min_r2
    else:
        name, said, least = "roc_auc", "AUC", gate.min_auc
    bounds = measured(metrics, "interval", name)
    found = {"value": measured(metrics, "model", name), **bounds}
    holds = found["low"] is not None and found["low"] >= least
    told, asked = f"{said} {_plain(found)}", f"lower bound at least {least:g}"
    if name == "r2":
        return Verdict(holds, told, asked)
    error = measured(metrics, "model", "calibration_error")
    chance = measured(metrics, "calibration_noise", "model")
    if error is None or chance is None:
        return Verdict(False, f"{told}; calibration error undefined", asked)
    return Verdict(
        holds and error - chance <= gate.max_calibration_error,
        f"{told}; calibration error {error:.3f} (chance {chance:.3f})",
        f"{asked}; calibration error at most {gate.max_calibration_error:g} beyond chance",
    )


def check_champion(case: Case) -> Verdict:
    """On the same held-out rows, the candidate is not worse than the champion by too much."""
    gate, unit = case.project.gates.champion, case.project.charter.value.unit
    asked = f"lower bound of candidate minus champion at least {-gate.max_loss:g} {unit} a decision"
    champion = read_champion(case.project.models_dir)
    if champion is None and (released := _last_released(case)):
        told = f"version {released.version} ({released.digest[:12]}) was released and is not here"
        return Verdict(False, told, asked, remedy=_BRING)
    if champion is None or champion.trial:
        said = "only tried out" if champion else "not there yet"
        return Verdict(True, f"first model: the champion is {said}", asked, assessed=False)
    if champion.digest == case.bundle.digest:
        return Verdict(True, "this is the champion", asked)
    found = case.evidence("comparison")
    if found["champion"] != champion.digest:
        raise NotMeasured(
            f"the comparison is with {found['champion'][:12]}, the champion is now "
            f"{champion.digest[:12]}",
            "run `uv run keel model assess`",
        )
    if not found["comparable"]:
        remedy = "judge both on rows that have the columns of both, or have a waiver signed"
        return Verdict(False, f"not comparable: {found['reason']}", asked, remedy=remedy)
    value, primary = found["value_per_decision"]["difference"], found["primary"]
    told = f"{_interval(value)} {unit} a decision; {primary['name']} "
    told += _interval(primary["difference"])
    if not found["same_rows"]:
        told += "; the champion may have been trained on some of these rows, in its favour"
    return Verdict(
        value["low"] is not None and value["low"] >= -gate.max_loss,
        told,
        asked,
        warn=_worse(primary),
    )


def _last_released(case: Case) -> Champion | None:
    """What was released last, wherever that was: by the journal, or else by the history."""
    if case.elsewhere is not None and not case.elsewhere.trial:
        return case.elsewhere
    history = reversed(read_history(case.project))
    return next((each.champion for each in history if not each.trial), None)


def _worse(primary: Mapping[str, Any]) -> bool:
    """Whether the primary measure fell beyond chance."""
    difference = primary["difference"]
    if difference["low"] is None:
        return False
    if primary["better"] == "higher":
        return bool(difference["high"] < 0)
    return bool(difference["low"] > 0)


def check_robustness(case: Case) -> Verdict:
    """Slight noise, or one missing value, leaves most decisions as they were.

    In the minimal tier it only warns.
    """
    gate = case.project.gates.robustness
    found = measured(case.metrics, "robustness")
    flips = found["measure"] == "flips"
    told, asked, holds = [], [], True
    for name, said, most in (
        ("noise", "under noise", gate.max_flips),
        ("missing", "with a value missing", gate.max_missing_flips),
    ):
        each = found[name]
        if each is None:
            continue
        size, column = each[found["measure"]], each.get("column")
        told.append(f"{_moved(size, flips)} {said}" + (f" ({column})" if column else ""))
        asked.append(f"at most {_moved(most, flips)} {said}")
        holds &= size <= most
    if not told:
        told, asked = ["no number and no optional value to disturb"], ["nothing"]
    if failures := found["failures"]:
        told.append("no score with " + "; ".join(f"{k}: {v}" for k, v in failures.items()))
        holds &= flips  # a decision without a score has flipped; a value cannot
    return soft(case, holds, "; ".join(told), "; ".join(asked))


def soft(case: Case, holds: bool, found: str, asked: str, *, warn: bool = False) -> Verdict:
    """A verdict that in the minimal tier warns where it would fail elsewhere."""
    if case.tier == "minimal" and not holds:
        return Verdict(True, found, asked, warn=True)
    return Verdict(holds, found, asked, warn=warn)


def _moved(size: float, flips: bool) -> str:
    return f"{size:.1%} of the decisions flip" if flips else f"values move by {size:.3g} sd"


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
    if target["low"] is None:
        raise NotMeasured(
            "the gain has no interval", "hold out more rows; where they come in groups, ten or more"
        )
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


def _plain(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "undefined"
    if value["low"] is None:
        return f"{value['value']:.3f} (no interval)"
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _interval(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "undefined"
    if value["low"] is None:
        return f"{value['value']:+.3g} (no interval)"
    return f"{value['value']:+.3g} [{value['low']:+.3g}, {value['high']:+.3g}]"


PERFORMANCE_GATES = (
    Gate(
        "G-PERF",
        "The model is good enough, and means what it says",
        ("train", "release"),
        check_performance,
        "improve features or model; reports/evaluation.html shows ranking and calibration",
        ("AIA 15(1)", "AIA 15(3)", "MTS I4"),
    ),
    Gate(
        "G-BASE",
        "The model beats the baseline",
        ("train", "release"),
        check_baseline,
        "improve features or model; reports/evaluation.html shows where it loses",
        ("AIA 15(1)", "MTS M5", "MTS I4"),
    ),
    Gate(
        "G-TARGET",
        "The charter's target can be reached",
        ("train", "release"),
        check_target,
        "improve the model, or agree on another target with the owner",
        ("AIA 9(8)",),
    ),
    Gate(
        "G-CHAMP",
        "The model is no worse than the champion",
        ("release",),
        check_champion,
        "keep the champion, or improve the candidate",
        ("AIA 15(1)", "MTS O7"),
        trial=False,  # it takes nothing's place but another trial's
    ),
    Gate(
        "G-ROB",
        "Decisions do not hang on noise or on one missing value",
        ("train", "release"),
        check_robustness,
        "reports/evaluation.html shows which column they hang on: coarsen it, or regularise",
        ("AIA 15(4)", "OWASP ML01"),
    ),
)
