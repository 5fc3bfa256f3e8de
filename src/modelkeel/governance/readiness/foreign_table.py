"""What was seen of a repository that modelkeel did not make, for a person at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from modelkeel.governance.readiness.foreign import Foreign
from modelkeel.governance.readiness.signs import State
from modelkeel.governance.readiness.words import plural

_MARKS: dict[State, tuple[str, str, str]] = {
    "absent": ("✗", "x", "bold red"),
    "problem": ("!", "!", "bold red"),
    "present": ("✓", "+", "green"),
}
_HEADS: dict[State, str] = {
    "absent": "Absent",
    "problem": "To mend",
    "present": "Present, though nothing was run",
}


def print_foreign(found: Foreign, console: Console) -> None:
    """Print what is absent, what should not be there, what is there, and the next step."""
    plain = not (console.encoding or "").lower().startswith("utf")
    line = "-" if plain else "─"
    where = "that git tracks" if found.in_git else "in the folder"
    console.print(
        Text.assemble(
            (f"{found.name}  ", "bold"),
            f"not made by modelkeel; looked at {plural(found.files, 'file')} {where}",
        )
    )
    for state, head in _HEADS.items():
        signs = [each for each in found.signs if each.state == state]
        if not signs:
            continue
        fancy, simple, style = _MARKS[state]
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
        table.add_column(width=16, no_wrap=True)
        table.add_column(overflow="fold")
        for each in signs:
            mark = Text(f"  {simple if plain else fancy} {each.gate}", style=style)
            text = Text.assemble(each.what, (f": {each.found}", "dim"))
            table.add_row(mark, text)
        title = Text.assemble((head, "bold"), (f"  {len(signs)}", "dim"))
        console.print(Text(), Rule(title, align="left", style="dim", characters=line), table)
    console.print(Text(), Rule(style="dim", characters=line))
    listed = ", ".join(found.not_assessed)
    console.print(Text(f"Not assessed, as files do not tell: {listed}", style="dim"))
    console.print(
        Text.assemble(
            ("NOT READY  ", "bold red"), plural(len(found.missing), "thing") + " to settle"
        )
    )
    console.print(Text.assemble(("Next: ", "bold"), found.next.goal))
    console.print(Padding(Text(found.next.command or "", style="bold cyan"), (0, 0, 0, 6)))
    console.print(Padding(Text(found.next.remedy, style="dim"), (0, 0, 0, 6)))
