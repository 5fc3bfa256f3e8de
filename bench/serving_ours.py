"""Our server. BENCH_WITHOUT names a guard that is taken out; most are left out by settings."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from modelkeel.model.bundle import Bundle
from modelkeel.serving.app import create_app
from modelkeel.serving.careful import Rows
from modelkeel.serving.judge import Judge
from modelkeel.serving.metrics import Metrics
from modelkeel.serving.wire import Wire

WITHOUT = os.environ.get("BENCH_WITHOUT", "")


def _decode(self: Wire, body: bytes) -> Rows:
    """JSON as it comes: no types, ranges, categories, unknown or double fields."""
    told = msgspec.json.decode(body)
    rows = told.get("rows", [told])
    values = [[row[name] for name in self.signature.feature_names] for row in rows]
    return Rows(values, "rows" in told)


def _nothing(*_: Any, **__: Any) -> None:
    return None


if WITHOUT == "validation":
    Wire.decode = _decode  # type: ignore[method-assign]
elif WITHOUT == "metrics":
    Metrics.request = Metrics.predicted = Metrics.recorded = _nothing  # type: ignore[method-assign]
elif WITHOUT == "reasons":
    _init = Judge.__init__

    def _unexplained(self: Judge, bundle: Bundle, *rest: Any) -> None:
        _init(self, replace(bundle, explainer=None, reasons=None), *rest)

    Judge.__init__ = _unexplained  # type: ignore[method-assign]

app = create_app(Path(os.environ["BENCH_SUBJECT"]) / "bundle")

if WITHOUT == "request log":
    logging.getLogger("modelkeel.serving").setLevel(logging.WARNING)
