"""One change that would have turned the decision around, or that there is none."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import NAMES, REASONS, Fit, Small, bundle_of

from modelkeel.errors import BadInput
from modelkeel.model.bundle import Bundle
from modelkeel.model.explain.alternatives import alternatives
from modelkeel.model.explain.counterfactual import (
    Counterfactual,
    actionable_features,
    counterfactual,
)
from modelkeel.model.rules import RowRule
from modelkeel.model.signature import Feature
from modelkeel.records.reasons import Reasons

NUMBERS = {"quantiles": [float(value) for value in range(21)]}


def rows_of(small: Small) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in zip(*small.columns, strict=True)]


def decision(bundle: Bundle, row: dict[str, Any]) -> str:
    found = bundle.decide(bundle.scorer.predict({name: [row[name]] for name in NAMES}))
    assert found is not None
    return found[0]


def after(row: dict[str, Any], found: Counterfactual) -> dict[str, Any]:
    return row | {each.feature: each.after for each in found.changes}


def test_what_is_said_turns_the_decision_around(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    bundle = bundle_of(small, tmp_path)
    refused = [row for row in rows_of(small) if decision(bundle, row) == "refuse"]
    turned = 0
    for row in refused[:60]:
        found = counterfactual(bundle, row)
        if not found.changes:
            assert found.said.startswith("No change of one or two of children, share")
            continue
        turned += 1
        assert {each.feature for each in found.changes} <= {"children", "share"}
        assert decision(bundle, after(row, found)) == "give" == found.decision
        assert all(each.before == row[each.feature] for each in found.changes)
        assert found.steps > 0
    assert turned > 10


def test_a_linear_model_gets_the_smallest_change(fit: Fit, tmp_path: Path) -> None:
    small = fit("logistic")
    bundle = bundle_of(small, tmp_path)
    profile = bundle.profile()["columns"]
    for row in [row for row in rows_of(small) if decision(bundle, row) == "refuse"][:25]:
        found = counterfactual(bundle, row)
        options = [
            alternatives(feature, at, row[feature.name], profile[feature.name])
            for at, feature in enumerate(small.signature.features)
            if feature.name in ("children", "share")
        ]
        alone = [
            step
            for each in options
            for value, step in zip(each.values, each.steps, strict=True)
            if decision(bundle, row | {each.feature.name: value}) == "give"
        ]
        together = [
            one + other
            for (a, one), (b, other) in product(
                *(list(zip(each.values, each.steps, strict=True)) for each in options)
            )
            if decision(bundle, row | {"children": a, "share": b}) == "give"
        ]
        least = min(alone or together, default=0.0)
        assert np.isclose(found.steps, least)
        assert len(found.changes) == (1 if alone else 2 if together else 0)


def test_integers_stay_integers_and_inside_the_contract(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    bundle = bundle_of(small, tmp_path)
    features = {feature.name: feature for feature in small.signature.features}
    for row in rows_of(small)[:80]:
        for change in counterfactual(bundle, row).changes:
            assert not features[change.feature].problem(change.after)
            if change.feature == "children":
                assert isinstance(change.after, int)


def test_a_decision_that_is_not_adverse(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    bundle = bundle_of(small, tmp_path)
    row = next(row for row in rows_of(small) if decision(bundle, row) == "give")
    found = counterfactual(bundle, row)
    assert found == Counterfactual((), None, 0.0, "The decision is give, which is not adverse.")


def test_without_reasons_every_feature_and_every_decision(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    bundle = bundle_of(small, tmp_path, reasons=None)
    assert actionable_features(bundle) == NAMES
    row = next(row for row in rows_of(small) if decision(bundle, row) == "give")
    assert counterfactual(bundle, row).decision == "refuse"


def test_there_may_be_none(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    bundle = bundle_of(small, tmp_path)
    row = next(row for row in rows_of(small) if decision(bundle, row) == "refuse")
    found = counterfactual(bundle, row, [])
    assert found.said == "No change of one or two of no feature turns the decision around."
    assert found.decision is None


def test_a_number_is_not_decided_on(fit: Fit, tmp_path: Path) -> None:
    small = fit("ridge")
    found = counterfactual(bundle_of(small, tmp_path), rows_of(small)[0])
    assert found.said.startswith("Nothing is decided between actions")


def test_a_row_that_lacks_a_feature(fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the row lacks children, plan"):
        counterfactual(bundle_of(fit("ridge"), tmp_path), {"income": 1.0, "share": 0.1})


def test_rules_across_features_are_kept(fit: Fit, tmp_path: Path) -> None:
    small = fit("logistic")
    free = bundle_of(small, tmp_path / "free")
    rule = RowRule(
        name="few",
        condition="children <= 2",
        columns=["children"],
        tree=["<=", ["column", "children"], ["value", 2]],
    )
    signature = small.signature.model_copy(update={"rules": [rule]})
    bound = bundle_of(small, tmp_path / "bound", signature=signature)
    seen = 0
    for row in [r for r in rows_of(small) if r["children"] <= 2][:60]:
        changes = {c.feature: c.after for c in counterfactual(bound, row).changes}
        assert changes.get("children", 0) <= 2
        wider = {c.feature: c.after for c in counterfactual(free, row).changes}
        seen += wider.get("children", 0) > 2
    assert seen


def test_advice_says_what_to_change_to(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    record = REASONS | {
        "reason": [
            {"code": "SHARE", "text": "x.", "features": ["share"]}
            | {"actionable": True, "advise": {"share": "lower"}},
            {"code": "PLAN", "text": "y.", "features": ["plan"]}
            | {"actionable": True, "advise": {"plan": ["plus"]}},
        ]
    }
    bundle = bundle_of(small, tmp_path, reasons=Reasons.model_validate(record))
    found = [counterfactual(bundle, row) for row in rows_of(small)]
    changes = [change for each in found for change in each.changes]
    assert {c.after for c in changes if c.feature == "plan"} == {"plus"}
    assert all(c.after < c.before for c in changes if c.feature == "share")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"actionable": False}, "is for a reason that is actionable"),
        ({"advise": {"income": "lower"}}, "names 'income', which is none of its features"),
    ],
)
def test_advice_that_cannot_be_followed(change: dict[str, Any], said: str) -> None:
    reason = {"code": "S", "text": "x.", "features": ["share"], "actionable": True}
    record = REASONS | {"reason": [reason | {"advise": {"share": "lower"}} | change]}
    with pytest.raises(ValueError, match=said):
        Reasons.model_validate(record)


@pytest.mark.parametrize(
    ("kind", "value", "values", "steps"),
    [
        ("number", 3.0, [value for value in range(21) if value != 3], 2.0),
        ("integer", 3, [value for value in range(21) if value != 3], 2.0),
        ("number", None, list(range(21)), 20.0),
    ],
)
def test_steps_of_a_number(kind: Any, value: Any, values: list[int], steps: float) -> None:
    found = alternatives(Feature(name="x", kind=kind, nullable=True), 0, value, NUMBERS)
    assert found.values == values
    assert found.steps[found.values.index(5)] == steps
    assert found.beyond[0] == 0  # nothing is further away than the end
    if value is not None:
        assert found.values[found.beyond[found.values.index(5)]] == 6
        assert found.values[found.beyond[found.values.index(1)]] == 0


def test_the_contract_bounds_what_is_tried() -> None:
    feature = Feature(name="x", kind="number", minimum=2, maximum=6)
    assert alternatives(feature, 0, 3.0, NUMBERS).values == [2, 4, 5, 6]
    plan = Feature(name="x", kind="category", categories=["a", "b"])
    shares = {"shares": {"a": 0.5, "b": 0.3, "gone": 0.2}}
    assert alternatives(plan, 0, "a", shares).values == ["b"]
    assert alternatives(plan, 0, "a", {"hidden": True}).values == []
    assert alternatives(Feature(name="x", kind="boolean"), 0, True, {}).values == [False]


def test_a_moment_is_said_as_a_caller_sends_it(fit: Fit, tmp_path: Path) -> None:
    found = alternatives(
        Feature(name="x", kind="date"), 0, 10.0, {"quantiles": [0.0, 5.5, 10.0, 20.0]}
    )
    assert found.values == [0, 5, 20]
