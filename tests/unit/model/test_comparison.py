"""Candidate and champion are held against each other on the same rows, by the same charter."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from onnx import TensorProto, helper
from publishing import publish_bundle

from modelkeel.errors import BadInput
from modelkeel.model.bundle import Bundle, write_bundle
from modelkeel.model.comparison import compare_with_champion
from modelkeel.model.lineage import lineage_of
from modelkeel.model.signature import Feature, Signature
from modelkeel.project import Project


def hold_out(project: Project, rows: int = 400) -> pl.DataFrame:
    """The larger the amount, the more are repaid."""
    rng = np.random.default_rng(3)
    amount = rng.uniform(0, 1000, rows)
    frame = pl.DataFrame(
        {"amount": amount, "risk": (amount + rng.normal(0, 150, rows) > 500).astype(np.int64)}
    )
    project.data_dir.mkdir(exist_ok=True)
    frame.write_parquet(project.data_dir / "test.parquet")
    return frame


def bundle_of(
    project: Project, folder: Path, *, slope: float = 0.001, name: str = "amount", **changes: Any
) -> Bundle:
    """A model whose probability of class 1 grows with one column by the slope."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 2], [-slope, slope])
    middle = helper.make_tensor("b", TensorProto.FLOAT, [2], [0.5 + 500 * slope, 0.5 - 500 * slope])
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [name, "w"], ["raw"]),
            helper.make_node("Add", ["raw", "b"], ["probabilities"]),
        ],
        "model",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [weights, middle],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = project.root / "model.onnx"
    path.write_bytes(model.SerializeToString())
    actions, outcomes, amounts = project.charter.payoff_matrix()
    arguments: dict[str, Any] = {
        "name": project.name,
        "onnx_path": path,
        "signature": Signature(
            name=project.name,
            task="classification",
            target="risk",
            classes=["0", "1"],
            features=[Feature(name=name, kind="number", minimum=0, maximum=1000)],
        ),
        "decision": {
            "kind": "payoff",
            "actions": actions,
            "outcomes": outcomes,
            "amounts": amounts,
        },
        "profile": {"rows": 1},
        "golden_columns": {name: [1.0, 2.0]},
        "lineage": lineage_of(project, run_id="r1").model_dump(),
    }
    return write_bundle(folder, **(arguments | changes))


def crown(project: Project, **changes: Any) -> Bundle:
    made = bundle_of(project, project.models_dir / "other", **changes)
    record = {"name": project.name, "version": "1", "run_id": "r1"}
    publish_bundle(made.path, project.models_dir, record)
    return made


def test_without_a_champion_there_is_nothing_to_say(project: Project) -> None:
    hold_out(project)
    bundle_of(project, project.bundle_dir)
    assert compare_with_champion(project) is None


def test_a_better_candidate(project: Project) -> None:
    rows = hold_out(project)
    champion = crown(project, slope=-0.001)  # the wrong way round
    candidate = bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert (found["candidate"], found["champion"]) == (candidate.digest, champion.digest)
    assert found["comparable"]
    assert found["same_rows"]
    assert found["rows"] == rows.height
    value, primary = found["value_per_decision"], found["primary"]
    assert value["difference"]["low"] > 0
    assert value["difference"]["value"] == pytest.approx(
        value["candidate"]["value"] - value["champion"]["value"]
    )
    assert primary["name"] == "roc_auc"
    assert primary["difference"]["low"] > 0.5


def test_the_same_model_differs_by_nothing(project: Project) -> None:
    hold_out(project)
    crown(project)
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert found["differ"] == 0.0
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["value_per_decision"]["difference"] == nothing
    assert found["primary"]["difference"] == nothing


def test_paired_differences_are_narrower_than_two_intervals(project: Project) -> None:
    hold_out(project)
    crown(project, slope=0.0008)
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    sides = found["value_per_decision"]
    assert width(sides["difference"]) < 0.7 * (width(sides["candidate"]) + width(sides["champion"]))


def width(found: dict[str, float]) -> float:
    return found["high"] - found["low"]


def test_each_decides_by_its_own_rule(project: Project) -> None:
    """The same scores, but the champion was made when a loss cost nothing."""
    hold_out(project)
    actions, outcomes, amounts = project.charter.payoff_matrix()
    free = [[max(each, 0.0) for each in line] for line in amounts]
    rule = {"kind": "payoff", "actions": actions, "outcomes": outcomes, "amounts": free}
    crown(project, decision=rule)
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert found["primary"]["difference"]["value"] == 0.0
    assert found["differ"] > 0.2
    assert found["value_per_decision"]["difference"]["low"] > 0


def test_a_champion_that_was_judged_on_other_rows(project: Project) -> None:
    hold_out(project, 300)
    crown(project)
    hold_out(project, 400)
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert found["comparable"]
    assert not found["same_rows"]


def test_a_champion_of_columns_that_are_gone(project: Project) -> None:
    hold_out(project)
    crown(project, name="income")
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert found["comparable"] is False
    assert "needs income, which data/test.parquet does not have" in found["reason"]


def test_a_champion_that_took_an_action_without_a_payoff(project: Project) -> None:
    hold_out(project)
    rule = {
        "kind": "payoff",
        "actions": ["approve", "ask"],
        "outcomes": ["1", "0"],
        "amounts": [[1.0, -2.0], [0.0, 0.0]],
    }
    crown(project, decision=rule)
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert "takes the action 'ask'" in found["reason"]


def test_a_champion_of_another_target(project: Project) -> None:
    hold_out(project)
    feature = Feature(name="amount", kind="number", minimum=0, maximum=1000)
    other = Signature(
        name="credit",
        task="classification",
        target="default",
        classes=["0", "1"],
        features=[feature],
    )
    crown(project, signature=other)
    bundle_of(project, project.bundle_dir)
    found = compare_with_champion(project)
    assert found is not None
    assert "target: the candidate has risk, the champion default" in found["reason"]


def test_without_held_out_rows(project: Project) -> None:
    crown(project)
    bundle_of(project, project.bundle_dir)
    with pytest.raises(BadInput, match=r"test\.parquet: no such file"):
        compare_with_champion(project)


def test_a_hundred_thousand_rows_take_seconds(project: Project) -> None:
    hold_out(project, 100_000)
    crown(project, slope=0.0008)
    bundle_of(project, project.bundle_dir)
    start = time.process_time()
    assert compare_with_champion(project) is not None
    assert time.process_time() - start < 10
