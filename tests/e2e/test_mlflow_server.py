"""A team's registry: a generated repository against MLflow with PostgreSQL and S3."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from generated import Repo
from mlflow_server import BUCKET, mlflow_server, postgres_store, s3_store

pytestmark = [pytest.mark.slow, pytest.mark.integration]

LOAD = """
import json, mlflow
model = mlflow.pyfunc.load_model("models:/{name}@{alias}")
example = model.metadata.load_input_example()
source = mlflow.MlflowClient().get_model_version_by_alias("{name}", "{alias}").source
print(json.dumps({{"rows": len(model.predict(example)), "source": source}}))
"""


@pytest.fixture
def shared(changeable: Repo, tmp_path: Path) -> Iterator[Repo]:
    """A repository whose runs and models are kept by a server; no champion yet."""
    with postgres_store() as store, s3_store() as s3:
        artifacts = f"s3://{BUCKET}/artifacts"
        with mlflow_server(store, artifacts, s3, tmp_path / "mlflow.log") as url:
            env = dict(changeable.env) | {"MLFLOW_TRACKING_URI": url}
            yield replace(changeable, env=env)


def train(repo: Repo) -> None:
    repo.run("dvc", "repro", "--force", "--single-item", "train")
    repo.run("dvc", "repro")


def test_train_promote_roll_back_and_load_from_a_server(shared: Repo) -> None:
    train(shared)
    shared.run("keel", "model", "promote", "--trial")
    assert shared.versions() == {"1": ["champion"]}
    first = json.loads(shared.champion_file.read_text(encoding="utf-8"))

    shared.edit("params.yaml", "  learning_rate: 0.", "  learning_rate: 0.0")
    shared.run("dvc", "repro")
    shared.run("keel", "model", "promote", "--trial")
    assert shared.versions() == {"2": ["champion"], "1": ["previous"]}
    shown = json.loads(shared.run("keel", "model", "show", "--json").stdout)
    assert shown["serves"]
    assert shown["version"]["version"] == "2"
    assert {"code commit", "charter", "parameters"} <= set(shown["lineage"])
    loaded = shared.python(LOAD.format(name=shared.name, alias="champion"))
    assert loaded["rows"] > 0

    drilled = json.loads(shared.run("keel", "model", "rollback", "--drill", "--json").stdout)
    start = time.monotonic()
    done = shared.run("keel", "model", "rollback", "--reason", "the second is worse", "--json")
    whole = time.monotonic() - start
    told = json.loads(done.stdout)
    assert told["champion"]["digest"] == first["digest"]
    assert told["notes"] == []
    assert shared.versions() == {"2": ["previous"], "1": ["champion"]}
    assert json.loads(shared.run("keel", "model", "verify", "--json").stdout)["problems"] == []
    assert shared.python(LOAD.format(name=shared.name, alias="champion"))["rows"] > 0
    print(f"rollback {told['seconds']} s, the whole command {whole:.1f} s, drill {drilled}")

    away = replace(shared, env=dict(shared.env) | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    second = told["displaced"]["digest"][:12]
    done = away.run("keel", "model", "rollback", "--to", second, "--reason", "it was the data")
    assert "aliases lag behind the champion" in done.stderr
    assert "have followed" in shared.run("keel", "model", "list").stdout
    assert shared.versions() == {"2": ["champion"], "1": ["previous"]}
