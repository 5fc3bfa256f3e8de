"""Trains the newest model once more, from the same inputs, and compares what comes out.

It happens in a scratch copy of the project with an MLflow store of its own: neither the project
nor the user's tracking changes.
"""

from __future__ import annotations

import platform
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput, KeelError
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.scorer import Scorer
from modelkeel.model.scratch import copy_project, run_stage_again, scratch_folder
from modelkeel.model.signature import Signature
from modelkeel.project import Project

SCHEMA = "reproduction/1"
STAGE = "train"
_PACKAGES = ("modelkeel", "numpy", "polars", "scikit-learn", "skl2onnx", "onnx", "onnxruntime")


def reproduce(project: Project) -> dict[str, Any]:
    """Run the stage `train` of dvc.yaml again and compare its model with the newest bundle.

    Returns:
        `time`, `seconds`, `versions`; `rows` and `golden_rows` compared, the `largest_difference`
        of a score over all of them (a probability, or a value in standard deviations of the
        scores), that of each kind of rows, `decisions_changed` as a share of the rows, and
        `same_bytes`: whether the two model files are equal.

    Raises:
        BadInput: the pipeline has not been run, or has no stage `train`.
        KeelError: the training failed, or gave another kind of model, or one of the two gives rows
            no finite score.
        Refused: the bundle does not verify.
    """
    bundle = _bundle(project)
    started = time.monotonic()
    with scratch_folder() as folder:
        copy = folder / "project"
        copy_project(project.root, copy)
        run_stage_again(STAGE, copy, folder)
        again = _trained(copy)
        seconds = time.monotonic() - started
        compared = _compared(bundle, again, pl.read_parquet(project.data_dir / "test.parquet"))
        same = sha256_file(copy / "models" / "trained" / "model.onnx")
    return {
        "schema": SCHEMA,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": bundle.digest,
        "seconds": round(seconds, 1),
        **compared,
        "same_bytes": same == bundle.manifest.files.get("model.onnx"),
        "versions": _versions(),
    }


def _bundle(project: Project) -> Bundle:
    """The newest bundle, if what it was made from is still there."""
    for path in (project.bundle_dir / "manifest.json", project.root / "dvc.yaml"):
        if not path.is_file():
            raise BadInput(f"{path}: no such file", remedy="run `uv run dvc repro`")
    bundle = load_bundle(project.bundle_dir)
    made_from = {**bundle.manifest.data, "params.yaml": bundle.manifest.params}
    for name in ("data/train.parquet", "data/test.parquet", "params.yaml"):
        path, asked = project.root / name, made_from.get(name)
        if not path.is_file() or (asked and asked != sha256_file(path)):
            raise BadInput(
                f"{path}: is not what the newest bundle was made from",
                remedy="run `uv run dvc repro`",
            )
    return bundle


def _trained(copy: Path) -> Scorer:
    folder = copy / "models" / "trained"
    try:
        text = (folder / "signature.json").read_text(encoding="utf-8")
        return Scorer(folder / "model.onnx", Signature.model_validate_json(text))
    except (OSError, ValueError) as error:
        raise KeelError(
            f"stage {STAGE} left no model.onnx and signature.json in models/trained: {error}",
            remedy="let it end with `save_trained`, as the template's train.py does",
        ) from error


def _compared(bundle: Bundle, again: Scorer, rows: pl.DataFrame) -> dict[str, Any]:
    ours, theirs = bundle.signature, again.signature
    if (ours.feature_names, ours.classes) != (theirs.feature_names, theirs.classes):
        raise KeelError(
            f"stage {STAGE} gave a model of {', '.join(theirs.feature_names)}, "
            f"the newest bundle has {', '.join(ours.feature_names)}",
            remedy="run `uv run dvc repro`, so that the bundle is of the parameters as they are",
        )
    held_out = rows.select(ours.feature_names).to_dict(as_series=False)
    golden = bundle.golden_columns()
    before, after = bundle.scorer.predict(held_out), again.predict(held_out)
    scale = 1.0 if ours.classes else max(float(np.std(before)), 1e-12)
    found = {
        "held_out": float(abs(after - before).max(initial=0.0)) / scale,
        "golden": float(abs(again.predict(golden) - bundle.scorer.predict(golden)).max(initial=0.0))
        / scale,
    }
    worst = float(np.max(list(found.values())))  # unlike Python's, NaN wherever one is
    if not np.isfinite(worst):
        raise KeelError(
            "the newest bundle, or the model trained again, gives rows no finite score",
            remedy="check how the model treats missing values before it is converted",
        )
    actions = bundle.decide(before), bundle.decide(after)
    changed = [one != other for one, other in zip(*(each or [] for each in actions), strict=True)]
    return {
        "largest_difference": worst,
        "differences": found,
        "rows": rows.height,
        "golden_rows": len(next(iter(golden.values()), [])),
        "decisions_changed": sum(changed) / len(changed) if changed else 0.0,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
