"""What a fitted scikit-learn pipeline computes, in terms of the features as a caller sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.explain.links import Link
from modelkeel.model.signature import Signature

Floats = NDArray[np.float64]


class NotExact(Exception):
    """Why a model has no exact explanation."""


@dataclass(frozen=True)
class Column:
    """One number that an estimator sees: a feature, scaled; or whether a text is a certain one.

    Attributes:
        feature: position of the feature in the signature.
        level: the text; None for a number.
        mean: subtracted from a number.
        scale: what it is then divided by.
        fill: what a missing number is taken for; None leaves it missing.
    """

    feature: int
    level: str | None = None
    mean: float = 0.0
    scale: float = 1.0
    fill: float | None = None


@dataclass(frozen=True)
class Fitted:
    """A margin for each output, by trees or by coefficients, and how margins become scores.

    Attributes:
        columns: what the estimator sees.
        link: how margins become scores.
        start: the margins before any tree or coefficient (k,).
        trees: each with its nodes, and the output that it adds to.
        slopes: coefficients (k, columns); None for trees.
    """

    columns: list[Column]
    link: Link
    start: Floats
    trees: list[tuple[int, NDArray[Any]]] = field(default_factory=list)
    slopes: Floats | None = None


def read_pipeline(estimator: Any, signature: Signature) -> Fitted:
    """Take a fitted pipeline apart.

    Args:
        estimator: a pipeline of a ColumnTransformer and a model, or of a model alone.
        signature: its inputs.

    Raises:
        NotExact: it holds a part whose computation is not known here.
    """
    try:
        return _read(estimator, signature)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise NotExact(f"a part of it is built in a way that is not known: {error}") from error


def _read(estimator: Any, signature: Signature) -> Fitted:
    steps = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    if len(steps) > 2:
        raise NotExact(f"a pipeline of {len(steps)} steps is not taken apart")
    names = signature.feature_names
    if len(steps) == 2:
        columns = _columns(steps[0], names)
    else:
        columns = [Column(at) for at in range(len(names))]
    for column in columns:
        if (column.level is None) == (signature.features[column.feature].kind == "category"):
            raise NotExact(f"{names[column.feature]} is encoded in a way that is not known")
    return _model(steps[-1], columns)


def _columns(transformer: Any, names: list[str]) -> list[Column]:
    if type(transformer).__name__ != "ColumnTransformer":
        raise NotExact(f"{type(transformer).__name__} is not known")
    columns: list[Column] = []
    for _, part, taken in transformer.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        taken = [taken] if isinstance(taken, str) else list(taken)
        features = [names.index(each) if isinstance(each, str) else int(each) for each in taken]
        if type(part).__name__ == "OneHotEncoder":
            columns += _one_hot(part, features)
        else:
            columns += _numbers(part, features)
    return columns


def _one_hot(encoder: Any, features: list[int]) -> list[Column]:
    if encoder.drop is not None or getattr(encoder, "_infrequent_enabled", False):
        raise NotExact("a OneHotEncoder that drops or pools levels is not known")
    return [
        Column(feature, str(level))
        for feature, levels in zip(features, encoder.categories_, strict=True)
        for level in levels
    ]


def _numbers(part: Any, features: list[int]) -> list[Column]:
    """Numbers as they are, with the missing filled in, scaled, or both."""
    count = len(features)
    fill: list[float | None] = [None] * count
    mean, scale = np.zeros(count), np.ones(count)
    steps = [step for _, step in part.steps] if hasattr(part, "steps") else [part]
    for at, step in enumerate(steps):
        name = type(step).__name__
        if name == "SimpleImputer" and at == 0 and not step.add_indicator:
            fill = [float(each) for each in step.statistics_]
        elif name == "StandardScaler" and at == len(steps) - 1:
            mean = np.zeros(count) if step.mean_ is None or not step.with_mean else step.mean_
            scale = np.ones(count) if step.scale_ is None else step.scale_
        elif not (step == "passthrough" or (name == "FunctionTransformer" and step.func is None)):
            raise NotExact(f"{name} is not known")
    if any(each is not None and not np.isfinite(each) for each in fill):
        raise NotExact("a column without any value is filled in")
    return [
        Column(feature, None, float(mean[at]), float(scale[at]), fill[at])
        for at, feature in enumerate(features)
    ]


def _model(model: Any, columns: list[Column]) -> Fitted:
    name = type(model).__name__
    if name == "CalibratedClassifierCV":
        return _calibrated(model, columns)
    if name in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        return _boosted(model, columns)
    if name in ("LogisticRegression", "Ridge", "LinearRegression"):
        slopes = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
        start = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), len(slopes))
        link = _of_classes(len(slopes)) if name == "LogisticRegression" else "identity"
        return Fitted(columns, link, start.copy(), slopes=slopes)
    raise NotExact(f"{name} is not known")


def _boosted(model: Any, columns: list[Column]) -> Fitted:
    if getattr(model, "is_categorical_", None) is not None:
        raise NotExact("categories that the model splits by itself are not known")
    start = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    trees = [
        (output, tree.nodes) for trees in model._predictors for output, tree in enumerate(trees)
    ]
    link: Link = "log" if model.loss in ("poisson", "gamma") else "identity"
    if type(model).__name__ == "HistGradientBoostingClassifier":
        link = _of_classes(len(start))
    return Fitted(columns, link, start, trees)


def _of_classes(outputs: int) -> Link:
    return "logit" if outputs == 1 else "softmax"


def _calibrated(model: Any, columns: list[Column]) -> Fitted:
    """One estimator with one calibrator an output, fitted to its margins."""
    if len(model.calibrated_classifiers_) != 1:
        raise NotExact("CalibratedClassifierCV averages several models; set ensemble=False")
    (inner,) = model.calibrated_classifiers_
    if not hasattr(inner.estimator, "decision_function"):
        raise NotExact(f"{type(inner.estimator).__name__} has no margin")
    if inner.method != "sigmoid":
        raise NotExact(f"calibration by {inner.method} is not known")
    raw = _model(inner.estimator, columns)
    slopes = np.array([-each.a_ for each in inner.calibrators], dtype=np.float64)
    shifts = np.array([-each.b_ for each in inner.calibrators], dtype=np.float64)
    trees = []
    for output, nodes in raw.trees:
        scaled = nodes.copy()
        scaled["value"] *= slopes[output]
        trees.append((output, scaled))
    return Fitted(
        columns,
        "logit" if raw.link == "logit" else "shares",
        raw.start * slopes + shifts,
        trees,
        None if raw.slopes is None else raw.slopes * slopes[:, None],
    )
