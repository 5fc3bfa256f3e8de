"""Contributions of features as reason codes: what spoke for the decision against a person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.decision import Decision, PayoffDecision
from modelkeel.model.signature import Signature
from modelkeel.records.reasons import Reasons

Floats = NDArray[np.float64]
_NOTHING = 1e-9
"""What rounding may leave of a contribution of nothing."""
_LEAST = 0.05
"""Of all that spoke for the decision, the share that makes a reason worth telling."""


class ReasonCodes:
    """Groups contributions by the codes of `governance/reasons.toml`.

    Of a decision between actions, a code is given for what made the adverse action more likely. A
    number has no adverse side: a code is given for what moved it the way that it went, up or down
    from the mean.

    Args:
        reasons: the record.
        signature: the features.
        decision: how scores become actions.

    Attributes:
        texts: what a person is told, by code; the code itself where the text is not written yet.
        actionable: the codes whose features a person can change.
        reference: what contributions are compared with, in words.
    """

    def __init__(self, reasons: Reasons, signature: Signature, decision: Decision) -> None:
        self.texts = {r.code: r.text if isinstance(r.text, str) else r.code for r in reasons.reason}
        self.actionable = frozenset(r.code for r in reasons.reason if r.actionable)
        self.reference = reasons.reference
        self._adverse = reasons.adverse
        self._most = reasons.max_reasons
        self._codes = list(self.texts)
        names = signature.feature_names
        groups = np.zeros((len(names), len(self._codes)))
        for at, reason in enumerate(reasons.reason):
            groups[[names.index(name) for name in reason.features if name in names], at] = 1.0
        self._both_ways = not isinstance(decision, PayoffDecision)
        if isinstance(decision, PayoffDecision):
            groups *= _direction(decision, reasons.adverse, signature.classes)
        self._groups = groups

    def due(self, actions: Sequence[str] | None, count: int) -> Sequence[int]:
        """Which of `count` rows are told reasons: those with the adverse action, if actions are."""
        if actions is None:
            return range(count)
        return [at for at, action in enumerate(actions) if action == self._adverse]

    def of(self, contributions: Floats, actions: Sequence[str] | None) -> list[tuple[str, ...]]:
        """The codes of each row, strongest first; none where the action is not the adverse one.

        Args:
            contributions: (n, features), as the explainer of the same bundle gives them.
            actions: the action of each row; None where nothing is decided.
        """
        sums = contributions @ self._groups
        if self._both_ways:
            sums *= np.sign(contributions.sum(axis=1, keepdims=True))
        rows = sums.tolist()
        if actions is None:
            return [self._strongest(row) for row in rows]
        return [
            self._strongest(row) if action == self._adverse else ()
            for row, action in zip(rows, actions, strict=True)
        ]

    def text_of(self, code: str) -> str:
        """What a person is told."""
        return self.texts[code]

    def _strongest(self, sums: list[float]) -> tuple[str, ...]:
        least = max(_NOTHING, _LEAST * sum(each for each in sums if each > 0.0))
        spoke = [at for at, each in enumerate(sums) if each > least]
        spoke.sort(key=sums.__getitem__, reverse=True)
        return tuple([self._codes[at] for at in spoke[: self._most]])


def adverse_classes(decision: PayoffDecision, adverse: str, classes: Sequence[str]) -> list[str]:
    """The classes that call for the adverse action more than the others do, in order.

    That is by how much it pays more, or loses less, than the best other action. Empty where the
    class makes no difference to it.
    """
    if adverse not in decision.actions or len(decision.actions) < 2:
        return []
    amounts = np.array(decision.amounts)[:, [decision.outcomes.index(name) for name in classes]]
    at = decision.actions.index(adverse)
    gaps = amounts[at] - np.delete(amounts, at, axis=0).max(axis=0)
    return [name for name, gap in zip(classes, gaps, strict=True) if gap > gaps.mean()]


def _direction(decision: PayoffDecision, adverse: str, classes: list[str]) -> float:
    """The sign of contributions that speak for the adverse action; 0 where none does."""
    calling = adverse_classes(decision, adverse, classes)
    if not calling:
        return 0.0
    # of more than two classes, the explainer already looks toward those that call for it
    return -1.0 if len(classes) == 2 and calling == classes[:1] else 1.0
