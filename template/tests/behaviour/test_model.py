"""What every model must and must not do; what is particular to yours goes in files beside this."""

import json

import numpy as np
import polars as pl
import pytest
from modelkeel.model.bundle import Bundle
from modelkeel.model.export import model_inputs
from modelkeel.project import Project

Columns = dict[str, list[object]]


@pytest.fixture(scope="module")
def held_out(project: Project, bundle: Bundle) -> Columns:
    rows = pl.read_parquet(project.data_dir / "test.parquet").head(2000)
    return model_inputs(rows, bundle.signature).to_dict(as_series=False)


def test_it_answers_with_numbers(bundle: Bundle, held_out: Columns) -> None:
    scores = bundle.scorer.predict(held_out)
    assert np.isfinite(scores).all()
    if bundle.signature.classes:
        assert np.allclose(scores.sum(axis=1), 1.0, atol=1e-5)


def test_what_is_kept_for_audits_is_no_input(project: Project, bundle: Bundle) -> None:
    kept = {*project.params.audit, *project.params.split.by, project.params.target}
    assert kept.isdisjoint(bundle.signature.feature_names)


def test_the_order_of_rows_does_not_matter(bundle: Bundle, held_out: Columns) -> None:
    turned = {name: values[::-1] for name, values in held_out.items()}
    there, back = bundle.scorer.predict(held_out), bundle.scorer.predict(turned)[::-1]
    assert np.allclose(back, there, rtol=1e-5, atol=1e-6)


def test_it_takes_a_missing_value_where_one_may_be_missing(
    bundle: Bundle, held_out: Columns
) -> None:
    for feature in bundle.signature.features:
        if feature.nullable:
            without = {**held_out, feature.name: [None] * len(held_out[feature.name])}
            assert np.isfinite(bundle.scorer.predict(without)).all(), feature.name


def test_it_is_not_worse_than_knowing_nothing(project: Project) -> None:
    found = json.loads((project.reports_dir / "evaluation.json").read_text(encoding="utf-8"))
    measure = "log_loss" if project.task == "classification" else "rmse"
    assert found["model"][measure] < 1.1 * found["baseline"][measure]


def test_decisions_are_those_of_the_greatest_expected_payoff(
    project: Project, bundle: Bundle, held_out: Columns
) -> None:
    scores = bundle.scorer.predict(held_out)
    actions = bundle.decide(scores)
    if actions is None:
        pytest.skip("the prediction is used as it is")
    named, outcomes, amounts = project.charter.payoff_matrix()
    order = [outcomes.index(name) for name in bundle.signature.classes]
    expected = scores @ np.array(amounts)[:, order].T
    taken = expected[np.arange(len(scores)), [named.index(action) for action in actions]]
    assert np.allclose(taken, expected.max(axis=1))
