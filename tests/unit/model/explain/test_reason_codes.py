"""Contributions become the codes that spoke for the decision against a person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small import signature_for

from modelkeel.model.decision import PayoffDecision, ValueDecision
from modelkeel.model.explain.reason_codes import ReasonCodes, adverse_classes
from modelkeel.records.reasons import Reasons

RECORD: dict[str, Any] = {
    "schema": "reasons/1",
    "adverse": "refuse",
    "reference": "the mean of the rows that the model was trained on",
    "reason": [
        {"code": "MEANS", "text": "The means.", "features": ["income", "share"]},
        {"code": "FAMILY", "text": "The family.", "features": ["children"]},
        {
            "code": "PLAN",
            "text": {"todo": "write it", "owner": "owner@bank.example", "due": "2999-01-01"},
            "features": ["plan"],
            "actionable": True,
        },
    ],
}
GIVE = PayoffDecision(
    actions=["give", "refuse"], outcomes=["a", "b"], amounts=[[-2.0, 1.0], [0.0, 0.0]]
)


def codes(**change: Any) -> ReasonCodes:
    reasons = Reasons.model_validate(RECORD | change)
    return ReasonCodes(reasons, signature_for(2), GIVE)


def test_the_codes_that_spoke_against_come_strongest_first() -> None:
    # b, of which contributions speak, is repaid: what is negative speaks for refusing
    shares = np.array([[0.5, -0.2, -0.6, -0.9], [-1.0, 0.3, 0.2, 0.0], [1.0, -2.0, 0.0, 0.1]])
    found = codes().of(shares, ["refuse", "refuse", "give"])
    assert found == [("PLAN", "FAMILY", "MEANS"), ("MEANS",), ()]


def test_features_of_a_code_are_added_up() -> None:
    # income and share cancel out, though either alone is the largest
    shares = np.array([[-3.0, -0.1, 3.0, -0.05]])
    assert codes().of(shares, ["refuse"]) == [("FAMILY", "PLAN")]


def test_what_hardly_mattered_is_no_reason() -> None:
    shares = np.array([[-1.0, -0.01, 0.0, -0.5]])
    assert codes().of(shares, ["refuse"]) == [("MEANS", "PLAN")]


def test_no_more_than_asked_for() -> None:
    assert codes(max_reasons=1).of(np.full((2, 4), -1.0), ["refuse"] * 2) == [("MEANS",)] * 2


def test_the_other_class_may_be_the_adverse_one() -> None:
    turned = GIVE.model_copy(update={"outcomes": ["b", "a"]})
    found = ReasonCodes(Reasons.model_validate(RECORD), signature_for(2), turned)
    shares = np.array([[0.5, -0.2, 0.6, 0.9]])
    assert found.of(shares, ["refuse"]) == [("MEANS", "PLAN")]


def test_reasons_are_due_where_the_action_is_adverse() -> None:
    assert list(codes().due(["give", "refuse", "refuse"], 3)) == [1, 2]
    assert list(codes().due(None, 2)) == [0, 1]


def test_a_number_is_explained_the_way_it_went() -> None:
    of_value = ReasonCodes(Reasons.model_validate(RECORD), signature_for(0), ValueDecision())
    shares = np.array([[2.0, -1.0, 0.0, 0.5], [-2.0, 1.0, 0.0, -0.5], [0.0, 0.0, 0.0, 0.0]])
    assert of_value.of(shares, None) == [("MEANS", "PLAN"), ("MEANS", "PLAN"), ()]


def test_texts_and_what_can_be_changed() -> None:
    found = codes()
    assert found.text_of("FAMILY") == "The family."
    assert found.text_of("PLAN") == "PLAN"  # nobody has written it yet
    assert found.actionable == {"PLAN"}
    assert found.reference == RECORD["reference"]


@pytest.mark.parametrize(
    ("amounts", "calling"),
    [
        ([[1.0, 0.0, -5.0], [0.0, 0.0, 0.0]], ["c"]),
        ([[1.0, -1.0, -1.0], [0.0, 0.0, 0.0]], ["b", "c"]),
        ([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], []),
        # a third action is better than giving for c, so refusing gains little by it
        ([[1.0, -4.0, -9.0], [0.0, 0.0, 0.0], [-9.0, -9.0, 5.0]], ["b"]),
    ],
)
def test_the_classes_that_call_for_refusing(amounts: Any, calling: list[str]) -> None:
    decision = PayoffDecision(
        actions=["give", "refuse", "sell"][: len(amounts)],
        outcomes=["a", "b", "c"],
        amounts=amounts,
    )
    assert adverse_classes(decision, "refuse", ["a", "b", "c"]) == calling


def test_an_action_that_is_not_there_has_no_codes() -> None:
    assert codes(adverse="other").of(np.full((1, 4), -1.0), ["refuse"]) == [()]
