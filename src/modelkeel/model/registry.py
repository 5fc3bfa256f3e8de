"""The model registry: MLflow versions under the aliases candidate, champion and previous."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from modelkeel.errors import KeelError, Refused
from modelkeel.model.bundle import Bundle
from modelkeel.model.champion import publish_bundle
from modelkeel.model.training_log import RETRAIN, connect, log_evaluation, tracking_uri
from modelkeel.project import Project

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
_DIGEST = "bundle.sha256"
_NUMERIC = ("number", "integer", "date", "timestamp")


@dataclass(frozen=True)
class Version:
    """A registered model version."""

    name: str
    version: str
    run_id: str
    digest: str
    aliases: tuple[str, ...]


def register(project: Project, bundle: Bundle) -> Version:
    """Register a bundle under the alias `candidate`; a bundle that is there already stays one.

    The held-out metrics and the report join the run that trained it.

    Raises:
        KeelError: the registry cannot be reached, or has not got the run that trained the model.
        Refused: the bundle names no training run.
    """
    mlflow = connect(project)
    client = mlflow.MlflowClient()
    known = _find(client, project.name, bundle.digest)
    if known is None:
        if bundle.manifest.run_id is None:
            raise Refused(
                f"{bundle.path}: names no MLflow run", remedy="run `dvc repro` to train a model"
            )
        _require_run(client, project, bundle.manifest.run_id)
        log_evaluation(
            project,
            bundle.manifest.run_id,
            project.evaluation_path,
            project.reports_dir / "evaluation.html",
        )
        known = _create(mlflow, client, project, bundle)
    client.set_registered_model_alias(project.name, CANDIDATE, known)
    return _version(client, project.name, known)


def promote(project: Project, version: Version, bundle: Bundle) -> Version:
    """Publish a registered bundle as champion and move the aliases; returns the version anew.

    The champion file is replaced first, in one step; aliases follow it, so a crash between the
    two leaves a champion that serves and aliases that the next promotion sets right.
    """
    client = connect(project).MlflowClient()
    before = _by_alias(client, project.name, CHAMPION)
    publish_bundle(
        bundle.path,
        project.models_dir / "champion",
        {
            "name": project.name,
            "version": version.version,
            "run_id": version.run_id,
            "digest": bundle.digest,
        },
    )
    if before is not None and before != version.version:
        client.set_registered_model_alias(project.name, PREVIOUS, before)
    client.set_registered_model_alias(project.name, CHAMPION, version.version)
    with suppress(Exception):  # no alias to take away
        client.delete_registered_model_alias(project.name, CANDIDATE)
    return _version(client, project.name, version.version)


def list_versions(project: Project) -> list[Version]:
    """Every registered version, the newest first."""
    client = connect(project).MlflowClient()
    found = client.search_model_versions(f"name='{project.name}'")
    versions = [_version(client, project.name, str(each.version)) for each in found]
    return sorted(versions, key=lambda each: int(each.version), reverse=True)


def _create(mlflow: Any, client: Any, project: Project, bundle: Bundle) -> str:
    """Log the bundle as an MLflow model in its training run and register it."""
    import pandas as pd
    from mlflow.models import infer_signature

    golden = {name: values[:3] for name, values in bundle.golden_columns().items()}
    numeric = {f.name: "float64" for f in bundle.signature.features if f.kind in _NUMERIC}
    example = pd.DataFrame(golden).astype(numeric)
    with mlflow.start_run(run_id=bundle.manifest.run_id):
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module="modelkeel.model.pyfunc",
            data_path=str(bundle.path),
            signature=infer_signature(example, bundle.scorer.predict(golden)),
            input_example=example,
            pip_requirements=[f"modelkeel[train]=={bundle.manifest.modelkeel}"],
        )
    if not client.search_registered_models(f"name='{project.name}'"):
        client.create_registered_model(project.name, tags={"tier": project.system.tier})
    tags = {_DIGEST: bundle.digest, "code.commit": bundle.manifest.code_commit or "none"}
    created = client.create_model_version(
        project.name,
        source=logged.model_uri,
        run_id=bundle.manifest.run_id,
        model_id=logged.model_id,
        tags=tags,
    )
    return str(created.version)


def _require_run(client: Any, project: Project, run_id: str) -> None:
    try:
        client.get_run(run_id)
    except Exception as error:
        raise KeelError(
            f"MLflow at {tracking_uri(project)} has no run {run_id}, which trained this model",
            remedy="set MLFLOW_TRACKING_URI to where it was trained, or train again there: "
            + RETRAIN,
        ) from error


def _find(client: Any, name: str, digest: str) -> str | None:
    for each in client.search_model_versions(f"name='{name}'"):
        if each.tags.get(_DIGEST) == digest:
            return str(each.version)
    return None


def _by_alias(client: Any, name: str, alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except Exception:  # noqa: BLE001 - MLflow raises one type for a missing alias and the rest
        return None


def _version(client: Any, name: str, version: str) -> Version:
    found = client.get_model_version(name, version)
    return Version(
        name=name,
        version=str(found.version),
        run_id=str(found.run_id),
        digest=str(found.tags.get(_DIGEST, "")),
        aliases=tuple(sorted(found.aliases)),
    )
