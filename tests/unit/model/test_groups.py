"""Groups of people are compared as Fairlearn does, and never on too few rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeel.model.evaluation import Evaluation, SliceBy, evaluate
from modelkeel.model.evaluation.groups import Fairness

PAYOFF = (["approve", "decline"], ["0", "1"], [[-1.0, 1.0], [0.0, 0.0]])


def judged(
    truth: Any, score: Any, group: Any, *, bootstrap: int = 200, **changes: Any
) -> Evaluation:
    score = np.asarray(score, dtype=float)
    return evaluate(
        "classification",
        truth,
        {"model": np.column_stack([1 - score, score])},
        policy="approve",
        classes=["0", "1"],
        payoff=PAYOFF,
        audit=pl.DataFrame({"group": group}),
        slices=[SliceBy("group")],
        bootstrap=bootstrap,
        **changes,
    )


def of(found: Evaluation) -> Fairness:
    (one,) = found.fairness
    return one


def test_shares_ratio_and_opportunity_by_hand() -> None:
    # a: 60 of 100 approved, 45 of the 50 who repay; b: 30 of 100, 25 of the 50
    group = ["a"] * 100 + ["b"] * 100
    truth = [1] * 50 + [0] * 50 + [1] * 50 + [0] * 50
    score = [0.9] * 45 + [0.1] * 5 + [0.9] * 15 + [0.1] * 35
    score += [0.9] * 25 + [0.1] * 25 + [0.9] * 5 + [0.1] * 45
    found = of(judged(truth, score, group))
    selection, opportunity = found.selection["approve"], found.opportunity["approve"]
    assert [each.found.value for each in selection.groups.values()] == [0.6, 0.3]
    assert selection.gap is not None
    assert (selection.gap.lowest, selection.gap.highest) == ("b", "a")
    assert selection.gap.found.value == pytest.approx(0.5)
    assert 0.35 < (selection.gap.found.low or 0) < 0.5 < (selection.gap.found.high or 0) < 0.7
    assert [each.found.value for each in opportunity.groups.values()] == [0.9, 0.5]
    assert [each.n for each in opportunity.groups.values()] == [50, 50]
    assert opportunity.gap is not None
    assert opportunity.gap.found.value == pytest.approx(0.4)
    assert found.selection["decline"].gap is not None
    assert found.selection["decline"].gap.found.value == pytest.approx(0.4 / 0.7)


def test_small_groups_and_missing_ones_are_listed_but_not_compared() -> None:
    group = ["a"] * 100 + ["b"] * 20 + [None] * 60 + ["c"] * 100
    rng = np.random.default_rng(0)
    found = of(judged(rng.integers(0, 2, 280), rng.random(280), group))
    measured = found.selection["approve"]
    assert {name: each.assessed for name, each in measured.groups.items()} == {
        "a": True,
        "b": False,
        "c": True,
        "missing": False,
    }
    assert measured.gap is not None
    assert {measured.gap.lowest, measured.gap.highest} == {"a", "c"}


def test_one_group_with_enough_rows_is_nothing_to_compare() -> None:
    found = of(judged([0, 1] * 60, [0.2, 0.8] * 60, ["a"] * 110 + ["b"] * 10))
    assert found.selection["approve"].gap is None
    assert json.loads(json.dumps(found.numbers()))["selection"]["approve"]["gap"] is None


def test_an_action_that_nobody_gets_has_no_ratio() -> None:
    found = of(judged([0, 1] * 100, [0.1] * 200, ["a", "a", "b", "b"] * 50))
    gap = found.selection["approve"].gap
    assert gap is not None
    assert gap.found.value is None


def test_no_resamples_no_interval() -> None:
    rng = np.random.default_rng(0)
    found = of(judged(rng.integers(0, 2, 200), rng.random(200), ["a", "b"] * 100, bootstrap=0))
    gap = found.selection["approve"].gap
    assert gap is not None
    assert gap.found.value is not None
    assert gap.found.low is None


def test_people_from_few_households_are_not_compared() -> None:
    """Rows that are drawn together count as one: of five, nothing can be said."""
    rng = np.random.default_rng(0)
    group = ["a"] * 100 + ["b"] * 100 + ["c"] * 100
    household = [*range(100), *(100 + at % 5 for at in range(100)), *range(200, 300)]
    found = of(judged(rng.integers(0, 2, 300), rng.random(300), group, groups=household))
    for measured in (found.selection["approve"], found.opportunity["approve"]):
        assert [each.assessed for each in measured.groups.values()] == [True, False, True]
        assert measured.groups["b"].found.value is not None
        assert measured.groups["b"].found.low is None
        assert measured.gap is not None
        assert measured.gap.found.low is not None
        assert "b" not in {measured.gap.lowest, measured.gap.highest}


def test_equal_groups_are_not_called_unequal() -> None:
    """Of fifty fair models on few rows, the interval holds equality in nearly all."""
    missed = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        group = np.repeat(["a", "b", "c"], 70)
        gap = of(judged(rng.integers(0, 2, 210), rng.random(210), group)).selection["approve"].gap
        assert gap is not None
        missed += (gap.found.high or 0.0) < 0.8
    assert missed <= 3


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.integers(60, 200),
    st.lists(st.floats(0, 1), min_size=2, max_size=4),
)
def test_a_ratio_lies_between_nothing_and_equality(seed: int, rows: int, tilt: list[float]) -> None:
    rng = np.random.default_rng(seed)
    names = [f"g{place}" for place in range(len(tilt))]
    group = np.repeat(names, rows)
    score = np.clip(rng.random(len(group)) + np.repeat(tilt, rows) - 0.5, 0, 1)
    found = judged(rng.integers(0, 2, len(group)), score, group, bootstrap=20)
    for measured in of(found).selection.values():
        if measured.gap is None or measured.gap.found.value is None:
            continue
        estimate = measured.gap.found
        bounds = [estimate.value, *(b for b in (estimate.low, estimate.high) if b is not None)]
        assert all(0.0 <= bound <= 1.0 for bound in bounds)


def test_errors_of_a_regression() -> None:
    rng = np.random.default_rng(1)
    actual = rng.normal(100, 10, 400)
    group = np.array(["a", "b"] * 200)
    predicted = actual + np.where(group == "a", 1.0, 4.0)
    (found,) = evaluate(
        "regression",
        actual,
        {"model": predicted, "baseline": 100.0},
        policy="mean",
        over_under=(-1.0, -1.0),
        audit=pl.DataFrame({"group": group}),
        slices=[SliceBy("group")],
        bootstrap=50,
    ).fairness
    assert found.error is not None
    assert found.lean is not None
    assert found.error.gap is not None
    assert found.lean.gap is not None
    assert found.error.gap.found.value == pytest.approx(0.25)
    assert found.lean.gap.found.value == pytest.approx(3.0 / actual.std())
    assert set(found.numbers()) == {"n", "error", "lean"}


def test_how_often_and_by_how_much_the_model_acts_otherwise() -> None:
    record = json.loads(judged([1, 1, 0, 0], [0.9, 0.1, 0.9, 0.1], ["a"] * 4).to_json())
    # declined: one who repays (loses 1) and one who does not (gains 1)
    assert record["disagreement"] == {"share": 0.5, "sd": pytest.approx(2**0.5, rel=1e-5)}
    gains = np.array([0.0, -1.0, 0.0, 1.0])
    sd = record["uplift"]["value_per_decision"]["sd"]
    assert sd == pytest.approx(gains.std(ddof=1), rel=1e-5)


def test_a_forecast_that_differs_acts_otherwise() -> None:
    actual = np.arange(10.0)
    predicted = np.where(actual < 4, 4.5, actual)
    found = evaluate(
        "regression",
        actual,
        {"model": predicted, "baseline": 4.5},
        policy="mean",
        over_under=(-1.0, -1.0),
        bootstrap=0,
    )
    assert found.disagreement is not None
    assert found.disagreement.share == pytest.approx(0.6)
