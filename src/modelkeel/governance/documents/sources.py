"""The committed files that documents are rendered from, and which of them one has read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from modelkeel.data.contract import Contract, load_contract
from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput
from modelkeel.governance.evidence.statements import ASSESSED
from modelkeel.governance.obligations.lock import read_lock
from modelkeel.project import Project
from modelkeel.records.params import Params

RECORDS = {
    "charter": "charter.toml",
    "params": "params.yaml",
    "system": "governance/system.toml",
    "gates": "governance/gates.toml",
    "risks": "governance/risks.toml",
    "privacy": "governance/privacy.toml",
    "reasons": "governance/reasons.toml",
}
EVALUATION = "reports/evaluation.json"
QUALITY = "reports/quality.json"
CHECKS = "reports/data_checks.json"
VALUE = "evidence/value.json"
LOCK = "governance/obligations.lock"
_BUNDLE = re.compile(r"^[0-9a-f]{12}$")


@dataclass(frozen=True)
class Statement:
    """What a machine stated about the bundle that the reports belong to."""

    name: str
    file: str
    subject: str
    predicate: dict[str, Any]


@dataclass
class Sources:
    """Reads committed files of a project and remembers which.

    Attributes:
        project: whose files they are.
        read: digest by path in the project; None of a file that is not there.
    """

    project: Project
    read: dict[str, str | None] = field(default_factory=dict)

    def use(self, name: str) -> Path | None:
        """A file by its path in the project; None if it is not there."""
        path = self.project.root / name
        if name not in self.read:
            self.read[name] = sha256_file(path) if path.is_file() else None
        return path if self.read[name] else None

    def record(self, name: str) -> Any:
        """A record that people wrote; None where there is none.

        Raises:
            BadInput: it is broken.
        """
        self.use(RECORDS[name])
        return getattr(self.project, name)

    def json(self, name: str) -> dict[str, Any] | None:
        """A JSON file of the project.

        Raises:
            BadInput: it is no JSON object.
        """
        path = self.use(name)
        if path is None:
            return None
        remedy = f"restore {name} from git, or make it again with `uv run dvc repro`"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput(f"{path}: no valid JSON: {error}", remedy=remedy) from None
        if not isinstance(found, dict):
            raise BadInput(f"{path}: is no JSON object", remedy=remedy)
        return found

    @property
    def params(self) -> Params:
        """Settings of the pipeline."""
        found: Params = self.record("params")
        return found

    @property
    def contract(self) -> Contract:
        """The data contract."""
        self.use(self.project.params.contract)
        return self._contract

    @cached_property
    def _contract(self) -> Contract:
        return load_contract(self.project.contract_path)

    @property
    def lock(self) -> dict[str, Any] | None:
        """The obligations that apply, as they were resolved.

        Raises:
            BadInput: it is no such lock.
        """
        return read_lock(self.project).model_dump() if self.use(LOCK) else None

    @property
    def snapshot(self) -> dict[str, Any] | None:
        """What the newest ingest that was kept has read and found; see evidence/data."""
        folder = self.project.evidence_dir / "data"
        kept = [(self._time(path), path) for path in sorted(folder.glob("*.json"))]
        if not kept:
            return None
        _, newest = max(kept)
        return self.json(newest.relative_to(self.project.root).as_posix())

    @staticmethod
    def _time(path: Path) -> str:
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["time"])
        except (ValueError, KeyError, TypeError):
            return ""

    @property
    def statements(self) -> list[Statement]:
        """The statements about the bundle that reports/evaluation.json was measured on.

        Bundles are not in git, so a folder of evidence belongs to the reports if its provenance
        names the files that they were made from, and no other folder's does.
        """
        return [
            Statement(path.stem, name, subject, dict(parsed.get("predicate") or {}))
            for path, parsed, subject in self._current
            if (name := path.relative_to(self.project.root).as_posix()) and self.use(name)
        ]

    def evidence(self, name: str) -> str | None:
        """A file about the bundle whose name begins so, by its path in the project."""
        for path in self._files:
            if path.name.startswith(name):
                found = path.relative_to(self.project.root).as_posix()
                return found if self.use(found) else None
        return None

    @property
    def digest(self) -> str | None:
        """The digest of the bundle that the reports belong to, if evidence tells."""
        return self._current[0][2] if self._current else None

    @cached_property
    def _current(self) -> list[tuple[Path, dict[str, Any], str]]:
        files = [path for path in self._files if path.suffix == ".json"]
        return [each for path in files if (each := _statement(path))]

    @cached_property
    def _files(self) -> list[Path]:
        """The evidence about the bundle that the reports belong to."""
        if not self.project.evaluation_path.is_file():
            return []
        folders = [each for each in sorted(self.project.evidence_dir.glob("*")) if _is_bundle(each)]
        told = [(folder, found) for folder in folders if (found := self._tells(folder))]
        assessed = [folder for folder, _ in told if folder.name == self._assessed()]
        sure = assessed or [folder for folder, found in told if found == "measured"]
        chosen = sure or [folder for folder, _ in told]
        if len(chosen) != 1:
            return []
        # What the gates say is written at each promotion: it would make documents stale.
        return sorted(p for p in chosen[0].iterdir() if p.is_file() and p.name != "gates.json")

    def _assessed(self) -> str:
        """The folder of the bundle that `keel model assess` looked at last."""
        path = self.project.evidence_dir / ASSESSED
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["bundle"])[:12]
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _tells(self, bundle: Path) -> str:
        """What the provenance in a folder says of the files that are there.

        Returns:
            `measured` if it names reports/evaluation.json as it is, `made` if it names charter and
            parameters as they are, and nothing otherwise.
        """
        path = bundle / "provenance.json"
        if not path.is_file():
            return ""
        text = path.read_text(encoding="utf-8")
        if sha256_file(self.project.evaluation_path) in text:
            return "measured"
        made_from = [self.project.root / RECORDS[name] for name in ("charter", "params")]
        return "made" if all(sha256_file(each) in text for each in made_from) else ""


def _is_bundle(folder: Path) -> bool:
    return _BUNDLE.match(folder.name) is not None


def _statement(path: Path) -> tuple[Path, dict[str, Any], str] | None:
    """A statement and the digest of its subject; None of a file that is none."""
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
        return path, parsed, str(parsed["subject"][0]["digest"]["sha256"])
    except (ValueError, KeyError, IndexError, TypeError):
        return None
