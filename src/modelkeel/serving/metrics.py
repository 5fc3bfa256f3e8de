"""Prometheus metrics of a server, over all its workers. No label holds what a caller sent.

Counting is a few additions in memory that the workers share; the text is made when it is asked for,
by prometheus_client. Labels are bounded: route templates, classes of status, actions, and the last
eight versions of the model.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import threading
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from starlette.types import Receive, Scope, Send

from modelkeel.serving.cells import SUM, Cells
from modelkeel.serving.families import (
    COMMIT_SECONDS,
    FAMILIES,
    PREDICTIONS,
    PROBABILITIES,
    PROBABILITY,
    PROBLEMS,
    RECORDS,
    REQUEST_SECONDS,
    REQUESTS,
    SECONDS,
    UNUSUAL,
    VALUE,
    VALUES,
    Family,
    to_metric,
)

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

MAX_ROUTES, MAX_VERSIONS, MAX_ACTIONS = 64, 8, 16
SAMPLE_SECONDS = 1.0
"""How old a gauge of another worker may be."""

Reduce = Literal["sum", "max", "min"]
_REDUCERS: dict[Reduce, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min}

logger = logging.getLogger("modelkeel.serving")


class Metrics:
    """Counts what a server does.

    `request` and `predicted` are called from the event loop, `recorded` from the journal's thread:
    each series has one writer.

    Args:
        folder: shared by the workers of one server; see `folder_of`.
        build: what is said of the build beside the versions of modelkeel and Python.
    """

    def __init__(self, folder: Path, build: Mapping[str, str] | None = None) -> None:
        self._cells = Cells(folder)
        self._numbers, self._floats = self._cells.numbers, self._cells.floats
        self._build = {
            "modelkeel": installed_version("modelkeel"),
            "python": platform.python_version(),
            **(build or {}),
        }
        self._routes: set[str] = set()
        self._requests: dict[tuple[str, int], tuple[int, int, int]] = {}
        self._models: dict[str, dict[str | None, int]] = {}
        self._records = self._cells.series("c", RECORDS)
        self._commits = self._cells.series("h", COMMIT_SECONDS)
        self._infos: dict[str, tuple[str, Callable[[], Mapping[str, str | None]]]] = {}
        self._gauges: dict[str, tuple[str, Reduce]] = {}
        self._counters: dict[str, str] = {}
        self._samples: list[Callable[[], None]] = []
        self._failing: set[Callable[[], None]] = set()

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: the template that matched; empty if none did.
            status: of the answer; 0 if the caller went away before there was one.
            seconds: it took.
        """
        places = self._requests.get((route, status))
        if places is None:
            places = self._request_series(route, status)
        total, histogram, problem = places
        numbers = self._numbers
        numbers[total] += 1
        numbers[histogram + bisect_left(SECONDS, seconds)] += 1
        self._floats[histogram + SUM] += seconds
        if problem:
            numbers[problem] += 1

    def _request_series(self, route: str, status: int) -> tuple[int, int, int]:
        template = route or "unmatched"
        if template not in self._routes and len(self._routes) >= MAX_ROUTES:
            template = "other"
        self._routes.add(template)
        kind = f"{status // 100}xx" if 100 <= status < 600 else "none"
        problem = 0
        if status >= 400:
            known = status in HTTPStatus.__members__.values()
            problem = self._cells.series("c", PROBLEMS, str(status) if known else "other")
        places = (
            self._cells.series("c", REQUESTS, template, kind),
            self._cells.series("h", REQUEST_SECONDS, template),
            problem,
        )
        if len(self._requests) < MAX_ROUTES * 16:
            self._requests[route, status] = places
        return places

    def predicted(
        self,
        version: str | None,
        actions: Iterable[str | None],
        *,
        unusual: int = 0,
        scores: Sequence[float] = (),
        probability: bool = True,
    ) -> None:
        """Count rows that were predicted.

        Args:
            version: of the model.
            actions: decided, one a row; None where the model decides nothing.
            unusual: how many of the rows were flagged.
            scores: one a row, finite; none are counted when left out.
            probability: whether a score is a probability, else a value.
        """
        model = self._models.get(version or "none")
        if model is None:
            model = self._model(version or "none")
        numbers = self._numbers
        for action in actions:
            at = model.get(action)
            numbers[self._action(version or "none", action) if at is None else at] += 1
        if unusual:
            numbers[self._cells.series("c", UNUSUAL, version or "none")] += unusual
        if scores:
            name, bounds = (PROBABILITY, PROBABILITIES) if probability else (VALUE, VALUES)
            at = self._cells.series("h", name, version or "none")
            for score in scores:
                numbers[at + bisect_left(bounds, score)] += 1
            self._floats[at + SUM] += sum(scores)

    def _model(self, version: str) -> dict[str | None, int]:
        """Make room for a version: of more than eight the one first seen goes."""
        if len(self._models) >= MAX_VERSIONS:
            oldest = next(iter(self._models))
            for action in self._models.pop(oldest):
                self._cells.forget("c", PREDICTIONS, oldest, action or "none")
            self._cells.forget("c", UNUSUAL, oldest)
            self._cells.forget("h", PROBABILITY, oldest)
            self._cells.forget("h", VALUE, oldest)
        self._models[version] = {}
        return self._models[version]

    def _action(self, version: str, action: str | None) -> int:
        model = self._models[version]
        if len(model) >= MAX_ACTIONS:
            action = "other"
        model[action] = self._cells.series("c", PREDICTIONS, version, action or "none")
        return model[action]

    def recorded(self, records: int, seconds: float) -> None:
        """Count a batch that the journal committed."""
        self._numbers[self._records] += records
        self._numbers[self._commits + bisect_left(SECONDS, seconds)] += 1
        self._floats[self._commits + SUM] += seconds

    def gauge(
        self, name: str, text: str, read: Callable[[], float], reduce: Reduce = "sum"
    ) -> None:
        """Show a number that goes up and down; `read` is called once a second in another thread.

        Args:
            name: of the metric, `modelkeel_…`.
            text: one sentence on it.
            read: gives it for this worker.
            reduce: how the numbers of the workers become one.
        """
        self._gauges[name] = text, reduce
        at = self._cells.series("g", name)
        self._sample(lambda: self._floats.__setitem__(at, float(read())))

    def counter(self, name: str, text: str, read: Callable[[], int]) -> None:
        """Show a count that is kept elsewhere in this worker; see `gauge`."""
        self._counters[name] = text
        at = self._cells.series("c", name)
        self._sample(lambda: self._numbers.__setitem__(at, int(read())))

    def info(self, name: str, text: str, read: Callable[[], Mapping[str, str | None]]) -> None:
        """Show texts, such as which model serves, as labels of a metric that is 1."""
        self._infos[name] = text, read

    def _sample(self, sample: Callable[[], None]) -> None:
        sample()
        self._samples.append(sample)
        if len(self._samples) == 1:
            arguments = (weakref.ref(self),)
            threading.Thread(target=_keep_sampling, args=arguments, daemon=True).start()

    def _sample_all(self) -> None:
        for sample in list(self._samples):
            try:
                sample()
                self._failing.discard(sample)
            except Exception as error:  # noqa: BLE001 one that fails must not stop the others
                if sample not in self._failing:
                    logger.warning("a metric cannot be read: %s", type(error).__name__)
                self._failing.add(sample)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics as text, and its media type: OpenMetrics if `accept` asks for it.

        Reads files: not for the event loop.
        """
        # Imported here: it takes longer than the rest of the server's start.
        from prometheus_client.exposition import choose_encoder

        try:
            encode, media = choose_encoder(accept)
        except TypeError:  # a version that is no number
            encode, media = choose_encoder("")
        return encode(cast("Collector", self)), media

    def collect(self) -> Iterator[Metric]:
        """The metrics, as prometheus_client has them from a collector."""
        from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily

        self._sample_all()
        reading = self._cells.read()
        yield InfoMetricFamily("modelkeel_build", "What is running.", value=self._build)
        for name, (text, read) in self._infos.items():
            labels = {key: value for key, value in read().items() if value is not None}
            yield InfoMetricFamily(name, text, value=labels)
        workers = "modelkeel_workers"
        yield GaugeMetricFamily(workers, "Worker processes.", value=reading.workers)
        counters = {name: Family(text) for name, text in self._counters.items()}
        for name, family in {**FAMILIES, **counters}.items():
            yield to_metric(name, family, reading)
        for name, (text, reduce) in self._gauges.items():
            values = reading.gauges.get((name,), [0.0])
            yield GaugeMetricFamily(name, text, value=_REDUCERS[reduce](values))


class MetricsEndpoint:
    """GET /metrics as a plain ASGI app."""

    route = "/metrics"

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        accepted = [value for name, value in scope["headers"] if name == b"accept"]
        accept = b",".join(accepted).decode("latin-1")
        body, media = await asyncio.to_thread(self.metrics.render, accept)
        headers = [
            (b"content-type", media.encode("latin-1")),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        empty = scope["method"] == "HEAD"
        await send({"type": "http.response.body", "body": b"" if empty else body})


def _keep_sampling(reference: weakref.ref[Metrics]) -> None:
    pause = threading.Event()
    while not pause.wait(SAMPLE_SECONDS):
        metrics = reference()
        if metrics is None:
            return
        metrics._sample_all()
        del metrics


def folder_of(runtime: Path) -> Path:
    """Where the workers of this server keep their numbers, apart from those of other servers."""
    return runtime / "metrics" / os.environ.get("MODELKEEL_SERVER", "server")
