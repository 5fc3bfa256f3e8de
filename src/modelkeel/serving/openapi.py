"""The OpenAPI document: what FastAPI knows, and /predict written from the signature."""

from __future__ import annotations

import json
from typing import Any

from modelkeel.model.signature import Signature
from modelkeel.serving.problems import MEDIA_TYPE, pointer
from modelkeel.serving.schemas import SUBJECT, predict_schemas, problem_schema, row_example

_EXAMPLE_ID = "01938f2e-5c7a-7d31-9a44-0c5f1e2b3a4d"
_PROBLEM = "#/components/schemas/Problem"


def add_predict(
    document: dict[str, Any],
    *,
    signature: Signature | None,
    actions: list[str],
    reasons: dict[str, str],
    model: dict[str, str | None] | None,
    max_rows: int,
    max_bytes: int,
) -> dict[str, Any]:
    """Complete the document FastAPI made, in place, and return it.

    Args:
        document: what FastAPI made.
        signature: what the model takes; None without a model.
        actions: between which it decides.
        reasons: the text of each reason code that it may give.
        model: its name, version and digest.
        max_rows: rows allowed in one request.
        max_bytes: bytes allowed in one body.
    """
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or a token of the issuer that the server trusts.",
        },
    }
    document["security"] = [{"key": []}, {"token": []}]
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = problem_schema()
    for path, operations in document.get("paths", {}).items():
        for operation in operations.values():
            _problem_responses(operation)
            if path in ("/live", "/ready"):
                operation["security"] = []
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    operation = _operation(max_rows, max_bytes)
    if signature is not None and model is not None:
        schemas.update(predict_schemas(signature, actions, reasons, max_rows))
        _examples(operation, signature, actions, reasons, model)
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


def _operation(max_rows: int, max_bytes: int) -> dict[str, Any]:
    return {
        "tags": ["predict"],
        "operationId": "predict",
        "summary": "Predict for one row or for many",
        "description": (
            'Send one row as an object, or many as `{"rows": [...]}` or one a line (NDJSON). A '
            f"body whose `rows` is a list is many rows. At most {max_rows} rows and {max_bytes} "
            "bytes. A prediction is on disk before it is answered. While that cannot be, the "
            "answer is 503, or the baseline policy: `source` is `baseline` and there is no "
            "prediction."
        ),
        "parameters": [
            {
                "name": "x-subject-id",
                "in": "header",
                "description": "Whom the one row is about: your id of that person, in UTF-8. It is "
                "not stored, and lets their records be found and erased.",
                "schema": SUBJECT,
            }
        ],
        "responses": {
            "200": {"description": "The prediction, or one for each row in their order."},
            "401": _problem_response("No key or token, or none that is valid."),
            "403": _problem_response("The caller may not ask for predictions."),
            "408": _problem_response("The body did not arrive in time."),
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
                "The content type is not JSON; send application/json or application/x-ndjson.",
            ),
            "429": _problem_response("More than the caller may send; `retry-after` says when."),
            "422": _problem(
                "The body is not JSON, or a field breaks its type, range or list, or a rule.",
                "invalid-input",
                "The input is not valid",
                422,
                "field age is missing; send a number",
                [{"pointer": "#/age", "detail": "field age is missing; send a number"}],
            ),
            "503": _problem(
                "No model is promoted yet, or the prediction could not be recorded.",
                "no-model",
                "No model is promoted yet",
                503,
                "This server has no champion to serve. Promote one with `keel model promote`; "
                "the server takes it up by itself.",
            ),
            "default": _problem_response("Any other error."),
        },
    }


def _examples(
    operation: dict[str, Any],
    signature: Signature,
    actions: list[str],
    reasons: dict[str, str],
    model: dict[str, str | None],
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
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "One Row a line."},
                "example": "\n".join(json.dumps(row) for _ in range(2)),
            },
        },
    }
    prediction: dict[str, Any] = {"prediction_id": _EXAMPLE_ID, "prediction": 42.0}
    if signature.classes:
        share = 1 / len(signature.classes)
        prediction["prediction"] = signature.classes[0]
        prediction["probabilities"] = dict.fromkeys(signature.classes, share)
    if actions:
        prediction["decision"] = actions[0]
    if reasons:
        code, text = next(iter(reasons.items()))
        prediction["reasons"] = [{"code": code, "text": text}]
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
        },
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "One Prediction a line."},
        },
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
