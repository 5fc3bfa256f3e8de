"""The smallest change of one or two features that would have turned a decision around.

What is said holds for this model and promises nothing about the world. Source: Wachter et al. 2018,
Counterfactual explanations without opening the black box; Ustun et al. 2019, Actionable recourse in
linear classification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.data.contract.values import from_days
from modelkeel.errors import BadInput
from modelkeel.model.bundle import Bundle
from modelkeel.model.explain.alternatives import Alternatives, alternatives
from modelkeel.model.rules import compile_rule
from modelkeel.model.signature import MOMENTS, Feature

_PAIRED = 8
"""Features that pairs are made of: those that alone come closest."""

Group = tuple[Alternatives, ...]


@dataclass(frozen=True)
class Change:
    """Another value of a feature; moments are text, as a caller sends them."""

    feature: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Counterfactual:
    """What would have turned a decision around.

    Attributes:
        changes: one, or two that are made together; empty where none was found.
        decision: what the decision would then be; None where none was found.
        steps: how far away the values are together; a twentieth of the training rows a step.
        said: the same in words, also why there is none.
    """

    changes: tuple[Change, ...]
    decision: str | None
    steps: float
    said: str


def actionable_features(bundle: Bundle) -> list[str]:
    """The features that a person can change, as the reasons say; all where there are no reasons."""
    names = bundle.signature.feature_names
    if bundle.reasons is None:
        return names
    named = {name for each in bundle.reasons.reason if each.actionable for name in each.features}
    return [name for name in names if name in named]


def counterfactual(
    bundle: Bundle, row: Mapping[str, Any], features: Sequence[str] | None = None
) -> Counterfactual:
    """Look for the smallest change that turns an adverse decision around.

    Tried are the quantiles and categories of the training rows that the reasons let advise, inside
    the ranges of the contract and in combinations that keep its rules. A number is taken only if
    the next one in the same direction turns the decision around too, so that nothing hangs on a
    notch of the model.

    Args:
        bundle: the model. Its reasons name the adverse action; without them any is.
        row: a value for each feature, moments as days since 1970-01-01, None where missing.
        features: those that may change; `actionable_features` by default.

    Raises:
        BadInput: the row lacks a feature.
    """
    signature = bundle.signature
    if missing := [name for name in signature.feature_names if name not in row]:
        raise BadInput(f"the row lacks {', '.join(missing)}", remedy="give all features")
    if not bundle.actions:
        return _none("Nothing is decided between actions, so there is nothing to turn around.")
    search = _Search(bundle, [row[name] for name in signature.feature_names])
    if bundle.reasons is not None and search.decision != bundle.reasons.adverse:
        return _none(f"The decision is {search.decision}, which is not adverse.")
    wanted = actionable_features(bundle) if features is None else features
    profile = bundle.profile().get("columns", {})
    advice_on = bundle.reasons.advice_on if bundle.reasons else lambda name: None
    every = [
        alternatives(
            feature,
            at,
            search.values[at],
            profile.get(feature.name, {}),
            advice_on(feature.name),
        )
        for at, feature in enumerate(signature.features)
        if feature.name in wanted
    ]
    some = [each for each in every if each.values]
    found = search.best([(each,) for each in some])
    if found is None:
        near = sorted(some, key=lambda each: search.shortfall[each.at])[:_PAIRED]
        found = search.best(list(combinations(near, 2)))
    if found is None:
        tried = ", ".join(each.feature.name for each in some) or "no feature"
        return _none(f"No change of one or two of {tried} turns the decision around.")
    return found


def _none(said: str) -> Counterfactual:
    return Counterfactual((), None, 0.0, said)


class _Search:
    """Scores what a row could be, and takes the smallest change that turns it around.

    Attributes:
        values: the row.
        decision: what is decided of it.
        shortfall: for each feature, how much the decision is worth more than any other when that
            feature alone is changed for the best.
    """

    def __init__(self, bundle: Bundle, values: list[Any]) -> None:
        self._bundle = bundle
        self.values = values
        self.shortfall: dict[int, float] = {}
        self._names = bundle.signature.feature_names
        self._rules = [compile_rule(rule, self._names) for rule in bundle.signature.rules]
        at = int(self._expected([[value] for value in values])[0].argmax())
        self._adverse = at
        self.decision = bundle.actions[at]

    def best(self, groups: Sequence[Group]) -> Counterfactual | None:
        """The smallest change of the features of any one group; all are scored in one batch."""
        shapes = [tuple(len(each.values) for each in group) for group in groups]
        starts = np.cumsum([0, *map(prod, shapes)]).tolist()
        if not starts[-1]:
            return None
        columns = self._columns(groups, shapes, starts)
        expected = self._expected(columns)
        chosen = expected.argmax(axis=1)
        turned = (chosen != self._adverse) & self._allowed(columns)
        others = np.delete(expected, self._adverse, axis=1).max(axis=1, initial=-np.inf)
        short = expected[:, self._adverse] - others
        least = (np.inf, -1, 0)
        for number, (group, shape) in enumerate(zip(groups, shapes, strict=True)):
            part = slice(starts[number], starts[number + 1])
            if len(group) == 1:
                self.shortfall[group[0].at] = float(short[part].min())
            steps = np.where(_holds(turned[part].reshape(shape), group), _distance(group), np.inf)
            at = int(steps.argmin())
            least = min(least, (float(steps.reshape(-1)[at]), number, starts[number] + at))
        steps_taken, number, place = least
        if number < 0 or not np.isfinite(steps_taken):
            return None
        changes = tuple(
            Change(
                each.feature.name,
                _sent(each.feature, self.values[each.at]),
                _sent(each.feature, columns[each.at][place]),
            )
            for each in groups[number]
        )
        action = self._bundle.actions[int(chosen[place])]
        return Counterfactual(changes, action, steps_taken, _said(changes, action))

    def _columns(
        self, groups: Sequence[Group], shapes: list[tuple[int, ...]], starts: list[int]
    ) -> list[list[Any]]:
        """The row once for each combination of each group."""
        columns = [[value] * starts[-1] for value in self.values]
        for number, (group, shape) in enumerate(zip(groups, shapes, strict=True)):
            indices = np.indices(shape).reshape(len(shape), -1).tolist()
            for each, index in zip(group, indices, strict=True):
                taken = [each.values[at] for at in index]
                columns[each.at][starts[number] : starts[number + 1]] = taken
        return columns

    def _expected(self, columns: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
        scores = self._bundle.scorer.predict(dict(zip(self._names, columns, strict=True)))
        return self._bundle.expected(scores)

    def _allowed(self, columns: Sequence[Sequence[Any]]) -> NDArray[np.bool_]:
        """Which rows keep the rules across features."""
        rows = range(len(columns[0]))
        return np.array([not any(broken(columns, at) for broken in self._rules) for at in rows])


def _holds(turned: NDArray[np.bool_], group: Group) -> NDArray[np.bool_]:
    """Where the decision is turned around, and one step further too."""
    for axis, each in enumerate(group):
        turned = turned & turned.take(each.beyond, axis=axis)
    return turned


def _distance(group: Group) -> NDArray[np.float64]:
    """How far away each combination is."""
    distance = np.zeros(())
    for each in group:
        distance = distance[..., None] + each.steps
    return distance


def _said(changes: tuple[Change, ...], decision: str) -> str:
    parts = [
        f"{each.feature} {each.after}"
        + (" where none was given" if each.before is None else f" instead of {each.before}")
        for each in changes
    ]
    return f"With {' and '.join(parts)}, the decision would have been {decision}."


def _sent(feature: Feature, value: Any) -> Any:
    """A value as a caller sends it."""
    if value is None:
        return None
    if feature.kind in MOMENTS:
        return from_days(value, feature.kind == "date")
    return int(value) if feature.kind == "integer" else value
