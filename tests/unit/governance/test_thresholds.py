"""Every threshold has a direction that is looser, and a change that cannot be told apart is one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from modelkeel.errors import BadInput
from modelkeel.governance.thresholds import (
    loosened_charter,
    loosened_gates,
    looser_when,
    read_old,
)
from modelkeel.project import Project
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates

BASE: dict[str, Any] = {
    "schema": "gates/1",
    "contract": {"max_quarantine_share": 0.1},
    "baseline": {"min_uplift": 0.1, "max_loss_to_linear": 0.1},
    "target": {"require_reachable": True},
    "golden": {"max_difference": 1e-6},
}


def gates(**parts: dict[str, Any]) -> Gates:
    return Gates.model_validate(BASE | parts)


def leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += leaves(inner, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


@pytest.mark.parametrize("key", [key for key in leaves(Gates) if key != "schema_"])
def test_every_threshold_has_a_direction(key: str) -> None:
    assert looser_when(key) != "any" or key == "fairness.favourable"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            {"slices": {"max_drop": 0.1}},
            {"slices": {"max_drop": 0.2}},
            "slices.max_drop 0.1 -> 0.2",
        ),
        ({"slices": {"max_drop": 0.1}}, {"slices": {"max_drop": 0.05}}, ""),
        (
            {"fairness": {"min_ratio": 0.8}},
            {"fairness": {"min_ratio": 0.7}},
            "fairness.min_ratio 0.8 -> 0.7",
        ),
        ({"fairness": {"min_ratio": 0.8}}, {"fairness": {"min_ratio": 0.9}}, ""),
        (
            {"target": {"require_reachable": True}},
            {"target": {"require_reachable": False}},
            "target.require_reachable True -> False",
        ),
        ({"target": {"require_reachable": False}}, {"target": {"require_reachable": True}}, ""),
        ({}, {"personal": {"cleared": ["email"]}}, "personal.cleared [] -> ['email']"),
        ({"personal": {"cleared": ["email"]}}, {}, ""),
        (
            {"fairness": {"columns": ["sex", "age"]}},
            {"fairness": {"columns": ["age"]}},
            "fairness.columns",
        ),
        ({"fairness": {"columns": ["sex"]}}, {"fairness": {"columns": ["age", "sex"]}}, ""),
        ({}, {"fairness": {"columns": ["age"]}}, "fairness.columns"),
        (
            {"fairness": {"favourable": "approve"}},
            {"fairness": {"favourable": "decline"}},
            "fairness.favourable approve -> decline",
        ),
        # a table that was left out had its defaults
        ({}, {"robustness": {"max_flips": 0.3}}, "robustness.max_flips 0.1 -> 0.3"),
        ({"robustness": {"max_flips": 0.3}}, {}, ""),
    ],
)
def test_what_is_looser(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    found = loosened_gates(gates(**before), gates(**after))
    assert (found == []) if not said else (said in found[0])


RAIL = {"id": "reach", "metric": "share_of_action(approve)", "min": 0.5, "why": "keep the business"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([RAIL], [RAIL | {"min": 0.4}], "guardrail.reach.min 0.5 -> 0.4"),
        ([RAIL], [RAIL | {"min": 0.6}], ""),
        ([RAIL], [], "guardrail.reach"),
        ([], [RAIL], ""),
        ([RAIL], [RAIL | {"max": 0.9}], ""),
        ([RAIL | {"max": 0.9}], [RAIL], "guardrail.reach.max 0.9 -> none"),
        ([RAIL], [RAIL | {"why": "another reason for the same"}], ""),
    ],
)
def test_guardrails(project: Project, before: list[Any], after: list[Any], said: str) -> None:
    def charter(rails: list[Any]) -> Charter:
        return Charter.model_validate(
            project.charter.model_dump(by_alias=True) | {"guardrail": rails}
        )

    found = loosened_charter(charter(before), charter(after))
    assert (found == []) if not said else (said in found[0])


STOP = {"id": "harm", "bound": "high", "below": 0.0, "window_days": 30}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([STOP], [STOP | {"below": -100.0}], "kill.harm.below 0 -> -100"),
        ([STOP], [STOP | {"below": 0.1}], ""),
        ([STOP], [STOP | {"bound": "low"}], "kill.harm.bound high -> low"),
        ([STOP], [STOP | {"window_days": 60}], "kill.harm.window_days 30 -> 60"),
        ([STOP], [], "kill.harm below 0 -> none"),
        ([], [STOP], ""),
    ],
)
def test_kill_criteria(project: Project, before: list[Any], after: list[Any], said: str) -> None:
    def charter(stops: list[Any]) -> Charter:
        return Charter.model_validate(project.charter.model_dump(by_alias=True) | {"kill": stops})

    found = loosened_charter(charter(before), charter(after))
    assert (found == []) if not said else (said in found[0])


@pytest.mark.parametrize("text", ["a: 1", 'schema = "gates/0"'])
def test_thresholds_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadInput, match=r"gates\.toml of commit 12: cannot be compared"):
        read_old(Gates, text, "gates.toml of commit 12")
