"""The model registry: versions in MLflow, and what is written to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelkeel.errors import KeelError, Refused
from modelkeel.model.bundle import Bundle
from modelkeel.model.training_log import RETRAIN, connect, log_evaluation, tracking_uri
from modelkeel.project import Project

CANDIDATE = "candidate"
_DIGEST = "bundle.sha256"
PROMOTED, _GATES = "promoted", "gates"
_NUMERIC = ("number", "integer", "date", "timestamp")


@dataclass(frozen=True)
class Version:
    """A registered model version.

    Attributes:
        name: of the model.
        version: its number.
        run_id: the run that trained it.
        digest: of the bundle.
        aliases: that point to it.
        created: when it was registered, ISO 8601 in UTC.
        promoted: `release` or `trial`, as what it last became champion; "" if it never did.
        gates: what the gates said last; "" if none was asked.
    """

    name: str
    version: str
    run_id: str
    digest: str
    aliases: tuple[str, ...]
    created: str = ""
    promoted: str = ""
    gates: str = ""


def register(project: Project, bundle: Bundle) -> Version:
    """Register a bundle under the alias `candidate`; a bundle that is there already stays one.

    The held-out metrics and the report join the run that trained it.

    Raises:
        KeelError: the registry cannot be reached, or has not got the run that trained the model.
        Refused: the bundle names no training run.
    """
    mlflow = connect(project)
    with answering(project):
        client = mlflow.MlflowClient()
        known = number_of(list_versions(project), bundle.digest)
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
        return find(project, known)


def tag_gates(project: Project, version: str, outcome: str) -> None:
    """Write what the gates said to a version.

    Raises:
        KeelError: the registry cannot be reached.
    """
    client = connect(project).MlflowClient()
    with answering(project):
        client.set_model_version_tag(project.name, version, _GATES, outcome)


def list_versions(project: Project) -> list[Version]:
    """Every registered version, the newest first.

    Raises:
        KeelError: the registry cannot be reached.
    """
    client = connect(project).MlflowClient()
    with answering(project):
        aliases = _aliases(client, project.name)
        found: list[Any] = []
        token: str | None = None
        while True:
            page = client.search_model_versions(f"name='{project.name}'", page_token=token)
            found += page
            token = page.token
            if not token:
                break
        versions = [_version(each, aliases) for each in found]
    return sorted(versions, key=lambda each: int(each.version), reverse=True)


def find(project: Project, version: str) -> Version:
    """A version by its number.

    Raises:
        KeelError: the registry cannot be reached, or has no such version.
    """
    client = connect(project).MlflowClient()
    with answering(project):
        return _version(
            client.get_model_version(project.name, version), _aliases(client, project.name)
        )


def run_tags(project: Project, run_id: str) -> Mapping[str, str]:
    """What the run that trained a version recorded about its making.

    Raises:
        KeelError: the registry cannot be reached, or has not got the run.
    """
    client = connect(project).MlflowClient()
    with answering(project):
        return dict(client.get_run(run_id).data.tags)


def number_of(versions: list[Version], digest: str, preferred: str | None = None) -> str | None:
    """The version with a digest; two projects at one registry may have made more than one."""
    numbers = [each.version for each in versions if each.digest == digest]
    return preferred if preferred in numbers else min(numbers, key=int, default=None)


@contextmanager
def answering(project: Project) -> Iterator[None]:
    """Tell a registry that fails in the middle from a fault of ours.

    Raises:
        KeelError: it failed.
    """
    try:
        yield
    except KeelError:
        raise
    except Exception as error:
        said = str(error).strip() or type(error).__name__
        reason = said.splitlines()[0].split("(Caused by")[0].strip()
        raise KeelError(
            f"MLflow at {tracking_uri(project)} failed: {reason}",
            remedy="see that the server and its store are up, then run the command again",
        ) from error


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


def _aliases(client: Any, name: str) -> dict[str, list[str]]:
    """Aliases by the version that they point to."""
    found: dict[str, list[str]] = {}
    for model in client.search_registered_models(f"name='{name}'"):
        for alias, version in model.aliases.items():
            found.setdefault(str(version), []).append(alias)
    return found


def _version(found: Any, aliases: Mapping[str, list[str]]) -> Version:
    created = datetime.fromtimestamp(int(found.creation_timestamp) / 1000, UTC)
    return Version(
        name=found.name,
        version=str(found.version),
        run_id=str(found.run_id),
        digest=str(found.tags.get(_DIGEST, "")),
        aliases=tuple(sorted(aliases.get(str(found.version), []))),
        created=created.isoformat(timespec="seconds"),
        promoted=str(found.tags.get(PROMOTED, "")),
        gates=str(found.tags.get(_GATES, "")),
    )
