"""The model card inside a bill of materials, from the records and what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from modelkeel.errors import BadInput
from modelkeel.model.bundle import Bundle
from modelkeel.project import Project
from modelkeel.records.answer import Evidence, NotApplicable, Todo
from modelkeel.records.system import System


def model_card(project: Project, bundle: Bundle, datasets: list[str]) -> dict[str, Any]:
    """A modelCard of CycloneDX; `datasets` are references to components."""
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": bundle.signature.task,
            "datasets": [{"ref": each} for each in datasets],
            "inputs": [{"format": f"{f.name}: {f.kind}"} for f in bundle.signature.features],
            "outputs": [
                {"format": f"probability of {bundle.signature.target} = {name}"}
                for name in bundle.signature.classes
            ]
            or [{"format": f"{bundle.signature.target}: number"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_measures(project))},
        "considerations": _considerations(project),
        "properties": [
            {"name": f"modelkeel:params:{key}", "value": str(value)}
            for key, value in sorted(project.params.train.model.items())
        ],
    }


def _measures(project: Project) -> Iterator[dict[str, Any]]:
    """Held-out scores, the gain over the baseline, and the primary measure by slice."""
    path = project.evaluation_path
    if not path.is_file():
        return
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadInput(f"{path}: is not JSON", remedy="run `uv run dvc repro`") from None
    for name, value in sorted(found.get("model", {}).items()):
        bounds = found.get("interval", {}).get(name, {})
        yield from _measure(name, value, bounds.get("low"), bounds.get("high"))
    for name, gain in sorted(found.get("uplift", {}).items()):
        if isinstance(gain, dict):  # beside the standard deviation
            yield from _measure(f"uplift.{name}", gain["value"], gain["low"], gain["high"])
    for part, scores in sorted(found.get("slices", {}).items()):
        for name in sorted(scores):
            if f"{name}_low" in scores:
                bounds = {key: scores.get(f"{name}_{key}") for key in ("low", "high")}
                yield from _measure(name, scores[name], bounds["low"], bounds["high"], part)


def _measure(
    name: str, value: Any, low: Any, high: Any, part: str | None = None
) -> Iterator[dict[str, Any]]:
    if value is None:
        return
    measure: dict[str, Any] = {"type": name, "value": str(value)}
    if part is not None:
        measure["slice"] = part
    if low is not None and high is not None:
        measure["confidenceInterval"] = {"lowerBound": str(low), "upperBound": str(high)}
    yield measure


def _considerations(project: Project) -> dict[str, Any]:
    system = project.system
    found: dict[str, Any] = {"useCases": [system.identity.purpose]}
    if system.oversight is not None:
        found["users"] = [each.role for each in system.oversight.overseers]
    if limits := [f"not for: {text}" for text in _texts(system, "not_for")]:
        found["technicalLimitations"] = limits
    ethical = [{"name": f"misuse: {text}"} for text in _texts(system, "misuse")]
    for risk in project.risks.risk if project.risks else []:
        measures = [each.gate or each.guardrail or each.human or "" for each in risk.measures]
        ethical.append({"name": risk.title, "mitigationStrategy": "; ".join(measures)})
    if ethical:
        found["ethicalConsiderations"] = ethical
    if groups := _texts(system, "vulnerable"):
        found["fairnessAssessments"] = [{"groupAtRisk": text} for text in groups]
    return found


def _texts(system: System, key: str) -> list[str]:
    """An answer that people wrote; none where it is still to do, or does not arise."""
    answer = getattr(system.people, key, None)
    if answer is None or isinstance(answer, Todo | NotApplicable | Evidence):
        return []
    return [str(each) for each in answer]
