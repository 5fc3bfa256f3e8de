"""What a server that follows the registry needs beside the bundle: kept with the run in MLflow."""

from __future__ import annotations

from typing import Any

from modelkeel.model.champion import Champion
from modelkeel.model.signing import signature_path
from modelkeel.model.summary import summary_path
from modelkeel.project import Project

RELEASE = "release"
"""Folder of the run's artifacts with the summary and the signature of a promoted bundle."""


def log_release(client: Any, project: Project, champion: Champion) -> None:
    """Copy the champion's summary and signature to the run that trained it."""
    if champion.run_id is None:
        return
    folder = project.models_dir / champion.folder
    for path in (summary_path(folder), signature_path(folder)):
        if path.is_file():
            client.log_artifact(champion.run_id, str(path), RELEASE)
