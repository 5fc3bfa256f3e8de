"""The answer as lines that GitHub Actions shows beside the files of a change."""

from __future__ import annotations

from modelkeel.governance.gates.gate import GateResult
from modelkeel.governance.readiness.check import Readiness

_KINDS = {"fail": "error", "not_assessed": "error", "warn": "warning", "waived": "notice"}


def as_annotations(found: Readiness) -> str:
    """A line for each gate that a person should see: `::error file=…,line=…,title=…::…`."""
    return "\n".join(_line(found, each) for each in found.results if each.outcome in _KINDS)


def _line(found: Readiness, each: GateResult) -> str:
    place = found.places[each.id]
    values = {"file": place.path, "line": str(place.line), "title": f"{each.id}: {each.title}"}
    told = ",".join(f"{key}={_value(value)}" for key, value in values.items())
    message = f"{each.measured}\nasked: {each.asked}\nto mend: {each.remedy}"
    return f"::{_KINDS[each.outcome]} {told}::{_data(message)}"


def _data(text: str) -> str:
    """The rules of the workflow commands; per cent first, as it starts the others."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
