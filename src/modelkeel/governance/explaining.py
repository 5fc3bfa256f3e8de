"""`keel journal explain`: contributions for predictions of models that have no exact ones.

They take thousands of scores a row, so they are no work for a server. Each is recorded beside its
prediction, and the server answers it from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput, KeelError
from modelkeel.journal.entry import Entry
from modelkeel.journal.events import new_entry
from modelkeel.journal.export import payloads_of
from modelkeel.journal.reader import Record
from modelkeel.journal.store import Journal
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import folder_of
from modelkeel.model.decision import PayoffDecision
from modelkeel.model.explain.reason_codes import adverse_classes
from modelkeel.model.explain.sampled import sampled_contributions
from modelkeel.project import Project

_PAGE = 50


@dataclass
class Explained:
    """What became of the predictions that were looked at.

    Attributes:
        made: how many explanations were recorded.
        exact: how many need none: their model has exact contributions, or they were explained.
        gone: how many have no inputs any more, or a model that is not here.
        sealed: how many have inputs that only the master key opens, which was not given.
    """

    made: int = 0
    exact: int = 0
    gone: int = 0
    sealed: int = 0


def explain_pending(
    project: Project,
    journal: Journal,
    *,
    since: int | None = None,
    limit: int | None = None,
    orders: int = 8,
) -> Explained:
    """Explain what has no explanation yet.

    Args:
        project: whose models folder has the bundles.
        journal: the journal, opened with its master key.
        since: only predictions from this moment on, microseconds.
        limit: so many explanations at most.
        orders: random orders of the features for each reference row: more are more exact.

    Raises:
        BadInput: `orders` is too small.
        KeelError: the journal cannot be read or written.
    """
    if orders < 2:
        raise BadInput(f"{orders} orders show no error", remedy="ask for two or more")
    told = Explained()
    pending = islice(_pending(project, journal, since, told), limit)
    while page := list(islice(pending, _PAGE)):
        journal.write([_entry(bundle, record, seen, orders) for bundle, record, seen in page])
        told.made += len(page)
    return told


def _pending(
    project: Project, journal: Journal, since: int | None, told: Explained
) -> Iterator[tuple[Bundle, Record, dict[str, Any]]]:
    """Predictions that need an explanation, with the model and what it saw."""
    reader = journal.reader()
    bundles: dict[str, Bundle | None] = {}
    for record in reader.find(kind="prediction", since=since):
        (payload,) = payloads_of(journal, [record])
        if payload is None:
            if record.payload is not None and journal.keystore is None:
                told.sealed += 1
            else:
                told.gone += 1
            continue
        digest = str(record.said["digest"])
        if digest not in bundles:
            bundles[digest] = _bundle(project.models_dir, digest)
        bundle = bundles[digest]
        if any(each.kind == "explanation" for each in reader.about(record.id)):
            told.exact += 1
        elif bundle is None:
            told.gone += 1
        elif bundle.explainer is not None:
            told.exact += 1
        else:
            yield bundle, record, payload


def _entry(bundle: Bundle, record: Record, seen: dict[str, Any], orders: int) -> Entry:
    names = bundle.signature.feature_names
    decision = bundle.decision
    classes = (
        adverse_classes(decision, bundle.reasons.adverse, bundle.signature.classes)
        if bundle.reasons is not None and isinstance(decision, PayoffDecision)
        else []
    )
    found = sampled_contributions(
        bundle.scorer,
        {name: [seen["inputs"][name]] for name in names},
        bundle.golden_columns(),
        classes=classes,
        orders=orders,
    )
    payload = {
        "contributions": dict(zip(names, found.contributions[0].tolist(), strict=True)),
        "errors": dict(zip(names, found.errors[0].tolist(), strict=True)),
        "base": found.base,
        "scale": found.scale,
    }
    entry = new_entry("explanation", {"method": "sampled", "orders": orders}, ref=record.id)
    entry.payload = json.dumps(payload).encode()
    return entry


def _bundle(models: Path, digest: str) -> Bundle | None:
    """The bundle with a digest, from where it was promoted to; None if it is gone."""
    try:
        return load_bundle(models / folder_of(digest), digest)
    except KeelError:
        return None
