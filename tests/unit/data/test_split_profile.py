import polars as pl
import pytest

from modelkeel.data.profile import profile
from modelkeel.data.split import group_ids, hold_out
from modelkeel.errors import BadInput
from modelkeel.records.params import Split

ROWS = pl.DataFrame({"n": range(1000), "y": [int(i % 10 == 0) for i in range(1000)]}).with_columns(
    day=pl.col("n") // 24
)


def split(kind: str = "random", share: float = 0.3, by: list[str] | None = None) -> Split:
    return Split(kind=kind, by=by or [], test_share=share, seed=3)  # type: ignore[arg-type]


def test_a_stratified_split_keeps_the_shares() -> None:
    train, test = hold_out(ROWS, split(), stratify="y")
    assert (train.height, test.height) == (700, 300)
    assert test["y"].sum() == 30
    assert set(train["n"]) | set(test["n"]) == set(range(1000))


def test_whole_groups_are_held_out() -> None:
    train, test = hold_out(ROWS, split("group", by=["day"]))
    assert set(train["day"]).isdisjoint(test["day"])
    assert 0.2 < test.height / ROWS.height < 0.4


def test_the_same_seed_splits_the_same_way() -> None:
    assert hold_out(ROWS, split())[1].equals(hold_out(ROWS, split())[1])


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(BadInput, match="0 to test"):
        hold_out(ROWS.head(2), split(share=0.1))


def test_group_ids() -> None:
    ids = group_ids(pl.DataFrame({"a": [1, 1, 2], "b": ["x", "x", "x"]}), ["a", "b"])
    assert ids is not None
    assert ids[0] == ids[1] != ids[2]
    assert group_ids(ROWS, []) is None


def test_profile_of_numbers_and_categories() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, None, 4.0], "c": ["a", "a", "b", None]})
    found = profile(frame)
    assert found["rows"] == 4
    assert found["columns"]["x"]["missing"] == 0.25
    assert found["columns"]["x"]["quantiles"][0] == 1.0
    assert found["columns"]["x"]["quantiles"][-1] == 4.0
    assert found["columns"]["c"]["shares"] == {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}


def test_profile_of_a_column_without_values() -> None:
    found = profile(pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64}))
    assert found["columns"]["x"]["missing"] == 1.0
    assert set(found["columns"]["x"]["quantiles"]) == {None}
