"""The limit: a bare ASGI app that decodes, scores with ONNX Runtime and encodes, and no more."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort

FOLDER = Path(os.environ["BENCH_SUBJECT"])
TOLD = json.loads((FOLDER / "subject.json").read_text(encoding="utf-8"))
NAMES = list(TOLD["rows"][0])
TEXTS = [name for name in NAMES if name in TOLD["texts"]]
NUMBERS = [name for name in NAMES if name not in TEXTS]
BLOCK = FOLDER / "block.onnx"


fields = [(name, str if name in TEXTS else float) for name in NUMBERS + TEXTS]
Row = msgspec.defstruct("Row", fields, gc=False)
decode_one = msgspec.json.Decoder(Row).decode
decode_many = msgspec.json.Decoder(msgspec.defstruct("Many", [("rows", list[Row])])).decode  # type: ignore[valid-type]
encode = msgspec.json.Encoder().encode
values = msgspec.structs.astuple

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
model = BLOCK if BLOCK.is_file() else FOLDER / "bundle" / "model.onnx"
session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
outputs = [o.name for o in session.get_outputs() if o.type in ("tensor(float)", "tensor(double)")]
output = ["probabilities" if "probabilities" in outputs else outputs[0]]


def score(rows: list[Any]) -> list[Any]:
    """Probabilities, or values."""
    tuples = [values(row) for row in rows]
    if BLOCK.is_file():
        found = session.run(output, {"x": np.array(tuples, np.float32)})
    else:
        columns = list(zip(*tuples, strict=True))
        split = len(NUMBERS)
        numbers = np.array(columns[:split], np.float32)[..., None]
        texts = np.array(columns[split:], object)[..., None]
        inputs = dict(zip(NUMBERS, numbers, strict=True)) | dict(zip(TEXTS, texts, strict=True))
        found = session.run(output, inputs)
    return found[0].tolist()  # type: ignore[no-any-return]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """POST /predict for one row, /many for many."""
    if scope["type"] != "http":
        return
    message = await receive()
    body = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    rows = decode_many(body).rows if scope["path"] == "/many" else [decode_one(body)]
    answer = encode({"scores": score(rows)})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
