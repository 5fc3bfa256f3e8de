"""reports/power.svg: the detectable effect of each design against the months of decisions."""

from __future__ import annotations

import math
from pathlib import Path

from modelkeel.data.sources.writing import write_text
from modelkeel.governance.plots import Line, Plot, draw
from modelkeel.governance.power import DAYS_A_MONTH, DesignPower, Power
from modelkeel.governance.spread import normal
from modelkeel.project import Project

POWER_PLOT = "power.svg"
_POINTS = 60
_COLOURS = {"replay": "a", "control_arm": "b", "disagreement": "c"}


def write_power_plot(project: Project, found: Power) -> Path | None:
    """Write reports/power.svg; None where there is nothing to draw."""
    text = power_plot(found)
    if text is None:
        return None
    path = project.reports_dir / POWER_PLOT
    write_text(path, text + "\n")
    return path


def power_plot(found: Power) -> str | None:
    """The plot: a line for each design, the target across, its date down."""
    until = (found.by - found.today).days / DAYS_A_MONTH
    shown = [each.months for each in found.designs if each.months and each.months <= 120]
    last = max([min(1.25 * until, 120.0), *(1.1 * months for months in shown), 6.0])
    lines = [
        Line(
            each.design.replace("_", " "),
            _COLOURS[each.design],
            _curve(found, each, last),
            faint=each.design != found.chosen,
        )
        for each in found.designs
        if each.variance
    ]
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    return draw(
        Plot(
            x="months from today, until the outcome is known",
            y=f"detectable effect, {found.unit} a decision",
            lines=lines,
            across=[(found.target, f"target {found.target:g}")] if found.target > 0 else [],
            down=[(until, f"{found.by}")] if 0 < until <= last else [],
            log=True,
            span=(0.0, last),
        ),
        alt=f"Detectable effect by month. {found.sentence()}.",
        standalone=True,
    )


def _curve(found: Power, each: DesignPower, last: float) -> list[tuple[float, float]]:
    """The half width of the interval over time; outcomes of a live design come after the delay."""
    z, variance = normal(found.confidence), each.variance or 0.0
    delay = 0.0 if each.design == "replay" else found.delay_days / DAYS_A_MONTH
    first = last / _POINTS
    if last <= delay + first:
        return []
    return [
        (
            delay + at,
            z * math.sqrt(variance / (found.volume_per_month * at)),
        )
        for at in (first + (last - delay - first) * i / (_POINTS - 1) for i in range(_POINTS))
    ]
