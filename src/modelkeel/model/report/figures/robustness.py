"""What decisions hang on: each column disturbed on its own."""

from __future__ import annotations

from modelkeel.model.evaluation.disturbed import Disturbed, Kind, Robustness
from modelkeel.model.report.figures.drawing import (
    ACCENTS,
    CARD,
    GRID,
    MODEL,
    Drawing,
    canvas,
    number_ticks,
    percent_tick,
    svg_of,
)
from modelkeel.model.report.text import number, plain, short

KINDS: dict[Kind, str] = {
    "noise": "slight noise",
    "missing": "gone missing",
    "common": "set to the most common",
}
_MARKS: dict[Kind, tuple[str, str]] = {
    "noise": ("o", MODEL),
    "missing": ("s", ACCENTS[2]),
    "common": ("D", ACCENTS[1]),
}
MOST = 20


def by_column(found: Robustness) -> list[tuple[str, dict[Kind, Disturbed]]]:
    """The columns, the one that most hangs on first."""
    columns: dict[str, dict[Kind, Disturbed]] = {}
    for each in found.columns:
        columns.setdefault(str(each.column), {})[each.kind] = each
    return sorted(
        columns.items(), key=lambda item: (-max(map(found.size, item[1].values())), item[0])
    )


def robustness_drawing(found: Robustness) -> Drawing | None:
    """A row a column, a mark for each way it was disturbed."""
    columns = by_column(found)[:MOST]
    if not columns:
        return None
    flips = found.measure == "flips"
    with canvas(66 + 19 * len(columns)) as (figure, axes):
        axes.set_ylim(len(columns) - 0.4, -0.7)
        axes.grid(visible=False, axis="y")
        for at, (_, kinds) in enumerate(columns):
            widest = max(map(found.size, kinds.values()))
            axes.plot([0, widest], [at, at], color=GRID, linewidth=1)
        for kind, text in KINDS.items():
            points = [
                (found.size(kinds[kind]), at)
                for at, (_, kinds) in enumerate(columns)
                if kind in kinds
            ]
            if not points:
                continue
            mark, color = _MARKS[kind]
            x, y = zip(*points, strict=True)
            axes.plot(x, y, mark, color=color, markeredgecolor=CARD, markersize=6.5, label=text)
        axes.set_yticks(range(len(columns)), [short(plain(name), 24) for name, _ in columns])
        axes.set_xlim(left=min(0.0, -0.02 * axes.get_xlim()[1]))
        number_ticks(axes, "x")
        axes.locator_params(axis="x", nbins=5)
        if flips:
            axes.xaxis.set_major_formatter(percent_tick)
        axes.set_xlabel(
            "share of the decisions that flip" if flips else "mean change, in standard deviations"
        )
        figure.legend(loc="outside upper left", ncols=3, fontsize=8.5, handletextpad=0.2)
        svg = svg_of(figure, "robustness")
    return Drawing(
        "robustness",
        "What it hangs on",
        "One column disturbed at a time, the rest as they were.",
        "; ".join(
            f"{plain(name)}: "
            + ", ".join(f"{KINDS[kind]} {number(found.size(each))}" for kind, each in kinds.items())
            for name, kinds in columns
        ),
        svg,
    )
