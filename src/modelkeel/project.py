"""Finds the project a command runs in and loads its records and settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

from modelkeel.errors import BadInput
from modelkeel.records.approvals import Approval
from modelkeel.records.base import line_of, parse_toml, read_text
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.incidents import Incident
from modelkeel.records.params import Params
from modelkeel.records.privacy import Privacy
from modelkeel.records.reasons import Reasons
from modelkeel.records.risks import Risks
from modelkeel.records.system import System

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Project:
    """A generated repository.

    Attributes:
        root: its folder.
        name: name of the system, and of the model in the registry.
        package: name of its Python package.
        task: what the model predicts.
    """

    root: Path
    name: str
    package: str
    task: Task

    @cached_property
    def params(self) -> Params:
        """Settings of the pipeline."""
        return Params.load(self.root / "params.yaml")

    @cached_property
    def charter(self) -> Charter:
        """What the model is for and is judged by."""
        charter = Charter.load(self.root / "charter.toml")
        if charter.task != self.task:
            raise BadInput(
                f"{self.root / 'charter.toml'}: outcome.classes: describes {charter.task}, "
                f"pyproject.toml says task = {self.task!r}",
                remedy="name the classes for classification, leave them out for regression",
            )
        return charter

    @cached_property
    def system(self) -> System:
        """What the system does, to whom, where."""
        return System.load(self.root / "governance" / "system.toml")

    @cached_property
    def gates(self) -> Gates:
        """Thresholds of the gates."""
        return Gates.load(self.root / "governance" / "gates.toml")

    @property
    def governance_dir(self) -> Path:
        """The records that people write."""
        return self.root / "governance"

    @cached_property
    def risks(self) -> Risks | None:
        """What may go wrong; None where the tier asks for no such record."""
        path = self.governance_dir / "risks.toml"
        return Risks.load(path) if path.is_file() else None

    @cached_property
    def privacy(self) -> Privacy | None:
        """How personal data is processed; None where there is no such record."""
        path = self.governance_dir / "privacy.toml"
        return Privacy.load(path) if path.is_file() else None

    @cached_property
    def reasons(self) -> Reasons | None:
        """What people are told of a decision; None where there is no such record."""
        path = self.governance_dir / "reasons.toml"
        return Reasons.load(path) if path.is_file() else None

    @cached_property
    def approvals(self) -> dict[Path, Approval]:
        """What people decided, by file; whether a signature holds is another question."""
        return {
            path: Approval.load(path)
            for path in sorted((self.governance_dir / "approvals").glob("*.toml"))
        }

    @cached_property
    def incidents(self) -> dict[Path, Incident]:
        """What happened, by file."""
        return {
            path: Incident.load(path)
            for path in sorted((self.governance_dir / "incidents").glob("*.toml"))
        }

    @property
    def evidence_dir(self) -> Path:
        """What machines measured and stated, addressed by digest."""
        return self.root / "evidence"

    @property
    def documents_dir(self) -> Path:
        """Documents rendered from records and evidence."""
        return self.root / "docs" / "governance"

    @property
    def contract_path(self) -> Path:
        """The data contract."""
        return self.root / self.params.contract

    @property
    def source_names(self) -> str:
        """The tables that are ingested, for a message: paths and URLs as params.yaml has them."""
        return ", ".join(source.location for source in self.params.sources)

    @property
    def data_dir(self) -> Path:
        """Data of the pipeline."""
        return self.root / "data"

    @property
    def models_dir(self) -> Path:
        """Trained, bundled and promoted models."""
        return self.root / "models"

    @property
    def bundle_dir(self) -> Path:
        """The newest bundle, a candidate until it is promoted."""
        return self.models_dir / "bundle"

    @property
    def reports_dir(self) -> Path:
        """Metrics, plots and the evaluation report."""
        return self.root / "reports"

    @property
    def evaluation_path(self) -> Path:
        """What `evaluate` measured on held-out rows."""
        return self.reports_dir / "evaluation.json"

    @property
    def quality_path(self) -> Path:
        """What `validate` found in the data."""
        return self.reports_dir / "quality.json"

    @property
    def data_checks_path(self) -> Path:
        """What `evaluate` found of poisoning, leakage and overlap."""
        return self.reports_dir / "data_checks.json"

    @property
    def evidence_paths(self) -> list[Path]:
        """What was measured, in the order in which the gates read it."""
        return [self.evaluation_path, self.quality_path, self.data_checks_path]

    def write_report(self, name: str, text: str) -> Path:
        """Write a file of the reports folder as UTF-8."""
        path = self.reports_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def load_project(start: Path | None = None) -> Project:
    """Find the project that a folder belongs to.

    Args:
        start: where to begin looking upward; the working directory when left out.

    Raises:
        BadInput: no parent has a pyproject.toml with a table [tool.modelkeel], or it is broken.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        text = read_text(file)
        tools = parse_toml(file, text).get("tool")
        settings = tools.get("modelkeel") if isinstance(tools, dict) else None
        if settings is not None:
            return _project(folder, f"{file}:{line_of(['tool', 'modelkeel'], text)}", settings)
    raise BadInput(
        f"{here} is in no modelkeel project: no pyproject.toml with [tool.modelkeel] above it",
        remedy="change into a generated repository, or make one with `keel new DEST`",
    )


def _project(folder: Path, where: str, settings: Any) -> Project:
    keys = {"name", "package", "task"}
    if not isinstance(settings, dict):
        raise BadInput(
            f"{where}: tool.modelkeel is {settings!r}, no table",
            remedy="restore the table from git",
        )
    if set(settings) != keys or not all(isinstance(value, str) for value in settings.values()):
        raise BadInput(
            f"{where}: [tool.modelkeel] has the keys {sorted(settings)}, needs {sorted(keys)}",
            remedy="restore the table from git",
        )
    name, package, task = (cast("str", settings[key]) for key in ("name", "package", "task"))
    if task not in ("classification", "regression"):
        raise BadInput(
            f"{where}: tool.modelkeel.task is {task!r}",
            remedy="write classification or regression",
        )
    return Project(folder, name, package, cast("Task", task))
