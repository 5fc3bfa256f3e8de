"""How the duties are shown: by date for people, as JSON for machines."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from modelkeel.governance.obligations.catalogue import Needs
from modelkeel.governance.obligations.resolve import Resolved

_WIDTH = 100


def obligations_text(resolved: Sequence[Resolved]) -> str:
    """The duties that bear on a system: those in force, then the others by date."""
    due = [each for each in resolved if each.due]
    later = sorted((each for each in resolved if not each.due), key=lambda each: each.applies_from)
    count = f"{_duties(len(due))} in force, {len(later)} to come"
    lines = [f"{count}. A first reading of your answers, no legal advice."]
    if due:
        lines += ["", "in force", *(line for each in due for line in _block(each))]
    dates = dict.fromkeys(each.applies_from for each in later)
    for day in dates:
        at = [each for each in later if each.applies_from == day]
        lines += ["", f"from {day}", *(line for each in at for line in _block(each))]
    return "\n".join(lines)


def obligations_json(resolved: Sequence[Resolved]) -> str:
    """The same as JSON, with source and note."""
    duties = [
        {
            **each.obligation.model_dump(mode="json", exclude={"applies_if", "applies_from"}),
            "why": each.why,
            "applies_from": each.applies_from.isoformat(),
            "due": each.due,
        }
        for each in resolved
    ]
    return json.dumps({"duties": duties}, ensure_ascii=False)


def _duties(count: int) -> str:
    return f"{count} {'duty' if count == 1 else 'duties'}"


def _block(found: Resolved) -> list[str]:
    entry = found.obligation
    said = {
        "why": "; ".join(found.why),
        "only if": entry.only_if,
        "needs": _needs(entry.needs) or "nothing that a repository can show",
        "note": entry.note,
        "source": f"{entry.source}; looked up {entry.verified_on} in {entry.checked}",
    }
    lines = _wrapped(f"{entry.id}  {entry.title} ({entry.cite})", "  ", hang=4)
    lines += _wrapped(entry.duty, "      ")
    for name, text in said.items():
        lines += _wrapped(text, f"      {name:<8}") if text else []
    return lines


def _needs(needs: Needs) -> str:
    return ", ".join((*needs.records, *needs.gates, *needs.documents))


def _wrapped(text: str, first: str, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * (len(first) + hang),
        break_on_hyphens=False,
        break_long_words=False,
    )
