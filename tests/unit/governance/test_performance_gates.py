"""Measures that fall short, a champion that is better, and decisions that hang on noise."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from cases import METRICS, given
from publishing import publish_bundle

from modelkeel.governance.evidence.statements import write_statement
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.model.champion import Champion
from modelkeel.project import load_project


def run(case: Case, name: str) -> GateResult:
    return next(gate for gate in GATES if gate.id == name).run(case)


def metrics(**changes: Any) -> dict[str, Any]:
    """METRICS with values replaced by their dotted key, dots written as double underscores."""
    found: dict[str, Any] = deepcopy(METRICS)
    for key, value in changes.items():
        *way, last = key.split("__")
        part = found
        for name in way:
            part = part[name]
        part[last] = value
    return found


def measured(case: Case, **changes: Any) -> Case:
    return given(case, metrics=metrics(**changes))


def thresholds(case: Case, text: str) -> Case:
    path = case.project.root / "governance" / "gates.toml"
    path.write_text(path.read_text() + text)
    return given(Case(load_project(case.project.root)), bundle=case.bundle, metrics=METRICS)


def minimal(case: Case) -> Case:
    path = case.project.root / "governance" / "system.toml"
    path.write_text(path.read_text().replace("decides_about_people", "internal"))
    return given(Case(load_project(case.project.root)), bundle=case.bundle, metrics=METRICS)


def regression(case: Case) -> Case:
    """The same case as the gates would see a forecast."""
    return given(Case(replace(case.project, task="regression")), bundle=case.bundle)


# --- G-PERF ------------------------------------------------------------------------------------


def test_a_good_model(case: Case) -> None:
    found = run(case, "G-PERF")
    assert found.outcome == "pass"
    assert "AUC 0.800 [0.750, 0.850]" in found.measured


@pytest.mark.turns_red("G-PERF")
@pytest.mark.parametrize(
    "changes",
    [
        {"interval__roc_auc": {"low": 0.49, "high": 0.6}},
        {"interval__roc_auc": {"low": None, "high": None}},
        {"model__calibration_error": 0.16},
        {"model__calibration_error": None},
    ],
)
def test_a_model_that_ranks_or_means_nothing(case: Case, changes: dict[str, Any]) -> None:
    assert run(measured(case, **changes), "G-PERF").outcome == "fail"


def test_miscalibration_that_chance_explains(case: Case) -> None:
    alike = measured(case, model__calibration_error=0.12, calibration_noise__model=0.11)
    assert run(alike, "G-PERF").outcome == "pass"


@pytest.mark.turns_red("G-PERF")
def test_a_forecast_that_explains_nothing(case: Case) -> None:
    forecast = regression(case)
    good = {"model": {"r2": 0.5}, "interval": {"r2": {"low": 0.4, "high": 0.6}}}
    assert run(given(forecast, metrics=good), "G-PERF").outcome == "pass"
    bad = {"model": {"r2": 0.1}, "interval": {"r2": {"low": -0.1, "high": 0.3}}}
    assert run(given(forecast, metrics=bad), "G-PERF").outcome == "fail"


@pytest.mark.parametrize("name", ["G-PERF", "G-ROB", "G-SLICE", "G-FAIR"])
def test_reports_of_an_older_version_are_never_green(case: Case, name: str) -> None:
    old = {"uplift": METRICS["uplift"]}
    found = run(given(case, metrics=old), name)
    assert found.outcome == "not_assessed"


def test_how_to_measure_what_an_older_version_did_not(case: Case) -> None:
    remedy = run(given(case, metrics={}), "G-ROB").remedy
    assert "dvc repro --force --single-item evaluate" in remedy


# --- G-CHAMP -----------------------------------------------------------------------------------

DIFFERENCE = {"value": 0.02, "low": -0.01, "high": 0.05}


def against(case: Case, *, trial: bool = False, **changes: Any) -> GateResult:
    """The gate's word when another champion serves, and what the comparison found."""
    record = {"name": "credit", "version": "1", "run_id": "r0", "trial": trial}
    champion, manifest = case.bundle.digest, case.project.bundle_dir / "manifest.json"
    publish_bundle(case.project.bundle_dir, case.project.models_dir, record)
    manifest.write_text(manifest.read_text().replace('"r1"', '"r2"'))
    candidate = Case(load_project(case.project.root))
    comparison = {
        "champion": champion,
        "comparable": True,
        "same_rows": True,
        "value_per_decision": {"difference": DIFFERENCE},
        "primary": {"name": "roc_auc", "better": "higher", "difference": DIFFERENCE},
    } | changes
    write_statement(case.project, candidate.bundle.digest, "comparison", "test", comparison)
    return run(candidate, "G-CHAMP")


def test_the_first_model(case: Case) -> None:
    found = run(case, "G-CHAMP")
    assert found.outcome == "pass"
    assert found.measured.startswith("first model")


def test_a_champion_that_is_only_tried_out(case: Case) -> None:
    found = against(case, trial=True, comparable=False, reason="columns")
    assert found.outcome == "pass"
    assert "only tried out" in found.measured


def test_the_champion_itself(case: Case) -> None:
    record = {"name": "credit", "version": "1", "run_id": "r0"}
    publish_bundle(case.project.bundle_dir, case.project.models_dir, record)
    assert run(case, "G-CHAMP").outcome == "pass"


@pytest.mark.turns_red("G-CHAMP")
def test_a_champion_that_was_released_elsewhere(case: Case) -> None:
    elsewhere = Champion(
        name="credit",
        version="7",
        digest="ab" * 32,
        run_id=None,
        promoted_at="2026-11-24T00:00:00+00:00",
        folder="champion/" + "ab" * 6,
    )
    found = run(replace(case, elsewhere=elsewhere), "G-CHAMP")
    assert found.outcome == "fail"
    assert "version 7 (abababababab) was released and is not here" in found.measured
    tried = replace(case, elsewhere=elsewhere.model_copy(update={"trial": True}))
    assert run(tried, "G-CHAMP").outcome == "pass"


def test_no_worse_than_the_champion(case: Case) -> None:
    better = DIFFERENCE | {"low": 0.001}
    assert against(case, value_per_decision={"difference": better}).outcome == "pass"


@pytest.mark.turns_red("G-CHAMP")
def test_worse_than_the_champion(case: Case) -> None:
    found = against(case)
    assert found.outcome == "fail"
    assert "+0.02 [-0.01, +0.05] EUR a decision" in found.measured


@pytest.mark.turns_red("G-CHAMP")
def test_a_champion_that_cannot_be_compared_with(case: Case) -> None:
    found = against(case, comparable=False, reason="the bundle 12 needs income")
    assert found.outcome == "fail"
    assert "not comparable: the bundle 12 needs income" in found.measured


def test_a_comparison_with_the_champion_before(case: Case) -> None:
    assert against(case, champion="0" * 64).outcome == "not_assessed"


def test_a_measure_that_fell_is_a_warning(case: Case) -> None:
    better = DIFFERENCE | {"low": 0.001}
    fell = {"value": -0.1, "low": -0.2, "high": -0.01}
    primary = {"name": "roc_auc", "better": "higher", "difference": fell}
    found = against(case, value_per_decision={"difference": better}, primary=primary)
    assert found.outcome == "warn"


def test_nobody_compared(case: Case) -> None:
    record = {"name": "credit", "version": "1", "run_id": "r0"}
    publish_bundle(case.project.bundle_dir, case.project.models_dir, record)
    path = case.project.bundle_dir / "manifest.json"
    path.write_text(path.read_text().replace('"r1"', '"r2"'))
    assert run(Case(load_project(case.project.root)), "G-CHAMP").outcome == "not_assessed"


# --- G-ROB -------------------------------------------------------------------------------------


def test_decisions_that_stand(case: Case) -> None:
    found = run(case, "G-ROB")
    assert found.outcome == "pass"
    assert "2.0% of the decisions flip with a value missing (housing)" in found.measured


@pytest.mark.turns_red("G-ROB")
@pytest.mark.parametrize(
    "changes", [{"robustness__noise__flips": 0.11}, {"robustness__missing__flips": 0.31}]
)
def test_decisions_that_hang_on_little(case: Case, changes: dict[str, Any]) -> None:
    assert run(measured(case, **changes), "G-ROB").outcome == "fail"


def test_in_the_minimal_tier_it_warns(case: Case) -> None:
    shaky = given(minimal(case), metrics=metrics(robustness__noise__flips=0.5))
    assert run(shaky, "G-ROB").outcome == "warn"


@pytest.mark.turns_red("G-ROB")
def test_a_forecast_without_a_value(case: Case) -> None:
    moved = {"flips": 0.0, "change": 0.05, "failed": 0.0}
    found = {"measure": "change", "noise": moved, "missing": None, "failures": {}}
    assert run(given(regression(case), metrics={"robustness": found}), "G-ROB").outcome == "pass"
    broken = found | {"failures": {"missing temp": "no finite score"}}
    result = run(given(regression(case), metrics={"robustness": broken}), "G-ROB")
    assert result.outcome == "fail"
    assert "missing temp: no finite score" in result.measured


def test_nothing_to_disturb(case: Case) -> None:
    nothing = measured(case, robustness__noise=None, robustness__missing=None)
    assert run(nothing, "G-ROB").outcome == "pass"


# --- G-SLICE -----------------------------------------------------------------------------------

PART = METRICS["slices"]["age=below 26"]


def sliced(case: Case, **parts: dict[str, Any]) -> Case:
    return given(case, metrics={**METRICS, "slices": parts})


def test_slices_alike(case: Case) -> None:
    assert run(case, "G-SLICE").outcome == "pass"


@pytest.mark.turns_red("G-SLICE")
def test_a_slice_that_is_served_worse_for_sure(case: Case) -> None:
    worse = PART | {"roc_auc": 0.6, "roc_auc_low": 0.5, "roc_auc_high": 0.69}
    found = run(sliced(case, a=PART, b=worse), "G-SLICE")
    assert found.outcome == "fail"
    assert "b roc_auc 0.6 against 0.8; beyond it for sure: b" in found.measured


def test_a_slice_that_may_be_served_worse(case: Case) -> None:
    maybe = PART | {"roc_auc": 0.6, "roc_auc_low": 0.5, "roc_auc_high": 0.71}
    assert run(sliced(case, a=maybe), "G-SLICE").outcome == "warn"


def test_a_slice_that_is_worse_off_than_today(case: Case) -> None:
    found = run(sliced(case, a=PART | {"uplift_high": -0.1}), "G-SLICE")
    assert found.outcome == "warn"
    assert "worse off than today: a" in found.measured


def test_small_slices_are_listed_and_never_green(case: Case) -> None:
    small = PART | {"small": 1}
    assert "too few rows to judge b" in run(sliced(case, a=PART, b=small), "G-SLICE").measured
    assert run(sliced(case, b=small), "G-SLICE").outcome == "not_assessed"
    assert run(sliced(case), "G-SLICE").outcome == "not_assessed"
    assert run(sliced(minimal(case), b=small), "G-SLICE").outcome == "warn"


@pytest.mark.turns_red("G-SLICE")
def test_errors_are_compared_in_proportion(case: Case) -> None:
    whole = {"model": {"mae": 10.0}}
    twice = {"n": 100, "small": 0, "mae": 19.0, "mae_low": 17.0, "mae_high": 21.0, "uplift_high": 1}
    forecast = regression(case)
    fine = given(forecast, metrics={**whole, "slices": {"a": twice}})
    assert run(fine, "G-SLICE").outcome == "pass"
    more = twice | {"mae": 24.0, "mae_low": 21.0, "mae_high": 27.0}
    bad = given(forecast, metrics={**whole, "slices": {"a": more}})
    assert run(bad, "G-SLICE").outcome == "fail"


# --- G-FAIR ------------------------------------------------------------------------------------


def fair(case: Case, *, action: str = "approve", **gap: Any) -> Case:
    found: dict[str, Any] = deepcopy(METRICS)
    part = found["fairness"]["age"]["selection"][action]
    part["gap"] = part["gap"] | gap if gap else None
    return given(case, metrics=found)


def test_groups_alike(case: Case) -> None:
    found = run(case, "G-FAIR")
    assert found.outcome == "pass"
    assert "age 0.90 [0.85, 0.95] (below 26 to 26 and over)" in found.measured


@pytest.mark.turns_red("G-FAIR")
def test_a_group_that_gets_less(case: Case) -> None:
    found = run(fair(case, value=0.6, low=0.5, high=0.7), "G-FAIR")
    assert found.outcome == "fail"
    assert "at least 0.8" in found.asked


def test_an_interval_that_holds_the_limit(case: Case) -> None:
    assert run(fair(case, value=0.7, low=0.5, high=0.9), "G-FAIR").outcome == "warn"


@pytest.mark.turns_red("G-FAIR")
def test_no_interval_is_no_evidence(case: Case) -> None:
    assert run(fair(case, value=0.9, low=None, high=None), "G-FAIR").outcome == "fail"


def test_groups_of_too_few_rows(case: Case) -> None:
    assert run(fair(case), "G-FAIR").outcome == "not_assessed"
    assert run(fair(case, value=None, low=None, high=None), "G-FAIR").outcome == "not_assessed"


@pytest.mark.turns_red("G-FAIR")
def test_the_favourable_action_is_the_one_that_is_named(case: Case) -> None:
    named = thresholds(case, '[fairness]\nfavourable = "decline"\n')
    assert run(named, "G-FAIR").outcome == "pass"
    unequal = fair(named, action="decline", value=0.3, low=0.2, high=0.4)
    assert run(unequal, "G-FAIR").outcome == "fail"


@pytest.mark.turns_red("G-FAIR")
def test_an_action_that_the_charter_does_not_have(case: Case) -> None:
    found = run(thresholds(case, '[fairness]\nfavourable = "grant"\n'), "G-FAIR")
    assert found.outcome == "fail"
    assert found.remedy == "choose among: approve, decline"


def test_a_group_too_small_is_named_beside_the_others(case: Case) -> None:
    found: dict[str, Any] = deepcopy(METRICS)
    groups = found["fairness"]["age"]["selection"]["approve"]["groups"]
    groups["over 90"] = {"value": 0.1, "low": None, "high": None, "n": 3, "assessed": 0}
    said = run(given(case, metrics=found), "G-FAIR")
    assert (said.outcome, "too few rows to judge over 90" in said.measured) == ("warn", True)


def test_an_audit_column_that_is_no_slice_is_told(case: Case) -> None:
    params = case.project.root / "params.yaml"
    params.write_text(params.read_text().replace("audit: [age]", "audit: [age, race]"))
    again = Case(load_project(case.project.root))
    said = run(given(again, bundle=case.bundle, metrics=METRICS), "G-FAIR")
    assert (said.outcome, "race not assessed" in said.measured) == ("warn", True)


def test_a_column_that_was_not_measured(case: Case) -> None:
    found = run(thresholds(case, '[fairness]\ncolumns = ["sex"]\n'), "G-FAIR")
    assert found.outcome == "not_assessed"
    assert "no group of sex" in found.measured


def test_no_column_to_compare_by(case: Case) -> None:
    found = run(given(case, metrics={**METRICS, "slices": {}, "fairness": {}}), "G-FAIR")
    assert found.outcome == "not_assessed"
    assert "fairness.columns" in found.remedy


def test_a_system_that_is_not_about_people(case: Case) -> None:
    assert run(minimal(case), "G-FAIR").outcome == "not_applicable"
