"""`keel model list`: the registered versions, and whether their aliases say what serves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from modelkeel.errors import Refused
from modelkeel.governance.standing import alias_problems, follow_if_lagging, history_problems
from modelkeel.model.registry import Version, list_versions
from modelkeel.model.switch import standing
from modelkeel.project import Project

NOTHING = "no version registered yet: run `uv run dvc repro`, then `uv run keel model promote`"


@dataclass(frozen=True)
class Listing:
    """Versions, the newest first.

    Attributes:
        versions: in the registry.
        serving: digest of the champion; "" where nothing serves.
        problems: what does not agree with it.
        notes: what was put right.
    """

    versions: Sequence[Version]
    serving: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """A table, and below it what is wrong."""
        lines = [_table(self.versions, self.serving)] if self.versions else [NOTHING]
        lines += [f"note: {each}" for each in self.notes]
        lines += [f"warning: {each}" for each in self.problems]
        return "\n".join(lines)

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(
            {
                "versions": [asdict(each) for each in self.versions],
                "serving": self.serving or None,
                "problems": list(self.problems),
                "notes": list(self.notes),
            }
        )


def list_models(project: Project) -> Listing:
    """The registered versions; aliases that lag behind a rollback follow first.

    Raises:
        KeelError: the registry cannot be reached.
    """
    notes = follow_if_lagging(project)
    versions = list_versions(project)
    try:
        serving = standing(project)
    except Refused as broken:
        return Listing(versions, problems=(f"{broken}; {broken.remedy}",), notes=notes)
    problems = [f"{serving.problem}; promote again: keel model promote"] if serving.problem else []
    problems += [*history_problems(serving), *alias_problems(project, serving, versions)]
    digest = serving.champion.digest if serving.champion else ""
    return Listing(versions, digest, tuple(problems), notes)


def _table(versions: Sequence[Version], serving: str) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("version", justify="right")
    for name in ("registered", "digest", "run", "gates", "promoted as", "alias"):
        table.add_column(name, no_wrap=True)
    for each in versions:
        serves = serving and each.digest == serving
        table.add_row(
            each.version,
            each.created[:16].replace("T", " "),
            each.digest[:12],
            each.run_id[:8],
            each.gates.lower(),
            each.promoted,
            ", ".join(each.aliases),
            style="bold" if serves else None,
        )
    console = Console(width=120, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines())
