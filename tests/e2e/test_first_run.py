"""What `keel new --run` leaves behind: a prediction, a clean repository, a registered champion."""

import hashlib
import json

import pytest
from generated import Repo

pytestmark = pytest.mark.slow

REGISTERED = """
import json, sys
import mlflow
name = {name!r}
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = mlflow.MlflowClient()
version = client.get_model_version_by_alias(name, "champion")
run = client.get_run(version.run_id)
model = mlflow.pyfunc.load_model(f"models:/{{name}}@champion")
signature = model.metadata.signature
example = model.metadata.load_input_example()
print(json.dumps({{
    "version": str(version.version),
    "version_tags": version.tags,
    "status": run.info.status,
    "tags": run.data.tags,
    "metrics": sorted(run.data.metrics),
    "inputs": signature.inputs.input_names(),
    "outputs": str(signature.outputs),
    "example": list(example.columns),
    "rows": len(example),
    "predicted": len(model.predict(example)),
}}))
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_each_step_is_told_with_its_time(repo: Repo) -> None:
    told = repo.told
    assert told["status"] == "ok"
    assert [step["name"] for step in told["steps"]] == [
        *("render", "commit", "environment", "pipeline", "promote"),
        *("serve", "predict", "stop", "save"),
    ]
    assert {step["status"] for step in told["steps"]} == {"done"}
    assert all(step["seconds"] >= 0 for step in told["steps"])
    assert (told["project"], told["package"]) == (repo.name, repo.package)
    assert told["path"] == str(repo.root)


def test_the_prediction_is_of_the_champion(repo: Repo) -> None:
    prediction = repo.told["prediction"]
    champion = json.loads(repo.champion_file.read_text(encoding="utf-8"))
    answer = prediction["answer"]
    assert prediction["id"] == answer["prediction_id"] != ""
    assert answer["model"] == {
        "name": repo.name,
        "version": champion["version"],
        "digest": champion["digest"],
    }
    if repo.task == "classification":
        assert answer["prediction"] in answer["probabilities"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        assert answer["decision"] in ("approve", "decline")
    else:
        assert answer["prediction"] >= 0


def test_where_to_look_next_exists(repo: Repo) -> None:
    paths = repo.told["paths"]
    for name in ("report", "metrics", "bundle"):
        assert (repo.root / paths[name]).exists()
    assert "mlflow ui" in repo.told["next"]["runs"]


def test_the_repository_is_clean_and_has_two_commits(repo: Repo) -> None:
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("rev-list", "--count", "HEAD") == "2"
    tracked = repo.git("ls-files").splitlines()
    assert {"uv.lock", "dvc.lock", "reports/metrics.json"} <= set(tracked)
    assert not [name for name in tracked if name.endswith((".parquet", ".onnx", ".db"))]


def test_mlflow_has_the_run_and_the_registered_model(repo: Repo) -> None:
    found = repo.python(REGISTERED.format(name=repo.name))
    champion = json.loads(repo.champion_file.read_text(encoding="utf-8"))
    assert found["version"] == champion["version"] == "1"
    assert found["version_tags"]["bundle.sha256"] == champion["digest"]
    assert found["status"] == "FINISHED"

    tags = found["tags"]
    assert tags["mlflow.source.git.commit"] == repo.git("rev-list", "--max-parents=0", "HEAD")
    assert tags["git.dirty"] == "false"
    assert tags["charter.sha256"] == sha256((repo.root / "charter.toml").read_bytes())
    source = repo.source.relative_to(repo.root)
    assert tags[f"data.sha256.{source}"] == sha256(repo.source.read_bytes())

    metrics = found["metrics"]
    assert any(name.startswith("cv.") for name in metrics)
    assert any(name.startswith("uplift.") for name in metrics)
    fields = list(repo.told["prediction"]["request"])
    assert sorted(found["inputs"]) == sorted(found["example"]) == sorted(fields)
    assert found["outputs"] != "None"
    assert found["predicted"] == found["rows"] > 0
