"""A case for the gates: a project with a real bundle and what was measured of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from onnx import TensorProto, helper

from modelkeel.data.digest import sha256_file
from modelkeel.governance.gates import Case
from modelkeel.model.bundle import Bundle, write_bundle
from modelkeel.model.lineage import lineage_of
from modelkeel.model.signature import Feature, Signature
from modelkeel.project import Project

FOUND = {"value": 0.9, "low": 0.85, "high": 0.95}
ALIKE_GROUPS = {
    "gap": {**FOUND, "lowest": "below 26", "highest": "26 and over"},
    "groups": {name: {**FOUND, "n": 100, "assessed": 1} for name in ("below 26", "26 and over")},
}
SLICE = {"n": 100, "small": 0, "roc_auc": 0.79, "roc_auc_low": 0.7, "roc_auc_high": 0.85}
MOVED = {"flips": 0.02, "change": 0.01, "failed": 0.0}
METRICS = {
    "model": {"roc_auc": 0.8, "calibration_error": 0.04},
    "interval": {"roc_auc": {"low": 0.75, "high": 0.85}},
    "calibration_noise": {"model": 0.05},
    "slices": {"age=below 26": {**SLICE, "uplift_high": 0.2}},
    "fairness": {
        "age": {
            "n": {"below 26": 100, "26 and over": 100},
            "selection": {"approve": ALIKE_GROUPS, "decline": ALIKE_GROUPS},
            "opportunity": {"approve": ALIKE_GROUPS, "decline": ALIKE_GROUPS},
        }
    },
    "robustness": {
        "measure": "flips",
        "rows": 100,
        "draws": 5,
        "spread": 0.05,
        "noise": MOVED,
        "missing": {"column": "housing", **MOVED},
        "columns": {"amount": {"noise": MOVED}, "housing": {"missing": MOVED, "common": MOVED}},
        "failures": {},
    },
    "uplift": {
        "value_per_decision": {"value": 0.2, "low": 0.05, "high": 0.3},
        "vs_best_action": {"value": 0.2, "low": 0.05, "high": 0.3},
        "vs_linear": {"value": 0.01, "low": -0.02, "high": 0.03},
    },
    "target": {"state": "reached", "value": 0.2, "low": 0.11, "high": 0.3},
}
ALIKE = {"rows": 0, "share": 0.0, "chance": 0.0, "excess": 0.0, "listed": []}
CHECKS = {
    "schema": "data_checks/1",
    "data": "0" * 64,
    "overlap": {"exact": ALIKE, "near": ALIKE},
    "leakage": {"measure": "auc", "columns": {"amount": 0.8}, "parts": []},
    "labels": {
        "suspicious": {"rows": 2, "of": 40, "share": 0.05, "disputed": 0.1, "listed": []},
        "conflicting": ALIKE,
        "rates": {"all": {"rows": 40, "shares": {"0": 0.5, "1": 0.5}}, "sources": {}},
    },
}
QUALITY = {"rows": 40, "quarantined": 0, "share": 0.0, "broken": {}}


@pytest.fixture
def case(project: Project) -> Case:
    """A project with a real bundle, and what was measured of it."""
    write_measurements(project)
    write_model(project)
    return Case(project)


def write_measurements(project: Project) -> None:
    """What the pipeline would have measured."""
    project.write_report("evaluation.json", json.dumps(METRICS))
    project.write_report("quality.json", json.dumps(QUALITY))
    project.write_report("data_checks.json", json.dumps(CHECKS))
    keep_table(project)


def write_model(project: Project, run_id: str = "r1", slope: float = 0.001) -> Bundle:
    """The newest bundle: the probability of class 1 grows with the amount."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 2], [-slope, slope])
    bias = helper.make_tensor("b", TensorProto.FLOAT, [2], [0.5, 0.5])
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["amount", "w"], ["raw"]),
            helper.make_node("Add", ["raw", "b"], ["probabilities"]),
        ],
        "model",
        [helper.make_tensor_value_info("amount", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [weights, bias],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = project.root / "model.onnx"
    path.write_bytes(model.SerializeToString())
    actions, outcomes, amounts = project.charter.payoff_matrix()
    decision = {"kind": "payoff", "actions": actions, "outcomes": outcomes, "amounts": amounts}
    return write_bundle(
        project.bundle_dir,
        name=project.name,
        onnx_path=path,
        signature=Signature(
            name=project.name,
            task="classification",
            target="risk",
            classes=["0", "1"],
            features=[Feature(name="amount", kind="number", minimum=0, maximum=1000)],
        ),
        decision=decision,
        profile={"rows": 1},
        golden_columns={"amount": [1.0, 2.0]},
        lineage=lineage_of(project, run_id=run_id).model_dump()
        | {"trained_at": datetime.now(UTC).isoformat(timespec="seconds")},
    )


def keep_table(project: Project, **personal: Any) -> None:
    """data/raw.parquet, and what the validation records of it."""
    raw = project.data_dir / "raw.parquet"
    raw.write_bytes(b"rows")
    digest = sha256_file(raw)
    record = {
        "schema": "data/1",
        "digest": digest,
        "time": "2026-11-24T00:00:00+00:00",
        "contract": project.params.contract,
        "contract_sha256": sha256_file(project.contract_path),
        "inputs": [],
        "quality": QUALITY,
        "personal": {"columns": 4, "undeclared": {}, **personal},
        "profile": {"rows": 40, "columns": {}},
    }
    path = project.evidence_dir / "data" / f"{digest[:16]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")


def given(case: Case, **parts: Any) -> Case:
    """The same case with other parts, such as `metrics`, in place of what it would read."""
    other = Case(case.project, case.now, case.key)
    vars(other).update({**vars(case), **parts})
    return other
