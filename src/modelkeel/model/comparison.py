"""The candidate against the champion: both on the same held-out rows, decision by decision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.labels import labels
from modelkeel.data.split import group_ids
from modelkeel.errors import BadInput, KeelError
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import load_champion, read_champion
from modelkeel.model.decision import PayoffDecision
from modelkeel.model.evaluation.estimates import Estimates
from modelkeel.model.evaluation.metrics import CLASSIFICATION, REGRESSION, Metric
from modelkeel.model.evaluation.payoff import payoff_realised, value_of_error
from modelkeel.model.evaluation.result import VALUE
from modelkeel.model.evaluation.statistic import FloatArray, Statistic, mean
from modelkeel.project import Project

SCHEMA = "comparison/1"
WHO = ("candidate", "champion")


class _NotComparable(Exception):
    """The two cannot be held against each other, and why."""


@dataclass(frozen=True)
class _Judged:
    """What a bundle does on the rows.

    Attributes:
        scores: (n, k) in the order of the candidate's classes, or (n,).
        acts: what is done with each row: the position of an action of the charter, or the number.
        paid: what that paid (n,), by the charter as it is.
    """

    scores: FloatArray
    acts: NDArray[Any]
    paid: FloatArray


def compare_with_champion(project: Project) -> dict[str, Any] | None:
    """Hold the newest bundle against the champion on the rows of data/test.parquet.

    Each decides by its own rule; both are paid by the charter as it is now.

    Returns:
        None without a champion. Otherwise the digests of both and `comparable`; if so, of the
        value per decision and of the primary measure what each has, and the candidate's minus the
        champion's with its paired interval; if not, the `reason`. `same_rows` says whether the
        champion was judged on these very rows too: if not, it may have been trained on some of
        them, which is in its favour.

    Raises:
        BadInput: the pipeline has not been run.
        Refused: one of the bundles does not verify.
    """
    if read_champion(project.models_dir) is None:
        return None
    champion, candidate = load_champion(project.models_dir), _candidate(project)
    path = project.data_dir / "test.parquet"
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="run `uv run dvc repro`")
    rows = pl.read_parquet(path)
    held_out = [each.manifest.data.get("data/test.parquet") for each in (candidate, champion)]
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "candidate": candidate.digest,
        "champion": champion.digest,
        "version": champion.version,
        "rows": rows.height,
        "same_rows": held_out[0] is not None and held_out[0] == held_out[1],
    }
    try:
        found = _compared(project, rows, candidate, champion)
    except _NotComparable as reason:
        return {**record, "comparable": False, "reason": str(reason)}
    return {**record, "comparable": True, **found}


def _candidate(project: Project) -> Bundle:
    path = project.bundle_dir / "manifest.json"
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="run `uv run dvc repro`")
    return load_bundle(project.bundle_dir)


def _compared(
    project: Project, rows: pl.DataFrame, candidate: Bundle, champion: Bundle
) -> dict[str, Any]:
    _require_alike(candidate, champion)
    target = project.params.target
    classes = candidate.signature.classes
    truth: NDArray[Any]
    if classes:
        given, place = labels(rows, target), {name: at for at, name in enumerate(classes)}
        if unknown := sorted({*given, *project.charter.outcome.classes} - set(place)):
            raise _NotComparable(f"the class {unknown[0]!r} is new: neither was trained on it")
        truth = np.array([place[name] for name in given], dtype=np.int64)
    else:
        truth = rows[target].cast(pl.Float64).to_numpy()
    judged = {
        who: _judged(project, rows, bundle, classes, truth)
        for who, bundle in zip(WHO, (candidate, champion), strict=True)
    }
    metric = (CLASSIFICATION if classes else REGRESSION)[0]
    settings = project.params.evaluate
    found = Estimates(
        _statistics(judged, metric, truth),
        {},
        rows.height,
        times=settings.bootstrap,
        seed=project.params.split.seed,
        groups=group_ids(rows, project.params.split.by),
        confidence=settings.confidence,
    )
    return {
        "confidence": settings.confidence,
        "unit": project.charter.value.unit,
        "differ": float(np.mean(judged["candidate"].acts != judged["champion"].acts)),
        VALUE: _sides(found, VALUE),
        "primary": {"name": metric.name, "better": metric.better, **_sides(found, metric.name)},
    }


def _require_alike(candidate: Bundle, champion: Bundle) -> None:
    ours, theirs = candidate.signature, champion.signature
    for what, one, other in (
        ("task", ours.task, theirs.task),
        ("target", ours.target, theirs.target),
        ("classes", sorted(ours.classes), sorted(theirs.classes)),
    ):
        if one != other:
            raise _NotComparable(f"{what}: the candidate has {one}, the champion {other}")


def _judged(
    project: Project, rows: pl.DataFrame, bundle: Bundle, classes: list[str], truth: NDArray[Any]
) -> _Judged:
    scores = _scores(rows, bundle)
    if not classes:
        paid = value_of_error(truth, scores, *project.charter.over_under())
        return _Judged(scores, scores, paid)
    actions, outcomes, table = project.charter.payoff_matrix()
    rule = bundle.decision
    if not isinstance(rule, PayoffDecision):
        raise _NotComparable(f"the bundle {bundle.digest[:12]} decides nothing, it only predicts")
    if unknown := sorted(set(rule.actions) - set(actions)):
        raise _NotComparable(
            f"the bundle {bundle.digest[:12]} takes the action {unknown[0]!r}, "
            "which charter.toml does not value"
        )
    amounts = np.array(table, dtype=np.float64)[:, [outcomes.index(name) for name in classes]]
    place = {name: number for number, name in enumerate(actions)}
    taken = np.array([place[name] for name in bundle.decide(scores) or []], dtype=np.int64)
    order = [bundle.signature.classes.index(name) for name in classes]
    return _Judged(scores[:, order], taken, payoff_realised(taken, truth, amounts))


def _scores(rows: pl.DataFrame, bundle: Bundle) -> FloatArray:
    names = bundle.signature.feature_names
    if missing := [name for name in names if name not in rows.columns]:
        raise _NotComparable(
            f"the bundle {bundle.digest[:12]} needs {', '.join(missing)}, "
            "which data/test.parquet does not have"
        )
    try:
        scores = bundle.scorer.predict(rows.select(names).to_dict(as_series=False))
    except KeelError as error:  # a column of another kind
        raise _NotComparable(f"the bundle {bundle.digest[:12]}: {error}") from error
    if not np.isfinite(scores).all():
        raise _NotComparable(f"the bundle {bundle.digest[:12]} gives rows no finite score")
    return scores


def _statistics(
    judged: dict[str, _Judged], metric: Metric, truth: NDArray[Any]
) -> dict[str, Statistic]:
    found: dict[str, Statistic] = {}
    for who, each in judged.items():
        found[f"{who} {VALUE}"] = partial(mean, each.paid)
        found[f"{who} {metric.name}"] = metric.on(truth, each.scores)
    return found


def _sides(found: Estimates, name: str) -> dict[str, Any]:
    ours, theirs = (f"{who} {name}" for who in WHO)
    return {
        "candidate": found.of(ours).numbers(),
        "champion": found.of(theirs).numbers(),
        "difference": found.difference(ours, theirs).numbers(),
    }
