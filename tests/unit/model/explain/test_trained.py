"""The train stage leaves an explainer beside the model, or says why there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from modelkeel.model.explain.explainer import Explainer
from modelkeel.model.trained import load_trained, save_trained
from modelkeel.model.training import CrossValidation, training_set
from modelkeel.project import Project


@pytest.mark.slow  # a store of MLflow for each
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2), None),
        (RandomForestClassifier(n_estimators=2), "RandomForestClassifier is not known"),
    ],
)
def test_it_is_kept_with_the_model(
    model: Any,
    said: str | None,
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project.data_dir.mkdir(exist_ok=True)
    table = pl.read_csv(project.root / "data/source/table.csv")
    table.write_parquet(project.data_dir / "train.parquet")
    data = training_set(project)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("n", "passthrough", ["amount"]), ("c", one_hot, ["housing"])]
    pipeline = Pipeline([("features", ColumnTransformer(parts)), ("model", model)])
    pipeline.fit(data.inputs, data.target)
    scores = CrossValidation({"roc_auc": [0.5]}, np.zeros((data.inputs.height, 2)))
    save_trained(
        project, data.signature, data.inputs, model=pipeline, linear=pipeline, scores=scores
    )
    trained = load_trained(project)
    told = [each for each in capsys.readouterr().out.splitlines() if "exact" in each]
    if said is None:
        assert trained.explainer is not None
        explainer = Explainer(trained.explainer, data.signature)
        assert (explainer.scale, explainer.background) == ("log-odds of 1", 40)
        assert told == []
    else:
        assert trained.explainer is None
        assert told == [f"no exact explanation: {said}"]
