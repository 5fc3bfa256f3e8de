"""Decisions are those that pay most, and paid for as the payoff says."""

from __future__ import annotations

import numpy as np
import pytest

from modelkeel.model.evaluation.payoff import (
    best_actions,
    best_threshold,
    payoff_realised,
    value_by_threshold,
    value_of_error,
)


def test_the_action_of_the_greatest_expected_payoff_is_taken() -> None:
    amounts = np.array([[-1000.0, 200.0], [0.0, 0.0]])
    share = np.array([[0.1, 0.9], [0.3, 0.7], [1 / 6, 5 / 6]])
    taken = best_actions(share, amounts)
    assert taken[:2].tolist() == [0, 1]
    assert best_threshold(amounts) == pytest.approx(5 / 6)
    paid = payoff_realised(np.array([0, 0, 1]), np.array([0, 1, 0]), amounts)
    assert paid.tolist() == [-1000.0, 200.0, 0.0]


def test_value_by_threshold_is_what_the_decisions_pay() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 300)
    score = (1 / (1 + np.exp(-(rng.normal(size=300) + labels)))).round(1)  # with ties
    amounts = np.array([[0.0, 0.0], [-5.0, 3.0]])
    grid = np.linspace(0, 1, 11)
    found = value_by_threshold(score, labels, amounts, grid)
    assert found is not None
    values, shares, action = found
    assert action == 1
    for at, value, part in zip(grid, values, shares, strict=True):
        acted = score >= at
        assert value == pytest.approx(amounts[acted.astype(int), labels].mean())
        assert part == pytest.approx(acted.mean())
    assert value_by_threshold(score, labels, np.zeros((3, 2)), grid) is None
    assert best_threshold(np.array([[1.0, 1.0], [0.0, 0.0]])) is None


def test_each_unit_of_error_is_paid_for() -> None:
    found = value_of_error(np.array([10.0, 10.0, 10.0]), np.array([12.0, 7.0, 10.0]), -0.5, -2.0)
    assert found.tolist() == [-1.0, -6.0, 0.0]
