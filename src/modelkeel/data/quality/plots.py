"""Small plots as inline SVG: no library, no identifiers, colours by CSS class."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelkeel.data.quality.distance import Floats, share_upto

WIDTH, HEIGHT = 320, 130
_LEFT, _RIGHT, _TOP, _BOTTOM = 4, 4, 8, 18
_BINS = 24
_BARS = 8
_NAME = 17


def line_plot(values: Sequence[float], labels: Sequence[str], form: str = ",.0f") -> str:
    """How a number went, from 0; one dot a table.

    Args:
        values: in the order of time.
        labels: what to say of each when pointed at.
        form: how Python formats a value.
    """
    top = max(*values, 0.0) or 1.0
    left, right = _LEFT + 4, WIDTH - _RIGHT - 4
    step = (right - left) / max(len(values) - 1, 1)
    start = left if len(values) > 1 else (left + right) / 2
    at = [(start + index * step, _y(value / top)) for index, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.2"><title>{escape(label)}: '
        f"{format(value, form)}</title></circle>"
        for (x, y), value, label in zip(at, values, labels, strict=True)
    )
    known = _known([labels[0], labels[-1]] if len(labels) > 1 else [labels[0]])
    ceiling = f'<text class="tick" x="{_LEFT}" y="{_TOP - 1}">{format(top, form)}</text>'
    if not any(values):
        ceiling = ""
    return _svg(f'{_floor()}<polyline class="now" points="{line}"/>{dots}{ceiling}{known}')


def distribution(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None, kind: str) -> str:
    """A column now, over the reference where there is one; empty if there is nothing to draw."""
    then, here = before or {}, now or {}
    if kind in ("numeric", "date"):
        return _density(_points(then), _points(here), kind)
    if then.get("shares") or here.get("shares"):
        return _bars(then.get("shares"), here.get("shares") or {})
    return ""


def _points(side: Mapping[str, Any]) -> Floats | None:
    return np.asarray(side["points"], dtype=np.float64) if side.get("points") else None


def _density(before: Floats | None, now: Floats | None, kind: str) -> str:
    """Shares of equal steps from the lowest to the highest value; long tails are cut off."""
    both = [each for each in (before, now) if each is not None]
    if not both:
        return ""
    low = min(_at(each, 0.01) for each in both)
    high = max(_at(each, 0.99) for each in both)
    ends = [_value(low, kind, high - low), _value(high, kind, high - low)]
    steps = _BINS
    if high <= low:
        low, high, steps, ends = low - 0.5, high + 0.5, 3, ends[:1]
    elif kind == "numeric" and _whole(both) and high - low < 2 * _BINS:  # one bar a number
        low, high = low - 0.5, high + 0.5
        steps = round(high - low)
    edges = np.linspace(low, high, steps + 1)
    edges[0] = np.nextafter(low, -np.inf)  # many rows may have the lowest value
    shares = [None if each is None else np.diff(share_upto(each, edges)) for each in (before, now)]
    top = max(float(each.max()) for each in shares if each is not None) or 1.0
    drawn = _floor()
    if shares[1] is not None:
        drawn += f'<path class="fill" d="{_steps(shares[1], top)}Z"/>'
    if shares[0] is not None:
        drawn += f'<path class="then" d="{_steps(shares[0], top)}"/>'
    return _svg(drawn + _known(ends))


def _steps(shares: Floats, top: float) -> str:
    width = (WIDTH - _LEFT - _RIGHT) / len(shares)
    path = f"M{_LEFT} {_y(0):.1f}"
    for index, share in enumerate(shares):
        path += f"V{_y(share / top):.1f}H{_LEFT + (index + 1) * width:.1f}"
    return f"{path}V{_y(0):.1f}"


def _bars(before: Mapping[str, float] | None, now: Mapping[str, float]) -> str:
    """The most frequent categories of both, the reference as a line on the bar."""
    old = before or {}
    ranked = sorted({*old, *now}, key=lambda name: (-max(old.get(name, 0), now.get(name, 0)), name))
    shown, rest = ranked[:_BARS], ranked[_BARS:]
    left, right, row = 118, WIDTH - 44, 18
    top = max([*now.values(), *old.values()], default=0.0) or 1.0
    drawn = []
    for at, name in enumerate(shown):
        y = at * row + 3
        share = now.get(name, 0.0)
        width = (right - left) * share / top
        short = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
        full = f"<title>{escape(name)}</title>" if short != name else ""
        drawn.append(
            f'<text class="name" x="{left - 6}" y="{y + 10}" text-anchor="end">'
            f"{full}{escape(short) or '(empty)'}</text>"
            f'<rect class="bar" x="{left}" y="{y}" width="{width:.1f}" height="12"/>'
            f'<text class="tick" x="{right + 6}" y="{y + 10}">{share:.1%}</text>'
        )
        if before is not None:
            x = left + (right - left) * old.get(name, 0.0) / top
            drawn.append(
                f'<path class="mark" d="M{x:.1f} {y - 2}V{y + 14}"><title>reference: '
                f"{old.get(name, 0.0):.1%}</title></path>"
            )
    height = len(shown) * row + 4
    if rest:
        height += 14
        drawn.append(f'<text class="tick" x="{left}" y="{height - 4}">and {len(rest)} more</text>')
    return _svg("".join(drawn), height)


def _at(points: Floats, share: float) -> float:
    """The value below which that share lies, nearly."""
    index = int(np.searchsorted(points[:, 2], share))
    return float(points[min(index, len(points) - 1), 0])


def _whole(both: list[Floats]) -> bool:
    return all(bool((each[:, 0] == np.round(each[:, 0])).all()) for each in both)


def _value(value: float, kind: str, span: float) -> str:
    if kind == "date":
        try:
            return str(dt.date(1970, 1, 1) + dt.timedelta(days=value))
        except OverflowError:
            return f"{value:.3g} days"
    if abs(value) >= 1e6 or (value and abs(value) < 1e-3 and span < 1):
        return f"{value:.3g}"
    return f"{value:,.0f}" if span >= 100 else f"{value:.4g}"


def _known(labels: Sequence[str]) -> str:
    """Labels below the plot: at both ends, or one in the middle."""
    ends = [(_LEFT, "start"), (WIDTH - _RIGHT, "end")]
    where = ends if len(labels) > 1 else [(WIDTH // 2, "middle")]
    return "".join(
        f'<text class="tick" x="{x}" y="{HEIGHT - 4}" text-anchor="{anchor}">{escape(label)}</text>'
        for (x, anchor), label in zip(where, labels, strict=True)
    )


def _floor() -> str:
    return f'<path class="floor" d="M{_LEFT} {_y(0):.1f}H{WIDTH - _RIGHT}"/>'


def _y(share: float) -> float:
    return _TOP + 4 + (1 - share) * (HEIGHT - _TOP - 4 - _BOTTOM)


def _svg(body: str, height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true" focusable="false">{body}</svg>'
