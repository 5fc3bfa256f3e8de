"""What people decided about a thing, counted as the gates count it.

But for one point: whether a signature is that of the person, `ssh-keygen` tells the gates.
Documents look only whether there is one, so that every machine renders the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from modelkeel.governance.approvals.valid import decision_problem, signature_path
from modelkeel.governance.documents.sources import Sources
from modelkeel.project import Project
from modelkeel.records.approvals import Approval, Kind


@dataclass(frozen=True)
class Decided:
    """A decision of a person.

    Attributes:
        file: where it stands, by its path in the project.
        approval: what stands there.
        flaw: why it does not count; empty if it does.
    """

    file: str
    approval: Approval
    flaw: str

    @property
    def holds(self) -> bool:
        """Whether the thing is approved by it."""
        return not self.flaw and self.approval.decision == "approve"

    @property
    def order(self) -> tuple[bool, date, bool, str]:
        """Sorts the one that settles the matter to the end; of the same day a rejection does."""
        rejected = self.approval.decision == "reject"
        return not self.flaw, self.approval.given, rejected, self.file


def decided(sources: Sources, kind: Kind, name: str) -> Decided | None:
    """The newest decision that counts or, if none does, the newest; None if nobody decided."""
    project, today = sources.project, datetime.now(UTC).date()
    found = [
        Decided(path.relative_to(project.root).as_posix(), each, _flaw(project, path, each, today))
        for path, each in project.approvals.items()
        if (each.kind, each.subject.name) == (kind, name)
    ]
    last = max(found, key=lambda each: each.order, default=None)
    if last:
        sources.use(last.file)
    return last


def _flaw(project: Project, path: Path, decision: Approval, today: date) -> str:
    if not signature_path(path).is_file():
        return "it is unsigned"
    return decision_problem(project, decision, today) or ""
