"""Bounds the bytes of a body on every route but /predict, which bounds them itself."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelkeel.serving.problems import body_too_large, send_problem


class BodyLimit:
    """Pure ASGI middleware. Whoever reads beyond the bound gets a `ProblemError`, 413.

    Args:
        app: what answers.
        max_bytes: bytes allowed in a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if declared_length(scope["headers"]) > self.max_bytes:
            await send_problem(scope, send, body_too_large(self.max_bytes))
            return
        left = self.max_bytes

        async def receiving() -> Message:
            nonlocal left
            if left >= 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if left >= 0:
                    return message
            raise body_too_large(self.max_bytes)

        await self.app(scope, receiving, send)


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """What the header content-length says; 0 without one."""
    lengths = (value for name, value in headers if name == b"content-length")
    return max((int(value) for value in lengths if value.isdigit()), default=0)
