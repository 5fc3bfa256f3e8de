"""Runs an ONNX model on columns of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from modelkeel.errors import Refused
from modelkeel.model.signature import Signature

_INPUT_TYPES = {
    "number": "tensor(float)",
    "integer": "tensor(float)",
    "boolean": "tensor(float)",
    "category": "tensor(string)",
    "date": "tensor(float)",
    "timestamp": "tensor(float)",
}
_FLOATS = ("tensor(float)", "tensor(double)")


class Scorer:
    """An ONNX model bound to its signature.

    The model has one input of shape (n, 1) a feature, named as the feature: float for all kinds
    but category, which is string. A classification has a float output named
    `probabilities` (or, failing that, its last float output) of shape (n, k) with the columns in
    the order of `signature.classes`; a regression has one float output of n values.

    Raises:
        Refused: the file is no ONNX model, or its inputs or outputs are not the signature's.
    """

    def __init__(
        self, model: str | Path | bytes, signature: Signature, *, threads: int = 1
    ) -> None:
        self.signature = signature
        self._where = "model.onnx" if isinstance(model, bytes) else str(model)
        # From bytes: what was verified is what runs, and no side file is ever read.
        content = model if isinstance(model, bytes) else Path(model).read_bytes()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "unknown"
            raise Refused(
                f"{self._where} is not a model ONNX Runtime can load: {reason}",
                remedy="build the bundle again from a converted model",
            ) from error
        self._check_inputs()
        self._output = self._find_output()

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
        """Score rows given as columns.

        Returns: classification (n, k) class probabilities in the order of signature.classes;
        regression (n,) values in the unit of the target.

        Raises:
            BadInput: a column is missing, ragged or of a wrong type.
            Refused: the model answers with another shape than its signature promises.
        """
        return self.run(self.signature.inputs(columns))

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Score arrays of shape (n, 1) as `Signature.inputs` makes them; returns as `predict`."""
        rows = len(inputs[self.signature.features[0].name])
        k = len(self.signature.classes)
        if rows == 0:
            return np.empty((0, k) if k else (0,), dtype=np.float64)
        raw = self._session.run([self._output], inputs)[0]
        scores: NDArray[np.float64] = np.asarray(raw, dtype=np.float64)
        expected = (rows, k) if k else (rows,)
        if not k and scores.size == rows:
            scores = scores.reshape(rows)
        if scores.shape != expected:
            raise Refused(
                f"{self._where} answers with shape {scores.shape}, expected {expected}",
                remedy="convert the model so that its output follows the signature",
            )
        return scores

    def _check_inputs(self) -> None:
        found = {item.name: item.type for item in self._session.get_inputs()}
        asked = {feature.name: _INPUT_TYPES[feature.kind] for feature in self.signature.features}
        if found == asked:
            return
        parts = [f"input {name} is missing" for name in asked if name not in found]
        parts += [f"input {name} is not in the signature" for name in found if name not in asked]
        parts += [
            f"input {name} is {found[name]}, expected {kind}"
            for name, kind in asked.items()
            if name in found and found[name] != kind
        ]
        raise Refused(
            f"{self._where} does not fit its signature: {'; '.join(parts)}",
            remedy="convert the model with one input of shape (n, 1) for each feature",
        )

    def _find_output(self) -> str:
        floats = [str(item.name) for item in self._session.get_outputs() if item.type in _FLOATS]
        if not floats:
            found = ", ".join(f"{o.name} {o.type}" for o in self._session.get_outputs())
            raise Refused(
                f"{self._where} has no float output, found {found}",
                remedy="convert the classifier with zipmap off, so that probabilities are a tensor",
            )
        if self.signature.task == "classification":
            return "probabilities" if "probabilities" in floats else floats[-1]
        return floats[0]
