"""Small models of every kind that is explained, and Shapley values by their definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelkeel.data.profile import profile
from modelkeel.model.bundle import Bundle, write_bundle
from modelkeel.model.explain.compile import compile_explainer
from modelkeel.model.explain.explainer import Explainer
from modelkeel.model.export import export_onnx, model_inputs
from modelkeel.model.golden import golden_rows
from modelkeel.model.scorer import Scorer
from modelkeel.model.signature import Feature, Signature
from modelkeel.records.reasons import Reasons

ROWS = 300
FEATURES = [
    Feature(name="income", kind="number", nullable=True),
    Feature(name="children", kind="integer", minimum=0, maximum=9),
    Feature(name="share", kind="number"),
    Feature(name="plan", kind="category", nullable=True),
]
NAMES = [feature.name for feature in FEATURES]
TREES = {"max_iter": 6, "max_leaf_nodes": 8, "min_samples_leaf": 8, "random_state": 0}


def table() -> pl.DataFrame:
    """Rows with gaps in a number and in a text."""
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "income": random.normal(size=ROWS).round(2),
            "children": random.integers(0, 6, ROWS),
            "share": random.uniform(0, 1, ROWS).round(2),
            "plan": random.choice(["basic", "plus", "pro", "none"], ROWS).tolist(),
        }
    )
    return frame.with_columns(
        income=pl.when(pl.int_range(ROWS) % 7 > 0).then(pl.col("income")),
        plan=pl.when(pl.col("plan") != "none").then(pl.col("plan")),
    )


def truth(frame: pl.DataFrame) -> NDArray[np.float64]:
    """What the models learn: with interactions, and with a meaning of what is missing."""
    noise = np.random.default_rng(1).normal(0, 0.3, frame.height)
    income = frame["income"].fill_null(0.7).to_numpy()
    plan = (
        frame["plan"]
        .fill_null("none")
        .replace_strict({"basic": 0.0, "plus": 1.0, "pro": -0.5, "none": 0.4})
    )
    found = (
        income * frame["share"].to_numpy() + plan.to_numpy() + 0.3 * frame["children"].to_numpy()
    )
    return np.asarray(found + noise, dtype=np.float64)


MODELS: dict[str, tuple[Any, int, bool]] = {  # the model, its classes, whether numbers are scaled
    "boosted": (HistGradientBoostingClassifier(**TREES), 2, False),
    "boosted, scaled": (HistGradientBoostingClassifier(**TREES), 2, True),
    "boosted, three classes": (HistGradientBoostingClassifier(**TREES), 3, False),
    "calibrated": (
        CalibratedClassifierCV(HistGradientBoostingClassifier(**TREES), ensemble=False, cv=3),
        2,
        False,
    ),
    "calibrated, three classes": (
        CalibratedClassifierCV(HistGradientBoostingClassifier(**TREES), ensemble=False, cv=3),
        3,
        False,
    ),
    "squared error": (HistGradientBoostingRegressor(**TREES), 0, False),
    "absolute error": (HistGradientBoostingRegressor(loss="absolute_error", **TREES), 0, False),
    "poisson": (HistGradientBoostingRegressor(loss="poisson", **TREES), 0, False),
    "gamma": (HistGradientBoostingRegressor(loss="gamma", **TREES), 0, False),
    "logistic": (LogisticRegression(), 2, True),
    "logistic, three classes": (LogisticRegression(), 3, True),
    "calibrated logistic": (CalibratedClassifierCV(LogisticRegression(), ensemble=False), 2, True),
    "ridge": (Ridge(), 0, True),
}


class Fit(Protocol):
    """Fits a model by its name, against a background of so many rows."""

    def __call__(self, name: str, background: int = ROWS) -> Small: ...


@dataclass(frozen=True)
class Small:
    """A fitted model, as it is exported, with its explainer."""

    pipeline: Pipeline
    signature: Signature
    inputs: pl.DataFrame
    scorer: Scorer
    onnx: Path
    content: bytes

    @property
    def explainer(self) -> Explainer:
        return Explainer(self.content, self.signature)

    @property
    def columns(self) -> list[list[Any]]:
        """The rows as a server has them."""
        return [
            [None if value != value else value for value in self.inputs[name].to_list()]
            for name in NAMES
        ]

    @property
    def scores(self) -> NDArray[np.float64]:
        return self.scorer.predict(dict(zip(NAMES, self.columns, strict=True)))


def pipeline_of(model: Any, *, scaled: bool) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(), StandardScaler()) if scaled else "passthrough"
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, NAMES[:3]), ("texts", one_hot, NAMES[3:])]
    return Pipeline([("features", ColumnTransformer(parts)), ("model", model)])


def signature_for(classes: int) -> Signature:
    return Signature(
        name="small",
        task="classification" if classes else "regression",
        target="y",
        classes=["a", "b", "c"][:classes],
        features=FEATURES,
    )


def target_for(classes: int, frame: pl.DataFrame) -> NDArray[Any]:
    found = truth(frame)
    if not classes:
        return np.abs(found) * 3 + 0.1
    cuts = np.quantile(found, np.arange(1, classes) / classes)
    return np.array(["a", "b", "c"])[np.digitize(found, cuts)]


def made(name: str, folder: Path, background: int = ROWS) -> Small:
    """Fit, export and compile one of `MODELS`, explained against its first rows."""
    model, classes, scaled = MODELS[name]
    frame = table()
    signature = signature_for(classes)
    inputs = model_inputs(frame, signature)
    pipeline = pipeline_of(model, scaled=scaled).fit(inputs, target_for(classes, frame))
    path = folder / "model.onnx"
    export_onnx(pipeline, signature, path, inputs)
    scorer = Scorer(path, signature)
    content = compile_explainer(pipeline, signature, inputs[:background], scorer, seed=0)
    return Small(pipeline, signature, inputs, scorer, path, content)


def margins(small: Small, rows: pl.DataFrame) -> NDArray[np.float64]:
    """What scikit-learn computes before the last function (n, outputs)."""
    numbers = small.pipeline[0].transform(rows)
    model = small.pipeline[-1]
    if isinstance(model, CalibratedClassifierCV):
        (inner,) = model.calibrated_classifiers_
        raw = inner.estimator.decision_function(numbers).reshape(rows.height, -1)
        slopes = [each.a_ for each in inner.calibrators]
        return -(raw * slopes + [each.b_ for each in inner.calibrators])
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(numbers)).reshape(rows.height, -1)
    found = np.asarray(model.predict(numbers), dtype=np.float64).reshape(rows.height, -1)
    return np.log(found) if getattr(model, "loss", "") in ("poisson", "gamma") else found


def shapley_by_definition(
    small: Small, row: int, background: int, of: Callable[[NDArray[np.float64]], Any] = np.asarray
) -> NDArray[np.float64]:
    """Shapley values (outputs, features) of a row: every coalition, every background row.

    They are those of the mean margins, or of what `of` makes of these.
    """
    count = len(NAMES)
    reference = small.inputs[:background]
    worth = []
    for members in range(1 << count):
        mixed = reference.with_columns(
            pl.lit(small.inputs[name][row], dtype=small.inputs.schema[name]).alias(name)
            for at, name in enumerate(NAMES)
            if members >> at & 1
        )
        worth.append(of(margins(small, mixed).mean(axis=0)))
    found = np.zeros((len(worth[0]), count))
    for at in range(count):
        for members in range(1 << count):
            if not members >> at & 1:
                size = members.bit_count()
                share = factorial(size) * factorial(count - size - 1) / factorial(count)
                found[:, at] += share * (worth[members | 1 << at] - worth[members])
    return found


REASONS: dict[str, Any] = {
    "schema": "reasons/1",
    "adverse": "refuse",
    "reference": "the mean of the rows that the model was trained on",
    "reason": [
        {"code": "MEANS", "text": "The means.", "features": ["income"]},
        {"code": "SHARE", "text": "The share.", "features": ["share"], "actionable": True},
        {"code": "FAMILY", "text": "The family.", "features": ["children"], "actionable": True},
        {"code": "PLAN", "text": "The plan.", "features": ["plan"]},
    ],
}


def bundle_of(small: Small, folder: Path, **change: Any) -> Bundle:
    """A bundle that gives where class b is likely, and refuses otherwise."""
    classes = small.signature.classes
    amounts = [[1.0 if name == "b" else -1.0 for name in classes], [0.0] * len(classes)]
    decision = {"kind": "payoff", "actions": ["give", "refuse"], "outcomes": classes}
    arguments: dict[str, Any] = {
        "name": "small",
        "onnx_path": small.onnx,
        "signature": small.signature,
        "decision": {**decision, "amounts": amounts} if classes else {"kind": "value"},
        "profile": profile(table()),
        "golden_columns": golden_rows(table(), small.signature, 20),
        "lineage": {},
        "explainer": small.content,
        "reasons": Reasons.model_validate(REASONS),
    }
    return write_bundle(folder / "bundle", **arguments | change)
