"""A service of BentoML around the pipeline of scikit-learn; runs in BentoML's environment."""

import json
import os
from pathlib import Path
from typing import Any

import bentoml
import joblib
import numpy as np
import pandas as pd

FOLDER = Path(os.environ["BENCH_SUBJECT"])
CLASSES = json.loads((FOLDER / "subject.json").read_text(encoding="utf-8"))["classes"]


@bentoml.service(workers=int(os.environ["BENCH_WORKERS"]), traffic={"timeout": 60})
class Model:
    """The pipeline."""

    def __init__(self) -> None:
        model = joblib.load(FOLDER / "model.joblib")
        self.score = model.predict_proba if CLASSES else model.predict

    # A lone request waits for others for as long as it may, by default a minute.
    @bentoml.api(batchable=os.environ["BENCH_BATCHED"] == "1", max_latency_ms=2000)
    def predict(self, rows: list[dict[str, Any]]) -> np.ndarray:
        """Score rows. BentoML 1.4 cannot batch rows that come as a DataFrame."""
        return self.score(pd.DataFrame(rows))
