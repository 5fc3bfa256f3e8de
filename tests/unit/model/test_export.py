"""What is exported answers as what was trained, also where the converter leaves something out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from modelkeel.data.contract import Normalise, load_contract
from modelkeel.errors import Refused
from modelkeel.model import export
from modelkeel.model.explain.alternatives import alternatives
from modelkeel.model.export import export_onnx, model_inputs, signature_of, training_profile
from modelkeel.model.golden import golden_rows
from modelkeel.model.scorer import Scorer
from modelkeel.model.signature import Feature, Signature
from modelkeel.model.unusual import Unusual
from modelkeel.project import Project

RANDOM = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "amount": RANDOM.uniform(0, 1000, 300).tolist(),
        "housing": RANDOM.choice(["own", "rent"], 300).tolist(),
    }
).with_columns(pl.when(pl.int_range(300) % 10 > 0).then(pl.col("amount")))


def signature(task: str) -> Signature:
    return Signature(
        name="m",
        task=task,  # type: ignore[arg-type]
        target="y",
        classes=["a", "b"] if task == "classification" else [],
        features=[
            Feature(name="amount", kind="number", nullable=True),
            Feature(name="housing", kind="category", categories=["own", "rent"]),
        ],
    )


def pipeline(model: object) -> Pipeline:
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [("n", "passthrough", ["amount"]), ("c", one_hot, ["housing"])]
    return Pipeline([("features", ColumnTransformer(columns)), ("model", model)])


def test_a_classifier_with_missing_values(tmp_path: Path) -> None:
    inputs = model_inputs(FRAME, signature("classification"))
    labels = np.where(FRAME["amount"].fill_null(0).to_numpy() > 500, "a", "b")
    model = pipeline(HistGradientBoostingClassifier(max_iter=5)).fit(inputs, labels)
    export_onnx(model, signature("classification"), tmp_path / "m.onnx", inputs)
    scorer = Scorer(tmp_path / "m.onnx", signature("classification"))
    found = scorer.predict({"amount": [900.0, None], "housing": ["own", "rent"]})
    assert found.shape == (2, 2)
    assert found[0, 0] > 0.5 > found[1, 0]


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gamma"])
def test_a_regressor_of_each_link(tmp_path: Path, loss: str) -> None:
    inputs = model_inputs(FRAME, signature("regression"))
    target = FRAME["amount"].fill_null(10).to_numpy() + 1.0
    model = pipeline(HistGradientBoostingRegressor(loss=loss, max_iter=20)).fit(inputs, target)
    export_onnx(model, signature("regression"), tmp_path / "m.onnx", inputs)
    found = Scorer(tmp_path / "m.onnx", signature("regression")).predict(
        inputs.to_dict(as_series=False)
    )
    assert np.allclose(found, model.predict(inputs), rtol=1e-4)


def test_an_export_that_answers_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LOG_LINK", ())  # what the converter does on its own
    inputs = model_inputs(FRAME.drop_nulls(), signature("regression"))
    target = inputs["amount"].to_numpy() + 1.0
    model = pipeline(HistGradientBoostingRegressor(loss="poisson", max_iter=5)).fit(inputs, target)
    with pytest.raises(Refused, match="differs from the trained model"):
        export_onnx(model, signature("regression"), tmp_path / "m.onnx", inputs)
    assert not (tmp_path / "m.onnx").exists()


def test_the_signature_takes_meaning_from_the_contract(project: Project) -> None:
    contract = load_contract(project.contract_path)
    found = signature_of(project, contract, ["0", "1"], FRAME)
    amount, housing = found.features
    assert (amount.kind, amount.minimum, amount.maximum) == ("number", 0, 1000)
    assert (housing.categories, housing.nullable) == (["own", "rent"], True)
    assert 400 < float(amount.example or 0) < 600
    assert housing.example in ("own", "rent")


def test_golden_rows_are_no_rows_of_the_data() -> None:
    rows = FRAME.with_columns(housing=pl.when(pl.col("amount") > 500).then(pl.lit("own")))
    golden = golden_rows(rows, signature("classification"), 50)
    pairs = set(zip(golden["amount"], golden["housing"], strict=True))
    assert len(golden["amount"]) == 50
    assert pairs - set(rows.rows())


def test_a_boolean_may_be_a_category(project: Project) -> None:
    path = project.contract_path
    old = (
        "{name: housing, logicalType: string, required: false, enum: [{value: own}, {value: rent}]}"
    )
    new = "{name: housing, logicalType: boolean, required: true}"
    path.write_text(path.read_text().replace(old, new))
    rows = FRAME.with_columns(housing=pl.col("housing") == "own")
    found = signature_of(project, load_contract(path), ["0", "1"], rows).features[1]
    assert (found.kind, found.example) in [("category", "true"), ("category", "false")]
    assert set(model_inputs(rows, signature("classification"))["housing"]) == {"true", "false"}


@pytest.mark.parametrize("kind", [pl.Boolean, pl.Int64, pl.Date, pl.String])
def test_golden_categories_are_those_of_training(kind: type[pl.DataType]) -> None:
    rows = FRAME.with_columns(housing=(pl.int_range(pl.len()) % 2).cast(pl.Int32).cast(kind))
    inputs = model_inputs(rows, signature("classification"))
    golden = golden_rows(rows, signature("classification"), 50)
    assert set(golden["housing"]) == set(inputs["housing"])


@pytest.mark.parametrize("kind", [pl.Boolean, pl.Int64, pl.Float64])
def test_the_profile_names_categories_of_any_type(kind: type[pl.DataType]) -> None:
    """A value that training never saw is flagged, and one that it saw may be tried instead."""
    rows = FRAME.with_columns(housing=(pl.int_range(pl.len()) % 2).cast(kind))
    features = [Feature(name="amount", kind="number"), Feature(name="housing", kind="category")]
    asked = signature("classification").model_copy(update={"features": features})
    first, other = model_inputs(rows, asked)["housing"].unique().sort().to_list()
    found = training_profile(rows, asked)
    judge = Unusual.of(found, asked)
    assert judge.flags([[500.0] * 2, [first, "99"]]) == [(), ("housing",)]
    tried = alternatives(features[1], 1, first, found["columns"]["housing"])
    assert tried.values == [other]


def test_dates_and_normalisation_reach_the_signature(project: Project) -> None:
    path = project.contract_path
    text = path.read_text()
    text = text.replace(
        "logicalTypeOptions: {minimum: 0, maximum: 1000}",
        "customProperties: "
        "[{property: date_formats, value: ['%d.%m.%Y']}]\n        logicalTypeOptions: "
        "{minimum: 1970-01-11, exclusiveMaximum: '2024-01-01'}",
    )
    text = text.replace("logicalType: number", "logicalType: date")
    path.write_text(text)
    rows = pl.DataFrame(
        {"amount": [dt.date(1970, 1, 11), dt.date(1970, 1, 12)], "housing": ["own", "rent"]}
    )
    found = signature_of(project, load_contract(path), ["0", "1"], rows)
    when, housing = found.features
    assert (when.kind, when.minimum, when.example) == ("date", 10.0, "1970-01-12")
    assert 19722 < float(when.maximum or 0) < 19723
    assert when.normalise == Normalise(date_formats=("%d.%m.%Y",))
    assert housing.normalise == Normalise()
    assert model_inputs(rows, found)["amount"].to_list() == [10.0, 11.0]
    assert Signature.model_validate_json(found.model_dump_json()) == found
    assert set(golden_rows(rows, found, 5)["amount"]) <= {10.0, 11.0}


def test_rules_and_patterns_reach_the_signature_or_are_said_to_be_unchecked(
    project: Project,
) -> None:
    path = project.contract_path
    text = path.read_text()
    conditions = {
        "owners": "housing <> 'own' OR amount > 700",
        "old": "age > 18 OR amount < 10",
        "even": "amount % 2 < 2 OR housing = 'own'",
    }
    rules = "".join(
        f'      - {{type: custom, engine: modelkeel, name: {name}, implementation: "{sql}"}}\n'
        for name, sql in conditions.items()
    )
    text = text.replace("    properties:", f"    quality:\n{rules}    properties:")
    text = text.replace(
        "required: false, enum: [{value: own}, {value: rent}]}",
        "required: false, logicalTypeOptions: {minLength: 2, maxLength: 9, pattern: '^[a-z]+$'}}",
    )
    path.write_text(text)
    found = signature_of(project, load_contract(path), ["0", "1"], FRAME)
    assert [(rule.name, rule.columns) for rule in found.rules] == [
        ("owners", ["housing", "amount"])
    ]
    assert [each.name for each in found.unchecked_rules] == ["old", "even"]
    amount, housing = found.features
    assert (housing.min_length, housing.max_length, housing.pattern) == (2, 9, "^[a-z]+$")
    assert housing.example == "rent" or float(amount.example or 0) > 700
    path.write_text(text.replace("[a-z]+", r"\w+"))
    found = signature_of(project, load_contract(path), ["0", "1"], FRAME)
    assert found.features[1].pattern is None
    assert found.unchecked_rules[0].name == "housing: pattern"
