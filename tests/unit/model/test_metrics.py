"""Measures agree with scikit-learn's, and undefined cases stay undefined."""

from __future__ import annotations

import numpy as np
import pytest

from modelkeel.model.evaluation import metrics as m
from modelkeel.model.evaluation.calibration import calibration_noise
from modelkeel.model.evaluation.curves import precision_curve, roc_curve
from modelkeel.model.evaluation.resampling import resample_weights

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
    weights = next(resample_weights(120, 20, seed=3))
    for metric in m.CLASSIFICATION:
        if metric.name == "calibration_error":  # bins are cut once, on the rows as they are
            continue
        found = metric.on(labels, share)(weights)
        for row, value in zip(weights.astype(int), found, strict=True):
            rows = np.repeat(np.arange(120), row)
            assert value == pytest.approx(metric(labels[rows], share[rows])), metric.name
    actual, predicted = labels + share[:, 0], share[:, 1]
    for metric in m.REGRESSION:
        found = metric.on(actual, predicted)(weights)
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
    noise = calibration_noise(both, quantile=0.9, seed=1)
    errors = [m.calibration_error((rng.random(400) < share).astype(int), both) for _ in range(300)]
    assert 0.05 < np.mean(np.array(errors) > noise) < 0.16
    assert m.calibration_error((rng.random(400) < share**3).astype(int), both) > noise


def test_curves_pass_through_the_points_of_scikit_learn() -> None:
    labels, share = _binary(2, ties=True)
    false_rate, true_rate, _ = sk.roc_curve(labels, share[:, 1], drop_intermediate=False)
    found = roc_curve(share[:, 1], labels == 1, false_rate[1:])
    assert found == pytest.approx(true_rate[1:])
    precision, recall, _ = sk.precision_recall_curve(labels, share[:, 1])
    steps = recall[:-1][recall[:-1] > 0]
    best = {r: p for p, r in zip(precision[:-1], recall[:-1], strict=True)}
    assert precision_curve(share[:, 1], labels == 1, steps) == pytest.approx(
        [best[r] for r in steps]
    )
