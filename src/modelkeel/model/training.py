"""The rows a model is trained on, their folds, and cross-validation over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.contract import load_contract
from modelkeel.data.labels import labels, require_target_of
from modelkeel.data.split import group_ids
from modelkeel.model.evaluation.metrics import log_loss, mae, rmse, roc_auc
from modelkeel.model.export import model_inputs, signature_of
from modelkeel.model.signature import Signature
from modelkeel.project import Project
from modelkeel.records.params import Train

Ints = NDArray[np.int64]
Folds = list[tuple[Ints, Ints]]


@dataclass(frozen=True)
class TrainingSet:
    """Rows to train on.

    Attributes:
        signature: the inputs of the model.
        settings: seed and folds.
        inputs: n rows as `model_inputs` gives them.
        target: (n,) class labels as text, or numbers.
        groups: (n,) rows with the same number are never torn apart; None without groups.
    """

    signature: Signature
    settings: Train
    inputs: pl.DataFrame
    target: NDArray[Any]
    groups: Ints | None

    def part(self, rows: Ints) -> TrainingSet:
        """Some of the rows."""
        return replace(
            self,
            inputs=self.inputs[rows],
            target=self.target[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def folds(self) -> Folds:
        """Rows to learn from and to judge by, fold by fold; classes keep their shares."""
        from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

        if self.signature.task == "classification":
            kind = StratifiedKFold if self.groups is None else StratifiedGroupKFold
        else:
            kind = KFold if self.groups is None else GroupKFold
        folds = kind(self.settings.folds, shuffle=True, random_state=self.settings.seed)
        return list(folds.split(self.target, self.target, self.groups))


def training_set(project: Project) -> TrainingSet:
    """The rows of data/train.parquet, as the model sees them.

    Raises:
        BadInput: the contract is broken, or the loss cannot learn the target.
    """
    params = project.params
    rows = pl.read_parquet(project.data_dir / "train.parquet")
    classes = sorted(project.charter.outcome.classes) if project.task == "classification" else []
    signature = signature_of(project, load_contract(project.contract_path), classes, rows)
    target: NDArray[Any]
    if classes:
        target = np.array(labels(rows, params.target))
    else:
        require_target_of(params.train, rows[params.target])
        target = rows[params.target].cast(pl.Float64).to_numpy()
    ids = group_ids(rows, params.split.by)
    groups = None if ids is None else np.array(ids, dtype=np.int64)
    return TrainingSet(signature, params.train, model_inputs(rows, signature), target, groups)


@dataclass(frozen=True)
class CrossValidation:
    """How models do on rows that they were not fitted to.

    Attributes:
        scores: one value a fold: `roc_auc` and `log_loss` of classes, `mae` and `rmse` of numbers.
        predictions: what each row got: (n, k) probabilities of the classes, or (n, 1) numbers.
    """

    scores: dict[str, list[float]]
    predictions: NDArray[np.float64]


def cross_validate(build: Callable[[TrainingSet], Any], data: TrainingSet) -> CrossValidation:
    """Scores of a model that is built and fitted anew on each fold.

    Args:
        build: gives an estimator that is not fitted, for the rows it will be fitted on.
        data: all rows.
    """
    scored = (roc_auc, log_loss) if data.signature.classes else (mae, rmse)
    scores: dict[str, list[float]] = {metric.name: [] for metric in scored}
    predictions = np.full((len(data.target), max(1, len(data.signature.classes))), np.nan)
    for seen, held in data.folds():
        part = data.part(seen)
        model = build(part).fit(part.inputs, part.target)
        inputs, truth = data.inputs[held], data.target[held]
        if data.signature.classes:
            truth = np.searchsorted(data.signature.classes, truth)
            guessed = model.predict_proba(inputs)
        else:
            guessed = model.predict(inputs)
        predictions[held] = np.asarray(guessed).reshape(len(held), -1)
        for metric in scored:
            scores[metric.name].append(metric(truth, guessed))
    return CrossValidation(scores, predictions)
