"""Each gate passes on a sound case and turns red when its evidence does."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from cases import CHECKS, METRICS, QUALITY, given
from filelock import FileLock

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.governance.charter_check import check_charter
from modelkeel.governance.gates import Case, Gate, refuse_failed, run_gates
from modelkeel.governance.gates.gate import Verdict
from modelkeel.governance.promotion import promote
from modelkeel.project import Project


def outcomes(case: Case) -> dict[str, str]:
    return {each.id: each.outcome for each in run_gates(case)}


def with_uplift(case: Case, name: str, **change: Any) -> Case:
    metrics: dict[str, Any] = deepcopy(METRICS)
    metrics["uplift"][name] |= change
    return given(case, metrics=metrics)


def test_a_sound_case_passes(case: Case) -> None:
    results = run_gates(case, ("train", "release"), trial=True)
    weak = [each for each in results if each.outcome not in ("pass", "not_applicable")]
    assert weak == []
    refuse_failed(results)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), OverflowError("too large")])
def test_what_breaks_a_check_is_a_result(case: Case, error: Exception) -> None:
    def check(_: Case) -> Verdict:
        raise error

    found = Gate("G-ANY", "Any", ("release",), check, "mend it", ("MTS D1",)).run(case)
    assert (found.outcome, found.measured) == ("fail", f"{type(error).__name__}: {error}")


@pytest.mark.turns_red("G-DATA")
def test_rows_that_break_the_contract(case: Case) -> None:
    worse = given(case, quality={**QUALITY, "share": 0.05})
    assert outcomes(worse)["G-DATA"] == "fail"


@pytest.mark.turns_red("G-LEAK")
def test_a_column_that_gives_the_target_away(case: Case) -> None:
    checks = {**CHECKS, "leakage": {"measure": "auc", "columns": {"amount": 0.999}, "parts": []}}
    assert outcomes(given(case, checks=checks))["G-LEAK"] == "fail"


@pytest.mark.turns_red("G-LABELS")
def test_labels_that_look_wrong(case: Case) -> None:
    labels: dict[str, Any] = deepcopy(CHECKS["labels"])
    labels["suspicious"]["share"] = 0.4
    assert outcomes(given(case, checks={**CHECKS, "labels": labels}))["G-LABELS"] == "fail"


@pytest.mark.turns_red("G-LINEAGE")
@pytest.mark.parametrize(
    "name",
    ["charter.toml", "params.yaml", "governance/data/table.odcs.yaml", "data/source/table.csv"],
)
def test_a_record_changed_after_training(case: Case, name: str) -> None:
    path = case.project.root / name
    path.write_text(path.read_text() + "\n")
    results = run_gates(case)
    assert next(each for each in results if each.id == "G-LINEAGE").outcome == "fail"
    with pytest.raises(Refused, match=f"changed since: {name}"):
        refuse_failed(results)


@pytest.mark.turns_red("G-BASE")
def test_no_gain_over_today(case: Case) -> None:
    assert outcomes(with_uplift(case, "value_per_decision", low=-0.01))["G-BASE"] == "fail"


def test_no_gain_over_one_action_for_everyone(case: Case) -> None:
    assert outcomes(with_uplift(case, "vs_best_action", low=-0.01))["G-BASE"] == "fail"


def test_a_linear_model_that_may_be_better(case: Case) -> None:
    assert outcomes(with_uplift(case, "vs_linear", low=-0.06))["G-BASE"] == "fail"


def test_an_undefined_interval_never_passes(case: Case) -> None:
    worse = with_uplift(case, "value_per_decision", value=None, low=None, high=None)
    assert outcomes(worse)["G-BASE"] == "fail"


def with_target(case: Case, state: str) -> Case:
    return given(case, metrics={**METRICS, "target": {**METRICS["target"], "state": state}})


@pytest.mark.turns_red("G-TARGET")
def test_a_target_out_of_reach(case: Case) -> None:
    worse = with_target(case, "not_reached")
    assert outcomes(worse)["G-TARGET"] == "fail"
    with pytest.raises(Refused, match=r"out of reach.*asked: not ruled out: 0\.1"):
        refuse_failed(run_gates(worse))


def test_a_target_that_the_rows_do_not_settle(case: Case) -> None:
    assert outcomes(with_target(case, "undecided"))["G-TARGET"] == "pass"


def test_a_gain_without_an_interval_settles_nothing(case: Case) -> None:
    target = {**METRICS["target"], "state": "undecided", "low": None, "high": None}
    found = outcomes(given(case, metrics={**METRICS, "target": target}))
    assert found["G-TARGET"] == "not_assessed"


@pytest.mark.parametrize("name", ["evaluation.json", "quality.json", "data_checks.json"])
def test_evidence_about_another_model_is_refused(case: Case, name: str) -> None:
    path = case.project.reports_dir / name
    path.write_text(path.read_text() + " ")
    with pytest.raises(Refused, match=f"{name}: is not what was measured on the bundle"):
        refuse_failed(run_gates(case))


def test_a_stage_that_was_not_run_again(case: Case) -> None:
    root = case.project.root
    (root / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: echo trained > model.txt\n    deps: [params.yaml]\n"
        "    outs: [model.txt]\n"
    )
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (result,) = [each for each in run_gates(case) if each.id == "G-LINEAGE"]
    assert result.outcome == "fail"
    assert "stage train" in result.measured


def test_a_second_promotion_waits_its_turn(case: Case) -> None:
    lock = FileLock(case.project.models_dir / ".promote.lock")
    with lock, pytest.raises(KeelError, match="another promotion of credit is under way"):
        promote(case.project)


@pytest.mark.turns_red("G-GOLDEN")
def test_golden_rows_that_differ(case: Case) -> None:
    path = case.bundle.path / "golden.json"  # it was loaded and verified before
    golden = json.loads(path.read_text())
    golden["scores"] = (np.asarray(golden["scores"]) + 0.001).tolist()
    path.write_text(json.dumps(golden))
    assert outcomes(case)["G-GOLDEN"] == "fail"


def test_a_missing_measurement_is_never_green(case: Case) -> None:
    blind = given(case, metrics={})
    assert outcomes(blind)["G-BASE"] == "not_assessed"
    with pytest.raises(Refused, match="no measurement"):
        refuse_failed(run_gates(blind))


def test_data_that_was_not_looked_at_is_never_green(case: Case) -> None:
    found = outcomes(given(case, checks={}))
    assert {found["G-LEAK"], found["G-LABELS"]} == {"not_assessed"}


def test_a_pipeline_that_does_not_look_at_its_data(case: Case) -> None:
    case.project.data_checks_path.unlink()
    (result,) = [each for each in run_gates(case) if each.id == "G-LEAK"]
    assert result.outcome == "not_assessed"
    assert "keel update" in result.remedy


def test_a_tampered_bundle_is_refused_before_any_gate(case: Case) -> None:
    with (case.bundle.path / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(Refused, match=r"model\.onnx was changed"):
        promote(case.project)


def test_without_a_pipeline_run(project: Project) -> None:
    with pytest.raises(BadInput, match=r"manifest\.json: no such file"):
        promote(project)


def test_charter_check(project: Project) -> None:
    assert check_charter(project).tier == "high"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("charter.toml", 'label = "risk"', 'label = "other"', "outcome.label"),
        ("governance/system.toml", "owner@bank", "other@bank", "owner.accountable"),
        ("charter.toml", "2999-12-31", "2020-12-31", "2020-12-31 has passed"),
    ],
)
def test_records_that_disagree(project: Project, file: str, old: str, new: str, said: str) -> None:
    path = project.root / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadInput, match=said):
        check_charter(project)
