"""How gates stand by the committed measurements alone, for documents that name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelkeel.errors import KeelError
from modelkeel.governance.documents.decided import decided
from modelkeel.governance.documents.ledger import Gap, Ledger
from modelkeel.governance.documents.sources import CHECKS, EVALUATION, QUALITY, Sources
from modelkeel.governance.documents.words import text

if TYPE_CHECKING:
    from modelkeel.governance.gates import Case, Gate

# These judge reports/*.json by records. The others look at the bundle, signatures, the network or
# the day, so that what they find is no matter of committed files: `keel check` shows them.
_BY_REPORTS = {
    "G-DATA": QUALITY,
    "G-LEAK": CHECKS,
    "G-LABELS": CHECKS,
    "G-BASE": EVALUATION,
    "G-TARGET": EVALUATION,
    "G-PERF": EVALUATION,
    "G-SLICE": EVALUATION,
    "G-FAIR": EVALUATION,
    "G-ROB": EVALUATION,
}
_STAGES = {
    "pull_request": "each change",
    "train": "each training",
    "release": "each release",
    "start_up": "each start of the server",
    "live": "the running system",
}
_LONG = re.compile(r"-?\d+\.\d{4,}(?:e-?\d+)?")


@dataclass(frozen=True)
class Standing:
    """A gate and how it stands: `pass`, `warn`, `fail`, or empty where `keel check` tells."""

    id: str
    title: str
    stages: str
    outcome: str
    said: str
    waived_until: str


def standing(ledger: Ledger, name: str) -> Standing | None:
    """How a gate stands; None where there is no gate of that name."""
    from modelkeel.governance.gates import GATES

    gate = next((each for each in GATES if each.id == name), None)
    if gate is None:
        what = f"there is no gate {text(name)}"
        ledger.gaps[f"gate {name}"] = Gap(what, remedy="name one that `uv run keel check` lists")
        return None
    waiver = _waived_until(ledger, name)
    outcome, said = _judged(ledger, gate)
    stages = ", ".join(_STAGES[each] for each in gate.stages)
    return Standing(name, gate.title, stages, outcome, said, waiver)


def _judged(ledger: Ledger, gate: Gate) -> tuple[str, str]:
    report = _BY_REPORTS.get(gate.id)
    if report is None:
        return "", "`uv run keel check` shows how it stands"
    case = _by_reports(ledger.sources)
    if reason := gate.applies(case):
        return "", f"does not apply: {text(reason)}"
    if ledger.sources.use(report) is None:
        return "", ledger.missing(f"gate {gate.id}", f"{gate.id} was not measured")
    try:
        found = gate.check(case)
    except (KeelError, KeyError, TypeError):
        return "", ledger.missing(f"gate {gate.id}", f"{gate.id} was not measured")
    outcome = "fail" if not found.holds else "warn" if found.warn else "pass"
    return outcome, f"{_rounded(found.measured)}; asked: {_rounded(found.asked)}"


def _rounded(said: str) -> str:
    """Three figures: a measurement of another machine differs in the seventh."""
    return text(_LONG.sub(lambda found: f"{float(found[0]):.3g}", said))


def _by_reports(sources: Sources) -> Case:
    """A case that reads the committed reports, and has no bundle."""
    from modelkeel.governance.gates import Case
    from modelkeel.governance.gates.gate import NotMeasured

    class Committed(Case):
        @cached_property
        def bundle(self) -> Any:
            raise NotMeasured("documents are rendered without a bundle")

    found = Committed(sources.project)
    reports = {"metrics": EVALUATION, "quality": QUALITY, "checks": CHECKS}
    vars(found).update({name: sources.json(path) or {} for name, path in reports.items()})
    return found


def _waived_until(ledger: Ledger, gate: str) -> str:
    """The last day of a waiver that counts for the bundle that was measured."""
    found = decided(ledger.sources, "waiver", gate)
    if found is None or not found.holds:
        return ""
    if found.approval.subject.digest not in (None, ledger.sources.digest):
        return ""
    ledger.waived.add(gate)
    return str(found.approval.expires)
