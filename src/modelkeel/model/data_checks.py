"""Looks for poisoning, leakage and overlap in the rows that a model was made from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.digest import sha256_file
from modelkeel.data.labels import labels
from modelkeel.data.quality.leakage import Leakage, leakage
from modelkeel.data.quality.overlap import Alike, Overlap, conflicting, overlap
from modelkeel.data.quality.shifts import label_rates
from modelkeel.data.quality.suspicious import Suspicious, suspicious_classes, suspicious_numbers
from modelkeel.errors import BadInput
from modelkeel.model.trained import OUT_OF_FOLD, load_trained
from modelkeel.project import Project

SCHEMA = "data_checks/1"


@dataclass(frozen=True)
class DataChecks:
    """What was found; the gates G-LEAK and G-LABELS judge it.

    Attributes:
        data: SHA-256 of data/valid.parquet, in hexadecimal.
        overlap: held-out rows that stand in the training rows.
        leakage: what single columns tell of the target.
        conflicting: training rows with equal features and another label; None for numbers.
        suspicious: training rows whose label the others contradict.
        given: labels of the training rows.
        classes: of the target; empty for numbers.
        rates: of the labels in all rows and by source, as `label_rates` gives them.
    """

    data: str
    overlap: Overlap
    leakage: Leakage
    conflicting: Alike | None
    suspicious: Suspicious
    given: NDArray[Any]
    classes: list[str]
    rates: dict[str, Any]

    def to_json(self) -> str:
        """For reports/data_checks.json. Rows are counted from 1 in data/train.parquet and test."""
        found = self.suspicious
        record = {
            "schema": SCHEMA,
            "data": self.data,
            "overlap": asdict(self.overlap),
            "leakage": asdict(self.leakage),
            "labels": {
                "suspicious": {
                    "rows": int(found.mask.sum()),
                    "of": len(found.mask),
                    "share": found.share,
                    "disputed": found.disputed,
                    "listed": [self._row(place) for place in found.worst()],
                },
                "conflicting": None if self.conflicting is None else asdict(self.conflicting),
                "rates": self.rates,
            },
        }
        return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def _row(self, place: int) -> dict[str, Any]:
        suggested, given = self.suspicious.suggested[place], self.given[place]
        return {
            "row": place + 1,
            "label": str(given) if self.classes else float(given),
            "suggested": self.classes[suggested] if self.classes else round(float(suggested), 6),
            "strength": round(float(self.suspicious.strength[place]), 4),
        }


def check_training_data(project: Project) -> DataChecks:
    """Check the rows that the newest model was trained and judged on.

    Raises:
        BadInput: the stages before have not been run, or were run on other rows.
    """
    params, trained = project.params, load_trained(project)
    features, target = trained.signature.feature_names, params.target
    classes = list(trained.signature.classes)
    valid = project.data_dir / "valid.parquet"
    train = pl.read_parquet(project.data_dir / "train.parquet")
    test = pl.read_parquet(project.data_dir / "test.parquet")
    given: NDArray[Any]
    if classes:
        given = np.array(labels(train, target))
    else:
        given = train[target].cast(pl.Float64).to_numpy()
    return DataChecks(
        data=sha256_file(valid),
        overlap=overlap(train, test, features, groups=params.split.by),
        leakage=leakage(train, features, target, classes=bool(classes)),
        conflicting=conflicting(train, features, given.tolist()) if classes else None,
        suspicious=_suspicious(project, given, classes),
        given=given,
        classes=classes,
        rates=label_rates(project),
    )


def _suspicious(project: Project, given: NDArray[Any], classes: list[str]) -> Suspicious:
    path = project.models_dir / "trained" / OUT_OF_FOLD
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="run `uv run dvc repro --force train`")
    predictions = pl.read_parquet(path).to_numpy()
    if len(predictions) != len(given) or not np.isfinite(predictions).all():
        raise BadInput(
            f"{path}: is not about the {len(given)} rows of data/train.parquet",
            remedy="run `uv run dvc repro`",
        )
    if not classes:
        return suspicious_numbers(given, predictions[:, 0])
    return suspicious_classes(np.searchsorted(classes, given), predictions)
