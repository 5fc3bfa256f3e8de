"""LitServe around the pipeline of scikit-learn; runs in LitServe's environment."""

import json
import os
from pathlib import Path

import joblib
import litserve
import numpy as np
import pandas as pd

FOLDER = Path(os.environ["BENCH_SUBJECT"])
CLASSES = json.loads((FOLDER / "subject.json").read_text(encoding="utf-8"))["classes"]
WORKERS = int(os.environ["BENCH_WORKERS"])
BATCHED = os.environ["BENCH_BATCHED"] == "1"


class Model(litserve.LitAPI):
    """The pipeline. A batch is a list of requests, each with some rows."""

    def setup(self, device):
        """Load it."""
        model = joblib.load(FOLDER / "model.joblib")
        self.score = model.predict_proba if CLASSES else model.predict

    def decode_request(self, request):
        """Rows of one request."""
        return request["rows"]

    def batch(self, inputs):
        """As they are: their lengths are needed to take the answers apart."""
        return inputs

    def predict(self, x):
        """Scores of one request's rows, or of each request's."""
        if not BATCHED:
            return self.score(pd.DataFrame(x))
        scores = self.score(pd.DataFrame([row for rows in x for row in rows]))
        return np.split(scores, np.cumsum([len(rows) for rows in x])[:-1])

    def unbatch(self, output):
        """One a request already."""
        return output

    def encode_response(self, output):
        """Scores of one request."""
        return {"scores": output.tolist()}


if __name__ == "__main__":
    batching = {"max_batch_size": 64, "batch_timeout": 0.005} if BATCHED else {}
    server = litserve.LitServer(
        Model(**batching), accelerator="cpu", workers_per_device=WORKERS, timeout=60
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=WORKERS,
        log_level="warning",
        generate_client_file=False,
    )
