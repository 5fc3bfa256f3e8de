"""A request and its answer on a connection, as uvicorn has it, but with the answer in one write.

uvicorn writes head and body apart: two system calls, each of which wakes the caller. ASGI has the
head wait for the body's first part; where the application asks for more in between, it goes ahead.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, cast

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from modelkeel.serving.problems import ProblemError, send_problem

_NO_NAME = re.compile(rb"[^a-z0-9!#$%&\'*+.^_`|~-]")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS = {each.value: b"HTTP/1.1 %d %b\r\n" % (each, each.phrase.encode()) for each in HTTPStatus}
_LENGTH = b"content-length"
_EACH_ITS_OWN = frozenset((b"date", b"x-request-id"))
_FRAMING = frozenset((b"connection", b"transfer-encoding", _LENGTH))
_KEPT = 256
"""Header lines that are kept encoded, the first that come: those that every answer has."""
_lines: dict[tuple[bytes, bytes], bytes] = {}


class Cycle(RequestResponseCycle):
    """What answers one request."""

    _start: Any = None
    _late: ProblemError | None = None

    def give_up(self, problem: ProblemError) -> None:
        """Wait no longer for the rest of the body: whoever asks for it gets the problem.

        Whoever waits for it now gets the part that is there, and the problem at the next one.
        """
        self._late = problem
        self.keep_alive = False
        self.message_event.set()

    def receive(self) -> Coroutine[Any, Any, Any]:
        """Give the application the next part of the body.

        Raises:
            ProblemError: 408, it did not come in time; once the coroutine is awaited.
        """
        if self._late is None and self._start is None:
            return super().receive()
        return self._receive()

    async def _receive(self) -> Any:
        if self._late is not None and not self.response_started:
            raise self._late
        if self._start is not None and not self.flow.write_paused:
            # It asks for more before it goes on: its caller is to see the head by then.
            start, self._start = self._start, None
            await super().send(start)
        return await super().receive()

    async def send(self, message: Any) -> None:
        """Take a part of the answer from the application."""
        kind = message["type"]
        if kind == "http.response.start" and self._start is None and not self.response_started:
            self._start = {**message, "headers": list(message.get("headers", ()))}
            return
        start = self._start
        if start is None:
            await super().send(message)
            return
        self._start = None
        if kind == "http.response.body" and not message.get("more_body"):
            body = message.get("body", b"")
            head = self._head(start, b"%d" % len(body))
            if head is not None:
                await self._write(head, body)
                return
        await super().send(start)
        await super().send(message)

    async def send_500_response(self) -> None:
        """Answer for an application that failed before its body began."""
        self._start = None
        if self._late is None:
            await super().send_500_response()
        else:
            await send_problem(cast("Scope", self.scope), cast("Send", self.send), self._late)

    def _head(self, start: Any, length: bytes) -> list[bytes] | None:
        """The head's lines; None for one that uvicorn has to look at itself."""
        status = start["status"]
        line = _STATUS.get(status)
        if line is None or status < 200 or status in (204, 304) or self.scope["method"] == "HEAD":
            return None
        head = [line]
        told = False
        for headers in (self.default_headers, start["headers"]):
            for name, value in headers:
                try:
                    line = _lines.get((name, value))
                except TypeError:  # a bytearray has no hash
                    return None
                if line is None:
                    if name == _LENGTH and value == length:
                        told = True
                        line = b"content-length: %b\r\n" % value
                    elif name in _FRAMING or (line := _line(name, value)) is None:
                        return None
                head.append(line)
        if not told:
            return None
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(b"\r\n")
        return head

    async def _write(self, head: list[bytes], body: bytes) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        head.append(body)
        self.transport.write(b"".join(head))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _line(name: bytes, value: bytes) -> bytes | None:
    """A header's line; None for one that is not sound, or not in lower case."""
    if _NO_NAME.search(name) or _NO_VALUE.search(value):
        return None
    line = b"%b: %b\r\n" % (name, value)
    if name not in _EACH_ITS_OWN and len(_lines) < _KEPT:
        _lines[name, value] = line
    return line
