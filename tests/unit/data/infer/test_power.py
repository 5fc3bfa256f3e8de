"""How much one column tells, and which columns say the same."""

import numpy as np
import polars as pl
import pytest

from modelkeel.data.infer.power import parts_of, power, same
from modelkeel.data.infer.roles import LEAK, NEAR_LEAK

ROWS = 2000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_column_that_gives_classes_away(rng: np.random.Generator) -> None:
    y = pl.Series("y", rng.choice(["a", "b", "c"], ROWS))
    told = pl.Series("x", ["told " + each for each in y])
    coded = y.replace_strict({"a": 1, "b": 0, "c": 2}, return_dtype=pl.Int64)
    filled = pl.Series("f", ["x" if each == "a" else None for each in y])
    assert power(told, y, classes=True) >= LEAK
    assert power(coded, y, classes=True) >= LEAK
    assert power(filled, y == "a", classes=True) >= LEAK
    assert power(pl.Series("n", rng.normal(size=ROWS)), y, classes=True) < 0.2
    scattered = pl.Series("t", [f"text {each}" for each in range(ROWS)])
    assert power(scattered, y, classes=True) < 0.2


def test_a_strong_honest_column_is_no_leak(rng: np.random.Generator) -> None:
    x = rng.normal(size=ROWS)
    y = pl.Series("y", x + rng.normal(size=ROWS) * 0.5 > 0)
    assert power(pl.Series("x", x), y, classes=True) < NEAR_LEAK


def test_a_rare_class_that_is_given_away(rng: np.random.Generator) -> None:
    rare = np.arange(ROWS) < ROWS // 100
    x = np.where(rare, 5.0, 0.0) + rng.normal(size=ROWS) * 0.2
    assert power(pl.Series("x", x), pl.Series("y", rare), classes=True) >= LEAK


def test_numbers(rng: np.random.Generator) -> None:
    x = rng.normal(size=ROWS)
    y = pl.Series("y", 3 * x + 1)
    assert power(pl.Series("x", x), y, classes=False) >= LEAK
    assert power(pl.Series("x", np.exp(x)), y, classes=False) >= LEAK
    assert power(pl.Series("x", x + rng.normal(size=ROWS) * 0.3), y, classes=False) < LEAK


def test_twins(rng: np.random.Generator) -> None:
    x, kind = rng.normal(size=ROWS), rng.choice(["a", "b", "c"], ROWS)
    columns = {
        "x": pl.Series(x),
        "scaled": pl.Series(x * 2.54 + 1),
        "near": pl.Series(x + rng.normal(size=ROWS) * 0.2),
        "kind": pl.Series(kind),
        "kind name": pl.Series([f"the {each}" for each in kind]),
        "count": pl.Series(rng.integers(0, 3, ROWS)),
    }
    assert set(same(columns)) == {("x", "scaled"), ("kind", "kind name")}


def test_parts_of_a_sum(rng: np.random.Generator) -> None:
    a, b, c = (pl.Series(rng.integers(0, 99, ROWS)) for _ in range(3))
    columns = {"a": a, "b": b, "c": c}
    assert parts_of(a + b, columns) == ["a", "b"]
    assert parts_of(2.5 * a + b, columns) == []
