"""One JSON line a request, and an id for each; faults become problems without internals."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import PurePath
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelkeel.serving.ids import uuid7
from modelkeel.serving.problems import internal_error, send_problem

logger = logging.getLogger("modelkeel.serving")
_STREAM_NAME = "modelkeel.serving.stdout"


class RequestLog:
    """Pure ASGI middleware. Logs route, status, rows, ids, version and time; nothing a caller sent.

    The path itself is not logged, only the route that matched it, nor are the query, headers or
    address. Of a fault the type and the frames are logged, not the message, which may quote values.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = uuid7()
        note: dict[str, Any] = {}
        state = scope.setdefault("state", {})
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

        try:
            await self.app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 the last resort of a request
            note["fault"] = type(error).__name__
            note["frames"] = [
                f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)[-8:]
            ]
            if not status:
                await send_problem(scope, sending, internal_error())
        finally:
            self._write(scope, request_id, status, started, note)

    def _write(
        self, scope: Scope, request_id: str, status: int, started: float, note: dict[str, Any]
    ) -> None:
        level = logging.ERROR if "fault" in note else logging.INFO
        if not logger.isEnabledFor(level):
            return
        route = getattr(scope.get("route"), "path", None) or getattr(
            scope.get("endpoint"), "route", None
        )
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request_id": request_id,
            "method": scope["method"] if scope["method"].isalpha() else "",
            "route": route or "",
            "status": status,
            "ms": round((time.perf_counter() - started) * 1000, 3),
            **note,
        }
        text = msgspec.json.encode(line).decode()
        # Made by hand: logger.log would walk the stack to find its caller, each time the same.
        logger.handle(logging.LogRecord(logger.name, level, __file__, 0, text, None, None))


def set_up_logging() -> None:
    """Send request lines to stdout, unless the application has set its own handler for them.

    uvicorn's access log is switched off: it would repeat each line, with the caller's address.
    """
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.set_name(_STREAM_NAME)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
