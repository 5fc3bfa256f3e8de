"""All that the gates look at; each part is read when a gate first asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput, Refused
from modelkeel.governance.approvals import valid_approvals
from modelkeel.governance.gates.gate import NotMeasured
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import Champion
from modelkeel.model.golden import TOLERANCE
from modelkeel.project import Project
from modelkeel.records.approvals import Approval, Kind
from modelkeel.records.system import Tier


@dataclass(frozen=True)
class Case:
    """A project with its newest bundle and what was measured of it.

    Attributes:
        project: the project.
        now: the moment to judge dates by.
        key: private key that will sign the bundle, when one was given.
        elsewhere: what serves by the journal, where this checkout has no champion.
    """

    project: Project
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    key: Path | None = None
    elsewhere: Champion | None = None

    @cached_property
    def tier(self) -> Tier:
        """The risk tier; the highest where the system record cannot be read."""
        try:
            return self.project.system.tier
        except BadInput:
            return "high"

    @cached_property
    def bundle(self) -> Bundle:
        """The newest bundle.

        Raises:
            NotMeasured: the pipeline has not been run.
            Refused: the bundle does not verify.
        """
        folder = self.project.bundle_dir
        if not (folder / "manifest.json").is_file():
            raise NotMeasured(f"{folder / 'manifest.json'}: no such file")
        allowed = self.project.gates.golden.max_difference
        return load_bundle(folder, tolerance=max(allowed, TOLERANCE))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """reports/evaluation.json."""
        return self._measured(self.project.evaluation_path)

    @cached_property
    def quality(self) -> dict[str, Any]:
        """reports/quality.json."""
        return self._measured(self.project.quality_path)

    @cached_property
    def checks(self) -> dict[str, Any]:
        """reports/data_checks.json."""
        return self._measured(self.project.data_checks_path)

    def evidence(self, name: str) -> dict[str, Any]:
        """A statement about the newest bundle: `evidence/<digest12>/name`.

        Raises:
            NotMeasured: nobody made it.
            Refused: it is about another bundle.
        """
        from modelkeel.governance.evidence.statements import read_statement

        return read_statement(self.project, self.bundle.digest, name)

    def approval(
        self, kind: Kind, name: str, digest: str | None = None, *, by_risk: bool = False
    ) -> Approval | None:
        """The newest signed, unexpired approval of a thing, if there is one.

        With `by_risk` only those count that were given in the role risk.
        """
        found = [
            each
            for each in self._approvals
            if each.kind == kind
            and each.subject.name == name
            and each.decision == "approve"
            and (digest is None or each.subject.digest == digest)
            and (not by_risk or each.by.role == "risk")
        ]
        return max(found, key=lambda each: each.given, default=None)

    def waiver_of(self, gate: str) -> Approval | None:
        """A signed, unexpired waiver for a gate; one that names a digest is for that bundle."""
        found = self.approval("waiver", gate)
        if found is None or found.subject.digest is None:
            return found
        return self.approval("waiver", gate, self.bundle.digest)

    @cached_property
    def _approvals(self) -> list[Approval]:
        return valid_approvals(self.project, self.now.date())

    def _measured(self, path: Path) -> dict[str, Any]:
        """What was measured, if it was measured on the newest bundle."""
        if not path.is_file():
            raise NotMeasured(
                f"{path}: no such file",
                "run `uv run dvc repro`; if no stage writes it, run `keel update` first",
            )
        name = path.relative_to(self.project.root).as_posix()
        if self.bundle.manifest.evidence.get(name) != sha256_file(path):
            raise Refused(
                f"{path}: is not what was measured on the bundle {self.bundle.digest[:12]}",
                remedy="run `uv run dvc repro`",
            )
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
