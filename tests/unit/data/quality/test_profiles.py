from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelkeel.data.quality import profiles
from modelkeel.data.quality.profiles import profile


def entry(values: pl.Series | list[object], **more: object) -> dict:
    frame = pl.DataFrame({"x": values})
    return profile(frame, **more)["columns"]["x"]  # type: ignore[arg-type]


def test_numbers_keep_their_distribution() -> None:
    found = entry(list(range(1001)))
    assert (found["kind"], found["missing"]) == ("numeric", 0.0)
    assert (found["min"], found["max"], found["mean"]) == (0.0, 1000.0, 500.0)
    assert found["std"] == pytest.approx(np.std(np.arange(1001)))
    assert found["quantiles"] == pytest.approx([50 * step for step in range(21)])
    assert len(found["points"]) == 101


def test_points_tell_a_value_that_many_rows_have() -> None:
    found = entry([0.0] * 90 + [float(value) for value in range(1, 11)])
    assert found["points"][0] == [0.0, 0.0, 0.9]
    assert found["points"][-1][2] == 1.0


def test_missing_is_null_and_what_is_not_finite() -> None:
    assert entry([1.0, None, float("nan"), float("inf")])["missing"] == 0.75
    assert entry(["a", None])["missing"] == 0.5
    empty = entry(pl.Series([None, None], dtype=pl.Float64))
    assert (empty["missing"], empty["points"]) == (1.0, [])


def test_dates_are_days() -> None:
    found = entry([dt.date(1970, 1, 2), dt.date(1970, 1, 11)])
    assert (found["kind"], found["min"], found["max"]) == ("date", 1.0, 10.0)
    hours = [dt.datetime(1970, 1, 1, 12, tzinfo=dt.UTC), dt.datetime(1970, 1, 2, tzinfo=dt.UTC)]
    stamps = entry(hours)
    assert (stamps["min"], stamps["max"]) == (0.5, 1.0)


def test_categories_are_counted_and_the_rest_is_one_share() -> None:
    values = ["a"] * 200 + [f"v{at}" for at in range(200)]
    found = entry(values)
    assert found["shares"]["a"] == 0.5
    assert found["distinct"] == 201
    assert len(found["shares"]) == profiles.TOP
    assert sum(found["shares"].values()) + found["other"] == pytest.approx(1.0)
    assert entry([True, False, True])["shares"] == {"false": 1 / 3, "true": 2 / 3}


def test_hidden_columns_name_no_value_and_no_extreme() -> None:
    words = entry(["ada", "bob"], hidden=["x"])
    assert words == {"kind": "categorical", "missing": 0.0, "distinct": 2, "hidden": True}
    numbers = entry(list(range(1001)), hidden=["x"])
    assert set(numbers) == {"kind", "missing", "points", "mean"}
    assert [point[0] for point in numbers["points"]] == [100.0 * part for part in range(1, 10)]


def test_nested_values_are_only_counted() -> None:
    assert entry([[1], [2]]) == {"kind": "other", "missing": 0.0}


def test_batches_move_no_point_by_more_than_a_five_hundredth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(1).lognormal(size=60_000)
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"x": values}).write_parquet(path, row_group_size=5_000)
    monkeypatch.setattr(profiles, "BATCH", 20_000)
    monkeypatch.setattr(profiles, "_HELD", 1 << 13)
    found = profile(path)
    assert found["rows"] == 60_000
    points = found["columns"]["x"]["points"]
    ranked = np.sort(values)
    for value, _, upto in points:
        assert np.searchsorted(ranked, value, "right") / 60_000 == pytest.approx(upto, abs=1 / 500)
    assert found["columns"]["x"]["mean"] == pytest.approx(values.mean())


def test_no_rows_are_no_failure() -> None:
    found = profile(
        pl.DataFrame({"x": pl.Series([], dtype=pl.Int64), "y": pl.Series([], dtype=pl.String)})
    )
    assert found["rows"] == 0
    assert found["columns"]["y"]["shares"] == {}
