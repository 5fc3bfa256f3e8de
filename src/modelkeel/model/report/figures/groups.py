"""What each group of people gets, as a dot and an interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelkeel.model.evaluation.groups import Fairness, Measured
from modelkeel.model.report.figures.dots import Dot, dots
from modelkeel.model.report.figures.drawing import Drawing
from modelkeel.model.report.text import number, plain, short


def group_drawing(
    name: str,
    title: str,
    caption: str,
    columns: Sequence[Fairness],
    pick: Callable[[Fairness], Measured],
    *,
    label: str,
    share: bool,
) -> Drawing:
    """One measure of every group, column by column."""
    rows: list[Dot] = []
    said: list[str] = []
    for column in columns:
        rows.append(Dot(short(plain(column.column), 26)))
        for group, found in pick(column).groups.items():
            rows.append(Dot(short(plain(group), 22), found.found, not found.assessed))
            said.append(f"{plain(column.column)} {plain(group)}: {number(found.found.value)}")
    return Drawing(
        name,
        title,
        f"{caption} Hollow: too few rows to judge by.",
        f"{title}. {'; '.join(said)}",
        dots(name, rows, label, share=share, zero=not share),
    )
