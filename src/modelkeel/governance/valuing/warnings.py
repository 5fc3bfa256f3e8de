"""What to know before believing a measured value."""

from __future__ import annotations

import math

import numpy as np

from modelkeel.governance.valuing.decisions import Decisions
from modelkeel.governance.valuing.effect import Effect, Method
from modelkeel.records.charter import Charter

_SUSPICIOUS = 3.29  # normal quantile of one in a thousand
_UNEVEN = 0.05
_MISSING = 0.05


def warnings_of(
    charter: Charter,
    found: Decisions,
    due: Decisions,
    uplift: Effect,
    method: Method,
    by: list[str],
) -> list[str]:
    """Each in one sentence; `by` are the columns of groups that belong together."""
    said: list[str] = []
    if method == "replay":
        said.append("replay, not causal: the decisions were not drawn at random")
        if charter.control.design != "replay":
            said.append(
                f"charter.toml asks for {charter.control.design}, and the table has no decision of "
                "the arm `baseline`"
            )
    if by and due.group is None:
        said.append(
            f"decisions of one {' and '.join(by)} belong together (split.by in params.yaml), and "
            "the table does not say which: the interval may be too narrow"
        )
    said += _missing(charter, due)
    if uplift.unknown_share > _MISSING:
        said.append(
            f"{uplift.unknown_share:.1%} of the {uplift.compared:,} compared decisions have no "
            "known value; the others may not be like them"
        )
    said += _selected(charter, due, method)
    said += _arms(charter, found, due)
    return said


def _missing(charter: Charter, due: Decisions) -> list[str]:
    """Outcomes that are due, could be seen, and are not in the table."""
    seen = np.ones(len(due), dtype=np.bool_)
    if due.action is not None and charter.outcome.observable_when:
        seen = np.isin(due.action, charter.outcome.observable_when)
    rows, missing = int(seen.sum()), int((seen & ~due.outcome_known).sum())
    if not rows or missing / rows <= _MISSING:
        return []
    return [f"{missing:,} of {rows:,} outcomes that are due ({missing / rows:.1%}) are missing"]


def _selected(charter: Charter, due: Decisions, method: Method) -> list[str]:
    """Selective labels: outcomes are seen after some actions only."""
    if due.action is None or not charter.outcome.observable_when:
        return []
    hidden = sorted(set(charter.decision.actions) - set(charter.outcome.observable_when))
    lost = int((np.isin(due.action, hidden) & due.differs & np.isnan(due.difference)).sum())
    never = int((np.isin(due.action, hidden) & np.isnan(due.value)).sum())
    named = ", ".join(map(repr, hidden))
    if method == "replay" and lost:
        return [
            (
                f"selective labels: after {named} no outcome is seen, so {lost:,} decisions on "
                "which model and baseline differ cannot be replayed; a randomised design can tell"
            )
        ]
    if method != "replay" and never:
        return [
            (
                f"selective labels: after {named} no outcome is seen, so what {never:,} decisions "
                "were worth is not known"
            )
        ]
    return []


def _arms(charter: Charter, found: Decisions, due: Decisions) -> list[str]:
    if due.model_arm is None or not len(due):
        return []
    said = []
    drawn = found.drawn & (
        found.differs if charter.control.design == "disagreement" else np.ones_like(found.drawn)
    )
    rows, share = int(drawn.sum()), charter.control.share
    if found.model_arm is not None and rows and share and not found.weighted:
        observed = float((~found.model_arm[drawn]).mean())
        if abs(observed - share) > _SUSPICIOUS * math.sqrt(share * (1 - share) / rows):
            said.append(
                f"{observed:.1%} of {rows:,} drawn decisions follow the baseline, {share:.1%} were "
                "planned: the draw may not be random"
            )
    unknown = [
        float(np.isnan(due.value[arm]).mean())
        for arm in (due.drawn & due.model_arm, due.drawn & ~due.model_arm)
        if arm.any()
    ]
    if len(unknown) == 2 and abs(unknown[0] - unknown[1]) > _UNEVEN:
        said.append(
            f"values are missing unevenly: {unknown[0]:.1%} in the model's arm, "
            f"{unknown[1]:.1%} in the baseline's"
        )
    if due.action is not None and due.model_action is not None:
        said += _strays(due)
    return said


def _strays(due: Decisions) -> list[str]:
    """Decisions that were not made as drawn; they count as drawn (intention to treat)."""
    assert due.model_arm is not None  # noqa: S101
    follows = np.asarray(due.action == due.model_action)
    strays = int((due.drawn & due.differs & (follows != due.model_arm)).sum())
    if not strays:
        return []
    return [
        (
            f"{strays:,} decisions were not made as drawn; they count in the arm that was drawn "
            "(intention to treat)"
        )
    ]
