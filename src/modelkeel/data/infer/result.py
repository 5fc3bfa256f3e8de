"""What was concluded, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelkeel.data.infer.roles import Concluded


@dataclass(frozen=True)
class Inferred:
    """A conclusion.

    Attributes:
        table: what was read.
        rows: how many rows it has.
        target: name of the target.
        task: classification or regression.
        classes: rows of each class.
        columns: each column with its role and doubts.
        doubts: what is doubted about the table as a whole.
        written, removed: paths in the project.
        params: the content of params.yaml.
        next_steps: commands.
    """

    table: str
    rows: int
    target: str
    task: str
    classes: Mapping[str, int]
    columns: list[Concluded]
    doubts: list[str]
    written: list[str]
    removed: list[str]
    params: Mapping[str, Any]
    next_steps: list[str]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(
            {
                "table": self.table,
                "rows": self.rows,
                "target": self.target,
                "task": self.task,
                "classes": dict(self.classes),
                "columns": [
                    {
                        "name": each.column.name,
                        "kind": each.column.kind,
                        "role": each.role,
                        "why": each.why,
                        "required": each.column.required,
                        "missing": each.missing,
                        "distinct": each.distinct,
                        "classification": each.column.classification,
                        "doubts": each.doubts,
                    }
                    for each in self.columns
                ],
                "doubts": self.all_doubts,
                "written": self.written,
                "removed": self.removed,
                "params": self.params,
                "next": self.next_steps,
            },
            ensure_ascii=False,
        )

    @property
    def all_doubts(self) -> list[str]:
        """Doubts of columns, named, then those of the table."""
        by_column = [
            f"{each.column.name}: {doubt}" for each in self.columns for doubt in each.doubts
        ]
        return [*by_column, *self.doubts]

    def to_text(self) -> str:
        """Tables for a person."""
        import io
        import shutil

        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        out = io.StringIO()
        width = max(80, min(140, shutil.get_terminal_size((110, 24)).columns))
        console = Console(file=out, width=width, highlight=False, color_system=None)
        shares = ", ".join(f"{name!r} {n}" for name, n in self.classes.items())
        console.print(
            Text(f"{self.table}: {self.rows} rows; {self.target!r} is a {self.task} target")
        )
        if shares:
            console.print(Text(f"  classes: {shares}"))
        table = Table(box=None, pad_edge=False, header_style="")
        for title in ("column", "kind", "missing", "different", "role"):
            table.add_column(
                title,
                justify="right" if title in ("missing", "different") else "left",
                overflow="fold",
            )
        for each in self.columns:
            missing = f"{each.missing / max(self.rows, 1):.1%}" if each.missing else ""
            role = f"{each.role}: {each.why}" if each.why else each.role
            table.add_row(
                Text(each.column.name), each.column.kind, missing, str(each.distinct), Text(role)
            )
        console.print()
        console.print(table)
        for title, lines in (
            ("Doubted; look at these", self.all_doubts),
            ("Written", self.written),
            ("Removed", self.removed),
            ("Next", self.next_steps),
        ):
            if lines:
                console.print(f"\n{title}:")
                for line in lines:
                    console.print(Text(f"  {line}"))
        return out.getvalue().rstrip()
