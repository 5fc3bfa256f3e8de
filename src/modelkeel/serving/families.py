"""The metrics of a server: names, labels and buckets, and how what was counted becomes a metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from modelkeel.serving.cells import SUM, Name, Reading

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

T = TypeVar("T")

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PROBABILITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
VALUES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 1e5, 1e6)


@dataclass(frozen=True)
class Family:
    """A metric: its help, labels and, if it is a histogram, upper bounds."""

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS, REQUEST_SECONDS = "modelkeel_requests", "modelkeel_request_seconds"
PROBLEMS = "modelkeel_problems"
PREDICTIONS, UNUSUAL = "modelkeel_predictions", "modelkeel_unusual"
PROBABILITY, VALUE = "modelkeel_probability", "modelkeel_value"
RECORDS, COMMIT_SECONDS = "modelkeel_journal_records", "modelkeel_journal_commit_seconds"

FAMILIES = {
    REQUESTS: Family("Requests answered.", ("route", "status")),
    REQUEST_SECONDS: Family("Time from head to answer.", ("route",), SECONDS),
    PROBLEMS: Family("Answers with a status of 400 or more.", ("status",)),
    PREDICTIONS: Family("Rows predicted.", ("version", "action")),
    UNUSUAL: Family("Rows predicted with a value flagged as unusual.", ("version",)),
    PROBABILITY: Family("Predicted probability of the last class.", ("version",), PROBABILITIES),
    VALUE: Family("Predicted value.", ("version",), VALUES),
    RECORDS: Family("Records written to the journal."),
    COMMIT_SECONDS: Family("Time from handing a batch to the journal to its commit.", (), SECONDS),
}


def to_metric(name: str, family: Family, reading: Reading) -> Metric:
    """A metric with what was read of it, over all workers."""
    from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
    from prometheus_client.utils import floatToGoString

    if not family.buckets:
        counter = CounterMetricFamily(name, family.help, labels=family.labels)
        for labels, count in _of(name, reading.counters):
            counter.add_metric(labels, count)
        return counter
    histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
    bounds = [*map(floatToGoString, family.buckets), "+Inf"]
    for labels, values in _of(name, reading.histograms):
        counts = list(accumulate(values[: len(bounds)]))
        histogram.add_metric(labels, list(zip(bounds, counts, strict=True)), values[SUM])
    return histogram


def _of(name: str, found: Mapping[Name, T]) -> list[tuple[Name, T]]:
    return sorted(((key[1:], value) for key, value in found.items() if key[0] == name))
