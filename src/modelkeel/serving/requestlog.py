"""One JSON line a request, and an id for each; faults become problems without internals."""

from __future__ import annotations

import logging
import re
import time
import traceback
from pathlib import PurePath
from types import TracebackType
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelkeel.journal.ids import uuid7
from modelkeel.serving.gauges import watch_process
from modelkeel.serving.lines import LINES
from modelkeel.serving.metrics import Metrics
from modelkeel.serving.problems import internal_error, send_problem

logger = logging.getLogger("modelkeel.serving")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


class RequestLog:
    """Pure ASGI middleware. Logs route, status, rows, ids, version and time; nothing a caller sent.

    The path itself is not logged, only the route that matched it, nor are the query, headers or
    address. Of a fault the type and the frames are logged, not the message, which may quote values.
    The caller's `x-request-id` is taken if it is a UUID, and the trace id of its `traceparent`.

    Args:
        app: what answers.
        metrics: counts the requests.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics | None = None) -> None:
        self.app = app
        self._count = metrics.request if metrics is not None else None
        self._running = 0
        self._second = 0
        self._time = ""
        self._encode = msgspec.json.Encoder().encode
        if metrics is not None:
            watch_process(metrics)
            metrics.gauge(
                "modelkeel_requests_running", "Requests being answered.", lambda: self._running
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, _flushing(send))
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        request_id, trace_id = _ids(scope["headers"])
        note: dict[str, Any] = {}
        state["request_id"] = request_id
        state["note"] = note
        identity = (b"x-request-id", request_id.encode())
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), identity]
            await send(message)

        self._running += 1
        try:
            await self.app(scope, receive, sending)
        except ClientDisconnect:
            note["gone"] = True  # no fault of ours, nor one to answer
        except Exception as error:  # noqa: BLE001 the last resort of a request
            note["fault"] = type(error).__name__
            note["frames"] = _frames(error.__traceback__)
            if not status:
                await send_problem(scope, sending, internal_error())
        finally:
            self._running -= 1
            seconds = time.perf_counter() - started
            route = route_of(scope)
            if self._count is not None:
                self._count(route, status, seconds)
            level = logging.ERROR if "fault" in note else logging.INFO
            if logger.isEnabledFor(level):
                now = int(time.time())
                if now != self._second:
                    self._second, self._time = now, _time_of(now)
                method = scope["method"]
                line: dict[str, Any] = {
                    "time": self._time,
                    "request_id": request_id,
                    "method": method if method.isalpha() else "",
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1000, 3),
                }
                line.update(note)
                if trace_id := state.get("trace_id") or trace_id:
                    line["trace_id"] = trace_id
                _write(level, self._encode(line).decode())


def route_of(scope: Scope) -> str:
    """The template of the route that matched; empty if none did."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return ""
    route: str | None = getattr(scope.get("route"), "path", None) or getattr(
        endpoint, "route", None
    )
    if route is None:  # a route of Starlette's own leaves no template behind
        known = getattr(scope.get("app"), "routes", ())
        route = next((each.path for each in known if getattr(each, "endpoint", 0) is endpoint), "")
    return route


def set_up_logging() -> None:
    """Send lines to stdout, unless the application has set its own handler for them.

    uvicorn's access log is switched off: it would repeat each line, with the caller's address.
    """
    for each in (logger, logging.getLogger("modelkeel.journal")):
        if not each.handlers:
            each.addHandler(_HANDLER)
            each.setLevel(logging.INFO)
            each.propagate = False
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False


class _LineHandler(logging.Handler):
    """Puts what is logged elsewhere in the server among the request lines, in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if text.startswith("{") and text.endswith("}"):  # a line already
                LINES.write(text)
                return
            line: dict[str, Any] = {
                "time": _time_of(int(record.created)),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": text,
            }
            if record.exc_info and record.exc_info[1] is not None:
                line["fault"] = type(record.exc_info[1]).__name__
                line["frames"] = _frames(record.exc_info[2])
            LINES.write(msgspec.json.encode(line).decode())
        except Exception:  # noqa: BLE001 as every handler does
            self.handleError(record)


_HANDLER = _LineHandler()


def _write(level: int, text: str) -> None:
    handlers = logger.handlers
    if len(handlers) == 1 and handlers[0] is _HANDLER and not logger.filters:
        LINES.write(text)
    else:
        # Made by hand: logger.log would walk the stack to find its caller, each time the same.
        logger.handle(logging.LogRecord(logger.name, level, __file__, 0, text, None, None))


def _ids(headers: list[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The id of the request, and that of its trace if the caller has one."""
    request_id = trace_id = ""
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            request_id = text.lower() if _UUID.fullmatch(text) else ""
        elif name == b"traceparent":
            found = _TRACEPARENT.fullmatch(value.decode("latin-1"))
            trace_id = found[1] if found else ""
    return request_id or uuid7(), trace_id


def _frames(trace: TracebackType | None) -> list[str]:
    return [
        f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)[-8:]
    ]


def _time_of(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def _flushing(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            LINES.flush()  # uvicorn ends itself by the signal it got, without exit handlers
        await send(message)

    return sending
