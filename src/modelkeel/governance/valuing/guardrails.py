"""The guardrails of a charter, judged on decisions that were made."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from modelkeel.errors import BadInput
from modelkeel.governance.valuing.metrics import METRICS, Given, Measured, Metric, known_metrics
from modelkeel.records.charter import Charter, Guardrail

State = Literal["held", "open", "broken", "insufficient_evidence"]
_METRIC = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?")


@dataclass(frozen=True)
class GuardrailResult:
    """What became of a guardrail.

    held: the value lies within the bounds; open: outside, and the interval reaches in; broken: the
    whole interval lies outside.
    """

    id: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    asked: str
    state: State
    about: str


def check_metrics(charter: Charter) -> None:
    """Refuse guardrails that no metric measures.

    Raises:
        BadInput: naming the guardrail and the known metrics.
    """
    for rail in charter.guardrail:
        _parsed(charter, rail)


def judge_guardrails(given: Given) -> list[GuardrailResult]:
    """Measure and judge every guardrail of the charter.

    Raises:
        BadInput: a metric is unknown, or names a column or an action that is not there.
    """
    found = []
    for rail in given.charter.guardrail:
        metric, argument = _parsed(given.charter, rail)
        found.append(_judged(rail, metric.measure(given, argument)))
    return found


def _judged(rail: Guardrail, measured: Measured) -> GuardrailResult:
    least = -math.inf if rail.min is None else rail.min
    most = math.inf if rail.max is None else rail.max
    state: State = "held"
    if measured.value is None or measured.low is None or measured.high is None:
        state = "insufficient_evidence"
    elif not least <= measured.value <= most:
        outside = measured.high < least or measured.low > most
        state = "broken" if outside else "open"
    asked = [f"at least {rail.min:g}"] if rail.min is not None else []
    asked += [f"at most {rail.max:g}"] if rail.max is not None else []
    return GuardrailResult(
        rail.id,
        rail.metric,
        measured.value,
        measured.low,
        measured.high,
        " and ".join(asked),
        state,
        measured.why or measured.about,
    )


def _parsed(charter: Charter, rail: Guardrail) -> tuple[Metric, str]:
    found = _METRIC.fullmatch(rail.metric)
    name, argument = (found[1], found[2] or "") if found else (rail.metric, "")
    where = f"charter.toml: guardrail {rail.id}: metric {rail.metric!r}"
    if name not in METRICS:
        raise BadInput(f"{where}: is not known", remedy=f"known are: {known_metrics()}")
    metric = METRICS[name]
    if metric.task not in ("any", charter.task):
        raise BadInput(
            f"{where}: is for {metric.task}, the charter describes {charter.task}",
            remedy=f"known are: {known_metrics(charter.task)}",
        )
    if bool(metric.argument) != bool(argument.strip()):
        form = f"{name}({metric.argument})" if metric.argument else name
        raise BadInput(f"{where}: is written as {form}", remedy="correct the metric")
    if metric.argument == "action" and argument.strip() not in charter.decision.actions:
        raise BadInput(
            f"{where}: {argument.strip()!r} is no action",
            remedy=f"name one of {charter.decision.actions}",
        )
    return metric, argument.strip()
