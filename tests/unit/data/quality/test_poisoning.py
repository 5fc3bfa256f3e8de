"""Overlap, leakage and suspicious labels, on rows whose truth is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelkeel.data.quality.leakage import leakage
from modelkeel.data.quality.overlap import conflicting, overlap
from modelkeel.data.quality.shifts import label_shifts
from modelkeel.data.quality.suspicious import suspicious_classes, suspicious_numbers

ROWS = 2000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def table(rng: np.random.Generator, rows: int = ROWS) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "a": rng.normal(size=rows),
            "b": rng.normal(size=rows),
            "c": rng.normal(size=rows),
            "kind": rng.choice(["one", "two", None], rows),
            "y": rng.integers(0, 2, rows),
        }
    )


FEATURES = ["a", "b", "c", "kind"]


def test_rows_of_their_own_do_not_overlap(rng: np.random.Generator) -> None:
    found = overlap(table(rng), table(rng, 500), FEATURES)
    assert found.exact.rows == 0
    assert found.near.excess == 0


def test_copies_are_counted_and_named(rng: np.random.Generator) -> None:
    train, test = table(rng), table(rng, 500)
    found = overlap(pl.concat([train, test[:100]]), test, FEATURES)
    assert found.exact.rows == 100
    assert found.exact.listed[:3] == (1, 2, 3)
    assert found.exact.excess > 0.15


def test_copies_with_another_digit_are_near(rng: np.random.Generator) -> None:
    train, test = table(rng), table(rng, 500)
    moved = test.with_columns(pl.col("a", "b") + 1e-4, pl.col("kind").str.to_uppercase() + " ")
    found = overlap(pl.concat([train, moved]), test, FEATURES)
    assert found.exact.rows == 0
    assert found.near.share > 0.95
    assert found.near.excess > 0.8


def test_few_values_meet_by_chance(rng: np.random.Generator) -> None:
    def coarse(rows: int) -> pl.DataFrame:
        kinds = {name: rng.integers(0, 4, rows) for name in ("a", "b", "c")}
        return pl.DataFrame({**kinds, "y": rng.integers(0, 2, rows)})

    found = overlap(coarse(ROWS), coarse(500), ["a", "b", "c"])
    assert found.exact.share > 0.9
    assert found.exact.excess == 0


def test_columns_that_depend_on_each_other_meet_by_chance(rng: np.random.Generator) -> None:
    """Columns that follow from one code: alike far more often than independent ones."""

    def products(rows: int) -> pl.DataFrame:
        code = rng.integers(0, 1000, rows)
        follows = {f"f{each}": (code * (7 + each)) % (40 + each) for each in range(5)}
        return pl.DataFrame({**follows, "y": rng.normal(size=rows)})

    found = overlap(products(ROWS), products(500), [f"f{each}" for each in range(5)])
    assert found.exact.share > 0.5
    assert found.exact.excess < 0.05


def test_rows_of_one_group_do_not_count_as_chance(rng: np.random.Generator) -> None:
    day = table(rng, 100).with_columns(group=pl.int_range(100))
    train = pl.concat([day, day.with_columns(y=1 - pl.col("y"))])
    found = overlap(train, day, FEATURES, groups=["group"])
    assert found.exact.share == 1.0
    assert found.exact.chance < 0.01


def test_equal_rows_with_other_labels(rng: np.random.Generator) -> None:
    rows = table(rng)
    labels = [str(each) for each in rows["y"]]
    assert conflicting(rows, FEATURES, labels).rows == 0
    both = pl.concat([rows, rows[:1000]])
    against = [*labels, *("1" if each == "0" else "0" for each in labels[:1000])]
    found = conflicting(both, FEATURES, against)
    assert found.rows == 2000
    assert found.excess > 0.2
    coarse = pl.DataFrame({"a": rng.integers(0, 3, ROWS)})
    assert conflicting(coarse, ["a"], labels).excess == 0


@pytest.mark.parametrize("classes", [True, False])
def test_a_leaked_target_is_named(rng: np.random.Generator, classes: bool) -> None:
    rows = table(rng)
    if not classes:
        rows = rows.with_columns(y=pl.col("a") + pl.Series(rng.normal(size=ROWS)))
    most = 0.995 if classes else 0.99
    assert leakage(rows, FEATURES, "y", classes=classes).beyond(most) == []
    leaked = rows.with_columns(later=pl.col("y") * 3.0 + 1)
    found = leakage(leaked, [*FEATURES, "later"], "y", classes=classes)
    assert found.beyond(most) == ["later"]


def test_parts_of_a_target(rng: np.random.Generator) -> None:
    rows = table(rng).with_columns(y=pl.col("a") + pl.col("b"))
    assert set(leakage(rows, FEATURES, "y", classes=False).parts) == {"a", "b"}


def test_nothing_to_learn_from(rng: np.random.Generator) -> None:
    rows = table(rng, 5).with_columns(y=pl.lit(1))
    assert leakage(rows, FEATURES, "y", classes=True).columns == {}
    assert leakage(rows.clear(), FEATURES, "y", classes=True).columns == {}


def test_confident_learning_finds_what_was_flipped(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 3, ROWS)
    flip = rng.random(ROWS) < 0.1
    given = np.where(flip, (truth + rng.integers(1, 3, ROWS)) % 3, truth)
    scores = rng.normal(size=(ROWS, 3)) * 0.7
    scores[np.arange(ROWS), truth] += 3
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = suspicious_classes(given, probabilities)
    assert (found.mask & flip).sum() / flip.sum() > 0.8  # recall
    assert (found.mask & flip).sum() / found.mask.sum() > 0.9  # precision
    worst = found.worst(20)
    assert np.mean(found.suggested[worst] == truth[worst]) > 0.9
    assert len(worst) == 20


def test_confident_learning_of_a_rare_class_and_of_none(rng: np.random.Generator) -> None:
    rare = (rng.random(ROWS) < 0.01).astype(np.int64)
    flat = np.full((ROWS, 2), [0.99, 0.01])
    assert suspicious_classes(rare, flat).share <= 0.02
    assert suspicious_classes(np.zeros(0, dtype=np.int64), np.zeros((0, 2))).share == 0
    lone = suspicious_classes(np.zeros(10, dtype=np.int64), np.full((10, 2), 0.5))
    assert lone.share == 0


def test_numbers_far_from_their_like(rng: np.random.Generator) -> None:
    predicted = rng.uniform(1, 100, ROWS)
    given = predicted + rng.normal(size=ROWS) * predicted / 10
    assert suspicious_numbers(given, predicted).share < 0.005
    wrong = rng.random(ROWS) < 0.1
    found = suspicious_numbers(np.where(wrong, given * 10 + 50, given), predicted)
    assert (found.mask & wrong).sum() / wrong.sum() > 0.95
    assert suspicious_numbers(predicted, predicted).share == 0
    assert suspicious_numbers(np.zeros(0), np.zeros(0)).share == 0


def test_shifts_of_labels_beyond_chance() -> None:
    def rates(rows: int, share: float) -> dict[str, object]:
        return {"rows": rows, "shares": {"no": 1 - share, "yes": share}}

    old = {"all": rates(1000, 0.3), "sources": {"a": rates(500, 0.3), "b": rates(500, 0.3)}}
    new = {"all": rates(1000, 0.4), "sources": {"a": rates(500, 0.3), "b": rates(500, 0.5)}}
    worst, *rest = label_shifts(old, new)
    assert (worst.where, round(worst.size, 3)) == ("b", 0.2)
    assert worst.size > worst.chance
    assert [each.size > each.chance for each in rest if each.where == "a"] == [False]
    few = label_shifts({"all": rates(20, 0.3)}, {"all": rates(20, 0.5)})
    assert few[0].size < few[0].chance
    assert label_shifts({"all": rates(0, 0.3)}, {"all": rates(20, 0.5)}) == []


def test_shifts_of_a_mean() -> None:
    old = {"all": {"rows": 1000, "mean": 5.0, "std": 2.0}}
    (found,) = label_shifts(old, {"all": {"rows": 1000, "mean": 7.0, "std": 2.0}})
    assert found.size == 1.0
    assert found.size > found.chance
