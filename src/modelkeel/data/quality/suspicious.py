"""Labels that the other rows contradict, from predictions of models that did not see them.

Classes: confident learning (Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating
Uncertainty in Dataset Labels, JAIR 70). A row is confidently of a class when its probability is at
least the mean probability of that class over the rows that carry its label; it is suspicious when
the likeliest of those is another than its label (it is disputed), and is the likeliest of all. A
weak model disputes many honest labels, so of those only the rise tells something. Numbers:
residuals far outside of what is usual among rows with a similar prediction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.data.digest import sha256_file
from modelkeel.project import Project

LISTED = 50
FAR = 5.0
PARTS = 10
_LEAST = 30  # rows of a part
_TO_SIGMA = 1.4826

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Suspicious:
    """Rows whose label looks wrong.

    Attributes:
        mask: (n,) whether it does.
        suggested: (n,) the class, by its place, or the number that the other rows suggest.
        strength: (n,) by how much: a difference of probabilities, or of usual residuals.
        disputed: the share of all rows that is disputed; of numbers that of the suspicious ones.
    """

    mask: NDArray[np.bool_]
    suggested: NDArray[Any]
    strength: Floats
    disputed: float

    @property
    def share(self) -> float:
        """Of all rows."""
        return float(self.mask.mean()) if len(self.mask) else 0.0

    def worst(self, most: int = LISTED) -> list[int]:
        """Places of the most suspicious rows, the worst first."""
        places = np.flatnonzero(self.mask)
        order = np.argsort(-self.strength[places], kind="stable")
        return [int(each) for each in places[order][:most]]


def suspicious_classes(given: Ints, probabilities: Floats) -> Suspicious:
    """Confident learning.

    Args:
        given: (n,) the label of each row, as place among k classes.
        probabilities: (n, k) from models that were fitted without that row.
    """
    rows, classes = probabilities.shape
    limits = np.full(classes, np.inf)
    for each in range(classes):
        own = probabilities[given == each, each]
        if len(own):
            limits[each] = own.mean()
    # probabilities that are all the same must not fail their own mean for rounding
    sure = np.where(probabilities >= limits - 1e-12, probabilities, -np.inf)
    suggested = sure.argmax(axis=1)
    own = probabilities[np.arange(rows), given]
    strength = probabilities[np.arange(rows), suggested] - own
    mask = np.isfinite(sure.max(axis=1)) & (suggested != given)
    disputed = float(mask.mean()) if rows else 0.0
    mask &= suggested == probabilities.argmax(axis=1)
    return Suspicious(mask, suggested, np.where(mask, strength, 0.0), disputed)


def suspicious_numbers(given: Floats, predicted: Floats) -> Suspicious:
    """Numbers further from their prediction than `FAR` usual residuals.

    Args:
        given: (n,) the label of each row.
        predicted: (n,) by models that were fitted without that row.
    """
    rest = given - predicted
    strength = np.zeros(len(rest))
    parts = max(1, min(PARTS, len(rest) // _LEAST))
    for part in np.array_split(np.argsort(predicted, kind="stable"), parts):
        if not len(part):
            continue
        off = np.abs(rest[part] - np.median(rest[part]))
        usual = _TO_SIGMA * float(np.median(off)) or float(off.mean())
        strength[part] = off / usual if usual else 0.0
    mask = strength > FAR
    disputed = float(mask.mean()) if len(mask) else 0.0
    return Suspicious(mask, predicted, strength, disputed)


def disputed_share(project: Project) -> float | None:
    """Of reports/data_checks.json; None if that is not about data/valid.parquet as it is."""
    path, valid = project.data_checks_path, project.data_dir / "valid.parquet"
    if not path.is_file() or not valid.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["data"] != sha256_file(valid):
        return None
    return float(found["labels"]["suspicious"]["disputed"])
