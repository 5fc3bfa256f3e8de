"""Whether the data is still what was accepted: the verdict, and a page to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelkeel.data.contract import load_contract
from modelkeel.data.quality.drifting import ColumnDrift, Drift, Limits, drift
from modelkeel.data.quality.history import Snapshot, hidden_columns, load, newest
from modelkeel.data.quality.reference import HOW, REFERENCE, Reference, load_reference
from modelkeel.data.sources.writing import write_text
from modelkeel.errors import Refused
from modelkeel.project import Project


@dataclass(frozen=True)
class DataReport:
    """The newest data, its history, and how far it lies from the reference.

    Attributes:
        name: of the system.
        snapshots: every table under this contract, the newest last.
        current: the one that is judged.
        reference: what was accepted; None if nothing was.
        drift: None without a reference.
        limits: from where on a column has drifted.
        hidden: columns whose values are not told.
        path: the page.
    """

    name: str
    snapshots: tuple[Snapshot, ...]
    current: Snapshot
    reference: Reference | None
    drift: Drift | None
    limits: Limits
    hidden: frozenset[str]
    path: Path

    @property
    def drifted(self) -> list[ColumnDrift]:
        """Columns beyond a limit; none without a reference."""
        return self.drift.drifted if self.drift else []

    @property
    def warned(self) -> list[ColumnDrift]:
        """Columns that are worth a look."""
        return [each for each in self.drift.columns if each.state == "warn"] if self.drift else []

    def to_text(self) -> str:
        """The verdict, then a line for each column that drifted or is worth a look."""
        now = self.current
        first = (
            f"data      {now.digest[:16]}, {now.time:%Y-%m-%d}: {now.rows} rows, "
            f"{now.quarantined} in quarantine, {now.missing:.2%} of the values missing"
        )
        lines = [first]
        if self.reference is None or self.drift is None:
            lines += ["reference none accepted yet: nothing to compare with", f"accept    {HOW}"]
        else:
            given = self.reference
            lines.append(f"reference {given.digest[:16]}, accepted {given.date} by {given.by}")
            lines.append(
                f"drift     {len(self.drifted)} of {len(self.drift.columns)} columns drifted, "
                f"{len(self.warned)} worth a look"
            )
            lines += [f"  {each.name}: {reason(each)}" for each in [*self.drifted, *self.warned]]
        return "\n".join([*lines, f"page      {self.path}"])

    def to_json(self) -> str:
        """The same as JSON; the columns with all sizes."""
        given = self.reference
        found: dict[str, Any] = {
            "digest": self.current.digest,
            "time": self.current.time.isoformat(),
            "rows": self.current.rows,
            "quarantined": self.current.quarantined,
            "missing": self.current.missing,
            "sources": self.current.sources,
            "ingests": len(self.snapshots),
            "reference": given
            and {
                "digest": given.digest,
                "by": given.by,
                "date": given.date.isoformat(),
                "reason": given.reason,
            },
            "limits": self.limits.__dict__,
            "drifted": [each.name for each in self.drifted],
            "drift": self.drift and self.drift.to_json(),
            "page": str(self.path),
        }
        return json.dumps(found, ensure_ascii=False)


def report(project: Project) -> DataReport:
    """Compare the newest data with the reference, and write reports/data.html.

    Raises:
        BadInput: nothing was ingested yet, or a record is broken.
        KeelError: the disk is full.
    """
    from modelkeel.data.quality.page import render_page

    snapshots = load(project)
    current = newest(project, snapshots)
    accepted = load_reference(project)
    made = DataReport(
        name=project.name,
        snapshots=tuple(each for each in snapshots if each.contract == current.contract),
        current=current,
        reference=accepted,
        drift=compare(project, current, accepted) if accepted else None,
        limits=_limits(project),
        hidden=frozenset(hidden_columns(load_contract(project.contract_path))),
        path=project.reports_dir / "data.html",
    )
    write_text(made.path, render_page(made))
    return made


def compare(project: Project, current: Snapshot, accepted: Reference) -> Drift:
    """How far a table lies from the reference, by the limits of governance/gates.toml.

    Raises:
        BadInput: a record is broken.
    """
    hidden = hidden_columns(load_contract(project.contract_path))
    return _without(drift(accepted.profile, current.profile, _limits(project)), hidden)


def _limits(project: Project) -> Limits:
    return Limits(**project.gates.drift.model_dump())


def refuse_drifted(found: DataReport) -> None:
    """Stop when a column lies beyond its limit.

    Raises:
        Refused: naming the columns; nothing is refused while no reference is accepted.
    """
    if not found.drifted:
        return
    lines = [f"  {each.name}: {each.why}" for each in found.drifted[:20]]
    if len(found.drifted) > len(lines):
        lines.append(f"  and {len(found.drifted) - len(lines)} more")
    total = len(found.drift.columns) if found.drift else 0
    raise Refused(
        f"{REFERENCE}: {len(found.drifted)} of {total} columns drifted from it:\n"
        + "\n".join(lines),
        remedy=f"look at {found.path}; mend the source, or if the change is right: {HOW}",
    )


def reason(each: ColumnDrift) -> str:
    """What moved, in words."""
    if each.why:
        return each.why
    if each.new_share > 0:
        return f"{each.new_share:.1%} in new categories"
    return f"PSI {each.psi:.2f}" if each.psi is not None else ""


def _without(found: Drift, hidden: set[str]) -> Drift:
    """No value of a hidden column, even if the contract said otherwise when it was kept."""
    columns = (
        replace(each, new=()) if each.name in hidden and each.new else each
        for each in found.columns
    )
    return Drift(found.rows_before, found.rows_after, tuple(columns))
