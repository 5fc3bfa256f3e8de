"""What is valid and yet unlike the training data is flagged, and little else."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.data.quality.profiles import profile
from modelkeel.model.signature import Feature, Signature
from modelkeel.model.unusual import Unusual

RANDOM = np.random.default_rng(0)
SIGNATURE = Signature(
    name="n",
    task="regression",
    target="t",
    features=[
        Feature(name="age", kind="integer"),
        Feature(name="income", kind="number", nullable=True),
        Feature(name="housing", kind="category", categories=["own", "rent", "free"], nullable=True),
        Feature(name="member", kind="boolean"),
        Feature(name="since", kind="date"),
    ],
)
TRAINING = pl.DataFrame(
    {
        "age": RANDOM.integers(18, 80, 400),
        "income": [None, *RANDOM.normal(3000, 500, 399)],
        "housing": RANDOM.choice(["own", "rent"], 400),
        "member": [True] * 400,
        "since": [
            dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in RANDOM.integers(0, 900, 400)
        ],
    }
)
TODAY = float((dt.date(2021, 1, 1) - dt.date(1970, 1, 1)).days)
USUAL: list[Any] = [40, 3000.0, "own", True, TODAY]


def unusual(**hidden: Any) -> Unusual:
    made = profile(TRAINING, **hidden)
    return Unusual.of(json.loads(json.dumps(made)), SIGNATURE)


@pytest.mark.parametrize(
    ("at", "value", "flags"),
    [
        (0, 40, ()),
        (0, 1, ("age",)),
        (0, 200, ("age",)),
        (1, None, ()),
        (1, -9000.0, ("income",)),
        (2, "rent", ()),
        (2, "free", ("housing",)),
        (2, None, ("housing",)),
        (3, False, ("member",)),
        (4, 0.0, ("since",)),
        (4, TODAY + 9000.5, ("since",)),
    ],
)
def test_a_value_unlike_the_training_data_is_flagged(
    at: int, value: Any, flags: tuple[str, ...]
) -> None:
    row = [*USUAL[:at], value, *USUAL[at + 1 :]]
    judge = unusual()
    assert judge.flags([[each] for each in row]) == [flags]
    both = [[usual, each, usual] for usual, each in zip(USUAL, row, strict=True)]
    assert judge.flags(both) == [(), flags, ()]


def test_several_features_of_a_row_are_named_in_order() -> None:
    row = [200, None, "free", True, 0.0]
    expected = ("age", "housing", "since")
    assert unusual().flags([[each] for each in row]) == [expected]
    assert unusual().flags([[each, each] for each in row]) == [expected, expected]


def test_no_training_row_is_flagged() -> None:
    columns = [TRAINING[name].to_list() for name in SIGNATURE.feature_names[:4]]
    columns.append(TRAINING["since"].to_physical().cast(pl.Float64).to_list())
    assert unusual().flags(columns) == [()] * 400


@pytest.mark.parametrize("law", ["normal", "lognormal", "uniform", "exponential"])
def test_few_new_rows_of_the_same_kind_are_flagged(law: str) -> None:
    names = [f"f{at}" for at in range(7)]
    draw = getattr(RANDOM, law)
    training = pl.DataFrame({name: draw(size=700) for name in names})
    features = [Feature(name=name, kind="number") for name in names]
    signature = Signature(name="n", task="regression", target="t", features=features)
    flags = Unusual.of(profile(training), signature).flags(
        [draw(size=5000).tolist() for _ in names]
    )
    assert sum(map(bool, flags)) < 50


def test_what_the_profile_hides_is_not_judged() -> None:
    judge = unusual(hidden=["age", "housing"])
    assert judge.flags([[500], [3000.0], ["free"], [True], [TODAY]]) == [()]
    assert judge.flags([[500], [3000.0], [None], [True], [TODAY]]) == [("housing",)]


def test_categories_beyond_those_named_are_not_judged() -> None:
    training = pl.DataFrame({"town": [f"t{at % 300}" for at in range(900)]})
    features = [Feature(name="town", kind="category")]
    signature = Signature(name="n", task="regression", target="t", features=features)
    assert Unusual.of(profile(training), signature).flags([["t299"]]) == [()]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rows": 2},
        {"rows": 2, "columns": {"age": {"kind": "numeric", "min": 1, "max": 2, "missing": 0}}},
        {"rows": 900, "columns": {"age": {}, "income": {"kind": "numeric"}, "housing": None}},
        {"rows": 900, "columns": {"age": {"kind": "other", "missing": 0.5}}},
        {"rows": None, "columns": []},
    ],
)
def test_a_profile_that_says_nothing_flags_nothing(given: dict[str, Any]) -> None:
    judge = Unusual.of(given, SIGNATURE)
    assert judge.flags([[999], [None], ["x"], [False], [0.0]]) == [()]
    assert judge.flags([[1, 2], [None, 1.0], ["x", "y"], [False, True], [0.0, 1.0]]) == [(), ()]
