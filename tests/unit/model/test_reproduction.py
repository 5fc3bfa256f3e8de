"""A model is trained again in a scratch copy, compared, and nothing stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from modelkeel.errors import BadInput, KeelError
from modelkeel.model import reproduction
from modelkeel.model.bundle import load_bundle, write_bundle
from modelkeel.model.evaluation.statistic import FloatArray
from modelkeel.model.golden import golden_rows
from modelkeel.model.reproduction import reproduce
from modelkeel.model.trained import load_trained
from modelkeel.project import Project, load_project

TEMPLATE = Path(__file__).parents[3] / "template" / "src" / "{{package_name}}"

# A trainer that is no Python: it leaves what was written for it, and may change it on the way.
COPY = """
stages:
  train:
    cmd: ${how} && mkdir -p models/trained && cp seed/* models/trained/
    deps: [data/train.parquet]
    outs: [models/trained]
"""
SHIPPED = """
stages:
  train:
    cmd: python -m credit.train
    deps: [src/credit/train.py, data/train.parquet]
    outs: [models/trained]
"""


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def shipped(
    project: Project, once: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A small project trained once by the template's own train.py."""
    if "root" not in once:
        once["root"] = tmp_path_factory.mktemp("shipped") / "project"
        shutil.copytree(project.root, once["root"])
        train(once["root"])
    return once["root"]


@pytest.fixture(scope="module")
def once() -> dict[str, Path]:
    """What all tests of this module share."""
    return {}


def train(root: Path) -> None:
    for name, text in {
        "dvc.yaml": SHIPPED,
        ".dvc/config": "[core]\n    no_scm = true\n    analytics = false\n",
        "src/credit/__init__.py": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name in ("train.py", "features.py"):
        shutil.copy(TEMPLATE / name, root / "src" / "credit" / name)
    rng = np.random.default_rng(0)
    amount = rng.uniform(0, 1000, 300)
    frame = pl.DataFrame(
        {
            "amount": amount,
            "housing": rng.choice(["own", "rent"], 300),
            "age": rng.integers(20, 70, 300),
            "risk": (amount + rng.normal(0, 200, 300) > 500).astype(np.int64),
        }
    )
    frame[:200].write_parquet(root / "data" / "train.parquet")
    frame[200:].write_parquet(root / "data" / "test.parquet")
    subprocess.run(
        [sys.executable, "-m", "credit.train"],
        cwd=root,
        env={"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin", "HOME": str(root)},
        check=True,
        timeout=120,
    )
    bundle(load_project(root))


def bundle(project: Project) -> None:
    trained = load_trained(project)
    rows = pl.read_parquet(project.data_dir / "train.parquet")
    write_bundle(
        project.bundle_dir,
        name=project.name,
        onnx_path=trained.onnx_path,
        signature=trained.signature,
        decision=trained.decision,
        profile={"rows": 1},
        golden_columns=golden_rows(rows, trained.signature, 5),
        lineage=trained.lineage,
    )


@pytest.fixture
def copied(shipped: Path, tmp_path: Path) -> Project:
    """The trained project with a trainer that only copies what was trained."""
    root = tmp_path / "project"
    shutil.copytree(shipped, root)
    shutil.copytree(root / "models" / "trained", root / "seed")
    return trainer(load_project(root), "true")


def trainer(project: Project, command: str) -> Project:
    text = COPY.replace("${how}", command)
    (project.root / "dvc.yaml").write_text(text, encoding="utf-8")
    return project


def files(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_shipped_trainer_gives_the_same_model_again(shipped: Path, scratch: Path) -> None:
    before = files(shipped)
    found = reproduce(load_project(shipped))
    assert found["largest_difference"] == 0.0
    assert found["decisions_changed"] == 0.0
    assert (found["rows"], found["golden_rows"]) == (100, 5)
    assert found["seconds"] > 0
    assert {"python", "scikit-learn", "onnxruntime"} <= set(found["versions"])
    assert files(shipped) == before
    assert list(scratch.iterdir()) == []


def test_a_trainer_that_gives_another_model(copied: Project, scratch: Path) -> None:
    trainer(copied, "cp seed/linear.onnx seed/model.onnx")
    found = reproduce(copied)
    assert found["largest_difference"] > 0.001
    assert not found["same_bytes"]
    assert list(scratch.iterdir()) == []


def test_a_model_that_gives_some_rows_no_score(
    copied: Project, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_bundle(copied.bundle_dir)

    def scores(columns: dict[str, list[object]]) -> FloatArray:
        found = first.scorer.predict(columns)
        return found if len(found) > 5 else found * np.nan  # none of the golden rows

    again = SimpleNamespace(signature=first.signature, predict=scores)
    monkeypatch.setattr(reproduction, "_trained", lambda copy: again)
    with pytest.raises(KeelError, match="no finite score"):
        reproduce(copied)


def test_a_trainer_that_fails(copied: Project, scratch: Path) -> None:
    trainer(copied, "echo no such column >&2 && exit 7")
    with pytest.raises(KeelError, match=r"stage train of dvc\.yaml ended with exit code"):
        reproduce(copied)
    assert list(scratch.iterdir()) == []


def test_a_trainer_that_leaves_nothing_to_load(copied: Project, scratch: Path) -> None:
    trainer(copied, "rm seed/signature.json")
    with pytest.raises(KeelError, match=r"left no model\.onnx and signature\.json"):
        reproduce(copied)
    assert list(scratch.iterdir()) == []


def test_the_users_tracking_is_out_of_reach(
    copied: Project, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.invalid")
    said = copied.root.parent / "said"
    trainer(copied, f"echo $MLFLOW_TRACKING_URI > {said}")
    assert reproduce(copied)["largest_difference"] == 0.0
    assert said.read_text().startswith(f"sqlite:///{scratch}")


def test_what_a_trainer_writes_stays_in_the_copy(copied: Project, scratch: Path) -> None:
    before = files(copied.root)
    trainer(copied, "echo x > data/test.parquet && echo x > new.txt")
    reproduce(copied)
    changed = {n for n, t in files(copied.root).items() if before.get(n) != t}
    assert changed == {"dvc.yaml"}


@pytest.mark.parametrize("name", ["data/train.parquet", "data/test.parquet", "params.yaml"])
def test_inputs_that_are_no_longer_those_of_the_bundle(copied: Project, name: str) -> None:
    with (copied.root / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(BadInput, match=f"{name}: is not what the newest bundle was made from"):
        reproduce(copied)


def test_without_a_pipeline(copied: Project) -> None:
    (copied.root / "dvc.yaml").unlink()
    with pytest.raises(BadInput, match=r"dvc\.yaml: no such file"):
        reproduce(copied)


def test_told_to_end_it_leaves_nothing_behind(copied: Project, scratch: Path) -> None:
    trainer(copied, "sleep 60")
    code = (
        "import sys; from pathlib import Path\n"
        "from modelkeel.model.reproduction import reproduce\n"
        "from modelkeel.project import load_project\n"
        "reproduce(load_project(Path(sys.argv[1])))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(copied.root)],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(scratch.glob("*/project/.dvc/config.local")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=120) == 128 + signal.SIGTERM
    assert list(scratch.glob("keel-*")) == []
