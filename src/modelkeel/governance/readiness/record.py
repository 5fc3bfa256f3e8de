"""The answer for machines: one JSON object."""

from __future__ import annotations

from typing import Any

from modelkeel.governance.readiness.check import Readiness
from modelkeel.governance.readiness.score import Score


def as_record(found: Readiness) -> dict[str, Any]:
    """Everything that was found; the keys stay, new ones may come."""
    return {
        "schema": "readiness/1",
        "name": found.name,
        "tier": found.tier,
        "tier_reason": found.tier_reason,
        "bundle": found.bundle,
        "time": found.now.isoformat(timespec="seconds"),
        "stages": list(found.stages),
        "ready": found.ready,
        "holds": found.holds,
        "counts": dict(found.counts()),
        "gates": [
            {
                "id": each.id,
                "title": each.title,
                "stages": list(each.stages),
                "outcome": each.outcome,
                "blocks": each.blocks,
                "measured": each.measured,
                "asked": each.asked,
                "remedy": each.remedy,
                "maps": list(each.maps),
                "file": found.places[each.id].path,
                "line": found.places[each.id].line,
            }
            for each in found.results
        ],
        "score": _score(found.score) if found.score else None,
        "next": vars(found.next) if found.next else None,
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "overall": score.overall,
        "meaning": score.meaning,
        "sections": {
            name: {
                "points": score.sum(name),
                "items": [
                    {
                        "id": each.item.id,
                        "title": each.item.title,
                        "points": each.points,
                        "why": each.why,
                        "gates": list(each.gates),
                    }
                    for each in items
                ],
            }
            for name, items in score.sections.items()
        },
    }
