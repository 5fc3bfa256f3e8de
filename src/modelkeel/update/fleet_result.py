"""What came of a fleet: one row a project."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from modelkeel.errors import Conflicts, KeelError

State = Literal["current", "behind", "would conflict", "updated", "conflict", "failed"]
_STYLES = {"current": "dim", "behind": "yellow", "updated": "green", "failed": "red"}


@dataclass
class Row:
    """A project, and what came of it.

    Attributes:
        name: of the project, and of its log and pull request.
        target: path or URL, as listed.
        state: what came of it.
        old: the template's version it was at.
        new: that it is brought to, or could be.
        branch: that has the update.
        commit: on it.
        pushed: was the branch pushed?
        files: number by what happens to them.
        conflicts: paths.
        message: what went wrong, or is to be known first.
        remedy: the next step.
        notes: what else to know.
        log: what the worker printed.
        pull_request: file with the body of a pull request, "" when there is none.
        attempts: how often it was tried.
        seconds: all attempts together.
    """

    name: str
    target: str
    state: State = "failed"
    old: str = ""
    new: str = ""
    branch: str = ""
    commit: str = ""
    pushed: bool = False
    files: dict[str, int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    message: str = ""
    remedy: str = ""
    notes: list[str] = field(default_factory=list)
    log: str = ""
    pull_request: str = ""
    attempts: int = 0
    seconds: float = 0.0


@dataclass
class FleetResult:
    """All rows, in the order of the list.

    Attributes:
        rows: one a project.
        folder: of logs, pull requests and clones.
        seconds: from begin to end.
    """

    rows: list[Row]
    folder: Path
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 when some failed, 4 when some are or would be in conflict, else 0."""
        states = {row.state for row in self.rows}
        if "failed" in states:
            return KeelError.exit_code
        return Conflicts.exit_code if states & {"conflict", "would conflict"} else 0

    def counts(self) -> dict[str, int]:
        """Number of rows by state."""
        return dict(Counter(row.state for row in self.rows))

    def to_json(self) -> str:
        """One JSON object."""
        facts: dict[str, Any] = {
            "exit_code": self.exit_code,
            "counts": self.counts(),
            "seconds": self.seconds,
            "folder": str(self.folder),
            "rows": [asdict(row) for row in self.rows],
        }
        return json.dumps(facts, ensure_ascii=False, indent=2)

    def to_table(self) -> Table:
        """The rows as a table."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("repository", "state", "template", "files", "seconds", "branch or message"):
            right = name in ("files", "seconds")
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            moves = row.old != row.new and row.new
            said = row.branch or (row.message.splitlines() or [""])[0]
            if row.conflicts:
                said += f"{' ' if said else ''}({', '.join(row.conflicts)})"
            table.add_row(
                Text(row.name),
                Text(row.state, style=_STYLES.get(row.state, "magenta")),
                Text(f"{row.old} → {row.new}" if moves else row.old),
                str(sum(row.files.values()) or ""),
                f"{row.seconds:.1f}",
                Text(said),
            )
        return table

    def to_text(self, width: int = 120) -> str:
        """The table, and a line with the counts."""
        console = Console(file=io.StringIO(), width=width, color_system=None)
        console.print(self.to_table())
        assert isinstance(console.file, io.StringIO)  # noqa: S101  (as it was made)
        table = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
        counts = ", ".join(f"{number} {state}" for state, number in self.counts().items())
        failed = [row for row in self.rows if row.state == "failed"]
        lines = [table, "", f"{len(self.rows)} repositories in {self.seconds:.0f} s: {counts}"]
        lines += [f"{row.name}: {row.remedy}" for row in failed if row.remedy]
        return "\n".join([*lines, f"logs and pull requests: {self.folder}"])
