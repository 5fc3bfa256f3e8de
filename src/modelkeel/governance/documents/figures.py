"""Figures as plain SVG: the same numbers give the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from modelkeel.governance.documents.measured import Part
from modelkeel.governance.documents.words import number

_LEFT, _WIDTH, _RIGHT, _ROW, _TOP = 190, 700, 90, 26, 34


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def at(self, value: float) -> str:
        share = (value - self.low) / (self.high - self.low)
        return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f}"


def by_group(parts: Sequence[Part], label: str, everyone: Any) -> str | None:
    """The primary measure of each group with its interval, beside that of all rows.

    Args:
        parts: the groups.
        label: what the measure is called.
        everyone: the measure over all rows, or None.

    Returns:
        The SVG, or None where fewer than two groups have an interval.
    """
    shown = [each for each in parts if None not in (each.value, each.low, each.high)]
    if len(shown) < 2:
        return None
    values = [_three(value) for each in shown for value in (each.low, each.high)]
    values += [_three(everyone)] if everyone is not None else []
    room = (max(values) - min(values)) * 0.05 or 1.0
    scale = _Scale(min(values) - room, max(values) + room)
    height = _TOP + _ROW * len(shown) + 30
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="13">'
        ),
        f"<title>{escape(label)} by group</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    bottom = _TOP + _ROW * len(shown)
    if everyone is not None:
        x = scale.at(_three(everyone))
        lines += [
            (
                f'<line x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{bottom}" stroke="#7a8694" '
                'stroke-dasharray="4 3"/>'
            ),
            (
                f'<text x="{x}" y="{_TOP - 14}" text-anchor="middle" fill="#566373">'
                f"all rows {number(everyone)}</text>"
            ),
        ]
    for at, each in enumerate(shown):
        lines += _dot(each, scale, _TOP + _ROW * at + _ROW // 2)
    lines += [
        (
            f'<text x="{_LEFT}" y="{bottom + 20}" fill="#566373">{escape(label)}; '
            "the line is the interval, pale where rows are few</text>"
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _dot(part: Part, scale: _Scale, y: int) -> list[str]:
    colour = "#9db8d6" if part.small else "#0b62c4"
    low, middle, high = (scale.at(_three(each)) for each in (part.low, part.value, part.high))
    return [
        (
            f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end" fill="#16202c">'
            f"{_short(part.name)}</text>"
        ),
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="3"/>',
        f'<circle cx="{middle}" cy="{y}" r="5" fill="{colour}"/>',
        (
            f'<text x="{_WIDTH - 8}" y="{y + 4}" text-anchor="end" fill="#16202c">'
            f"{number(part.value)}</text>"
        ),
    ]


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"


def _three(value: Any) -> float:
    return float(f"{float(value):.3g}")
