"""Line plots as SVG without a library: axes, lines, bands, and marks across them.

Colours are classes, so that a page gives them; `standalone` brings its own for a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 480, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 42, 42
_TITLE = 72

STYLE = (
    "svg .axis{stroke:var(--line,#c9d0d8);fill:none}"
    "svg .grid{stroke:var(--line,#dfe4ea);fill:none;stroke-width:.7}"
    "svg .line{fill:none;stroke-width:2;stroke-linejoin:round}"
    "svg .band{stroke:none;opacity:.22}"
    "svg .mark{fill:none;stroke:var(--ink,#16202c);stroke-width:1.3;stroke-dasharray:5 4}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--muted,#566373)}"
    "svg .said{fill:var(--ink,#16202c);paint-order:stroke;stroke:var(--card,#fff);stroke-width:4px}"
    "svg .a{stroke:var(--accent,#0b62c4)}svg .a.band,svg .a.dot{fill:var(--accent,#0b62c4)}"
    "svg .b{stroke:var(--bad,#ab1f2b)}svg .b.dot{fill:var(--bad,#ab1f2b)}"
    "svg .c{stroke:var(--good,#0d6b3c)}svg .c.dot{fill:var(--good,#0d6b3c)}"
    "svg .faint{stroke-dasharray:2 3}"
)


@dataclass(frozen=True)
class Line:
    """A line of points (x, y), its colour `a`, `b` or `c`, and (x, low, high) of a band."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()
    faint: bool = False
    dots: Sequence[str] = ()  # what to say of each point when pointed at


@dataclass(frozen=True)
class Plot:
    """Lines over a common axis; `across` and `down` are marked values with their names."""

    x: str
    y: str
    lines: Sequence[Line]
    across: Sequence[tuple[float, str]] = ()
    down: Sequence[tuple[float, str]] = ()
    log: bool = False
    span: Sequence[float] = ()
    """Places that the axis has to reach."""
    ticks: Sequence[tuple[float, str]] = field(default=())
    """Places and texts below the axis; numbers where left out."""


def draw(plot: Plot, *, alt: str, standalone: bool = False) -> str:
    """The plot as markup; `alt` is for those who do not see it."""
    xs = (
        [*plot.span]
        + [x for line in plot.lines for x, _ in line.points]
        + [x for x, _ in plot.down]
    )
    ys = [y for line in plot.lines for _, y in line.points] + [y for y, _ in plot.across]
    ys += [y for line in plot.lines for _, low, high in line.band for y in (low, high)]
    ys = [y for y in ys if not plot.log or y > 0]
    area = _Area(min(xs), max(xs), min(ys), max(ys), plot.log)
    body = [*_axes(plot, area)]
    for line in plot.lines:
        body += _line(line, area)
    for y, name in plot.across:
        body.append(f'<path class="mark" d="M{_LEFT} {area.y(y):.1f}H{WIDTH - _RIGHT}"/>')
        body.append(
            f'<text class="said" x="{WIDTH - _RIGHT}" y="{area.y(y) - 5:.1f}" '
            f'text-anchor="end">{escape(name)}</text>'
        )
    for x, name in plot.down:
        at = area.x(x)
        anchor, shift = ("end", -5) if at > WIDTH / 2 else ("start", 5)
        body.append(f'<path class="mark" d="M{at:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        body.append(
            f'<text class="said" x="{at + shift:.1f}" y="{HEIGHT - _BOTTOM - 7}" '
            f'text-anchor="{anchor}">{escape(name)}</text>'
        )
    body += _legend(plot.lines)
    head = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    dark = (
        "@media (prefers-color-scheme:dark){svg{--ink:#e8edf2;--muted:#a3b0bd;--line:#2a3541;"
        "--accent:#62a8ff;--bad:#ff8d94;--good:#6fd39d;--card:#171e26}}"
    )
    style = f"<style>{STYLE}svg .card{{fill:var(--card,#fff)}}{dark}</style>" if standalone else ""
    card = f'<rect class="card" width="{WIDTH}" height="{HEIGHT}"/>' if standalone else ""
    inner = f"<title>{escape(alt)}</title>{style}{card}{''.join(body)}"
    return f'<svg{head} viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{inner}</svg>'


class _Area:
    """From values to places on the sheet."""

    def __init__(self, left: float, right: float, low: float, high: float, log: bool) -> None:
        self.left, self.right = left, right if right > left else left + 1
        self.log = log
        if log:
            self.low, self.high = math.log10(low) - 0.08, math.log10(high) + 0.08
        else:
            margin = 0.08 * ((high - low) or abs(high) or 1.0)
            self.low, self.high = low - margin, high + margin

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        at = math.log10(value) if self.log else value
        share = (at - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    def ticks(self) -> list[float]:
        if not self.log:
            return _steps(self.low, self.high)
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        factors = (1, 2, 5) if self.high - self.low < 2 else (1,)
        found = [factor * 10.0**power for power in powers for factor in factors]
        return [each for each in found if each and self.low <= math.log10(each) <= self.high]


def _steps(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between two values."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return [(first + at) * step for at in range(count)]


def _axes(plot: Plot, area: _Area) -> list[str]:
    found = []
    for value in area.ticks():
        y = area.y(value)
        found.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        found.append(
            f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{_text(value)}</text>'
        )
    for value, text in plot.ticks or [(v, _text(v)) for v in _steps(area.left, area.right, 6)]:
        x = area.x(value)
        found.append(
            f'<path class="axis" d="M{x:.1f} {HEIGHT - _BOTTOM}v4"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 17}" text-anchor="middle">'
            f"{escape(text)}</text>"
        )
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    found.append(f'<path class="axis" d="M{_LEFT} {HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}"/>')
    found.append(
        f'<text x="{middle:.0f}" y="{HEIGHT - 7}" text-anchor="middle">{escape(plot.x)}</text>'
    )
    title = plot.y if len(plot.y) <= _TITLE else plot.y[: _TITLE - 1] + "…"
    found.append(f'<text x="4" y="14">{escape(title)}</text>')
    return found


def _line(line: Line, area: _Area) -> list[str]:
    found = []
    if line.band:
        upper = [f"{area.x(x):.1f},{area.y(high):.1f}" for x, _, high in line.band]
        lower = [f"{area.x(x):.1f},{area.y(low):.1f}" for x, low, _ in reversed(line.band)]
        found.append(f'<polygon class="{line.colour} band" points="{" ".join(upper + lower)}"/>')
    points = " ".join(f"{area.x(x):.1f},{area.y(y):.1f}" for x, y in line.points)
    faint = " faint" if line.faint else ""
    found.append(f'<polyline class="{line.colour} line{faint}" points="{points}"/>')
    for (x, y), said in zip(line.points, line.dots, strict=False):
        found.append(
            f'<circle class="{line.colour} dot" cx="{area.x(x):.1f}" cy="{area.y(y):.1f}" r="3">'
            f"<title>{escape(said)}</title></circle>"
        )
    return found


def _legend(lines: Sequence[Line]) -> list[str]:
    if len(lines) < 2:
        return []
    found, right = [], WIDTH - _RIGHT
    for line in reversed(lines):
        right -= 7 * len(line.name)
        faint = " faint" if line.faint else ""
        found.append(
            f'<path class="{line.colour} line{faint}" d="M{right - 24} 28h18"/>'
            f'<text x="{right}" y="32">{escape(line.name)}</text>'
        )
        right -= 38
    return found


def _text(value: float) -> str:
    return f"{value:,.6g}".replace("-", "\u2212") if abs(value) > 1e-12 else "0"
