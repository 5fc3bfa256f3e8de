"""Contributions are Shapley values, and add up to the score that is served."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from small import (
    FEATURES,
    MODELS,
    NAMES,
    ROWS,
    TREES,
    Fit,
    made,
    margins,
    pipeline_of,
    shapley_by_definition,
    signature_for,
    table,
    target_for,
)

from modelkeel.errors import BadInput, Refused
from modelkeel.model.evaluation.statistic import FloatArray
from modelkeel.model.explain import compile as compiling
from modelkeel.model.explain.compile import compile_explainer
from modelkeel.model.explain.explainer import Explainer
from modelkeel.model.explain.fitted import NotExact
from modelkeel.model.explain.links import Link, scores_of
from modelkeel.model.export import export_onnx, model_inputs
from modelkeel.model.scorer import Scorer

BACKGROUND = 60


@pytest.mark.parametrize("name", MODELS)
def test_they_are_what_the_definition_gives(fit: Fit, name: str) -> None:
    small = fit(name, BACKGROUND)
    explainer, columns = small.explainer, small.columns
    found = explainer.each(columns)
    # rows 0 and 7 lack the income; row 2 is in the background, row 299 is not
    for row in (0, 2, 7, 100, 299):
        expected = shapley_by_definition(small, row, BACKGROUND)
        assert np.allclose(found[row], expected, atol=1e-6), row
    mean = margins(small, small.inputs[:BACKGROUND]).mean(axis=0)
    assert np.allclose(explainer.bases, mean, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_they_add_up_to_the_score(fit: Fit, name: str) -> None:
    small = fit(name)
    explainer = small.explainer
    total = explainer.contributions(small.columns).sum(axis=1) + explainer.base
    scores = small.scores
    if small.signature.classes:
        link = np.log(scores[:, -1]) - np.log(scores[:, :-1].sum(axis=1))
    else:
        link = np.log(scores) if "log of" in explainer.scale else scores
    # probabilities have 24 bits, so the log-odds of one near 0 or 1 have few
    bits = 5e-7 / scores.min(axis=1) if small.signature.classes else 0.0
    assert (np.abs(total - link) <= 2e-5 + bits).all()
    assert explainer.difference(small.columns, scores) < 1e-5


def test_what_is_explained_is_told(fit: Fit) -> None:
    assert fit("logistic").explainer.scale == "log-odds of b"
    assert fit("poisson").explainer.scale == "log of y"
    assert fit("ridge").explainer.scale == "y"
    assert fit("ridge").explainer.background == ROWS


@pytest.mark.parametrize("name", [name for name in MODELS if "three" in name])
@pytest.mark.parametrize("classes", [["a", "b"], ["a", "c"], ["b"]])
def test_classes_against_the_others(fit: Fit, name: str, classes: list[str]) -> None:
    small = fit(name)
    explainer = small.explainer.toward(classes)
    assert explainer.scale == f"log-odds of {', '.join(classes)} against the other classes"
    own = np.isin(small.signature.classes, classes)
    scores = small.scores
    total = explainer.contributions(small.columns).sum(axis=1) + explainer.base
    odds = np.log(scores[:, own].sum(axis=1)) - np.log(scores[:, ~own].sum(axis=1))
    assert np.allclose(total, odds, atol=1e-4)
    assert small.explainer.scale == "log-odds of c against the other classes"


def test_a_margin_common_to_all_classes_says_nothing(fit: Fit) -> None:
    """Of classes with a softmax only differences count."""
    small = fit("boosted, three classes")
    explainer = small.explainer.toward(["a", "c"])
    before = explainer.contributions(small.columns)
    shares = explainer.each(small.columns)
    explainer.each = lambda columns: shares + np.array([3.0, -1.0, 0.0, 5.0])  # type: ignore[method-assign]
    assert np.allclose(explainer.contributions(small.columns), before)
    one = [[column[7]] for column in small.columns]
    assert (
        small.explainer.contributions(one)[0] == small.explainer.contributions(small.columns)[7]
    ).all()


@pytest.mark.parametrize("name", [name for name in MODELS if "three" in name])
def test_what_speaks_against_a_class_is_not_said_to_speak_for_it(fit: Fit, name: str) -> None:
    """Also where the classes that are explained lie on both sides of the rest."""
    small = fit(name, BACKGROUND)
    found = small.explainer.toward(["a", "c"]).contributions(small.columns)
    link: Link = "shares" if name.startswith("calibrated") else "softmax"

    def odds(margin: FloatArray) -> FloatArray:
        (share,) = scores_of(link, margin[None])
        return np.log([(share[0] + share[2]) / share[1]])

    found = found[::10]
    rows = range(0, ROWS, 10)
    exact = np.vstack([shapley_by_definition(small, row, BACKGROUND, odds) for row in rows])
    strongest = exact[np.arange(len(found)), found.argmax(axis=1)]
    assert (strongest[found.max(axis=1) > 0] > -0.05).all()
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.95
    assert np.allclose(found.sum(axis=1), exact.sum(axis=1))


@pytest.mark.parametrize("classes", [[], ["a", "b", "c"], ["z"]])
def test_classes_that_say_nothing(fit: Fit, classes: list[str]) -> None:
    with pytest.raises(BadInput, match="mean nothing"):
        fit("logistic, three classes").explainer.toward(classes)


def test_a_row_alone_gets_the_same_as_among_many(fit: Fit) -> None:
    small = fit("calibrated")
    explainer, columns = small.explainer, small.columns
    together = explainer.contributions(columns)
    for row in range(40):
        alone = explainer.contributions([[column[row]] for column in columns])
        assert (alone[0] == together[row]).all()
    assert explainer.contributions([[] for _ in columns]).shape == (0, 4)


def test_values_that_training_never_saw(fit: Fit) -> None:
    small = fit("boosted")
    rows: dict[str, list[Any]] = {
        "income": [None, 1e30, -1e30, float("nan"), 5],
        "children": [0, 9, 9, 3, True],
        "share": [0.5, 0.0, 1.0, 1e-30, 3.4e38],
        "plan": ["gold", None, "", "pro", "basic"],
    }
    found = small.explainer.scores([rows[name] for name in NAMES])
    assert np.allclose(found, small.scorer.predict(rows), atol=1e-6)


def test_numbers_are_rounded_as_the_model_rounds_them(fit: Fit) -> None:
    small = fit("boosted")
    nodes = np.concatenate([trees[0].nodes for trees in small.pipeline[-1]._predictors])
    thresholds = nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 2)]
    assert len(thresholds)
    changes = 0
    for threshold in thresholds.tolist():
        near = (threshold + np.arange(-20, 21) * 2.0**-27).tolist()  # 32 bits hold every eighth
        for row in range(20):
            rows = {name: [c[row]] * 41 for name, c in zip(NAMES, small.columns, strict=True)}
            rows["share"] = near
            expected = small.scorer.predict(rows)
            found = small.explainer.scores([rows[name] for name in NAMES])
            assert np.allclose(found, expected, atol=1e-6)
            changes += len(np.unique(expected[:, 1])) > 1
    assert changes


def test_the_bytes_are_the_same_again(fit: Fit, tmp_path: Path) -> None:
    assert made("boosted", tmp_path).content == fit("boosted").content


def test_the_file_does_not_grow_with_the_rows(fit: Fit) -> None:
    sizes = {len(fit("logistic", rows).content) for rows in (100, 200, 300)}
    assert len(sizes) == 1


def of_a_forest() -> Pipeline:
    return pipeline_of(RandomForestClassifier(n_estimators=3, random_state=0), scaled=True)


def of_ordinals() -> Pipeline:
    pipeline = pipeline_of(HistGradientBoostingClassifier(**TREES), scaled=False)
    numbers, texts = pipeline[0].transformers
    pipeline[0].transformers = [numbers, (texts[0], OrdinalEncoder(), texts[2])]
    return pipeline


@pytest.mark.parametrize(
    ("build", "said"),
    [(of_a_forest, "RandomForestClassifier is not known"), (of_ordinals, "OrdinalEncoder")],
)
def test_what_is_not_known_is_said(fit: Fit, build: Any, said: str, tmp_path: Path) -> None:
    signature = signature_for(2)
    frame = table().with_columns(plan=pl.col("plan").fill_null("none"))
    inputs = model_inputs(frame, signature)
    pipeline = build().fit(inputs, target_for(2, frame))
    export_onnx(
        pipeline_of(HistGradientBoostingClassifier(**TREES), scaled=False).fit(
            inputs, target_for(2, frame)
        ),
        signature,
        tmp_path / "m.onnx",
        inputs,
    )
    scorer = Scorer(tmp_path / "m.onnx", signature)
    with pytest.raises(NotExact, match=said):
        compile_explainer(pipeline, signature, inputs, scorer, seed=0)


def test_one_that_does_not_add_up_is_not_taken(fit: Fit) -> None:
    small = fit("boosted")
    other = pipeline_of(HistGradientBoostingClassifier(**TREES | {"max_iter": 9}), scaled=False)
    other.fit(small.inputs, target_for(2, table()))
    with pytest.raises(NotExact, match="add up to scores that are off by"):
        compile_explainer(other, small.signature, small.inputs, small.scorer, seed=0)


def test_tables_that_would_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "LARGEST", 1000)
    with pytest.raises(NotExact, match="its tables would have"):
        made("boosted", tmp_path)


def test_a_model_that_always_says_the_same(fit: Fit) -> None:
    model = HistGradientBoostingClassifier(**TREES | {"min_samples_leaf": ROWS})
    inputs = model_inputs(table(), signature_for(2))
    pipeline = pipeline_of(model, scaled=False).fit(inputs, target_for(2, table()))
    small = fit("logistic")
    with pytest.raises(NotExact, match="every row the same score"):
        compile_explainer(pipeline, small.signature, inputs, small.scorer, seed=0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 100])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match=r"explainer\.npz is no file of an explainer"):
        Explainer(content, signature_for(2))


def test_an_explainer_of_another_signature_is_refused(fit: Fit) -> None:
    content = fit("logistic").content
    other = signature_for(2).model_copy(update={"features": FEATURES[:3]})
    with pytest.raises(Refused, match="of a model with other features"):
        Explainer(content, other)
    with pytest.raises(Refused, match="lacks a part"):
        Explainer(content, signature_for(3))


def test_a_server_needs_numpy_alone(fit: Fit, tmp_path: Path) -> None:
    path = tmp_path / "explainer.npz"
    path.write_bytes(fit("boosted").content)
    (tmp_path / "signature.json").write_text(signature_for(2).model_dump_json())
    code = f"""
import sys
from pathlib import Path
from modelkeel.model.explain.explainer import Explainer
from modelkeel.model.explain.reason_codes import ReasonCodes
from modelkeel.model.explain.counterfactual import counterfactual
from modelkeel.model.signature import Signature
signature = Signature.model_validate_json(Path({str(tmp_path / "signature.json")!r}).read_text())
explainer = Explainer(Path({str(path)!r}).read_bytes(), signature)
print(explainer.contributions([[1.0], [2], [0.5], ["pro"]]).shape)
heavy = {{"sklearn", "scipy", "polars", "pandas", "onnx", "skl2onnx", "mlflow", "pyarrow"}}
print(sorted(heavy & {{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(1, 4)", "[]"]
