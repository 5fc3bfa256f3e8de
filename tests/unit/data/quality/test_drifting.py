from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.data.quality.distance import psi, share_upto
from modelkeel.data.quality.drifting import ColumnDrift, Limits, drift
from modelkeel.data.quality.profiles import profile


def between(old: Any, new: Any, *, hidden: bool = False, **limits: float) -> ColumnDrift:
    sides = (
        profile(pl.DataFrame({"x": values}), hidden=["x"] if hidden else ())
        for values in (old, new)
    )
    return drift(*sides, Limits(**limits)).columns[0]


def normal(n: int, mean: float = 0.0, seed: int = 1) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(mean, 1.0, n)


@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("n", [60, 500, 5000])
def test_chance_is_no_drift(n: int, seed: int) -> None:
    assert between(normal(5000), normal(n, seed=seed)).state == "ok"


@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("n", [200, 2600])
def test_chance_is_no_drift_of_whole_numbers_that_are_hidden(n: int, seed: int) -> None:
    old, new = (np.random.default_rng(each).integers(18, 90, n) for each in (1, seed))
    assert between(old, new, hidden=True).state == "ok"


@pytest.mark.parametrize("hidden", [False, True])
def test_a_shifted_number_has_drifted(hidden: bool) -> None:
    found = between(normal(5000), normal(5000, 0.8, seed=2), hidden=hidden)
    assert found.state == "drifted"
    assert found.why.startswith("PSI ")
    assert found.psi == pytest.approx(0.64, abs=0.15)  # of two normals: the squared shift
    assert found.ks == pytest.approx(0.31, abs=0.06)


def test_a_number_beyond_all_that_was_has_drifted() -> None:
    found = between(normal(500), normal(500) + 100)
    assert (found.state, found.ks) == ("drifted", 1.0)
    assert found.js is not None
    assert found.js > 0.8  # a tenth of the reference stands in the last part too


@pytest.mark.parametrize("other", [0.0, 2.0])
def test_a_constant_that_changes_has_drifted(other: float) -> None:
    assert between([1.0] * 200, [other] * 200).state == "drifted"
    assert between([1.0] * 200, [1.0] * 300).state == "ok"


def test_new_categories_have_drifted_beyond_their_limit() -> None:
    old, new = ["a", "b"] * 500, ["a", "b"] * 480 + ["c"] * 40
    found = between(old, new)
    assert (found.state, found.new) == ("drifted", ("c",))
    assert found.new_share == pytest.approx(0.04)
    assert between(old, new, max_new_share=0.05).state == "warn"


def test_rare_categories_not_seen_before_are_chance() -> None:
    rng = np.random.default_rng(1)
    old, new = (np.array([f"v{at}" for at in rng.zipf(1.8, 2000) % 60]) for _ in range(2))
    assert between(old, new).state in ("ok", "warn")


def test_missing_values_have_drifted() -> None:
    found = between([1.0, 2.0] * 500, [1.0, 2.0] * 400 + [None] * 200)
    assert (found.state, found.why) == ("drifted", "missing 0.0%, now 20.0%")


def test_columns_that_came_went_or_changed_kind_have_drifted() -> None:
    old = profile(pl.DataFrame({"gone": [1, 2], "turned": [1, 2], "same": [1, 2]}))
    new = profile(pl.DataFrame({"came": [1, 2], "turned": ["a", "b"], "same": [1, 2]}))
    why = {each.name: each.why for each in drift(old, new).columns}
    assert why == {
        "gone": "it is gone",
        "came": "the reference does not have it",
        "turned": "was numeric, is categorical",
        "same": "",
    }


def test_dates_move_on_and_hidden_words_are_not_judged() -> None:
    days = [pl.Series(range(first, first + 1000)).cast(pl.Date) for first in (0, 2000)]
    assert between(*days).state == "not_judged"
    assert between(["a"] * 50, ["b"] * 50, hidden=True).state == "not_judged"


def test_the_worst_stands_first() -> None:
    old = profile(pl.DataFrame({"a": normal(900), "b": normal(900), "c": normal(900)}))
    new = profile(pl.DataFrame({"a": normal(900), "b": normal(900) + 1, "c": normal(900) + 3}))
    found = drift(old, new)
    assert [each.name for each in found.columns] == ["c", "b", "a"]
    assert [each.name for each in found.drifted] == ["c", "b"]
    assert found.to_json()["rows_before"] == 900


def test_psi_and_shares_by_hand() -> None:
    half = np.array([0.5, 0.5])
    index, noise = psi(half, np.array([0.9, 0.1]), 10**9, 10**9)
    assert index == pytest.approx(0.4 * np.log(9))
    assert noise < 1e-6
    assert psi(half, half, 0, 5) == (0.0, 0.0)
    points = np.array([[0.0, 0.0, 0.2], [10.0, 0.8, 1.0]])
    assert share_upto(points, np.array([-1.0, 0.0, 5.0, 10.0, 11.0])) == pytest.approx(
        [0.0, 0.2, 0.5, 1.0, 1.0]
    )
