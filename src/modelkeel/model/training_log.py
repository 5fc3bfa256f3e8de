"""Writes training runs to MLflow: a local SQLite store, or the server MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelkeel.errors import KeelError
from modelkeel.model.lineage import Lineage
from modelkeel.project import Project

RETRAIN = "`uv run dvc repro --force --single-item train`, then `uv run dvc repro`"


DATA_TAG = "data.sha256."


def data_tag(path: str) -> str:
    """The name of the tag with an input's digest; of a URL, as far as MLflow takes it."""
    plain = re.sub(r"[^\w.\- /]", "_", path)[-200:]
    return DATA_TAG + re.sub(r"/{2,}", "/", plain).strip("/")


def tracking_uri(project: Project) -> str:
    """Where runs and models are recorded."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.root / 'mlflow.db'}"


def connect(project: Project) -> Any:
    """The `mlflow` module, set to the project's store and experiment.

    Raises:
        KeelError: the store cannot be reached.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    uri = tracking_uri(project)
    mlflow.set_tracking_uri(uri)
    try:
        if mlflow.get_experiment_by_name(project.name) is None:
            local = uri.startswith("sqlite:")
            folder = (project.root / "mlartifacts").as_uri() if local else None
            mlflow.create_experiment(project.name, artifact_location=folder)
        mlflow.set_experiment(project.name)
    except Exception as error:
        reason = str(error).splitlines()[0].split("(Caused by")[0].strip()
        remedy = "start that server, or unset MLFLOW_TRACKING_URI to use the local store"
        if uri.startswith("sqlite:"):
            remedy = "restore that file, or move it away and train again: " + RETRAIN
        raise KeelError(f"MLflow at {uri} does not answer: {reason}", remedy=remedy) from error
    return mlflow


def is_away(project: Project) -> str | None:
    """Why there is no registry here to look at; None if there may be one."""
    from importlib.util import find_spec

    if find_spec("mlflow") is None:
        return "the aliases were not looked at: MLflow is not installed here"
    uri = tracking_uri(project)
    if uri.startswith("sqlite:") and not Path(uri.removeprefix("sqlite:///")).is_file():
        return f"the aliases were not looked at: there is no registry at {uri}"
    return None


def log_training(
    project: Project,
    *,
    lineage: Lineage,
    settings: Mapping[str, Any],
    metrics: Mapping[str, float],
    artifacts: Path,
) -> str:
    """Record one training run.

    Args:
        project: the project.
        lineage: what the model was made from; becomes tags and dataset inputs.
        settings: the parameters, by name.
        metrics: cross-validated metrics, by name.
        artifacts: a folder to keep with the run: model, signature, input example.

    Returns:
        The run's id.
    """
    mlflow = connect(project)
    with mlflow.start_run() as run:
        mlflow.log_params(dict(settings))
        mlflow.log_metrics(dict(metrics))
        mlflow.set_tags(
            {
                "mlflow.source.git.commit": lineage.code_commit or "none",
                "git.dirty": str(lineage.code_dirty).lower(),
                "charter.sha256": lineage.charter or "",
                "params.sha256": lineage.params or "",
                "contract.sha256": lineage.contract or "",
                "tier": project.system.tier,
                "owner": project.charter.owner.accountable,
                "modelkeel.version": lineage.modelkeel or "",
                **{data_tag(path): digest for path, digest in lineage.data.items()},
            }
        )
        mlflow.log_artifacts(str(artifacts), "trained")
        return str(run.info.run_id)


def log_evaluation(project: Project, run_id: str, metrics: Path, report: Path) -> None:
    """Add the held-out metrics and the report to a run."""
    mlflow = connect(project)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metrics(flatten(json.loads(metrics.read_text(encoding="utf-8"))))
        mlflow.log_artifact(str(metrics), "evaluation")
        mlflow.log_artifact(str(report), "evaluation")


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested numbers under dotted names that MLflow takes; what is no number is left out."""
    flat: dict[str, float] = {}
    for key, value in values.items():
        name = f"{prefix}{_allowed(key)}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat


def _allowed(key: str) -> str:
    return "".join(c if (c.isalnum() and c.isascii()) or c in "-_./ " else "_" for c in key)
