"""The answer as a page: what blocks, every gate by stage, and the ML Test Score."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from modelkeel.governance.gates.gate import BEFORE_RELEASE, GateResult, Outcome, Stage
from modelkeel.governance.readiness.check import Readiness
from modelkeel.governance.readiness.foreign import Foreign
from modelkeel.governance.readiness.score_section import score_section
from modelkeel.governance.readiness.steps import rank
from modelkeel.governance.readiness.words import OUTCOMES, STAGE_NAMES, counted, plural
from modelkeel.pages import Page, card, render, row, table

_SYMBOLS: dict[Outcome, str] = {
    "pass": "✓",
    "warn": "!",
    "fail": "✗",
    "not_assessed": "?",
    "waived": "~",
    "not_applicable": "·",
}
_CODE = re.compile(r"`([^`]+)`")


def write_page(found: Readiness | Foreign, path: Path) -> Path:
    """Write the page; it appears under its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(render_page(found), encoding="utf-8")
    beside.replace(path)
    return path


def render_page(found: Readiness | Foreign) -> str:
    """The page as HTML; the same answer gives the same bytes, and all text is escaped."""
    gates = found.as_readiness() if isinstance(found, Foreign) else found
    bundle = f"bundle <code>{gates.bundle[:12]}</code>" if gates.bundle else "no bundle"
    sections = [("blocks", "What blocks", _blocking(gates))]
    sections += [(stage, STAGE_NAMES[stage], _stage(gates, stage)) for stage in gates.stages]
    score = score_section(gates.score) if gates.score else ""
    sections += [("score", "ML Test Score", score), ("reading", "How to read this", _reading())]
    return render(
        Page(
            title=f"Is {gates.name} ready?",
            kicker=f"{gates.tier} tier",
            lead=(
                f"{escape(gates.tier_reason)} Looked at on {gates.now:%Y-%m-%d at %H:%M} "
                f"{escape(str(gates.now.tzname()))}, {bundle}."
            ),
            top=_verdict(gates),
            sections=sections,
            css=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
            footer="Evidence for the articles and items named. Not legal advice.",
            skip=("blocks", "Skip to what blocks"),
        )
    )


def said(text: str) -> str:
    """Text as markup, with what stands in backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text)).replace("\n", "<br>")


def mark(outcome: Outcome) -> str:
    """Symbol and word of an outcome."""
    symbol = f'<span aria-hidden="true">{_SYMBOLS[outcome]}</span>'
    return f'<span class="tag {outcome}">{symbol} {OUTCOMES[outcome]}</span>'


def _what(found: Readiness) -> tuple[str, tuple[Stage, ...]]:
    if "release" in found.stages:
        return "a release", BEFORE_RELEASE
    return " and ".join(STAGE_NAMES[each].lower() for each in found.stages), found.stages


def _verdict(found: Readiness) -> str:
    what, stages = _what(found)
    blocking = found.blocking(*stages)
    due = {each.id for stage in stages for each in found.due(stage)}
    total = plural(len(due), "gate")
    if blocking:
        verb = "blocks" if len(blocking) == 1 else "block"
        head = f"Not ready: {len(blocking)} of {total} {verb} {escape(what)}"
    else:
        head = f"Ready: none of {total} blocks {escape(what)}"
    text = _tally(found)
    if found.next:
        step = found.next
        gate = f" ({escape(step.gate)})" if step.gate else ""
        text += f"<p><b>Next:</b> {escape(step.goal)}{gate}</p>"
        text += f"<pre><code>{escape(step.command)}</code></pre>" if step.command else ""
        if step.command is None or said(step.remedy) != f"run <code>{escape(step.command)}</code>":
            text += f"<p>{said(step.remedy)}</p>"
    return card("bad" if blocking else "good", head, text)


def _tally(found: Readiness) -> str:
    """How many of each outcome, as a bar and in words."""
    counts = found.counts()
    parts = [(each, counts[each]) for each in OUTCOMES if counts[each]]
    bar = "".join(f'<i class="{each}" style="flex-grow:{count}"></i>' for each, count in parts)
    told = " ".join(f"<span>{count} {mark(each)}</span>" for each, count in parts)
    return (
        f'<div class="tally" role="img" aria-label="{counted(counts)}">{bar}</div>'
        f'<p class="counts">{told}</p>'
    )


def _blocking(found: Readiness) -> str:
    blocked = sorted((each for each in found.results if each.blocks), key=rank)
    rows = [
        row(
            f"{escape(each.id)} <small>{escape(each.title)}{_elsewhere(found, each)}</small>",
            [
                ("found", f"{mark(each.outcome)} {said(each.measured)}"),
                ("to mend", _remedy(found, each)),
            ],
            words=True,
        )
        for each in blocked
    ]
    if not rows:
        return '<p class="again">Nothing: every gate that is due holds.</p>'
    heads = ["Gate", "Found", "To mend"]
    return table(heads, rows, "In the order in which to go about it", "What blocks", words=True)


def _remedy(found: Readiness, each: GateResult) -> str:
    if each.outcome == "not_assessed":
        return said(each.remedy)
    place = found.places[each.id]
    return f"{said(each.remedy)} <small><code>{escape(place.path)}:{place.line}</code></small>"


def _elsewhere(found: Readiness, each: GateResult) -> str:
    """At which stages a gate is due that does not block a release."""
    if set(BEFORE_RELEASE) & set(each.stages) or "release" not in found.stages:
        return ""
    names = ", ".join(STAGE_NAMES[stage].lower() for stage in each.stages)
    return f"<br>blocks no release; due at: {names}"


def _stage(found: Readiness, stage: Stage) -> str:
    rows = [
        row(
            f"{escape(each.id)} <small>{escape(each.title)}</small>",
            [
                ("outcome", mark(each.outcome)),
                ("measured", said(each.measured)),
                ("asked", f"{said(each.asked)}<small>{escape(', '.join(each.maps))}</small>"),
            ],
            words=True,
        )
        for each in found.first_due(stage)
    ]
    again = [each for each in found.due(stage) if each not in found.first_due(stage)]
    more = (
        '<p class="again">Also due here, and told above: '
        + " ".join(f"<span>{escape(each.id)} {mark(each.outcome)}</span>" for each in again)
        + "</p>"
        if again
        else ""
    )
    if not rows:
        return more
    heads = ["Gate", "Outcome", "Measured", "Asked, and what it is evidence for"]
    caption = counted(found.counts(stage))
    return table(heads, rows, caption, STAGE_NAMES[stage], words=True) + more


def _reading() -> str:
    facts = {
        "Not assessed": "What a gate reads is not there. That is never a pass, and it blocks as "
        "a failure does.",
        "Waived": "It fails, and a named person signed that this is accepted until a day.",
        "Not asked": "The gate is for another tier, or for another kind of system.",
        "Live": "Gates of the stage live never block a release; they tell whether what serves "
        "should go on serving.",
        "Evidence for": "The articles and items beside a gate are what its result can be shown "
        "for. No gate says that a law is complied with: people decide that.",
    }
    items = "".join(f"<div><dt>{head}</dt><dd>{text}</dd></div>" for head, text in facts.items())
    return f'<dl class="reading card">{items}</dl>'
