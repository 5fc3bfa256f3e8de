"""Measures agree with scikit-learn's, intervals cover, and undefined cases stay undefined."""

from __future__ import annotations

import time

import numpy as np
import pytest

from modelkeel.model import metrics as m

sk = pytest.importorskip("sklearn.metrics")


def _binary(seed: int, rows: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    score = 1 / (1 + np.exp(-(rng.normal(size=rows) + labels)))
    if ties:
        score = score.round(1)
    return labels, np.column_stack([1 - score, score])


def _three(seed: int, rows: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    raw = rng.integers(1, 4, (rows, 3)) if ties else rng.random((rows, 3)) + 0.01
    raw = raw + np.eye(3)[labels]
    return labels, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_binary_measures_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    labels, share = _binary(seed, ties=ties)
    assert m.roc_auc(labels, share) == pytest.approx(sk.roc_auc_score(labels, share[:, 1]))
    assert m.average_precision(labels, share) == pytest.approx(
        sk.average_precision_score(labels, share[:, 1])
    )
    assert m.log_loss(labels, share) == pytest.approx(sk.log_loss(labels, share))
    assert m.brier(labels, share) == pytest.approx(sk.brier_score_loss(labels, share[:, 1]))
    assert m.accuracy(labels, share) == pytest.approx(
        sk.accuracy_score(labels, share.argmax(axis=1))
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_measures_of_three_classes_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    labels, share = _three(seed, ties=ties)
    assert m.roc_auc(labels, share) == pytest.approx(
        sk.roc_auc_score(labels, share, multi_class="ovr", average="macro")
    )
    assert m.average_precision(labels, share) == pytest.approx(
        sk.average_precision_score(np.eye(3)[labels], share, average="macro")
    )
    assert m.log_loss(labels, share) == pytest.approx(sk.log_loss(labels, share))
    assert m.brier(labels, share) == pytest.approx(
        np.square(share - np.eye(3)[labels]).sum(axis=1).mean()
    )


@pytest.mark.parametrize("ties", [False, True])
def test_a_weight_is_the_row_counted_so_often(ties: bool) -> None:
    labels, share = _binary(9, rows=120, ties=ties)
    weights = next(m.resample_weights(120, 20, seed=3))
    for metric in m.CLASSIFICATION:
        if metric.name == "calibration_error":  # bins are cut once, on the rows as they are
            continue
        found = metric.weighted(labels, share, weights)
        for row, value in zip(weights.astype(int), found, strict=True):
            rows = np.repeat(np.arange(120), row)
            assert value == pytest.approx(metric(labels[rows], share[rows])), metric.name
    actual, predicted = labels + share[:, 0], share[:, 1]
    for metric in m.REGRESSION:
        found = metric.weighted(actual, predicted, weights)
        for row, value in zip(weights.astype(int), found, strict=True):
            rows = np.repeat(np.arange(120), row)
            assert value == pytest.approx(metric(actual[rows], predicted[rows])), metric.name


def test_regression_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    actual = rng.normal(1e6, 5, 400)
    predicted = actual + rng.normal(0, 2, 400)
    assert m.mae(actual, predicted) == pytest.approx(sk.mean_absolute_error(actual, predicted))
    assert m.rmse(actual, predicted) == pytest.approx(
        np.sqrt(sk.mean_squared_error(actual, predicted))
    )
    assert m.r2(actual, predicted) == pytest.approx(sk.r2_score(actual, predicted))


def test_one_class_equal_values_and_no_rows_have_no_value() -> None:
    share = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert np.isnan(m.roc_auc([1, 1], share))
    assert np.isnan(m.average_precision([0, 0], share))
    assert np.isnan(m.r2([3.0, 3.0], [2.0, 4.0]))
    for metric in m.CLASSIFICATION:
        assert np.isnan(metric(np.zeros(0, dtype=int), np.zeros((0, 2)))), metric.name
    for metric in m.REGRESSION:
        assert np.isnan(metric(np.zeros(0), np.zeros(0))), metric.name


def test_calibration_error_by_hand() -> None:
    share = np.r_[np.full(50, 0.2), np.full(50, 0.8)]
    labels = np.r_[np.ones(20), np.zeros(30), np.ones(40), np.zeros(10)].astype(int)
    found = m.calibration_error(labels, np.column_stack([1 - share, share]))
    assert found == pytest.approx(0.5 * 0.2)  # first half says 0.2 where 0.4 come true


def test_noise_is_seldom_exceeded_by_a_calibrated_model_and_always_by_a_wrong_one() -> None:
    rng = np.random.default_rng(0)
    share = rng.uniform(0.1, 0.9, 400)
    both = np.column_stack([1 - share, share])
    noise = m.calibration_noise(both, quantile=0.9, seed=1)
    errors = [m.calibration_error((rng.random(400) < share).astype(int), both) for _ in range(300)]
    assert 0.05 < np.mean(np.array(errors) > noise) < 0.16
    assert m.calibration_error((rng.random(400) < share**3).astype(int), both) > noise


def test_the_action_of_the_greatest_expected_payoff_is_taken() -> None:
    amounts = np.array([[-1000.0, 200.0], [0.0, 0.0]])
    share = np.array([[0.1, 0.9], [0.3, 0.7], [1 / 6, 5 / 6]])
    taken = m.best_actions(share, amounts)
    assert taken[:2].tolist() == [0, 1]
    assert m.best_threshold(amounts) == pytest.approx(5 / 6)
    paid = m.payoff_realised(np.array([0, 0, 1]), np.array([0, 1, 0]), amounts)
    assert paid.tolist() == [-1000.0, 200.0, 0.0]


def test_value_by_threshold_is_what_the_decisions_pay() -> None:
    labels, share = _binary(4, ties=True)
    amounts = np.array([[0.0, 0.0], [-5.0, 3.0]])
    grid = np.linspace(0, 1, 11)
    found = m.value_by_threshold(share[:, 1], labels, amounts, grid)
    assert found is not None
    values, shares, action = found
    assert action == 1
    for at, value, part in zip(grid, values, shares, strict=True):
        acted = share[:, 1] >= at
        assert value == pytest.approx(amounts[acted.astype(int), labels].mean())
        assert part == pytest.approx(acted.mean())
    assert m.value_by_threshold(share[:, 1], labels, np.zeros((3, 2)), grid) is None
    assert m.best_threshold(np.array([[1.0, 1.0], [0.0, 0.0]])) is None


def test_each_unit_of_error_is_paid_for() -> None:
    found = m.value_of_error(np.array([10.0, 10.0, 10.0]), np.array([12.0, 7.0, 10.0]), -0.5, -2.0)
    assert found.tolist() == [-1.0, -6.0, 0.0]


def test_curves_pass_through_the_points_of_scikit_learn() -> None:
    labels, share = _binary(2, ties=True)
    false_rate, true_rate, _ = sk.roc_curve(labels, share[:, 1], drop_intermediate=False)
    found = m.roc_curve(share[:, 1], labels == 1, false_rate[1:])
    assert found == pytest.approx(true_rate[1:])
    precision, recall, _ = sk.precision_recall_curve(labels, share[:, 1])
    steps = recall[:-1][recall[:-1] > 0]
    best = {r: p for p, r in zip(precision[:-1], recall[:-1], strict=True)}
    assert m.precision_curve(share[:, 1], labels == 1, steps) == pytest.approx(
        [best[r] for r in steps]
    )


def test_resamples_are_repeatable_and_keep_groups_whole() -> None:
    first = np.concatenate(list(m.resample_weights(50, 30, seed=1)))
    again = np.concatenate(list(m.resample_weights(50, 30, seed=1)))
    assert (first == again).all()
    assert (first.sum(axis=1) == 50).all()
    groups = np.repeat(["a", "b", "c", "d"], [1, 2, 3, 4])
    weights = np.concatenate(list(m.resample_weights(10, 40, seed=2, groups=groups)))
    for name in "abcd":
        part = weights[:, groups == name]
        assert (part == part[:, :1]).all()
    drawn = weights[:, [0, 1, 3, 6]]
    assert (drawn.sum(axis=1) == 4).all()


def test_blocks_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(m.resample_weights(40, 25, seed=5)))
    monkeypatch.setattr(m, "_CELLS", 40 * 7)
    assert (np.concatenate(list(m.resample_weights(40, 25, seed=5))) == whole).all()


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        values = rng.exponential(size=150)
        samples = m.resample(
            {"mean": lambda weights, seen=values: m.mean(seen, weights)},
            150,
            times=300,
            seed=trial,
        )
        low, high = m.percentile_interval(samples["mean"], 0.9) or (0.0, 0.0)
        covered += low <= 1.0 <= high
    assert 0.82 <= covered / 200 <= 0.96


def test_no_interval_when_resamples_often_have_no_value() -> None:
    assert m.percentile_interval(np.zeros(0), 0.9) is None
    few = np.r_[np.full(10, np.nan), np.arange(90.0)]
    assert m.percentile_interval(few, 0.9) is None
    low, high = m.percentile_interval(np.r_[np.full(4, np.nan), np.linspace(0, 1, 96)], 0.9) or (
        1.0,
        0.0,
    )
    assert (low, high) == pytest.approx((0.05, 0.95))


def test_wilson_interval_holds_at_the_ends() -> None:
    low, high = m.wilson_interval(0, 10, 1.6449)
    assert low == 0.0
    assert 0.1 < high < 0.3
    assert np.isnan(m.wilson_interval(0, 0, 1.6449)[0])


def test_a_thousand_resamples_are_quick() -> None:
    labels, share = _binary(1, rows=2000)
    weighted = {
        f"{metric.name} {copy}": (
            lambda weights, metric=metric: metric.weighted(labels, share, weights)
        )
        for metric in m.CLASSIFICATION
        for copy in range(2)
    }
    start = time.perf_counter()
    m.resample(weighted, 2000, times=1000, seed=0)
    assert time.perf_counter() - start < 5.0  # about one second; room for a busy machine
