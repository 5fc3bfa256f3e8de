"""The report shows groups of people side by side, and what decisions hang on."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.model.evaluation import Evaluation, SliceBy, evaluate
from modelkeel.model.report import render_report
from modelkeel.model.signature import Feature, Signature

pytest.importorskip("matplotlib")

EVIL = '<script>alert("x")</script>'
FEATURES = [
    Feature(name="amount", kind="number", minimum=0, maximum=1, nullable=True),
    Feature(name=EVIL, kind="category", categories=[EVIL, "other"]),
]


def credit(rows: int = 240) -> Evaluation:
    rng = np.random.default_rng(2)
    truth = (rng.random(rows) < 0.7).astype(int)

    def predict(frame: pl.DataFrame) -> Any:
        if frame["amount"].null_count() == frame.height:
            raise RuntimeError(EVIL)
        known = frame["amount"].fill_null(0.5).to_numpy()
        return np.column_stack([1 - known, known])

    features = pl.DataFrame({"amount": rng.random(rows), EVIL: [EVIL, "other"] * (rows // 2)})
    return evaluate(
        "classification",
        truth,
        {"model": predict(features)},
        policy="approve",
        classes=["0", "1"],
        payoff=(["approve", EVIL], ["0", "1"], [[-1.0, 1.0], [0.0, 0.0]]),
        features=features,
        audit=pl.DataFrame({"sex": ["f", "m", "f", EVIL] * (rows // 4)}),
        slices=[SliceBy("sex"), SliceBy(EVIL)],
        predict=predict,
        signature=Signature(
            name="c", task="classification", target="y", classes=["0", "1"], features=FEATURES
        ),
        bootstrap=100,
    )


def bikes(rows: int = 300) -> Evaluation:
    rng = np.random.default_rng(1)
    hour = rng.integers(0, 24, rows)
    return evaluate(
        "regression",
        10.0 * hour + rng.normal(0, 20, rows),
        {"model": 10.0 * hour, "baseline": 120.0},
        policy="mean",
        over_under=(-1.0, -3.0),
        features=pl.DataFrame({"hour": hour}),
        audit=pl.DataFrame({"side": ["north", "south"] * (rows // 2)}),
        slices=[SliceBy("side")],
        predict=lambda frame: frame["hour"].to_numpy() * 10.0,
        signature=Signature(
            name="b",
            task="regression",
            target="y",
            features=[Feature(name="hour", kind="integer", minimum=0, maximum=23)],
        ),
        bootstrap=100,
    )


def page(found: Evaluation, **changes: Any) -> str:
    arguments: dict[str, Any] = {"title": "Credit risk", "decision": "Approve?", "unit": "EUR"}
    return render_report(found, **(arguments | changes))


def section(html: str, name: str) -> str:
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', html, re.S)
    return found[0] if found else ""


def test_groups_of_people_are_compared() -> None:
    shown = section(page(credit(), groups=["sex"], favourable="approve"), "groups")
    assert "By group" in shown
    assert shown.count("<svg") == 2
    assert "sex: f" in shown
    assert "Given “approve” when right" in shown
    assert EVIL not in shown


def test_columns_that_are_not_about_people_are_left_out() -> None:
    shown = section(page(credit(), groups=["sex"]), "groups")
    assert "other" not in shown
    assert section(page(credit()), "groups") == ""


def test_groups_of_a_regression() -> None:
    shown = section(page(bikes(), groups=["side"]), "groups")
    assert "Mean absolute error" in shown
    assert "side: north" in shown


@pytest.mark.parametrize(
    ("found", "says"),
    [(credit(), "of the decisions flip"), (bikes(), "forecasts move by")],
    ids=["classification", "regression"],
)
def test_what_decisions_hang_on(found: Evaluation, says: str) -> None:
    shown = section(page(found), "robustness")
    assert says in shown
    assert shown.count("<svg") == 1


def test_what_failed_is_listed_and_inert() -> None:
    html = page(credit(), groups=["sex"])
    shown = section(html, "robustness")
    assert "100\u202f% of the rows got no finite score: &lt;script&gt;" in shown
    assert "<script" not in html


def test_identifiers_stay_apart() -> None:
    html = page(credit(), groups=["sex"])
    used = re.findall(r' id="([^"]+)"', html)
    assert len(used) == len(set(used))


def test_the_record_has_both() -> None:
    record = json.loads(credit().to_json())
    assert set(record["fairness"]) == {"sex", EVIL}
    assert record["robustness"]["missing"]["column"] == "amount"
    assert record["robustness"]["failures"] == {"missing amount": EVIL}
    assert json.loads(bikes().to_json())["robustness"]["measure"] == "change"
