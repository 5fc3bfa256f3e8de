"""The models that are served: trees over thirty numbers, and those of the two shipped tasks.

Each is a folder: the pipeline of scikit-learn, a bundle of ours made from it, rows, and what
scikit-learn says of them. The tasks are generated and trained by the template's own code.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROWS = 100
TASKS = {"credit": "classification", "bikes": "regression"}
STAGES = ("sources", "validate", "features", "train", "bundle")


@dataclass(frozen=True)
class Subject:
    """A model that every server serves.

    Attributes:
        folder: holds model.joblib, mlflow/, bundle/ and subject.json.
        texts: inputs that are text; all others are numbers.
        classes: empty for a regression.
        rows: what is asked, as JSON values.
        expected: scikit-learn's answer to each row: probabilities, or one value.
    """

    name: str
    folder: Path
    texts: list[str]
    classes: list[str]
    rows: list[dict[str, Any]]
    expected: list[list[float]]

    @classmethod
    def read(cls, folder: Path) -> Subject:
        """A subject that was prepared."""
        told = json.loads((folder / "subject.json").read_text(encoding="utf-8"))
        return cls(folder.name, folder, **told)


def prepare(name: str, work: Path) -> Subject:
    """Train a model, or take what an earlier run has left in the work folder."""
    folder = work / f"{_key()}" / name
    if not (folder / "subject.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # In a process of its own: what training loads stays out of the one that measures.
        command = [sys.executable, __file__, name, str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
        if done.returncode:
            sys.exit(f"error: {name} could not be prepared\n{done.stdout}\n{done.stderr}")
    return Subject.read(folder)


def _key() -> str:
    """Of all that makes a subject: another key after a change."""
    digest = hashlib.sha256()
    package = ROOT / "src" / "modelkeel"
    for base in (package / "model", package / "data", package / "records", ROOT / "template"):
        for file in sorted(base.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def trees(folder: Path) -> None:
    """HistGradientBoosting over the thirty numbers of scikit-learn's breast cancer table."""
    import polars as pl
    from sklearn.compose import ColumnTransformer
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    from modelkeel.data.profile import profile
    from modelkeel.model.bundle import write_bundle
    from modelkeel.model.explain.compile import compile_explainer
    from modelkeel.model.export import export_onnx
    from modelkeel.model.golden import golden_rows
    from modelkeel.model.scorer import Scorer
    from modelkeel.model.signature import Feature, Signature

    table = load_breast_cancer()
    names = [name.replace(" ", "_") for name in table.feature_names]
    inputs = pl.DataFrame(table.data.astype("float32"), schema=names)
    target = table.target.astype(str)
    features = [
        Feature(
            name=each,
            kind="number",
            minimum=0,
            maximum=10 * float(inputs[each].max()),  # type: ignore[arg-type]
            example=float(inputs[each].median()),  # type: ignore[arg-type]
        )
        for each in names
    ]
    signature = Signature(
        name="trees", task="classification", target="benign", classes=["0", "1"], features=features
    )
    frame = inputs.to_pandas()
    alone = HistGradientBoostingClassifier(random_state=7).fit(frame, target)
    columns = ColumnTransformer([("numeric", "passthrough", names)])
    model = HistGradientBoostingClassifier(random_state=7)
    pipeline = Pipeline([("features", columns), ("model", model)]).fit(frame, target)
    export_onnx(pipeline, signature, folder / "model.onnx", inputs)
    write_bundle(
        folder / "bundle",
        name="trees",
        onnx_path=folder / "model.onnx",
        signature=signature,
        decision={
            "kind": "payoff",
            "actions": ["treat", "wait"],
            "outcomes": ["0", "1"],
            "amounts": [[1.0, -1.0], [-5.0, 1.0]],
        },
        profile=profile(inputs),
        golden_columns=golden_rows(inputs, signature, 20),
        lineage={},
        explainer=compile_explainer(
            pipeline, signature, inputs, Scorer(folder / "model.onnx", signature), seed=7
        ),
        reasons=_reasons(names),
    )
    _one_block(alone, len(names), folder / "block.onnx")
    save(folder, alone, inputs, signature)


def _reasons(names: list[str]) -> Any:
    """A reason for every three numbers."""
    from modelkeel.records.reasons import Reasons

    return Reasons.model_validate(
        {
            "schema": "reasons/1",
            "adverse": "treat",
            "reference": "the average of the table",
            "reason": [
                {
                    "code": f"R{at}",
                    "text": f"The measures of kind {at} speak for a treatment.",
                    "features": names[at : at + 3],
                }
                for at in range(0, len(names), 3)
            ],
        }
    )


def _one_block(model: Any, inputs: int, path: Path) -> None:
    """The model with all numbers in one input: the fastest way to give them, for the limit."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, inputs]))]
    graph = to_onnx(model, initial_types=types, options={"zipmap": False}, target_opset=18)
    path.write_bytes(graph.SerializeToString())


def task(name: str, folder: Path) -> None:
    """A repository from the template, its stages run, and its pipeline fitted once more to keep."""
    repo = folder / name
    answers = ["--data", f"task={TASKS[name]}", "--template", str(ROOT)]
    _run([sys.executable, "-m", "modelkeel.cli", "new", str(repo), "--defaults", *answers], ROOT)
    (package,) = (each.name for each in (repo / "src").iterdir() if each.is_dir())
    for stage in STAGES:
        _run([sys.executable, "-m", f"{package}.{stage}"], repo)
    shutil.copytree(repo / "models" / "bundle", folder / "bundle")

    import polars as pl

    from modelkeel.model.export import model_inputs
    from modelkeel.model.training import training_set
    from modelkeel.project import load_project

    sys.path.insert(0, str(repo / "src"))
    project = load_project(repo)
    params, data = project.params, training_set(project)
    build = importlib.import_module(f"{package}.train").build_model
    model = build(params, data).fit(data.inputs.to_pandas(), data.target)
    signature = data.signature
    held = pl.read_parquet(project.data_dir / "test.parquet").select(signature.feature_names)
    # Rows without a gap, so that no server has to be taught what a gap is.
    rows = model_inputs(held.drop_nulls(), signature)
    save(folder, model, rows, signature)


def save(folder: Path, model: Any, rows: Any, signature: Any) -> None:
    """What every server needs: pipeline, rows and expected scores.

    A few rows lie on a split of a tree, where a number in 64 bits goes one way and in 32 bits, as
    ONNX has it, the other. They are left out.
    """
    import joblib
    import mlflow.sklearn
    import numpy as np
    import pandas as pd

    # The shortest decimals that are the numbers the model was trained on: 17.99, not 17.98999.
    reads = {"category": str, "integer": int}
    read = {
        f.name: reads.get(f.kind, lambda v: float(str(np.float32(v)))) for f in signature.features
    }
    records = [{k: read[k](v) for k, v in row.items()} for row in rows.to_dicts()]
    method = "predict_proba" if signature.classes else "predict"
    score = getattr(model, method)
    scores = np.asarray(score(pd.DataFrame(records)), dtype=float).reshape(len(records), -1)
    narrow = np.asarray(score(rows.to_pandas()), dtype=float).reshape(scores.shape)
    kept = np.flatnonzero(np.isclose(scores, narrow, rtol=1e-6).all(axis=1))[:ROWS].tolist()
    joblib.dump(model, folder / "model.joblib")
    mlflow.sklearn.save_model(
        model,
        str(folder / "mlflow"),
        pyfunc_predict_fn=method,
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
    told = {
        "texts": [each.name for each in signature.features if each.kind == "category"],
        "classes": signature.classes,
        "rows": [records[at] for at in kept],
        "expected": scores[kept].tolist(),
    }
    (folder / "subject.json").write_text(json.dumps(told), encoding="utf-8")


def _run(command: list[str], cwd: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(cwd / "src")}
    done = subprocess.run(
        command, cwd=cwd, env=env, check=False, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    asked, where = sys.argv[1], Path(sys.argv[2])
    trees(where) if asked == "trees" else task(asked, where)
