"""Judges the trained model on the project's held-out rows, as the charter asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.labels import labels
from modelkeel.data.split import group_ids
from modelkeel.model.evaluation import Evaluation, SliceBy, Target, evaluate
from modelkeel.model.scorer import Scorer
from modelkeel.model.trained import load_trained
from modelkeel.project import Project


def evaluate_held_out(project: Project) -> Evaluation:
    """Score the held-out rows with the exported models and judge them.

    Raises:
        BadInput: the stages before have not been run, or a setting cannot be worked with.
    """
    params, charter = project.params, project.charter
    trained = load_trained(project)
    signature = trained.signature
    train = pl.read_parquet(project.data_dir / "train.parquet")
    test = pl.read_parquet(project.data_dir / "test.parquet")
    features = test.select(signature.feature_names)
    model = Scorer(trained.onnx_path, signature)
    linear = Scorer(trained.linear_path, signature)

    def predict(frame: pl.DataFrame) -> NDArray[np.float64]:
        return model.predict(frame.to_dict(as_series=False))

    classification = project.task == "classification"
    baseline: Any
    if classification:
        known = labels(train, params.target)
        baseline = [known.count(name) / len(known) for name in signature.classes]
    else:
        baseline = float(train[params.target].cast(pl.Float64).mean())  # type: ignore[arg-type]
    return evaluate(
        project.task,
        labels(test, params.target) if classification else test[params.target],
        {
            "model": predict(features),
            "linear": linear.predict(features.to_dict(as_series=False)),
            "baseline": baseline,
        },
        policy=charter.baseline.policy,
        classes=signature.classes,
        payoff=charter.payoff_matrix() if classification else None,
        over_under=None if classification else charter.over_under(),
        features=features,
        audit=test.select(params.audit) if params.audit else None,
        slices=[SliceBy(each.column, each.edges) for each in params.evaluate.slices],
        predict=predict,
        signature=signature,
        groups=group_ids(test, params.split.by),
        target=Target(charter.target.at_least, charter.target.confidence),
        confidence=params.evaluate.confidence,
        bootstrap=params.evaluate.bootstrap,
        seed=params.split.seed,
    )


def report_of(project: Project, evaluation: Evaluation) -> str:
    """The evaluation report: one HTML page that loads nothing."""
    from modelkeel.model.report import render_report

    charter, system = project.charter, project.system
    fair = project.gates.fairness
    trained = load_trained(project)
    lineage = trained.lineage
    commit = lineage["code_commit"]
    dirty = " with uncommitted changes" if lineage["code_dirty"] else ""
    return render_report(
        evaluation,
        title=project.name,
        decision=charter.decision.statement,
        unit=charter.value.unit,
        volume_per_month=charter.decision.volume_per_month,
        meanings=charter.outcome.classes,
        groups=(fair.columns or project.params.audit) if system.use.about_people else (),
        favourable=fair.favourable if fair.favourable in charter.decision.actions else None,
        charter={
            "Accountable": charter.owner.accountable,
            "Today's policy": charter.baseline.policy,
            "Target": f"{charter.target.at_least:+g} {charter.value.unit} a decision, "
            f"by {charter.target.by}",
            "Outcome known after": f"{charter.outcome.delay_days} days",
            "Risk tier": f"{system.tier}. {system.tier_reason}",
        },
        facts={
            "MLflow run": trained.run_id,
            "Code": f"{commit[:12]}{dirty}" if commit else "not in git",
            **{f"SHA-256 of {path}": digest for path, digest in lineage["data"].items()},
            "modelkeel": lineage["modelkeel"],
        },
    )
