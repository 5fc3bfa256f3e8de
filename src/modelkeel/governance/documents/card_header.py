"""The YAML at the top of the model card, as Hugging Face reads it."""

from __future__ import annotations

from typing import Any

import yaml

from modelkeel.governance.documents.measured import VALUE, scores
from modelkeel.governance.documents.sources import EVALUATION, Sources


def card_header(sources: Sources) -> str:
    """Metadata between two lines of dashes, with the results of the evaluation if there is one."""
    system, charter = sources.record("system"), sources.record("charter")
    contract, task = sources.contract, f"tabular-{sources.project.task}"
    evaluation = sources.json(EVALUATION)
    found: dict[str, Any] = {
        "model_name": system.identity.name,
        "library_name": "onnx",
        "pipeline_tag": task,
        "tags": ["tabular", sources.project.task, "onnx", "modelkeel"],
    }
    measured = scores(evaluation, charter) if evaluation else []
    if evaluation and measured:
        found["metrics"] = [each.name for each in measured if each.name != VALUE]
        dataset = {
            "name": contract.name or contract.id,
            "type": contract.id or sources.project.params.contract,
            "split": "held-out",
        }
        metrics = [_metric(each) for each in measured if each.model is not None]
        results = [{"task": {"type": task}, "dataset": dataset, "metrics": metrics}]
        found["model-index"] = [{"name": system.identity.name, "results": results}]
    text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def _metric(score: Any) -> dict[str, Any]:
    name = score.label.replace("&amp;", "&").replace("\\|", "|")
    return {"type": score.name, "name": name, "value": _three(score.model), "verified": False}


def _three(value: float) -> float:
    """Three figures; noise of the last bit is zero."""
    return 0.0 if abs(value) < 1e-9 else float(f"{value:.3g}")
