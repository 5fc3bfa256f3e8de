"""A project that can be promoted: a real MLflow store, a run, and bundles that differ."""

from __future__ import annotations

import shutil
from pathlib import Path

from cases import write_measurements, write_model

from modelkeel.governance.gates import Case, GateResult
from modelkeel.governance.gates.gate import STAGES
from modelkeel.governance.publication import publish
from modelkeel.model import registry
from modelkeel.model.bundle import Bundle
from modelkeel.model.lineage import lineage_of
from modelkeel.model.promotions import Entry
from modelkeel.model.switch import changing, mirror, standing
from modelkeel.model.training_log import log_training
from modelkeel.project import Project, load_project

ROWS = [
    GateResult("G-GOLDEN", "Golden rows reproduce", STAGES, "pass", "0 over 2 rows", "0", ""),
]


def train(project: Project, slope: float = 0.001) -> Bundle:
    """A bundle with a run of its own; another slope is another model."""
    write_measurements(project)
    project.write_report("evaluation.html", "<p>report</p>")
    run = log_training(
        project,
        lineage=lineage_of(project),
        settings={"slope": slope},
        metrics={"cv.auc": 0.7},
        artifacts=_empty(project.models_dir / "trained"),
    )
    return write_model(project, run, slope)


def release(project: Project, key: Path | None = None, *, trial: bool = False) -> Entry:
    """Publish the newest bundle as if its gates had passed: what promote does after them."""
    case = Case(load_project(project.root), key=key)
    with changing(case.project):
        version = registry.register(case.project, case.bundle)
        before = standing(case.project).champion
        entry = publish(case, before, version, ROWS, "PASSED", trial=trial)
        mirror(case.project)
    return entry


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
