"""Whether groups of people get the same: rates with intervals, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from modelkeel.model.evaluation import Estimate, Evaluation
from modelkeel.model.evaluation.groups import Fairness, Measured
from modelkeel.model.report.figures.groups import group_drawing
from modelkeel.model.report.markup import figure_card
from modelkeel.model.report.text import low_to_high, number, plain
from modelkeel.pages import row, table

Pick = Callable[[Fairness], Measured]


def groups_section(evaluation: Evaluation, columns: Sequence[str], favourable: str | None) -> str:
    """The groups; nothing where no column is to be compared by.

    Args:
        evaluation: what was found.
        columns: whose groups are compared.
        favourable: the action that people hope for (classification).
    """
    wanted = [each for each in evaluation.fairness if each.column in columns]
    if not wanted:
        return ""
    if evaluation.task == "regression":
        names = ("Mean absolute error", "Forecast less outcome")
        return _section(
            wanted,
            (names[0], lambda each: each.error or Measured({}, None)),
            (names[1], lambda each: each.lean or Measured({}, None)),
            "Lowest to highest error",
            "The average miss, whichever way.",
            "In standard deviations of what is forecast; right of zero, it is forecast too high.",
            share=False,
        )
    action = favourable or next(iter(wanted[0].selection))
    said = f"“{plain(action)}”"
    return _section(
        wanted,
        (f"Given {said}", lambda each: each.selection[action]),
        (f"Given {said} when right", lambda each: each.opportunity[action]),
        "Lowest to highest share",
        f"The share of each group that is given {said}.",
        f"Of those for whom {said} turned out to be the best, the share that was given it.",
        share=True,
    )


def _section(
    wanted: Sequence[Fairness],
    first: tuple[str, Pick],
    second: tuple[str, Pick],
    ratio: str,
    caption: str,
    meaning: str,
    *,
    share: bool,
) -> str:
    (one, pick_one), (two, pick_two) = first, second
    figures = "".join(
        figure_card(
            group_drawing(f"groups-{place}", title, below, wanted, pick, label=title, share=share)
        )
        for place, (title, pick, below) in enumerate(
            (
                (one, pick_one, caption),
                (two, pick_two, meaning),
            )
        )
    )
    gaps = [
        row(
            escape(plain(each.column)),
            [
                (ratio, _gap(pick_one(each), share=share)),
                (f"{two}, difference", _gap(pick_two(each), sign=True, share=share)),
            ],
        )
        for each in wanted
    ]
    rows = [
        _group(each, name, pick_one(each), pick_two(each), (one, two), share=share)
        for each in wanted
        for name in each.n
    ]
    return (
        f'{_lead(wanted, pick_one, one)}<div class="grid">{figures}</div>\n'
        + table(
            ["Column", ratio, f"{two}, difference"],
            gaps,
            "How far the outermost groups lie apart; 1 and 0 would be equal.",
            "Groups compared",
        )
        + table(["Group", "Rows", one, two], rows, "Each group on its own.", "Groups")
    )


def _lead(wanted: Sequence[Fairness], pick: Pick, what: str) -> str:
    found = [
        f"{plain(each.column)} {number(gap.found.value)} "
        f"({plain(gap.lowest)} to {plain(gap.highest)})"
        for each in wanted
        if (gap := pick(each).gap) is not None
    ]
    text = f"{what}, the lowest group over the highest: {'; '.join(found)}. " if found else ""
    text += (
        "A difference may have its reasons, and equal shares may be wrong; what is right here is "
        "for people to say."
    )
    return f"<p>{escape(text)}</p>\n"


def _group(
    column: Fairness,
    name: str,
    one: Measured,
    two: Measured,
    heads: tuple[str, str],
    *,
    share: bool,
) -> str:
    assessed = one.groups[name].assessed
    tag = "" if assessed else ' <span class="tag">not assessed</span>'
    cells = [("Rows", number(column.n[name]))]
    cells += [
        (head, _cell(each.groups[name].found, share=share))
        for head, each in zip(heads, (one, two), strict=True)
    ]
    return row(f"{escape(plain(column.column))}: {escape(plain(name))}{tag}", cells)


def _gap(found: Measured, *, sign: bool = False, share: bool = False) -> str:
    if found.gap is None:
        return "<small>not assessed: too few rows</small>"
    ends = f"<small>{escape(plain(found.gap.lowest))} to {escape(plain(found.gap.highest))}</small>"
    return _cell(found.gap.found, sign=sign, share=share) + ends


def _cell(found: Estimate, *, sign: bool = False, share: bool = False) -> str:
    if found.value is None:
        return "<small>no value</small>"
    text = number(found.value, sign=sign, share=share)
    span = low_to_high(found, sign=sign, share=share)
    return f"<b>{text}</b><small>{span or 'no interval'}</small>"
