"""JSON Schemas (2020-12) of what /predict takes and gives, written from a signature."""

from __future__ import annotations

import math
from typing import Any

from modelkeel.model.signature import FLOAT32_MAX, MOMENTS, Feature, Signature
from modelkeel.serving.careful import MAX_SUBJECT

SUBJECT = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_SUBJECT,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$",
}


def row_example(signature: Signature) -> dict[str, Any]:
    """A row that the model takes."""
    return {feature.name: feature.example for feature in signature.features}


def feature_schema(feature: Feature) -> dict[str, Any]:
    """JSON Schema (2020-12) of one feature."""
    schema: dict[str, Any] = {}
    kind = {"category": "string", "date": "string", "timestamp": "string"}.get(
        feature.kind, feature.kind
    )
    schema["type"] = [kind, "null"] if feature.nullable else kind
    if feature.kind == "number":
        schema["format"] = "float"
    if feature.kind == "integer":
        schema["format"] = "int64"
    moment = feature.kind in MOMENTS
    if moment:
        schema["format"] = "date" if feature.kind == "date" else "date-time"
    if feature.kind in ("integer", "number"):
        low = -FLOAT32_MAX if feature.minimum is None else feature.minimum
        high = FLOAT32_MAX if feature.maximum is None else feature.maximum
        whole = feature.kind == "integer"
        schema["minimum"] = max(math.ceil(low), -(2**63)) if whole else low
        schema["maximum"] = min(math.floor(high), 2**63 - 1) if whole else high
    if feature.categories is not None:
        schema["enum"] = [*feature.categories, *([None] if feature.nullable else [])]
    elif feature.kind == "category":
        how = feature.normalise  # lengths and patterns are of the text once it is normalised
        plain = how is None or (how.case is None and not how.synonyms)
        schema["minLength"] = max(1, feature.min_length or 1)
        if feature.max_length is not None and plain:
            schema["maxLength"] = feature.max_length
        if feature.pattern is not None and plain:
            schema["pattern"] = feature.pattern
    words = [feature.description.strip()] if feature.description.strip() else []
    if feature.unit:
        words.append(f"Unit: {feature.unit}.")
        schema["x-unit"] = feature.unit
    # JSON Schema has no bounds for dates.
    if moment and feature.minimum is not None:
        words.append(f"Not before {feature.bound(feature.minimum)}.")
    if moment and feature.maximum is not None:
        words.append(f"Not after {feature.bound(feature.maximum)}.")
    if feature.nullable:
        words.append("Null or left out when unknown.")
    if words:
        schema["description"] = " ".join(words)
    schema["examples"] = [feature.example]
    return schema


def predict_schemas(
    signature: Signature, actions: list[str], reasons: dict[str, str], max_rows: int
) -> dict[str, Any]:
    """The schemas of requests and answers, by name."""
    required = [feature.name for feature in signature.features if not feature.nullable]
    row: dict[str, Any] = {
        "title": "Row",
        "type": "object",
        "description": "One case to predict for.",
        "properties": {feature.name: feature_schema(feature) for feature in signature.features},
        "additionalProperties": False,
        "examples": [row_example(signature)],
    }
    if required:
        row["required"] = required
    if signature.rules:
        told = "; ".join(f"{rule.name}: {rule.condition}" for rule in signature.rules)
        row["description"] += f" Rules: {told}."
        row["x-rules"] = [
            {"name": rule.name, "condition": rule.condition, "columns": list(rule.columns)}
            for rule in signature.rules
        ]
    identity = {
        "type": "string",
        "format": "uuid",
        "description": "Id of this prediction (UUID version 7); keep it with the case.",
    }
    prediction: dict[str, Any] = {"prediction_id": identity}
    if signature.classes:
        prediction["prediction"] = {
            "type": "string",
            "enum": list(signature.classes),
            "description": f"The likeliest class of {signature.target}.",
        }
        prediction["probabilities"] = {
            "type": "object",
            "description": "Probability of each class; they sum to 1.",
            "properties": {
                name: {"type": "number", "minimum": 0, "maximum": 1} for name in signature.classes
            },
            "required": list(signature.classes),
            "additionalProperties": False,
        }
    else:
        prediction["prediction"] = {
            "type": "number",
            "description": f"The predicted value of {signature.target}.",
        }
    if actions:
        prediction["decision"] = {
            "type": "string",
            "enum": actions,
            "description": "The action with the greatest expected payoff.",
        }
    required_members = list(prediction)
    if reasons:
        required_members.append("reasons")
        prediction["reasons"] = {
            "type": "array",
            "description": "What spoke for the adverse action, the strongest first; else empty.",
            "maxItems": 4,
            "items": {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "enum": list(reasons)},
                    "text": {"type": "string", "examples": list(reasons.values())[:1]},
                },
                "required": ["code", "text"],
            },
        }
    prediction["unusual"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Features with a valid value that training has hardly seen; else left out.",
    }
    model = {"$ref": "#/components/schemas/ModelReference"}
    return {
        "Row": row,
        "Rows": {
            "title": "Rows",
            "type": "object",
            "description": f"Up to {max_rows} cases; the answers come in the same order.",
            "properties": {
                "rows": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Row"},
                    "minItems": 1,
                    "maxItems": max_rows,
                },
                "subjects": {
                    "type": "array",
                    "items": SUBJECT,
                    "description": "Whom each row is about: your id of that person. It is not "
                    "stored, and lets their records be found and erased.",
                },
            },
            "required": ["rows"],
            "additionalProperties": False,
        },
        "ModelReference": {
            "title": "ModelReference",
            "type": "object",
            "description": "Which model answered.",
            "properties": {
                "name": {"type": "string"},
                "version": {"type": ["string", "null"]},
                "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            },
            "required": ["name", "version", "digest"],
        },
        "Prediction": {
            "title": "Prediction",
            "type": "object",
            "properties": prediction,
            "required": required_members,
        },
        "PredictionResponse": {
            "title": "PredictionResponse",
            "type": "object",
            "description": "The answer to one row.",
            "properties": {"model": model, **prediction},
            "required": ["model", *required_members],
        },
        "PredictionsResponse": {
            "title": "PredictionsResponse",
            "type": "object",
            "description": "The answer to many rows, in their order.",
            "properties": {
                "model": model,
                "predictions": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Prediction"},
                },
            },
            "required": ["model", "predictions"],
        },
    }


def problem_schema() -> dict[str, Any]:
    """The schema of a problem."""
    return {
        "title": "Problem",
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What was wrong and what to do."},
            "instance": {"type": "string", "description": "Id of the request, as in the log."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "JSON pointer into the body (RFC 6901, URI fragment).",
                        },
                        "detail": {"type": "string"},
                    },
                    "required": ["pointer", "detail"],
                },
            },
        },
        "required": ["type", "title", "status", "detail"],
    }
