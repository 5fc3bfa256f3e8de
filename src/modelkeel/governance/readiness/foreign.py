"""A repository that modelkeel did not make: what its files show against our gates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput
from modelkeel.governance.gates import GATES, GateResult
from modelkeel.governance.readiness.check import Readiness
from modelkeel.governance.readiness.places import Place
from modelkeel.governance.readiness.repository import Repository
from modelkeel.governance.readiness.signs import Sign, read_signs
from modelkeel.governance.readiness.steps import Step

ADOPT = "keel adopt --dry-run"


@dataclass(frozen=True)
class Foreign:
    """What was seen. Files that are there prove nothing, so no gate passes.

    Attributes:
        name: of the folder.
        files: how many were looked at.
        in_git: whether they are those that git tracks.
        signs: what is there, what is absent, what should not be there.
        not_assessed: the gates of which the files tell nothing.
        now: when it was looked at.
    """

    name: str
    files: int
    in_git: bool
    signs: list[Sign]
    not_assessed: list[str]
    now: datetime

    @property
    def missing(self) -> list[Sign]:
        """What is absent, or should not be there."""
        return [each for each in self.signs if each.state != "present"]

    @property
    def holds(self) -> bool:
        """Never: no gate was run."""
        return False

    @property
    def next(self) -> Step:
        """The one step that all of the others begin with."""
        return Step(
            "bring it under the template",
            None,
            "this repository was not made by modelkeel: no [tool.modelkeel] in pyproject.toml",
            f"`{ADOPT}` shows what would come; without the option it comes on a branch of its own",
            ADOPT,
        )

    def as_record(self) -> dict[str, Any]:
        """The answer for machines."""
        return {
            "schema": "readiness-foreign/1",
            "name": self.name,
            "files": self.files,
            "git": self.in_git,
            "time": self.now.isoformat(timespec="seconds"),
            "ready": False,
            "signs": [vars(each) for each in self.signs],
            "not_assessed": self.not_assessed,
            "next": vars(self.next),
        }

    def as_readiness(self) -> Readiness:
        """What is missing in the form of gate results, for code hosts and the page."""
        numbered = [(f"{each.gate}/{at}", each) for at, each in enumerate(self.missing, 1)]
        results = [
            GateResult(
                id=name,
                title=f"{each.what[0].upper()}{each.what[1:]}",
                stages=("pull_request",),
                outcome="fail",
                measured=f"{'absent: ' if each.state == 'absent' else ''}{each.found}",
                asked=f"what {each.gate} asks for",
                remedy=self.next.remedy,
            )
            for name, each in numbered
        ]
        return Readiness(
            name=self.name,
            tier="unknown",
            tier_reason="No system record says what the system does, so its tier is not known.",
            bundle=None,
            now=self.now,
            stages=("pull_request",),
            results=results,
            places={name: Place(each.path or "README.md") for name, each in numbered},
            score=None,
            next=self.next,
        )


def look(folder: Path, now: datetime | None = None) -> Foreign:
    """Look at the files of a repository; nothing is imported, run or changed.

    Args:
        folder: its folder.
        now: the moment of the answer; the present when left out.

    Raises:
        BadInput: there is no such folder, or it is empty.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise BadInput(f"{folder}: no such folder", remedy="name the folder of a repository")
    repository = Repository.read(root)
    if not repository.names:
        if repository.in_git:
            raise BadInput(f"{folder}: git tracks no file here", remedy="git add what is to count")
        raise BadInput(f"{folder}: holds no file", remedy="make a repository with `keel new DEST`")
    signs = read_signs(repository)
    seen = {each.gate for each in signs}
    return Foreign(
        name=root.name,
        files=len(repository.names),
        in_git=repository.in_git,
        signs=signs,
        not_assessed=[gate.id for gate in GATES if gate.id not in seen],
        now=now or datetime.now(UTC),
    )
