"""The ML Test Score of Breck et al. (2017), from what the gates found.

Breck, Cai, Nielsen, Salib, Sculley: The ML Test Score, IEEE Big Data 2017. 28 items in four
sections of seven; an item that is checked by machine, again and again, counts 1, one that a person
checked and wrote down counts a half. The total is that of the weakest section.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelkeel.errors import KeelError
from modelkeel.governance.gates import Case, GateResult
from modelkeel.records.approvals import Approval

_PASSED = ("pass", "warn")


@dataclass(frozen=True)
class Item:
    """One of the 28: its id, what it asks, and what it would take where no gate answers it."""

    id: str
    title: str
    needs: str


SECTIONS: dict[str, tuple[Item, ...]] = {
    "Data": (
        Item("D1", "What is expected of each feature stands in a schema", "a contract"),
        Item("D2", "Every feature earns its place", "a report that leaves out one at a time"),
        Item("D3", "No feature costs more than it brings", "cost and delay of each feature"),
        Item("D4", "Features obey the rules on what may be used", "a list of what is forbidden"),
        Item("D5", "The pipeline protects privacy", "privacy controls that are tested"),
        Item("D6", "A new feature is added quickly", "the time that the last ones took"),
        Item("D7", "The code of the features is tested", "tests"),
    ),
    "Model": (
        Item("M1", "Models are reviewed and checked in", "reviewed commits"),
        Item("M2", "Measures on past data go with the effect in use", "monitoring of the value"),
        Item("M3", "Hyper-parameters are tuned", "a study of the hyper-parameters"),
        Item("M4", "The effect of an old model is known", "a comparison of models by age"),
        Item("M5", "No simpler model does as well", "a simple model beside it"),
        Item("M6", "It is good enough on every slice that matters", "slices"),
        Item("M7", "It was tested for groups it might treat worse", "groups to compare"),
    ),
    "Infrastructure": (
        Item("I1", "Training again gives the same", "a second training"),
        Item("I2", "The code of the model is tested", "tests"),
        Item("I3", "The whole pipeline is tested", "a run of the whole pipeline in a test"),
        Item("I4", "Quality is judged before it serves", "gates at promotion"),
        Item("I5", "One prediction can be followed step by step", "a recorded prediction"),
        Item("I6", "It first serves a small share", "a rollout in steps"),
        Item("I7", "It can be taken back", "a rollback drill with its time"),
    ),
    "Monitoring": (
        Item("O1", "A change of what it depends on is told", "a watch on dependencies"),
        Item("O2", "Inputs in use hold what training data held", "checks of inputs"),
        Item("O3", "Serving computes what training computed", "golden rows"),
        Item("O4", "The model is not too old", "a limit of its age"),
        Item("O5", "Numbers stay finite", "monitoring of what is served"),
        Item("O6", "It is as fast as it was", "monitoring of time and memory"),
        Item("O7", "Predictions stay as good", "monitoring of outcomes"),
    ),
}
_BANDS = (
    (0.0, "research: nothing of it is tested as a product would be"),
    (1.0, "tested in places; expect serious gaps"),
    (2.0, "a first pass; it takes more before people rely on it"),
    (3.0, "reasonably tested; more of it could happen by itself"),
    (5.0, "strong: tests and monitoring work by themselves"),
    (7.0, "exceptional"),
)


@dataclass(frozen=True)
class Scored:
    """An item with its points (0, 0.5 or 1), and why."""

    item: Item
    points: float
    why: str
    gates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """All items by section."""

    sections: dict[str, list[Scored]]

    def sum(self, section: str) -> float:
        """Points of a section, of 7."""
        return float(sum(each.points for each in self.sections[section]))

    @property
    def overall(self) -> float:
        """The points of the weakest section."""
        return min(self.sum(section) for section in self.sections)

    @property
    def weakest(self) -> list[str]:
        """The sections that decide it."""
        return [name for name in self.sections if self.sum(name) == self.overall]

    @property
    def meaning(self) -> str:
        """How to read the total."""
        return next(words for most, words in _BANDS if self.overall <= most)


def bands(overall: float) -> list[tuple[str, str, bool]]:
    """Each band as its span, how to read it, and whether the total lies in it."""
    found, low, taken = [], 0.0, False
    for most, words in _BANDS:
        here = not taken and overall <= most
        taken = taken or here
        found.append(("0" if most == 0 else f"{low:g} to {most:g}", words, here))
        low = most
    return found


def score_of(case: Case, results: Sequence[GateResult]) -> Score:
    """Score the items by the gates that name them in `maps`, or by a signed manual check."""
    return Score(
        {name: [_scored(case, item, results) for item in items] for name, items in SECTIONS.items()}
    )


def _scored(case: Case, item: Item, results: Sequence[GateResult]) -> Scored:
    mapped = [each for each in results if f"MTS {item.id}" in each.maps]
    gates = tuple(each.id for each in mapped)
    due = [each for each in mapped if each.outcome != "not_applicable"]
    if due and all(each.outcome in _PASSED and each.assessed for each in due):
        return Scored(item, 1, "passed: " + ", ".join(each.id for each in due), gates)
    approval = _manual(case, item)
    if approval is not None:
        why = f"checked by {approval.by.email} on {approval.given}, until {approval.expires}"
        return Scored(item, 0.5, why, gates)
    if not mapped:
        return Scored(item, 0, f"no gate: needs {item.needs}")
    if not due:
        return Scored(item, 0, f"not asked of this project; would need {item.needs}", gates)
    words = [
        f"{each.id} {each.outcome.replace('_', ' ')}" for each in due if each.outcome not in _PASSED
    ]
    words += [f"{each.id} had nothing to compare with" for each in due if not each.assessed]
    return Scored(item, 0, ", ".join(words), gates)


def _manual(case: Case, item: Item) -> Approval | None:
    """The signed record of a check by a person; a broken one counts for nothing."""
    try:
        return case.approval("manual_check", f"MTS {item.id}")
    except KeelError:
        return None
