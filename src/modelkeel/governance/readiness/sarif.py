"""The answer as SARIF 2.1.0, the form that code hosts show beside the lines of a change."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from modelkeel import __version__
from modelkeel.governance.gates.gate import GateResult
from modelkeel.governance.readiness.check import Readiness

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"fail": "error", "not_assessed": "error", "waived": "error", "warn": "warning"}


def as_sarif(found: Readiness) -> dict[str, Any]:
    """One run with a rule for each gate, and a result for each that a person should see.

    A gate that passed or is not asked has a rule and no result: code hosts show every result.
    """
    rules = [_rule(each) for each in found.results]
    numbers = {each.id: number for number, each in enumerate(found.results)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "modelkeel",
                        "semanticVersion": __version__,
                        "rules": rules,
                    }
                },
                "columnKind": "utf16CodeUnits",
                "results": [
                    _result(found, each, numbers[each.id])
                    for each in found.results
                    if each.outcome in _LEVELS
                ],
                "properties": {"ready": found.ready, "tier": found.tier},
            }
        ],
    }


def _rule(each: GateResult) -> dict[str, Any]:
    rule = {
        "id": each.id,
        "name": each.id.removeprefix("G-").title().replace("-", ""),
        "shortDescription": {"text": each.title},
        "properties": {"tags": list(dict.fromkeys(each.maps)), "stages": list(each.stages)},
    }
    return {**rule, "help": {"text": each.remedy}} if each.remedy else rule


def _result(found: Readiness, each: GateResult, number: int) -> dict[str, Any]:
    place = found.places[each.id]
    result: dict[str, Any] = {
        "ruleId": each.id,
        "ruleIndex": number,
        "kind": "fail",
        "level": _LEVELS[each.outcome],
        "message": {"text": f"{each.measured}\nAsked: {each.asked}\nTo mend: {each.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": place.line},
                }
            }
        ],
        "partialFingerprints": {"gate/v1": each.id},
        "properties": {"outcome": each.outcome},
    }
    if each.outcome == "waived":
        result["suppressions"] = [{"kind": "external", "justification": each.measured}]
    return result
