"""`charter.toml` and `governance/gates.toml` for a table: what is known, and assumptions named."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import polars as pl

from modelkeel.data.infer.target import Target

ASSUMED = "assumed by `keel contract infer`"
_CONFIDENCE = 0.9
_TO_LINEAR, _GAIN_SHARE = 0.1, 0.05
_AHEAD = timedelta(days=180)
_DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Charter:
    """The charter as plain values, the room left to the linear model, and doubts."""

    record: dict[str, Any]
    comments: dict[str, str]
    max_loss_to_linear: float
    doubts: list[str]


def charter_of(
    old: Mapping[str, Any], target: Target, values: pl.Series, *, test_share: float, today: date
) -> Charter:
    """The charter of a table.

    Args:
        old: the charter that is there; statement, subject, volume, owner and a date at least half
            a year ahead stay.
        target: the target.
        values: its known values.
        test_share: share of the rows that is held out.
        today: the present day.
    """
    decision, goal = old.get("decision", {}), old.get("target", {})
    by = goal.get("by")
    kept = by if isinstance(by, date) and by >= today + _AHEAD else today + timedelta(days=365)
    made = (
        _classification(target, test_share)
        if target.task == "classification"
        else _regression(values, test_share)
    )
    unit, actions, payoff, policy, at_least, to_linear, comments = made
    volume = decision.get("volume_per_month", 100)
    spread = _spread(target, payoff, values)
    least = _detectable(spread, volume * (kept - today).days / _DAYS_A_MONTH)
    at_least = max(at_least, least)
    name = target.column.name
    outcome: dict[str, Any] = {"label": name, "delay_days": 0}
    if target.classes:
        outcome["classes"] = {each: f"{name} is {each}" for each in sorted(target.classes)}
    record = {
        "schema": "charter/1",
        "decision": {
            "statement": decision.get("statement", f"Predict {name}."),
            "subject": decision.get("subject", "case"),
            "actions": actions,
            "volume_per_month": volume,
        },
        "owner": old.get("owner", {}),
        "outcome": outcome,
        "value": {"unit": unit, "payoff": payoff},
        "baseline": {"policy": policy},
        "target": {
            "metric": "uplift_per_decision",
            "at_least": at_least,
            "by": kept,
            "confidence": _CONFIDENCE,
        },
        # What holds for any table stays; guardrails speak of columns and go.
        **{key: old[key] for key in ("kill", "review") if key in old},
    }
    doubts = [
        (
            "the payoffs, the baseline and the target in charter.toml are assumptions in "
            f"{unit!r}: replace them by what an action is worth to you"
        ),
        (
            "charter.toml keeps decision, subject and volume as they were: "
            f"{record['decision']['statement']!r}, about {record['decision']['subject']!r}"
        ),
        "outcome.delay_days in charter.toml is 0: write when the outcome is known",
        (
            "the thresholds in governance/gates.toml ask little of a table that nobody knows yet: "
            "performance, and robustness.max_missing_flips, how much may hang on one missing value"
        ),
    ]
    return Charter(record, comments, to_linear, doubts)


_Made = tuple[str, list[str], list[dict[str, Any]], str, float, float, dict[str, str]]


def _classification(target: Target, test_share: float) -> _Made:
    classes = sorted(target.classes)
    total, size = sum(target.classes.values()), len(classes)
    actions = {name: f"treat as {name}" for name in classes}
    worth = dict.fromkeys(classes, 1.0)
    unit = "correct decisions"
    source = f"{ASSUMED}: each right decision counts one"
    about = (
        "What each action is worth once the outcome is known: a right decision counts one, a\n"
        "wrong one nothing. That is an assumption; write what they are worth to you."
    )
    if target.imbalanced:
        # Counted by rows, always naming the common class would hardly be beaten by anything.
        worth = {n: float(f"{total / (size * target.classes[n]):.4g}") for n in classes}
        unit = "correct decisions, weighted by class"
        source = f"{ASSUMED}: each class counts as much in total, whatever its share"
        about = (
            "What each action is worth once the outcome is known. The classes are uneven: a right\n"
            "decision counts the more the rarer its class, so that each class counts the same in\n"
            "total. That is an assumption; write what they are worth to you."
        )
    payoff = [
        {
            "action": actions[named],
            "outcome": happened,
            "amount": worth[happened] if named == happened else 0.0,
            "source": source,
        }
        for named in classes
        for happened in classes
    ]
    common = max(classes, key=lambda name: target.classes[name])
    comments = {
        "value": about,
        "baseline": f"Without a model: always the most frequent class. {ASSUMED.capitalize()}.",
        "target": f"A modest gain that can be told from chance by its date, {ASSUMED}: agree\n"
        "on it with the owner.",
    }
    ordered = [actions[name] for name in classes]
    # What chance alone may move on the held-out rows is no loss.
    chance = math.sqrt(sum(1 / (n * test_share) for n in target.classes.values())) / size
    to_linear = float(f"{max(_TO_LINEAR, chance):.2g}")
    return unit, ordered, payoff, actions[common], 0.01, to_linear, comments


def _regression(values: pl.Series, test_share: float) -> _Made:
    numbers = values.cast(pl.Float64)
    error = float((numbers - numbers.mean()).abs().mean() or 1.0)  # type: ignore[arg-type]
    gain = float(f"{_GAIN_SHARE * error:.2g}")
    unit = f"units of {values.name}"
    source = f"{ASSUMED}: each unit of error costs one, in either direction"
    payoff = [
        {"action": way, "outcome": "unit", "amount": -1.0, "source": source}
        for way in ("over", "under")
    ]
    comments = {
        "value": "What an error is worth, for each unit predicted too much and too little. That "
        "both cost\nthe same is an assumption; write what they cost you.",
        "baseline": f"Without a model: always the mean. {ASSUMED.capitalize()}.",
        "target": "A twentieth of the error that always predicting the mean makes, or what can be\n"
        f"told from chance by its date, {ASSUMED}: agree on it with the owner.",
    }
    chance = 1 / math.sqrt(values.len() * test_share)
    to_linear = float(f"{max(_TO_LINEAR, chance) * error:.2g}")
    return unit, ["act on the prediction"], payoff, "mean", gain, to_linear, comments


def _spread(target: Target, payoff: list[dict[str, Any]], values: pl.Series) -> float:
    """At most so far does what a model gains over the baseline scatter from row to row."""
    if target.task == "regression":
        # one forecast moves the error by no more than it lies away from the mean
        return float(values.cast(pl.Float64).std() or 1.0)  # type: ignore[arg-type]
    total = sum(target.classes.values())
    worth = {row["outcome"]: row["amount"] for row in payoff if row["amount"]}
    return math.sqrt(sum(n / total * worth[name] ** 2 for name, n in target.classes.items()))


def _detectable(spread: float, decisions: float) -> float:
    """The gain that so many decisions tell from none, rounded up to two figures.

    The half width of the interval of a mean: a target below it would fail the gate G-CHARTER.
    """
    half = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2) * spread / math.sqrt(max(decisions, 1.0))
    step = 10.0 ** (math.floor(math.log10(half)) - 1)
    return float(f"{math.ceil(half / step) * step:.6g}")


def charter_text(charter: Charter) -> str:
    """The charter as TOML, with comments."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("What the model is for, and what it is judged by. People write"))
    document.add(tomlkit.comment("this file; `evaluate`, the gates and the report read it. Check"))
    document.add(tomlkit.comment("it with `uv run keel charter check`."))
    for key, value in charter.record.items():
        if not isinstance(value, dict):
            document.add(key, value)
            continue
        document.add(tomlkit.nl())
        for line in charter.comments.get(key, "").splitlines():
            document.add(tomlkit.comment(line))
        document.add(key, _table(value))
    return re.sub(r"(\n#[^\n]*)\n\n\[", r"\1\n[", tomlkit.dumps(document))


def _table(value: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, entry in value.items():
        if isinstance(entry, dict):
            table.add(key, _table(entry))
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            rows = tomlkit.array().multiline(multiline=True)
            for row in entry:
                inline = tomlkit.inline_table()
                inline.update(row)
                rows.append(inline)
            table.add(key, rows)
        else:
            table.add(key, entry)
    return table


def gates_text(
    old: str, charter: Charter, max_quarantine_share: float, *, groups: Sequence[str]
) -> str:
    """The gates with what belongs to a table set anew, all else as it was.

    Args:
        old: the gates that are there.
        charter: the new charter, whose unit the room left to other models is in.
        max_quarantine_share: share of rows that may break the contract.
        groups: columns to compare groups of people by.
    """
    import tomlkit

    document = tomlkit.parse(old)
    document["baseline"]["min_uplift"] = 0.0
    document["baseline"]["max_loss_to_linear"] = charter.max_loss_to_linear
    document["contract"]["max_quarantine_share"] = max_quarantine_share
    if "champion" in document:
        document["champion"]["max_loss"] = charter.max_loss_to_linear
    performance = document.get("performance", {})
    for name, least in (("min_auc", 0.5), ("min_r2", 0.0)):
        if name in performance:
            performance[name] = least
    if "robustness" in document:  # how much may hang on one value is for people to say
        document["robustness"]["max_missing_flips"] = 1.0
    if "fairness" in document:
        document["fairness"].pop("favourable", None)
        document["fairness"]["columns"] = list(groups)
    return tomlkit.dumps(document)
