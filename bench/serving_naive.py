"""FastAPI as in the tutorials: a pydantic model, a DataFrame, scikit-learn."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

FOLDER = Path(os.environ["BENCH_SUBJECT"])
told = json.loads((FOLDER / "subject.json").read_text(encoding="utf-8"))
model = joblib.load(FOLDER / "model.joblib")
predict = model.predict_proba if told["classes"] else model.predict
fields: dict[str, Any] = {n: (str if n in told["texts"] else float, ...) for n in told["rows"][0]}
Row = create_model("Row", **fields)
Rows = create_model("Rows", rows=(list[Row], ...))  # type: ignore[valid-type]
app = FastAPI()


# Neither annotations as text, which hide what is made above from FastAPI, nor `def` routes, which
# go through a pool of threads and are slower.
async def one(row: Any) -> Any:
    frame = pd.DataFrame([row.model_dump()])
    return {"scores": predict(frame).tolist()}


async def many(body: Any) -> Any:
    frame = pd.DataFrame([row.model_dump() for row in body.rows])
    return {"scores": predict(frame).tolist()}


one.__annotations__ = {"row": Row}
many.__annotations__ = {"body": Rows}
app.post("/predict")(one)
app.post("/many")(many)
