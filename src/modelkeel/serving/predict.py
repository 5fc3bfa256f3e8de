"""POST /predict as a lean ASGI endpoint: read, decode, judge, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from modelkeel.serving.baseline import Baseline
from modelkeel.serving.careful import MAX_SUBJECT, Rows, sound_subject
from modelkeel.serving.drain import BODY_DEADLINE
from modelkeel.serving.judge import Judged
from modelkeel.serving.pipeline import Pipeline
from modelkeel.serving.problems import (
    FieldProblem,
    ProblemError,
    body_too_large,
    invalid_input,
    request_timeout,
    send_problem,
)
from modelkeel.serving.state import Loaded, State

JSON, LINES = b"application/json", b"application/x-ndjson"
SUBJECT = b"x-subject-id"


class PredictEndpoint:
    """Answers /predict.

    Args:
        state: the model that serves.
        pipeline: judges and records.
        max_bytes: bytes allowed in a body.
        timeout: seconds that a body may take to arrive, where the server has no deadline for it.
        charge: called with the scope and the rows of a request; raises a `ProblemError` when
            the caller may have no more.
        baseline: what is answered where a prediction cannot be recorded; gives None to refuse.
    """

    route = "/predict"

    def __init__(
        self,
        state: State,
        pipeline: Pipeline,
        *,
        max_bytes: int,
        timeout: float,
        charge: Callable[[Scope, int], None],
        baseline: Callable[[], Baseline | None],
    ) -> None:
        self.state = state
        self.pipeline = pipeline
        self.max_bytes = max_bytes
        self.timeout = timeout
        self.charge = charge
        self.baseline = baseline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(scope, receive)
        except ProblemError as problem:
            await send_problem(scope, send, problem)
            return
        if answer is None:  # the caller went away
            return
        body, headers = answer
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, receive: Receive
    ) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
        loaded = self.state.loaded()
        media, subject = _read_headers(scope, self.max_bytes)
        watched = BODY_DEADLINE in scope.get("extensions", ())
        body = await (_read_body(receive, self.max_bytes) if watched else self._body(receive))
        state = scope.get("state", {})
        note = state.get("note", {})
        if body is None:
            note["gone"] = True
            return None
        note["version"] = loaded.bundle.version
        lines = media == LINES
        rows = loaded.wire.decode_lines(body) if lines else loaded.wire.decode(body)
        note["rows"] = rows.count
        self.charge(scope, rows.count)
        try:
            ids, judged = await self.pipeline.judge(
                loaded,
                rows,
                caller=state.get("caller_id", ""),
                request_id=state.get("request_id", ""),
                subjects=_subjects(rows, subject),
            )
        except ProblemError as problem:
            baseline = self.baseline() if problem.status == 503 else None
            if baseline is not None:
                note["baseline"] = True
                body = baseline.answer(rows.count, many=rows.many, lines=lines)
                return body, _headers(media, len(body))
            if problem.fault:
                note["fault"] = problem.fault
            raise
        note["prediction_id"] = ids[0]
        if rows.many:
            note["last_prediction_id"] = ids[-1]
        if lines:
            body = b"".join(
                b'{"prediction_id":"%b",%b}\n' % (identity.encode(), each.answer)
                for identity, each in zip(ids, judged, strict=True)
            )
            return body, [*_headers(media, len(body)), *loaded.headers]
        body = _one(loaded, ids[0], judged[0]) if not rows.many else _many(loaded, ids, judged)
        return body, _headers(media, len(body))

    async def _body(self, receive: Receive) -> bytes | None:
        """The body; None when the caller went away.

        Raises:
            ProblemError: 413 as soon as it is too large, 408 when it does not arrive.
        """
        try:
            async with asyncio.timeout(self.timeout):
                return await _read_body(receive, self.max_bytes)
        except TimeoutError:
            raise request_timeout(self.timeout) from None


class PredictFirst:
    """Pure ASGI middleware: /predict does not pass through the router and what is around it."""

    def __init__(self, app: ASGIApp, endpoint: PredictEndpoint) -> None:
        self.app = app
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].removeprefix(scope.get("root_path", "")) == self.endpoint.route
        ):
            scope["endpoint"] = self.endpoint
            await self.endpoint(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _one(loaded: Loaded, identity: str, judged: Judged) -> bytes:
    return b'{"prediction_id":"%b","model":%b,%b}' % (
        identity.encode(),
        loaded.model,
        judged.answer,
    )


def _many(loaded: Loaded, ids: list[str], judged: list[Judged]) -> bytes:
    parts = [
        b'{"prediction_id":"%b",%b}' % (identity.encode(), each.answer)
        for identity, each in zip(ids, judged, strict=True)
    ]
    return b'{"model":%b,"predictions":[%b]}' % (loaded.model, b",".join(parts))


def _headers(media: bytes, length: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", media),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
    ]


def _subjects(rows: Rows, subject: bytes | None) -> list[str] | None:
    """Whom the rows are about: the body's `subjects`, or the header for one row.

    Raises:
        ProblemError: 422, the header is unusable or stands beside many rows.
    """
    if subject is None:
        return rows.subjects
    if rows.many:
        raise _bad_subject("goes with one row; send `subjects` beside `rows`")
    try:
        text = subject.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad_subject("is not UTF-8; encode it as UTF-8") from None
    if not sound_subject(text):
        raise _bad_subject(f"is no text of 1 to {MAX_SUBJECT} characters")
    return [text]


def _bad_subject(what: str) -> ProblemError:
    return invalid_input([FieldProblem("#", f"the header x-subject-id {what}")])


def _read_headers(scope: Scope, limit: int) -> tuple[bytes, bytes | None]:
    """The media type, and the id of the person that the request is about, if there is one.

    Raises:
        ProblemError: 415 for another media type, 413 for a declared length that is too large, 422
            for two people.
    """
    length = 0
    content_type = encoding = b""
    subject: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() else 0
        elif name == b"content-encoding":
            encoding = value
        elif name == SUBJECT:
            if subject is not None:
                raise _bad_subject("is sent twice; send it once")
            subject = value
    media = content_type if content_type in (JSON, LINES) else _media_of(content_type)
    if encoding and encoding.lower() != b"identity":
        raise ProblemError(
            415,
            "unsupported-media-type",
            "Unsupported media type",
            "The body is compressed; send it as it is.",
            headers={"accept-encoding": "identity"},
        )
    if length > limit:
        raise body_too_large(limit)
    return media, subject


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body") and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > limit:
        raise body_too_large(limit)
    return b"".join(chunks)


def _media_of(value: bytes) -> bytes:
    media, *parameters = (part.strip().lower() for part in value.split(b";"))
    charsets = [p[8:].strip(b'"') for p in parameters if p.startswith(b"charset=")]
    if media in (JSON, LINES) and all(c in (b"utf-8", b"utf8") for c in charsets):
        return media
    if not value:
        detail = "The content type is missing; send application/json."
    elif media in (JSON, LINES):
        detail = "The charset is not UTF-8; send JSON in UTF-8."
    else:
        detail = "The content type is not JSON; send application/json or application/x-ndjson."
    raise ProblemError(
        415,
        "unsupported-media-type",
        "Unsupported media type",
        detail,
        headers={"accept": "application/json, application/x-ndjson"},
    )
