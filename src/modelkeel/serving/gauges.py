"""What is shown of a server's state among its metrics: process, model, journal, keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelkeel.serving.drain import PROCESS
from modelkeel.serving.metrics import Metrics

if TYPE_CHECKING:
    from modelkeel.serving.access import Access
    from modelkeel.serving.recorder import Recorder
    from modelkeel.serving.state import State


def watch_process(metrics: Metrics) -> None:
    """Show what the server in front of the app does; all 0 under another than `keel serve`."""
    metrics.gauge("modelkeel_connections", "Open connections.", lambda: PROCESS.connections)
    metrics.gauge(
        "modelkeel_draining", "Whether a worker is about to stop.", lambda: PROCESS.draining, "max"
    )
    metrics.counter(
        "modelkeel_slow_connections", "Connections closed as too slow.", lambda: PROCESS.slow
    )
    metrics.counter(
        "modelkeel_busy", "Requests or connections refused for too many.", lambda: PROCESS.busy
    )


def watch_service(metrics: Metrics, state: State, recorder: Recorder | None) -> None:
    """Show which model serves, since when, and whether models and records come through."""

    def model() -> Mapping[str, str | None]:
        current = state.current
        return current.reference if current is not None else {}

    metrics.info("modelkeel_model", "The model that serves, on the worker that was asked.", model)
    metrics.gauge(
        "modelkeel_model_since_seconds",
        "When the model began to serve, on the last worker to take it up, in seconds since 1970.",
        lambda: state.since.timestamp(),
        "max",
    )
    metrics.gauge(
        "modelkeel_model_serving",
        "Whether every worker has a model.",
        lambda: state.current is not None,
        "min",
    )
    metrics.gauge(
        "modelkeel_model_refused",
        "Workers that go on with the old model because the new one must not serve.",
        lambda: state.problem is not None,
    )
    if recorder is not None:
        metrics.gauge(
            "modelkeel_journal_recording",
            "Whether the last write of every worker to the journal worked.",
            lambda: recorder.problem is None,
            "min",
        )


def watch_keys(metrics: Metrics, access: Access) -> None:
    """Show whether the file of API keys counts as it is now."""
    metrics.gauge(
        "modelkeel_keys_refused",
        "Workers that go on with the old API keys because their file is broken or gone.",
        lambda: access.problem is not None,
    )
