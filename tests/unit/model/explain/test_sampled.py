"""Estimated contributions agree with the exact ones within their own error."""

from __future__ import annotations

import numpy as np
import pytest
from small import NAMES, Fit

from modelkeel.errors import BadInput
from modelkeel.model.explain.sampled import sampled_contributions

REFERENCE = 20


@pytest.mark.parametrize("name", ["boosted", "squared error", "ridge"])
def test_they_come_close_to_the_exact_ones(name: str, fit: Fit) -> None:
    small = fit(name, REFERENCE)
    columns = dict(zip(NAMES, small.columns, strict=True))
    rows = {name: values[40:46] for name, values in columns.items()}
    reference = {name: values[:REFERENCE] for name, values in columns.items()}
    found = sampled_contributions(small.scorer, rows, reference, orders=12, seed=1)
    exact = small.explainer.contributions(list(rows.values()))
    assert np.isclose(found.base, small.explainer.base, atol=1e-4)
    assert found.scale == small.explainer.scale
    off = np.abs(found.contributions - exact)
    assert (off <= 5 * found.errors + 1e-4).all()
    # they add up whatever the orders were
    assert np.allclose(found.contributions.sum(axis=1), exact.sum(axis=1), atol=1e-4)


def test_more_orders_leave_less_error(fit: Fit) -> None:
    small = fit("boosted", REFERENCE)
    columns = dict(zip(NAMES, small.columns, strict=True))
    rows = {name: values[40:43] for name, values in columns.items()}
    reference = {name: values[:REFERENCE] for name, values in columns.items()}
    few = sampled_contributions(small.scorer, rows, reference, orders=4)
    many = sampled_contributions(small.scorer, rows, reference, orders=64)
    assert 0 < many.errors.mean() < few.errors.mean() / 2
    again = sampled_contributions(small.scorer, rows, reference, orders=4)
    assert (again.contributions == few.contributions).all()


def test_chosen_classes_against_the_rest(fit: Fit) -> None:
    small = fit("boosted, three classes", REFERENCE)
    columns = dict(zip(NAMES, small.columns, strict=True))
    rows = {name: values[40:42] for name, values in columns.items()}
    reference = {name: values[:REFERENCE] for name, values in columns.items()}
    found = sampled_contributions(small.scorer, rows, reference, classes=["a", "c"], orders=12)
    scores = small.scorer.predict(rows)
    odds = np.log((scores[:, 0] + scores[:, 2]) / scores[:, 1])
    assert np.allclose(found.base + found.contributions.sum(axis=1), odds, atol=1e-4)
    # the exact ones start from the mean margins, these from the mean log-odds
    exact = small.explainer.toward(["a", "c"]).contributions(list(rows.values()))
    assert np.abs(found.contributions - exact).max() < 0.3
    default = sampled_contributions(small.scorer, rows, reference)
    assert default.scale == small.explainer.scale


@pytest.mark.parametrize(
    ("change", "said"),
    [({"orders": 1}, "show no error"), ({"classes": ["z"]}, "cannot be explained")],
)
def test_what_cannot_be_estimated(change: dict[str, object], said: str, fit: Fit) -> None:
    small = fit("boosted, three classes", REFERENCE)
    columns = dict(zip(NAMES, small.columns, strict=True))
    with pytest.raises(BadInput, match=said):
        sampled_contributions(small.scorer, columns, columns, **change)  # type: ignore[arg-type]
