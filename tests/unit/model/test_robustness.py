"""Disturbed rows stay inside the contract, and what they do to decisions is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeel.model.evaluation.disturbed import Disturbed, Robustness
from modelkeel.model.evaluation.robustness import robustness
from modelkeel.model.signature import Feature, Signature

SIGNATURE = Signature(
    name="credit",
    task="classification",
    target="risk",
    classes=["0", "1"],
    features=[
        Feature(name="amount", kind="number", minimum=0, maximum=100, nullable=True),
        Feature(name="age", kind="integer", minimum=18, maximum=65),
        Feature(name="housing", kind="category", categories=["own", "rent"], nullable=True),
    ],
)
Scores = Any


def rows(count: int = 400, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    amount = pl.Series("amount", rng.uniform(0, 100, count))
    return pl.DataFrame(
        {
            "amount": pl.select(pl.when(amount > 3).then(amount)).to_series().alias("amount"),
            "age": rng.integers(18, 66, count),
            "housing": rng.choice(["own", "own", "rent"], count),
        }
    )


def both(positive: Any) -> Scores:
    positive = np.asarray(positive, dtype=float)
    return np.column_stack([1 - positive, positive])


def decide(scores: Scores) -> Any:
    return scores[:, 1] >= 0.5


def tried(predict: Any, frame: pl.DataFrame | None = None, **changes: Any) -> Robustness:
    frame = rows() if frame is None else frame
    return robustness(predict, frame, SIGNATURE, **({"decide": decide} | changes))


def by(found: Robustness, column: str, kind: str) -> Disturbed:
    return next(each for each in found.columns if (each.column, each.kind) == (column, kind))


def test_each_disturbance_hits_what_it_should() -> None:
    def predict(frame: pl.DataFrame) -> Scores:
        known = frame["amount"].fill_null(0.0) / 100
        own = (frame["housing"] == "own").fill_null(value=False)
        return both(pl.select(pl.when(own).then(known).otherwise(1 - known)).to_series())

    frame = rows()
    found = tried(predict, frame)
    assert {(each.column, each.kind) for each in found.columns} == {
        ("amount", "noise"),
        ("amount", "missing"),
        ("age", "noise"),
        ("housing", "common"),
        ("housing", "missing"),
    }
    assert by(found, "age", "noise").flips == 0.0
    assert 0.0 < by(found, "amount", "noise").flips < 0.05
    rent = float((frame["housing"] == "rent").mean() or 0.0)
    assert by(found, "housing", "common").flips == pytest.approx(rent, abs=0.01)
    assert found.missing == by(found, "housing", "missing")
    assert found.numbers()["missing"]["column"] == "housing"
    assert found.failures == []


def test_no_value_goes_missing_that_may_not() -> None:
    required = SIGNATURE.model_copy(
        update={"features": [f.model_copy(update={"nullable": False}) for f in SIGNATURE.features]}
    )
    seen: list[pl.DataFrame] = []

    def predict(frame: pl.DataFrame) -> Scores:
        seen.append(frame)
        return both(np.full(frame.height, 0.4))

    frame = rows().drop_nulls()
    found = robustness(predict, frame, required, decide=decide)
    assert found.missing is None
    assert found.numbers()["missing"] is None
    assert all(not each.null_count().sum_horizontal().item() for each in seen)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_values_stay_inside_the_contract(seed: int) -> None:
    def predict(frame: pl.DataFrame) -> Scores:
        for feature in SIGNATURE.features:
            for value in frame[feature.name].unique().to_list():
                assert feature.problem(value) == ""
        return both(np.full(frame.height, 0.4))

    tried(predict, rows(60, seed), seed=seed)


@settings(max_examples=20)
@given(st.floats(0, 1), st.integers(0, 10_000))
def test_a_constant_model_hangs_on_nothing(positive: float, seed: int) -> None:
    found = tried(lambda frame: both(np.full(frame.height, positive)), rows(80, seed), seed=seed)
    assert found.noise is not None
    assert {found.noise.flips, found.noise.change} == {0.0}
    assert {each.flips for each in found.columns} == {0.0}
    assert {each.change for each in found.columns} == {0.0}


def test_rows_without_a_score_count_as_flips() -> None:
    def predict(frame: pl.DataFrame) -> Scores:
        known = frame["amount"].fill_null(float("nan")).to_numpy()
        return both(known / 100)

    found = tried(predict, rows().drop_nulls())
    gone = by(found, "amount", "missing")
    assert (gone.flips, gone.failed, gone.change) == (1.0, 1.0, 0.0)
    assert found.missing == gone
    assert found.numbers()["failures"] == {"missing amount": "no finite score"}


def test_a_model_that_breaks_is_listed_with_what_it_says() -> None:
    def predict(frame: pl.DataFrame) -> Scores:
        if frame["housing"].null_count():
            raise RuntimeError("an empty text has no code\nand more")
        return both(np.full(frame.height, 0.4))

    found = tried(predict)
    assert by(found, "housing", "missing").failed == 1.0
    assert found.numbers()["failures"] == {"missing housing": "an empty text has no code"}


def test_values_are_measured_in_deviations_of_the_target() -> None:
    found = tried(lambda frame: frame["age"].to_numpy() * 10.0, decide=None, scale=100.0)
    assert found.measure == "change"
    noise = by(found, "age", "noise")
    assert noise.flips == 0.0
    assert 0.0 < noise.change < 0.2
    assert by(found, "amount", "noise").change == 0.0


def test_the_same_seed_gives_the_same_sizes() -> None:
    def predict(frame: pl.DataFrame) -> Scores:
        return both(frame["amount"].fill_null(50.0) / 100)

    assert tried(predict, seed=3) == tried(predict, seed=3)


def test_a_wide_table_is_tried_on_fewer_rows() -> None:
    features = [Feature(name=f"f{place}", kind="number") for place in range(80)]
    signature = Signature(name="w", task="regression", target="y", features=features)
    frame = pl.DataFrame({f"f{place}": np.arange(5000.0) for place in range(80)})
    found = robustness(lambda each: each["f0"].to_numpy(), frame, signature, decide=None)
    assert found.rows < 1000
