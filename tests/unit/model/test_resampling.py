"""Resamples are repeatable, their intervals cover, and they are quick."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest

from modelkeel.model.evaluation import resampling
from modelkeel.model.evaluation.metrics import CLASSIFICATION
from modelkeel.model.evaluation.resampling import (
    percentile_interval,
    resample,
    resample_weights,
    wilson_interval,
)
from modelkeel.model.evaluation.statistic import mean


def test_resamples_are_repeatable_and_keep_groups_whole() -> None:
    first = np.concatenate(list(resample_weights(50, 30, seed=1)))
    again = np.concatenate(list(resample_weights(50, 30, seed=1)))
    assert (first == again).all()
    assert (first.sum(axis=1) == 50).all()
    groups = np.repeat(["a", "b", "c", "d"], [1, 2, 3, 4])
    weights = np.concatenate(list(resample_weights(10, 40, seed=2, groups=groups)))
    for name in "abcd":
        part = weights[:, groups == name]
        assert (part == part[:, :1]).all()
    drawn = weights[:, [0, 1, 3, 6]]
    assert (drawn.sum(axis=1) == 4).all()


def test_blocks_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resample_weights(40, 25, seed=5)))
    monkeypatch.setattr(resampling, "_CELLS", 40 * 7)
    assert (np.concatenate(list(resample_weights(40, 25, seed=5))) == whole).all()


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        values = rng.exponential(size=150)
        samples = resample(
            {"mean": partial(mean, values)},
            150,
            times=300,
            seed=trial,
        )
        low, high = percentile_interval(samples["mean"], 0.9) or (0.0, 0.0)
        covered += low <= 1.0 <= high
    assert 0.82 <= covered / 200 <= 0.96


def test_no_interval_when_resamples_often_have_no_value() -> None:
    assert percentile_interval(np.zeros(0), 0.9) is None
    few = np.r_[np.full(10, np.nan), np.arange(90.0)]
    assert percentile_interval(few, 0.9) is None
    low, high = percentile_interval(np.r_[np.full(4, np.nan), np.linspace(0, 1, 96)], 0.9) or (
        1.0,
        0.0,
    )
    assert (low, high) == pytest.approx((0.05, 0.95))


def test_wilson_interval_holds_at_the_ends() -> None:
    low, high = wilson_interval(0, 10, 1.6449)
    assert low == 0.0
    assert 0.1 < high < 0.3
    assert np.isnan(wilson_interval(0, 0, 1.6449)[0])


def test_a_thousand_resamples_are_quick() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 2000)
    score = rng.random(2000)
    share = np.column_stack([1 - score, score])
    statistics = {
        f"{metric.name} {copy}": metric.on(labels, share)
        for metric in CLASSIFICATION
        for copy in range(2)
    }
    start = time.process_time()
    resample(statistics, 2000, times=1000, seed=0)
    assert time.process_time() - start < 5.0  # about half a second
