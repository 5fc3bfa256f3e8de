"""What the train stage leaves in models/trained/: two ONNX models, a signature and a run."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from modelkeel.errors import BadInput
from modelkeel.model.lineage import lineage_of
from modelkeel.model.signature import Signature
from modelkeel.project import Project

if TYPE_CHECKING:
    from modelkeel.model.training import CrossValidation

EXAMPLE_ROWS = 3
EXPLAINER = "explainer.npz"
OUT_OF_FOLD = "out_of_fold.parquet"


@dataclass(frozen=True)
class Trained:
    """The outcome of the train stage.

    Attributes:
        onnx_path: the model.
        linear_path: the linear model to match.
        signature: the inputs of both.
        run_id: the MLflow run.
        decision: how scores become actions, from the charter.
        lineage: what the model was made from, with the run.
        explainer: the bytes of `explainer.npz`; None where there is no exact explanation.
    """

    onnx_path: Path
    linear_path: Path
    signature: Signature
    run_id: str
    decision: dict[str, Any]
    lineage: dict[str, Any]
    explainer: bytes | None = None


def save_trained(
    project: Project,
    signature: Signature,
    inputs: pl.DataFrame,
    *,
    model: Any,
    linear: Any,
    scores: CrossValidation,
) -> str:
    """Export both models, record the run in MLflow and write models/trained/.

    Args:
        project: the project.
        signature: the inputs of both models.
        inputs: training rows as `model_inputs` gives them, to compare the exports on.
        model: fitted scikit-learn pipeline.
        linear: fitted scikit-learn pipeline that the model has to match.
        scores: of the cross-validation.

    Returns:
        The id of the MLflow run.

    Raises:
        Refused: an export answers differently from its pipeline.
        KeelError: MLflow cannot be reached.
    """
    from modelkeel.model.export import export_onnx
    from modelkeel.model.golden import golden_rows
    from modelkeel.model.training_log import log_training

    folder = project.models_dir / "trained"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    export_onnx(model, signature, folder / "model.onnx", inputs)
    export_onnx(linear, signature, folder / "linear.onnx", inputs)
    _explain(model, signature, inputs, folder, project.params.train.seed)
    _write(folder / "signature.json", signature.model_dump(mode="json"))
    _write(folder / "input_example.json", golden_rows(inputs, signature, EXAMPLE_ROWS))
    found = scores.scores
    means = {f"cv.{name}": float(np.mean(values)) for name, values in found.items()}
    spread = {f"cv.{name}.std": float(np.std(values)) for name, values in found.items()}
    _write(folder / "cross_validation.json", found)

    lineage = lineage_of(project)
    settings = project.params.train
    run_id = log_training(
        project,
        lineage=lineage,
        settings={
            "model": type(model[-1]).__name__,
            "seed": settings.seed,
            "folds": settings.folds,
            "rows": inputs.height,
            "features": ",".join(signature.feature_names),
            **settings.model,
        },
        metrics={**means, **spread},
        artifacts=folder,
    )
    kept = {"code_commit", "code_dirty", "contract", "modelkeel"}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    run = {"run_id": run_id, "trained_at": at, **lineage.model_dump(include=kept)}
    # after the run is logged: a row's predictions stay with the data, out of MLflow
    names = [str(each) for each in range(scores.predictions.shape[1])]
    pl.DataFrame(scores.predictions, schema=names).write_parquet(folder / OUT_OF_FOLD)
    _write(folder / "run.json", run)
    shown = ", ".join(f"{k.removeprefix('cv.')} {v:.3f}" for k, v in means.items())
    print(f"trained: cross-validated {shown}; MLflow run {run_id}")
    for each in signature.unchecked_rules:
        print(f"note: the API does not check {each.name} of the contract: {each.reason}")
    return run_id


def load_trained(project: Project) -> Trained:
    """Read models/trained/ back.

    Raises:
        BadInput: the train stage has not been run.
    """
    folder = project.models_dir / "trained"
    run_file = folder / "run.json"
    if not run_file.is_file():
        raise BadInput(f"{run_file}: no such file", remedy="run `uv run dvc repro`")
    run = json.loads(run_file.read_text(encoding="utf-8"))
    text = (folder / "signature.json").read_text(encoding="utf-8")
    explainer = folder / EXPLAINER
    return Trained(
        onnx_path=folder / "model.onnx",
        linear_path=folder / "linear.onnx",
        signature=Signature.model_validate_json(text),
        run_id=run["run_id"],
        decision=_decision(project),
        lineage=lineage_of(project).model_copy(update=run).model_dump(),
        explainer=explainer.read_bytes() if explainer.is_file() else None,
    )


def _explain(
    model: Any, signature: Signature, inputs: pl.DataFrame, folder: Path, seed: int
) -> None:
    """Write the exact explainer beside the model, or say why there is none."""
    from modelkeel.model.explain.compile import compile_explainer
    from modelkeel.model.explain.fitted import NotExact
    from modelkeel.model.scorer import Scorer

    scorer = Scorer(folder / "model.onnx", signature)
    try:
        content = compile_explainer(model, signature, inputs, scorer, seed=seed)
    except NotExact as reason:
        print(f"no exact explanation: {reason}")
    else:
        (folder / EXPLAINER).write_bytes(content)


def _decision(project: Project) -> dict[str, Any]:
    if project.task == "regression":
        return {"kind": "value"}
    actions, outcomes, amounts = project.charter.payoff_matrix()
    return {
        "kind": "payoff",
        "actions": actions,
        "outcomes": outcomes,
        "amounts": amounts,
        "baseline": project.charter.baseline.policy,
    }


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
