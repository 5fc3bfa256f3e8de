"""The evaluation says what the rows say, and says nothing where they say nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.errors import BadInput
from modelkeel.model.evaluation import Evaluation, SliceBy, Target, evaluate

PAYOFF = (["approve", "reject"], ["good", "bad"], [[100.0, -500.0], [0.0, 0.0]])


def credit(rows: int = 250, **changes: Any) -> Evaluation:
    rng = np.random.default_rng(3)
    truth = rng.random(rows) < 0.75
    score = 1 / (1 + np.exp(-(rng.normal(size=rows) + 2 * truth)))
    score[:2] = 0.5
    arguments: dict[str, Any] = {
        "labels": np.where(truth, "good", "bad"),
        "predictions": {
            "model": np.column_stack([1 - score, score]),
            "linear": np.column_stack([1 - score**2, score**2]),
            "baseline": [0.25, 0.75],
        },
        "policy": "approve",
        "classes": ["bad", "good"],
        "payoff": PAYOFF,
        "features": pl.DataFrame(
            {"amount": rng.integers(1, 90, rows), "kind": ["car", "house"] * (rows // 2)}
        ),
        "audit": pl.DataFrame({"age": rng.integers(18, 80, rows), "sex": ["f", "m"] * (rows // 2)}),
        "slices": [SliceBy("sex"), SliceBy("age", [25, 40, 200])],
        "bootstrap": 300,
    }
    arguments.update(changes)
    return evaluate("classification", **arguments)


def bikes(rows: int = 300, **changes: Any) -> Evaluation:
    rng = np.random.default_rng(5)
    hour = rng.integers(0, 24, rows)
    actual = 50 + 10 * hour + rng.normal(0, 20, rows)
    arguments: dict[str, Any] = {
        "labels": actual,
        "predictions": {"model": 50.0 + 10 * hour, "linear": 60.0 + 9 * hour, "baseline": 165.0},
        "policy": "mean",
        "over_under": (-0.5, -2.0),
        "features": pl.DataFrame({"hour": hour.astype(str), "temp": rng.random(rows)}),
        "slices": [SliceBy("temp", [0.5])],
        "bootstrap": 300,
    }
    arguments.update(changes)
    return evaluate("regression", **arguments)


def test_value_is_that_of_the_best_actions_and_uplift_that_over_the_policy() -> None:
    share = np.array([[0.05, 0.95], [0.5, 0.5], [0.1, 0.9], [0.05, 0.95]])
    found = evaluate(
        "classification",
        ["good", "bad", "good", "bad"],
        {"model": share},
        policy="approve",
        classes=["bad", "good"],
        payoff=PAYOFF,
        bootstrap=50,
    ).numbers()
    assert found["model"]["value_per_decision"] == (100 + 0 + 100 - 500) / 4
    assert found["baseline"]["value_per_decision"] == (100 - 500 + 100 - 500) / 4
    assert found["uplift"]["value_per_decision"]["value"] == 125.0
    assert found["ceiling"]["value_per_decision"] == 50.0
    assert found["actions"] == {"approve": 0.75, "reject": 0.25}
    assert "linear" not in found
    assert "vs_linear" not in found["uplift"]


def test_the_best_fixed_action_is_a_rival_too() -> None:
    found = credit()
    assert found.best_action == "reject"
    assert found.uplift_vs_best_action is not None
    assert found.uplift_vs_best_action.value == pytest.approx(
        found.scores["model"]["value_per_decision"].value
    )


def test_the_record_has_numbers_at_its_leaves() -> None:
    record = json.loads(credit(target=Target(10.0, 0.9)).to_json())
    assert {"n", "model", "linear", "baseline", "interval", "difference", "uplift"} <= set(record)
    assert record["n"] == 250
    low, high = (record["interval"]["roc_auc"][side] for side in ("low", "high"))
    assert low < record["model"]["roc_auc"] < high
    assert list(record["slices"]) == [
        "sex=f",
        "sex=m",
        "age=below 25",
        "age=25 to 39",
        "age=40 to 199",
        "age=200 and over",
    ]
    assert record["target"]["state"] in {"reached", "not_reached", "undecided"}

    def leaves(node: Any) -> list[Any]:
        if isinstance(node, dict):
            return [leaf for inner in node.values() for leaf in leaves(inner)]
        return [node]

    assert all(isinstance(leaf, int | float | str | None) for leaf in leaves(record))


def test_differences_are_paired() -> None:
    same = credit(predictions={"model": [[0.4, 0.6]] * 250, "linear": [[0.4, 0.6]] * 250})
    assert same.difference["log_loss"].numbers() == {"value": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize(
    ("at_least", "state"), [(-1e6, "reached"), (1e6, "not_reached"), (None, "undecided")]
)
def test_the_target_is_judged_by_the_whole_interval(at_least: float | None, state: str) -> None:
    middle = credit().uplift.value
    target = Target(at_least if at_least is not None else float(middle or 0), 0.8)
    found = credit(target=target).target
    assert found is not None
    assert found.state == state


def test_without_resamples_nothing_is_claimed() -> None:
    found = credit(bootstrap=0, target=Target(-1e6, 0.9))
    assert found.uplift.value is not None
    assert found.uplift.low is None
    assert found.target is not None
    assert found.target.state == "undecided"


def test_an_empty_slice_and_one_of_a_single_class_have_no_value() -> None:
    truth = np.where(np.arange(250) % 3 == 0, "bad", "good")
    side = np.where(truth == "bad", "x", "y")
    found = credit(
        labels=truth,
        audit=pl.DataFrame({"side": side, "age": np.full(250, 30)}),
        slices=[SliceBy("side"), SliceBy("age", [18, 65])],
    )
    parts = {part.key: part for part in found.slices}
    assert parts["side=x"].metric.value is None
    assert parts["side=x"].value.value is not None
    empty = parts["age=below 18"]
    assert (empty.n, empty.small, empty.metric.value, empty.uplift.value) == (0, True, None, None)
    assert json.loads(found.to_json())["slices"]["age=below 18"]["roc_auc"] is None


def test_missing_values_are_a_slice() -> None:
    column = pl.Series("sex", ["f", None] * 125)
    keys = [p.key for p in credit(audit=pl.DataFrame([column]), slices=[SliceBy("sex")]).slices]
    assert keys == ["sex=f", "sex=missing"]
    numbers = pl.DataFrame({"age": [30, None] * 125})
    parts = credit(audit=numbers, slices=[SliceBy("age", [18])]).slices
    assert [(p.label, p.n) for p in parts] == [
        ("below 18", 0),
        ("18 and over", 125),
        ("missing", 125),
    ]


def test_three_classes() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    raw = rng.random((300, 3)) + np.eye(3)[truth]
    names = ["a", "b", "c"]
    found = evaluate(
        "classification",
        [names[k] for k in truth],
        {"model": raw / raw.sum(axis=1, keepdims=True), "linear": [0.3, 0.3, 0.4]},
        policy="wait",
        classes=names,
        payoff=(["wait", "go"], ["c", "a", "b"], [[0, 0, 0], [3, -2, -1]]),
        features=pl.DataFrame({"x": rng.random(300)}),
        predict=lambda frame: np.tile([0.2, 0.3, 0.5], (frame.height, 1)),
        bootstrap=100,
    )
    assert found.uplift.value is not None
    assert found.uplift.value > 0
    assert found.tables["roc.csv"].columns[3:] == ["model a", "model b", "model c"]
    assert "value_by_threshold.csv" not in found.tables
    assert found.tables["effects.csv"]["class"].unique().sort().to_list() == names


def test_regression() -> None:
    found = bikes(predict=lambda frame: frame["hour"].cast(pl.Float64).to_numpy() * 10)
    record = json.loads(found.to_json())
    assert record["model"]["mae"] < record["linear"]["mae"] < record["baseline"]["mae"]
    assert record["uplift"]["value_per_decision"]["low"] > 0
    assert list(record["slices"]) == ["temp=below 0.5", "temp=0.5 and over"]
    effects = found.tables["effects.csv"]
    hours = effects.filter(feature="hour")
    assert hours["kind"].unique().to_list() == ["ordered"]
    assert hours["value"].to_list() == [str(hour) for hour in range(24)]
    assert hours["prediction"].to_list() == [10.0 * hour for hour in range(24)]
    assert effects.filter(feature="temp")["prediction"].n_unique() == 1


def test_groups_widen_the_intervals_of_rows_that_are_alike() -> None:
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(30), 10)
    actual = 100 + rng.normal(0, 30, 30)[day] + rng.normal(0, 1, 300)
    common: dict[str, Any] = {
        "labels": actual,
        "predictions": {"model": np.full(300, 100.0), "baseline": 90.0},
        "features": None,
        "slices": [],
    }
    alone, grouped = bikes(**common), bikes(**common, groups=day)

    def width(found: Evaluation) -> float:
        score = found.scores["model"]["mae"]
        return float((score.high or 0) - (score.low or 0))

    assert width(grouped) > 2 * width(alone)
    assert grouped.groups == 30


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_few_groups_give_no_interval(count: int) -> None:
    group = np.arange(300) % count
    found = bikes(groups=group, target=Target(0.0, 0.9))
    record = found.numbers()
    assert found.target is not None
    assert found.target.state == "undecided"
    assert found.uplift.value is not None
    assert (found.uplift.low, found.uplift.high) == (None, None)
    assert record["interval"]["r2"] == {"low": None, "high": None}
    assert all(part.small and part.metric.low is None for part in found.slices)
    assert found.tables["calibration.csv"]["model_low"].null_count() == 10
    assert bikes(groups=np.arange(300) % 10).uplift.low is not None


def test_a_slice_of_few_groups_gives_no_interval() -> None:
    group = np.arange(300) % 20
    side = np.where(group < 5, "few", "many")
    few, many = bikes(
        groups=group, features=pl.DataFrame({"side": side}), slices=[SliceBy("side")]
    ).slices
    assert (few.small, few.metric.low, few.uplift.low) == (True, None, None)
    assert few.metric.value is not None
    assert not many.small
    assert many.metric.low is not None


def test_tables_are_written_and_repeatable(tmp_path: Path) -> None:
    paths = credit().write_tables(tmp_path / "a")
    assert {path.name for path in paths} == {
        "roc.csv",
        "precision_recall.csv",
        "calibration.csv",
        "value_by_threshold.csv",
        "slices.csv",
    }
    for path in credit().write_tables(tmp_path / "b"):
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    assert bikes(rows=5000).tables["residuals.csv"].height == 2000
    assert credit().to_json() == credit().to_json()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": ["good"] * 249 + ["other"]}, "row 249 is 'other'"),
        ({"policy": "wait"}, "'wait'"),
        ({"classes": ["bad", "worse"]}, "not the payoff's outcomes"),
        ({"payoff": None}, "payoff"),
        ({"predictions": {"model": [[0.5, 0.7]] * 250}}, "model: row 0"),
        ({"predictions": {"model": [[0.5, 0.5]] * 9}}, r"shape \(9, 2\)"),
        ({"predictions": {"model": [[0.5, float("nan")]] * 250}}, "row 0 is not a number"),
        ({"predictions": {"linear": [0.5, 0.5]}}, "'model'"),
        ({"slices": [SliceBy("height")]}, "'height'"),
        ({"slices": [SliceBy("sex", [1.0])]}, "edges"),
        ({"slices": [SliceBy("amount")]}, "values, more than 30"),
        ({"groups": [1, 2]}, "groups has 2 rows"),
        ({"features": pl.DataFrame({"a": [1]})}, "features has 1 rows"),
        ({"confidence": 1.5}, "confidence"),
    ],
)
def test_what_cannot_be_worked_with_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        credit(**changes)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"over_under": None}, "over and under"),
        ({"predictions": {"model": [1.0] * 300}}, "mean"),
        ({"labels": [float("nan")] * 300}, "row 0"),
    ],
)
def test_what_cannot_be_worked_with_is_named_for_regression(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        bikes(**changes)


def test_whole_numbers_and_truth_values_are_labels() -> None:
    found = evaluate(
        "classification",
        pl.Series([0, 1, 1, 0]),
        {"model": [[0.8, 0.2], [0.1, 0.9], [0.4, 0.6], [0.7, 0.3]]},
        policy="a",
        classes=["0", "1"],
        payoff=(["a", "b"], ["0", "1"], [[0, 0], [1, 1]]),
        bootstrap=10,
    )
    assert found.scores["model"]["roc_auc"].value == 1.0


def test_the_training_stack_is_not_imported() -> None:
    code = (
        "import sys, modelkeel.model.evaluation, modelkeel.model.report\n"
        "bad = {'sklearn', 'mlflow', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
