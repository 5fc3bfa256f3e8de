"""Train: cross-validate, fit the model and a linear one, export both, log the run to MLflow."""

from __future__ import annotations

from functools import partial
from typing import Any

from modelkeel.errors import run_stage
from modelkeel.model.trained import save_trained
from modelkeel.model.training import TrainingSet, cross_validate, training_set
from modelkeel.project import load_project
from modelkeel.records.params import Params
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from .features import preprocessing


def build_model(params: Params, data: TrainingSet) -> Pipeline:
    """The model: boosted trees; probabilities of classes are calibrated on the folds."""
    settings = params.train
    model: Any
    if data.signature.task == "regression":
        model = HistGradientBoostingRegressor(random_state=settings.seed, **settings.model)
    else:
        trees = HistGradientBoostingClassifier(random_state=settings.seed, **settings.model)
        model = CalibratedClassifierCV(trees, cv=data.folds(), ensemble=False)
    return Pipeline([("features", preprocessing(params.features, data.inputs)), ("model", model)])


def build_linear(params: Params, data: TrainingSet) -> Pipeline:
    """What the model has to match: a ridge regression, or a logistic one for classes."""
    linear: Any
    if data.signature.task == "regression":
        linear = Ridge(random_state=params.train.seed)
    else:
        linear = LogisticRegression(max_iter=2000, random_state=params.train.seed)
    features = preprocessing(params.features, data.inputs, scale=True)
    return Pipeline([("features", features), ("model", linear)])


def main() -> None:
    """Write models/trained/."""
    project = load_project()
    params, data = project.params, training_set(project)
    with threadpool_limits(params.train.threads):
        scores = cross_validate(partial(build_model, params), data)
        model = build_model(params, data).fit(data.inputs, data.target)
        linear = build_linear(params, data).fit(data.inputs, data.target)
    save_trained(project, data.signature, data.inputs, model=model, linear=linear, scores=scores)


if __name__ == "__main__":
    run_stage(main)
