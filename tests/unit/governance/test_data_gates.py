"""Poisoned data turns the gates red; clean data does not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelkeel.data.profile import profile
from modelkeel.data.quality.shifts import accepted_labels, reference_labels
from modelkeel.governance.data_gates import Judged, judge_labels, judge_leakage
from modelkeel.model.data_checks import check_training_data
from modelkeel.model.trained import OUT_OF_FOLD
from modelkeel.model.training import TrainingSet, cross_validate, training_set
from modelkeel.project import Project
from modelkeel.records.gates import LabelsGate, LeakageGate

ROWS = 1000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def rows(rng: np.random.Generator) -> pl.DataFrame:
    """Applications from two branches; the larger the amount, the more are repaid."""
    amount = rng.uniform(0, 1000, ROWS)
    return pl.DataFrame(
        {
            "_source": rng.choice(["north", "south"], ROWS),
            "amount": amount,
            "housing": rng.choice(["own", "rent"], ROWS),
            "age": rng.integers(20, 70, ROWS),
            "risk": (amount + rng.normal(0, 60, ROWS) > 500).astype(np.int64),
        }
    )


def test_clean_data_passes(project: Project, rows: pl.DataFrame) -> None:
    leak, labels = judged(project, rows)
    assert leak[0]
    assert labels[0]
    assert "no accepted reference" in labels[1]


def test_clean_data_passes_beside_its_reference(project: Project, rows: pl.DataFrame) -> None:
    accepted(project, rows)
    _, labels = judged(project, rows)
    assert labels[0]
    assert "disputed labels, now" in labels[1]


def test_a_copy_of_the_target(project: Project, rows: pl.DataFrame) -> None:
    told = pl.when(pl.col("risk") == 1).then(pl.lit("own")).otherwise(pl.lit("rent"))
    leak, _ = judged(project, rows.with_columns(housing=told))
    assert not leak[0]
    assert "housing gives AUC 1.000" in leak[1]


def test_held_out_rows_in_the_training_rows(project: Project, rows: pl.DataFrame) -> None:
    train, test = rows[:700], rows[700:]
    leak, _ = judged(project, pl.concat([train, test[:60]]), test)
    assert not leak[0]
    assert "held-out rows in training 20.0%" in leak[1]


def test_an_export_that_came_twice(project: Project, rows: pl.DataFrame) -> None:
    twice = pl.concat([rows, rows]).sample(fraction=1.0, shuffle=True, seed=1)
    assert not judged(project, twice)[0][0]


def test_flipped_labels(project: Project, rows: pl.DataFrame, rng: np.random.Generator) -> None:
    _, labels = judged(project, flipped(rows, rng, 0.35))
    assert not labels[0]
    assert "suspicious labels" in labels[1]


def test_a_few_flipped_labels_against_the_reference(
    project: Project, rows: pl.DataFrame, rng: np.random.Generator
) -> None:
    accepted(project, rows)
    _, labels = judged(project, flipped(rows, rng, 0.15))
    assert not labels[0]


def test_equal_rows_that_contradict_each_other(project: Project, rows: pl.DataFrame) -> None:
    against = rows[:200].with_columns(risk=1 - pl.col("risk"))
    gate = LabelsGate(max_suspicious=1.0)
    _, labels = judged(project, pl.concat([rows[:700], against]), rows[700:], labels=gate)
    assert not labels[0]
    assert "equal rows that disagree" in labels[1]


def test_a_poisoned_source(project: Project, rows: pl.DataFrame, rng: np.random.Generator) -> None:
    accepted(project, rows)
    hit = (pl.col("_source") == "south") & pl.Series(rng.random(ROWS) < 0.5)
    poisoned = rows.with_columns(risk=pl.when(hit).then(1).otherwise("risk"))
    gate = LabelsGate(max_suspicious=1.0, max_suspicious_rise=1.0)
    _, labels = judged(project, poisoned, labels=gate)
    assert not labels[0]
    assert "south: class" in labels[1]
    assert "north: class" not in labels[1]


def test_a_new_source_with_other_labels(project: Project, rows: pl.DataFrame) -> None:
    accepted(project, rows)
    new = rows[:200].with_columns(_source=pl.lit("east"), risk=pl.lit(1, dtype=pl.Int64))
    gate = LabelsGate(max_suspicious=1.0, max_suspicious_rise=1.0, max_conflicting=1.0)
    _, labels = judged(project, pl.concat([rows, new]), labels=gate)
    assert not labels[0]
    assert "new source east" in labels[1]


def test_a_reference_that_keeps_only_a_profile(project: Project, rows: pl.DataFrame) -> None:
    accepted(project, rows, labels=False)
    assert judged(project, rows)[1][0]
    one_sided = rows.with_columns(risk=pl.when(pl.col("age") < 40).then(0).otherwise("risk"))
    assert not judged(project, one_sided)[1][0]


def flipped(rows: pl.DataFrame, rng: np.random.Generator, share: float) -> pl.DataFrame:
    hit = pl.Series(rng.random(rows.height) < share)
    return rows.with_columns(risk=pl.when(hit).then(1 - pl.col("risk")).otherwise("risk"))


def judged(
    project: Project,
    train: pl.DataFrame,
    test: pl.DataFrame | None = None,
    *,
    leakage: LeakageGate | None = None,
    labels: LabelsGate | None = None,
) -> tuple[Judged, Judged]:
    """What the gates say of these rows, as read from reports/data_checks.json."""
    if test is None:
        train, test = train[: -ROWS // 3], train[-ROWS // 3 :]
    checks = looked_at(project, train, test)
    return (
        judge_leakage(checks, leakage or LeakageGate()),
        judge_labels(checks, labels or LabelsGate(), accepted_labels(project)),
    )


def looked_at(project: Project, train: pl.DataFrame, test: pl.DataFrame) -> dict[str, Any]:
    folder = project.models_dir / "trained"
    folder.mkdir(parents=True, exist_ok=True)
    project.data_dir.mkdir(exist_ok=True)
    pl.concat([train, test]).write_parquet(project.data_dir / "valid.parquet")
    for name, part in (("train", train), ("test", test)):
        part.drop("_source").write_parquet(project.data_dir / f"{name}.parquet")
    data = training_set(project)
    found = cross_validate(model, data)
    assert np.allclose(found.predictions.sum(axis=1), 1)
    names = [str(each) for each in range(found.predictions.shape[1])]
    pl.DataFrame(found.predictions, schema=names).write_parquet(folder / OUT_OF_FOLD)
    (folder / "signature.json").write_text(data.signature.model_dump_json(), encoding="utf-8")
    (folder / "run.json").write_text('{"run_id": "r1"}', encoding="utf-8")
    path = project.write_report("data_checks.json", check_training_data(project).to_json())
    checks: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return checks


def model(_: TrainingSet) -> Any:
    parts = [("n", StandardScaler(), ["amount"]), ("c", OneHotEncoder(), ["housing"])]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression())


def accepted(project: Project, rows: pl.DataFrame, *, labels: bool = True) -> None:
    """A reference as `keel data accept` leaves it."""
    looked_at(project, rows[: -ROWS // 3], rows[-ROWS // 3 :])
    record = {
        "schema": "reference/1",
        "digest": "0" * 64,
        "contract": project.params.contract,
        "by": "owner@bank.example",
        "date": "2026-11-24",
        "reason": "looked at it",
        "profile": profile(rows),
    }
    if labels:
        record["labels"] = reference_labels(project)
        assert record["labels"]["disputed"] is not None
    path = project.root / "governance" / "data" / "reference.json"
    path.write_text(json.dumps(record), encoding="utf-8")
