"""What a server serves: a verified bundle with its wire format, or none yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelkeel.errors import KeelError, Refused
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import load_champion, read_champion
from modelkeel.model.manifest import MANIFEST
from modelkeel.project import Project
from modelkeel.serving.ids import uuid7_batch
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.wire import Rows, Wire


class StartRefused(Refused, SystemExit):
    """The server must not start.

    An ordinary refusal to whoever catches it; left alone, as under uvicorn, it ends the process
    with status 1 and one line instead of a traceback.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = f"error: {message}" + (f"; remedy: {remedy}" if remedy else "")


@dataclass(frozen=True)
class Loaded:
    """A bundle ready to answer. Replaced as a whole, never changed."""

    bundle: Bundle
    wire: Wire

    @cached_property
    def model(self) -> msgspec.Raw:
        """The `model` member of every answer, encoded once."""
        return msgspec.Raw(msgspec.json.encode(self.reference))

    @property
    def reference(self) -> dict[str, str | None]:
        """Name, version and digest of the model."""
        bundle = self.bundle
        return {
            "name": bundle.manifest.name,
            "version": bundle.version,
            "digest": bundle.digest,
        }

    def answer(self, rows: Rows) -> tuple[bytes, list[str]]:
        """Score rows; the encoded answer and the prediction ids.

        Raises:
            ArithmeticError: the model gave no finite score.
        """
        scores = self.bundle.scorer.run(self.wire.inputs(rows))
        if not math.isfinite(scores.sum()):
            raise ArithmeticError
        ids = uuid7_batch(rows.count)
        predictions = self._predictions(scores)
        for prediction, identity in zip(predictions, ids, strict=True):
            prediction["prediction_id"] = identity
        if rows.many:
            value: dict[str, Any] = {"model": self.model, "predictions": predictions}
        else:
            value = {"prediction_id": ids[0], "model": self.model, **predictions[0]}
        return msgspec.json.encode(value), ids

    def _predictions(self, scores: NDArray[np.float64]) -> list[dict[str, Any]]:
        classes = self.bundle.signature.classes
        if not classes:
            return [{"prediction_id": "", "prediction": value} for value in scores.tolist()]
        best = scores.argmax(axis=1).tolist()
        predictions: list[dict[str, Any]] = [
            {
                "prediction_id": "",
                "prediction": classes[at],
                "probabilities": dict(zip(classes, row, strict=True)),
            }
            for at, row in zip(best, scores.tolist(), strict=True)
        ]
        actions = self.bundle.decide(scores)
        if actions is not None:
            for prediction, action in zip(predictions, actions, strict=True):
                prediction["decision"] = action
        return predictions


class State:
    """The model that serves now; `current` is None until one is promoted."""

    def __init__(self, current: Loaded | None) -> None:
        self.current = current

    def loaded(self) -> Loaded:
        """The model that serves.

        Raises:
            ProblemError: 503, saying which command promotes one.
        """
        if self.current is None:
            raise ProblemError(
                503,
                "no-model",
                "No model is promoted yet",
                "This server has no champion to serve. Promote one with `keel model promote`, "
                "then restart the server.",
                headers={"retry-after": "30"},
            )
        return self.current


def load_state(source: Project | Path, expected_digest: str | None, max_rows: int) -> State:
    """Verify and load what `source` says is to be served.

    Args:
        source: a project (its champion), a models folder with champion.json, or a bundle folder.
        expected_digest: the digest approved for serving; the one in champion.json is always
            compared.
        max_rows: rows allowed in one request.

    Raises:
        StartRefused: there is a bundle and it must not be served.
    """
    folder = source.models_dir if isinstance(source, Project) else Path(source)
    try:
        if (folder / MANIFEST).is_file():
            bundle = load_bundle(folder, expected_digest)
        elif read_champion(folder) is not None:
            bundle = load_champion(folder)
        elif isinstance(source, Project) or (folder.is_dir() and expected_digest is None):
            return State(None)
        else:
            raise Refused(
                f"{folder} holds no bundle: neither {MANIFEST} nor champion.json is there",
                remedy="mount the folder of a bundle, or of promoted models",
            )
        if expected_digest is not None and bundle.digest != expected_digest:
            raise Refused(
                f"{bundle.path} is not the bundle that was approved: digest found "
                f"{bundle.digest}, expected {expected_digest}",
                remedy="mount the approved bundle",
            )
        if isinstance(source, Project) and bundle.signature.task != source.task:
            raise Refused(
                f"{bundle.path} is for {bundle.signature.task}, the project for {source.task}",
                remedy="promote a bundle of this project: keel model promote",
            )
    except KeelError as error:
        raise StartRefused(str(error), remedy=error.remedy) from None
    return State(Loaded(bundle, Wire(bundle.signature, max_rows)))
