"""Lets MLflow load a bundle: `mlflow.pyfunc.load_model("models:/NAME@champion")`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.bundle import load_bundle


class _Model:
    def __init__(self, path: Path) -> None:
        self.bundle = load_bundle(path)

    def predict(self, model_input: Any, params: Any = None) -> NDArray[np.float64]:
        """Score a pandas data frame: class probabilities (n, k), or values (n,)."""
        columns = {}
        for name in self.bundle.signature.feature_names:
            values = model_input[name].tolist()
            columns[name] = [None if value != value else value for value in values]
        return self.bundle.scorer.predict(columns)


def _load_pyfunc(data_path: str) -> _Model:
    """What MLflow calls with the folder of the bundle."""
    return _Model(Path(data_path))
