"""Errors as RFC 9457 problem details: what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Scope, Send

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:modelkeel:problem:"


@dataclass(frozen=True)
class FieldProblem:
    """One problem in a request: a JSON pointer (RFC 6901, as URI fragment) and what it is."""

    pointer: str
    detail: str


class ProblemError(HTTPException):
    """A request that gets a problem as its answer.

    An HTTPException, since FastAPI makes 400 of any other that comes while it reads a body.

    Args:
        status: HTTP status.
        kind: short name of the problem; the end of its `type`.
        title: the same words for every problem of this kind.
        detail: what happened this time and what to do; never a value that was sent.
        errors: the places in the request.
        headers: more headers for the answer.
    """

    headers: dict[str, str]

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        errors: list[FieldProblem] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.status = status
        self.kind = kind
        self.title = title
        self.errors = errors
        self.fault = ""  # the type of the fault behind a 500, for the log


def pointer(*parts: str | int) -> str:
    """The JSON pointer, as URI fragment, of a place: "#/rows/3/age"."""
    steps = (
        quote(
            str(part).replace("~", "~0").replace("/", "~1"),
            safe="~!$&'()*+,;=:@-._",
            errors="replace",
        )
        for part in parts
    )
    return "#" + "".join(f"/{step}" for step in steps)


def body_of(problem: ProblemError, request_id: str | None) -> bytes:
    """The JSON of a problem."""
    value: dict[str, Any] = {
        "type": f"{_TYPE_PREFIX}{problem.kind}" if problem.kind else "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if request_id:
        value["instance"] = f"urn:uuid:{request_id}"
    if problem.errors is not None:
        value["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in problem.errors]
    return msgspec.json.encode(value)


def headers_of(problem: ProblemError, body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a problem's answer."""
    return [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in problem.headers.items()),
    ]


async def send_problem(scope: Scope, send: Send, problem: ProblemError) -> None:
    """Answer with a problem."""
    body = body_of(problem, scope.get("state", {}).get("request_id"))
    start: Message = {
        "type": "http.response.start",
        "status": problem.status,
        "headers": headers_of(problem, body),
    }
    await send(start)
    empty = scope.get("method") == "HEAD"
    await send({"type": "http.response.body", "body": b"" if empty else body})


def body_too_large(limit: int) -> ProblemError:
    """The answer to more bytes than allowed; the rest of them is not read."""
    return ProblemError(
        413,
        "body-too-large",
        "Body too large",
        f"The body is longer than {limit} bytes; send it in parts.",
        headers={"connection": "close"},
    )


def request_timeout(seconds: float) -> ProblemError:
    """The answer to a body that does not come."""
    return ProblemError(
        408,
        "request-timeout",
        "Request timeout",
        f"The body did not arrive within {seconds:g} seconds.",
        headers={"connection": "close"},
    )


def internal_error() -> ProblemError:
    """What a caller is told of a fault of ours: the id to ask about, nothing else."""
    return ProblemError(
        500,
        "internal-error",
        "Internal error",
        "The server failed on this request. Nothing is wrong with it that we know of; report the "
        "instance given here to the owner of the system.",
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem, also those of routes added later."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_fault)  # it is raised further, for the log


async def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    return _respond(request, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    try:
        title = HTTPStatus(error.status_code).phrase
    except ValueError:
        title = "Error"
    headers = dict(error.headers or {})
    detail = error.detail if isinstance(error.detail, str) else title
    if error.status_code == 404 and detail == title:
        detail = "There is nothing at this path; /docs lists what there is."
    elif error.status_code == 405:
        allowed = next((v for k, v in headers.items() if k.lower() == "allow"), "")
        detail = f"This path does not take {request.method}." + (
            f" Use {allowed}." if allowed else ""
        )
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=headers)
    return _respond(request, ProblemError(error.status_code, "", title, detail, headers=headers))


async def _on_fault(request: Request, _: Exception) -> Response:
    return _respond(request, internal_error())


async def _on_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = []
    for item in error.errors():
        place, *path = (str(part) for part in item["loc"])
        # Messages of own validators may quote the value; those of pydantic do not.
        message = "is not valid" if item["type"] == "value_error" else str(item["msg"])
        if place == "body":
            where = () if item["type"] == "json_invalid" else path  # it names a character, no place
            errors.append(FieldProblem(pointer(*where), message))
        else:
            # Some messages of pydantic quote what was sent; its kind does not.
            what = f"{place} parameter {'.'.join(path)} is not valid ({item['type']})"
            errors.append(FieldProblem("#", what))
    return _respond(request, invalid_input(errors))


def invalid_input(errors: list[FieldProblem], hidden: int = 0) -> ProblemError:
    """A request that breaks its schema; `hidden` problems are not listed."""
    more = len(errors) - 1 + hidden
    first = errors[0].detail if errors else "The request is not valid."
    detail = f"{first} ({more} more)" if more else first
    return ProblemError(422, "invalid-input", "The input is not valid", detail, errors)


def _respond(request: Request, problem: ProblemError) -> Response:
    body = body_of(problem, request.scope.get("state", {}).get("request_id"))
    response = Response(b"" if request.method == "HEAD" else body, problem.status)
    response.raw_headers = headers_of(problem, body)
    return response
