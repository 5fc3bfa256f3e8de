"""The OpenAPI document: what FastAPI knows, and /predict written from the signature."""

from __future__ import annotations

import math
from typing import Any

from modelkeel.model.signature import MOMENTS, Feature, Signature
from modelkeel.serving.problems import MEDIA_TYPE, pointer

_EXAMPLE_ID = "01938f2e-5c7a-7d31-9a44-0c5f1e2b3a4d"
_PROBLEM = "#/components/schemas/Problem"


def add_predict(
    document: dict[str, Any],
    *,
    signature: Signature | None,
    actions: list[str],
    model: dict[str, str | None] | None,
    max_rows: int,
    max_bytes: int,
) -> dict[str, Any]:
    """Complete the document FastAPI made, in place, and return it."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _problem_schema()
    for path in document.get("paths", {}).values():
        for operation in path.values():
            _problem_responses(operation)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    operation = _operation(max_rows, max_bytes)
    if signature is not None and model is not None:
        schemas.update(_schemas(signature, actions, max_rows))
        _examples(operation, signature, actions, model, max_rows)
    else:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
        operation["responses"].pop("200")
        operation["description"] = "No model is promoted yet: this answers 503."
    document.setdefault("paths", {})
    document["paths"] = {"/predict": {"post": operation}, **document["paths"]}
    return document


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
    whole = feature.kind == "integer"
    if feature.minimum is not None and not moment:
        schema["minimum"] = math.ceil(feature.minimum) if whole else feature.minimum
    if feature.maximum is not None and not moment:
        schema["maximum"] = math.floor(feature.maximum) if whole else feature.maximum
    if feature.categories is not None:
        schema["enum"] = [*feature.categories, *([None] if feature.nullable else [])]
    elif feature.kind == "category":
        schema["minLength"] = 1
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


def _schemas(signature: Signature, actions: list[str], max_rows: int) -> dict[str, Any]:
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
                }
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
            "required": list(prediction),
        },
        "PredictionResponse": {
            "title": "PredictionResponse",
            "type": "object",
            "description": "The answer to one row.",
            "properties": {"model": model, **prediction},
            "required": ["model", *prediction],
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


def _operation(max_rows: int, max_bytes: int) -> dict[str, Any]:
    return {
        "tags": ["predict"],
        "operationId": "predict",
        "summary": "Predict for one row or for many",
        "description": (
            'Send one row as an object, or many as `{"rows": [...]}`. A body whose `rows` is a '
            f"list is many rows. At most {max_rows} rows and {max_bytes} bytes."
        ),
        "responses": {
            "200": {"description": "The prediction, or one for each row in their order."},
            "413": _problem(
                "Too many rows or bytes.",
                "too-many-rows",
                "Too many rows",
                413,
                f"The request has {max_rows + 1} rows, {max_rows} are allowed; send it in parts.",
            ),
            "415": _problem(
                "The body is not declared as JSON.",
                "unsupported-media-type",
                "Unsupported media type",
                415,
                "The content type is not JSON; send application/json.",
            ),
            "422": _problem(
                "The body is not JSON, or a field breaks its type, range or list.",
                "invalid-input",
                "The input is not valid",
                422,
                "field age is missing; send a number",
                [{"pointer": "#/age", "detail": "field age is missing; send a number"}],
            ),
            "503": _problem(
                "No model is promoted yet.",
                "no-model",
                "No model is promoted yet",
                503,
                "This server has no champion to serve. Promote one with `keel model promote`, "
                "then restart the server.",
            ),
            "default": _problem_response("Any other error."),
        },
    }


def _examples(
    operation: dict[str, Any],
    signature: Signature,
    actions: list[str],
    model: dict[str, str | None],
    max_rows: int,
) -> None:
    row = row_example(signature)
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Row"},
                        {"$ref": "#/components/schemas/Rows"},
                    ]
                },
                "examples": {
                    "one": {"summary": "One row", "value": row},
                    "many": {"summary": "Two rows", "value": {"rows": [row, row]}},
                },
            }
        },
    }
    prediction: dict[str, Any] = {"prediction_id": _EXAMPLE_ID, "prediction": 42.0}
    if signature.classes:
        share = 1 / len(signature.classes)
        prediction["prediction"] = signature.classes[0]
        prediction["probabilities"] = dict.fromkeys(signature.classes, share)
    if actions:
        prediction["decision"] = actions[0]
    operation["responses"]["200"]["content"] = {
        "application/json": {
            "schema": {
                "oneOf": [
                    {"$ref": "#/components/schemas/PredictionResponse"},
                    {"$ref": "#/components/schemas/PredictionsResponse"},
                ]
            },
            "examples": {
                "one": {"summary": "One row", "value": {"model": model, **prediction}},
                "many": {
                    "summary": "Two rows",
                    "value": {"model": model, "predictions": [prediction, prediction]},
                },
            },
        }
    }
    first = next((f for f in signature.features if not f.nullable), signature.features[0])
    detail = f"field {first.name} is missing; send one"
    example = operation["responses"]["422"]["content"][MEDIA_TYPE]["example"]
    example["detail"] = detail
    example["errors"] = [{"pointer": pointer(first.name), "detail": detail}]


def _problem_responses(operation: Any) -> None:
    """FastAPI documents its own error format; say what is really sent."""
    if not isinstance(operation, dict):
        return
    responses = operation.get("responses", {})
    content = responses.get("422", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        responses["422"] = _problem_response("The input is not valid.")
    responses.setdefault("default", _problem_response("Any other error."))


def _problem_response(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}}}}


def _problem(
    description: str,
    kind: str,
    title: str,
    status: int,
    detail: str,
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    response = _problem_response(description)
    example: dict[str, Any] = {
        "type": f"urn:modelkeel:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{_EXAMPLE_ID}",
    }
    if errors:
        example["errors"] = errors
    response["content"][MEDIA_TYPE]["example"] = example
    return response


def _problem_schema() -> dict[str, Any]:
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
