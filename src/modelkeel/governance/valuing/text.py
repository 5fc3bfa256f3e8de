"""A measured value in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelkeel.governance.numbers import bounds, figure, interval
from modelkeel.governance.valuing.effect import Effect

if TYPE_CHECKING:
    from modelkeel.governance.value import ValueReport

STATES = {
    "insufficient_evidence": "insufficient evidence",
    "undecided": "undecided",
    "met": "met",
    "missed": "missed",
    "held": "held",
    "open": "open",
    "broken": "broken",
    "hit": "hit",
    "clear": "clear",
}


def why_state(made: ValueReport) -> str:
    """Why the state is what it is, in one sentence."""
    found, target = made.effect, f"{made.target.at_least:g}"
    if found.why:
        return found.why
    return {
        "met": f"the whole interval is at or above the target {target}",
        "missed": f"the whole interval lies below the target {target}",
        "undecided": f"the interval holds the target {target}",
        "insufficient_evidence": (
            f"the interval holds the target {target} and reaches {figure(found.half or 0.0)} to "
            "each side: more decisions are needed to tell it from none"
        ),
    }[made.state]


def counted(made: ValueReport) -> str:
    """How many decisions the value rests on."""
    counts = made.counts
    said = (
        f"{counts['decisions']:,} in the table, {counts['due']:,} with an outcome that is due, "
        f"{counts['due_without_outcome']:,} of them without one"
    )
    if never := counts.get("due_never_seen"):
        said += f" ({never:,} after actions that show none)"
    arms = ""
    if made.effect.baseline is not None:
        arms = f", {made.effect.baseline:,} of them in the baseline's arm"
    return f"{said}; {made.effect.known:,} compared with a known value{arms}"


def per_month(made: ValueReport) -> str:
    """The value of a month at the charter's volume, less costs."""
    found = made.money
    if found.per_month is None:
        return "not known without an interval"
    low, value, high = found.per_month
    costs = f", less {figure(found.cost_per_month)} of costs" if found.cost_per_month else ""
    return (
        f"{interval(value, low, high)} {made.unit} at {found.volume_per_month:,} decisions{costs}"
    )


def payback(made: ValueReport) -> str | None:
    """How long the building takes to pay for itself; None where nothing was to pay."""
    found = made.money
    if found.payback_months is None:
        return None
    fast, usual, slow = (
        "never" if each is None else f"{each:.1f} months" for each in found.payback_months
    )
    return f"{usual} for {figure(found.build_once)} (at best {fast}, at worst {slow})"


def value_text(made: ValueReport) -> str:
    """The lines that the command prints."""
    rows = [
        ("uplift", f"{_shown(made.effect)} {made.unit} a decision at {made.confidence:.0%}"),
        (
            "target",
            (
                f"{made.target.at_least:+g} by {made.target.by}: {STATES[made.state]}: "
                f"{why_state(made)}"
            ),
        ),
        ("method", made.method),
        ("decisions", counted(made)),
        ("a month", per_month(made)),
        *([("payback", text)] if (text := payback(made)) else []),
        *[
            (
                "guardrail",
                f"{each.id}: {STATES[each.state]}: {each.metric} "
                f"{bounds(each.value, each.low, each.high)}, asked {each.asked}"
                + (f" ({each.about})" if each.about else ""),
            )
            for each in made.guardrails
        ],
        *[
            (
                "kill",
                f"{each.id}: {STATES[each.state]}: {bounds(each.value)}, asked: {each.asked}, "
                f"{each.decisions:,} decisions from {each.since} to {each.until}"
                + (f" ({each.why})" if each.why else ""),
            )
            for each in made.kills
        ],
        *[("warning", each) for each in made.warnings],
        ("wrote", "evidence/value.json, reports/value.html"),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in rows)


def _shown(found: Effect) -> str:
    return interval(found.value, found.low, found.high)
