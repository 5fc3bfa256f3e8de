"""The answer for a person at a terminal; symbol and word, so that it reads without colour."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from modelkeel.governance.gates.gate import BEFORE_RELEASE, GateResult, Outcome, Stage
from modelkeel.governance.readiness.check import Readiness
from modelkeel.governance.readiness.score import Score
from modelkeel.governance.readiness.steps import Step, rank
from modelkeel.governance.readiness.words import (
    OUTCOMES,
    STAGE_NAMES,
    counted,
    plural,
    points,
)

_WIDE = 120
_STYLES: dict[Outcome, tuple[str, str, str]] = {
    "pass": ("✓", "+", "green"),
    "warn": ("!", "!", "yellow"),
    "fail": ("✗", "x", "bold red"),
    "not_assessed": ("?", "?", "bold magenta"),
    "waived": ("~", "~", "yellow"),
    "not_applicable": ("·", ".", "dim"),
}


def print_table(found: Readiness, console: Console) -> None:
    """Print the gates by stage, the score, the answer and the next step."""
    draw = _Draw(console)
    console.print(draw.head(found))
    for stage in found.stages:
        if found.due(stage):
            console.print(draw.stage(found, stage))
    if found.score:
        console.print(draw.score(found.score))
    console.print(draw.answer(found))


class _Draw:
    """Knows how wide the terminal is, and which characters it has."""

    def __init__(self, console: Console) -> None:
        self._wide = console.width >= _WIDE
        self._plain = not (console.encoding or "").lower().startswith("utf")

    def head(self, found: Readiness) -> RenderableType:
        bundle = f"bundle {found.bundle[:12]}" if found.bundle else "no bundle"
        line = Text(f"{found.name}  ", style="bold")
        line.append(f"{found.tier} tier, {bundle}", style="not bold")
        return Group(line, Text(found.tier_reason, style="dim"))

    def stage(self, found: Readiness, stage: Stage) -> RenderableType:
        title = Text.assemble(
            (STAGE_NAMES[stage], "bold"), ("  " + counted(found.counts(stage)), "dim")
        )
        shown = found.first_due(stage)
        again = [each for each in found.due(stage) if each not in shown]
        asked = [each for each in shown if each.outcome != "not_applicable"]
        left = [each for each in shown if each.outcome == "not_applicable"]
        parts: list[RenderableType] = [
            Text(),
            Rule(title, align="left", style="dim", characters="-" if self._plain else "─"),
        ]
        if asked:
            parts.append(self._gates(asked))
        if again:
            parts.append(self._again(again))
        if left:
            told = "not asked here: " + ", ".join(each.id for each in left)
            parts.append(Padding(Text(told, style="dim"), (0, 0, 0, 2)))
        return Group(*parts)

    def _gates(self, results: list[GateResult]) -> Table:
        table = Table(
            box=None,
            expand=self._wide,
            show_header=self._wide,
            header_style="dim",
            padding=(0, 1, 0, 0),
        )
        table.add_column("", width=17, no_wrap=True)
        table.add_column("measured", ratio=3, overflow="fold")
        if self._wide:
            table.add_column("asked", ratio=2, overflow="fold")
        for each in results:
            cells = [self._mark(each.outcome), self._finding(each)]
            table.add_row(*cells, *([Text(each.asked, style="dim")] if self._wide else []))
        return table

    def _mark(self, outcome: Outcome) -> Text:
        fancy, plain, style = _STYLES[outcome]
        return Text(f"  {plain if self._plain else fancy} {OUTCOMES[outcome]}", style=style)

    def _finding(self, each: GateResult) -> Text:
        text = Text.assemble((each.id, "bold"), f"  {each.title}")
        text.append(f"\n{each.measured}", style="" if each.blocks else "dim")
        if not self._wide and each.outcome not in ("pass", "not_assessed"):
            text.append(f"\nasked: {each.asked}", style="dim")
        if each.blocks or each.outcome == "warn":
            arrow = "->" if self._plain else "→"
            text.append(f"\n{arrow} {each.remedy}", style="cyan")
        return text

    def _again(self, results: list[GateResult]) -> RenderableType:
        """Gates that an earlier stage has shown: only what became of them."""
        text = Text("from above: ", style="dim")
        order = sorted(results, key=lambda each: list(OUTCOMES).index(each.outcome))
        for at, each in enumerate(order):
            fancy, plain, style = _STYLES[each.outcome]
            text.append(", " if at else "", style="dim")
            text.append(f"{plain if self._plain else fancy} {each.id}", style=style)
        return Padding(text, (0, 0, 0, 2))

    def score(self, score: Score) -> RenderableType:
        title = Text.assemble(
            ("ML Test Score", "bold"),
            (f"  {points(score.overall)} of 7: {score.meaning}", "dim"),
        )
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
        table.add_column(width=16, no_wrap=True)
        table.add_column(width=8, no_wrap=True)
        table.add_column(overflow="fold")
        for name, items in score.sections.items():
            missing = [each.item.id for each in items if each.points == 0]
            note = f"without evidence: {', '.join(missing)}" if missing else "complete"
            bar = Text(self._bar(score.sum(name)), style="green")
            table.add_row(
                Text(f"  {name}"),
                Text(f"{points(score.sum(name))} of 7"),
                Text.assemble(bar, ("  " + note, "dim")),
            )
        rule = Rule(title, align="left", style="dim", characters="-" if self._plain else "─")
        return Group(Text(), rule, table)

    def _bar(self, value: float) -> str:
        full, half, none = ("#", "=", ".") if self._plain else ("■", "◧", "□")
        whole, rest = divmod(value, 1)
        drawn = full * int(whole) + (half if rest else "")
        return drawn + none * (7 - len(drawn))

    def answer(self, found: Readiness) -> RenderableType:
        return Group(*self._answer(found))

    def _answer(self, found: Readiness) -> Iterator[RenderableType]:
        whole = "release" in found.stages
        stages = BEFORE_RELEASE if whole else found.stages
        blocking = sorted(found.blocking(*stages), key=rank)
        due = {each.id for stage in stages for each in found.due(stage)}
        what = "a release" if whole else " and ".join(STAGE_NAMES[each] for each in stages)
        yield Rule(style="dim", characters="-" if self._plain else "─")
        if blocking:
            ids = ", ".join(each.id for each in blocking)
            verb = "blocks" if len(blocking) == 1 else "block"
            head = f"{len(blocking)} of {plural(len(due), 'gate')} {verb} {what}: "
            yield Text.assemble(("NOT READY  ", "bold red"), head, (ids, "bold"))
        else:
            yield Text.assemble(
                ("READY  ", "bold green"), f"none of {plural(len(due), 'gate')} blocks {what}"
            )
        if found.next:
            yield from self._next(found.next)

    def _next(self, step: Step) -> Iterator[RenderableType]:
        gate = f" ({step.gate})" if step.gate else ""
        yield Text.assemble(("Next: ", "bold"), f"{step.goal}{gate}")
        if step.command:
            yield Padding(Text(step.command, style="bold cyan"), (0, 0, 0, 6))
        if step.remedy != f"run `{step.command}`":
            yield Padding(Text(step.remedy, style="dim"), (0, 0, 0, 6))
