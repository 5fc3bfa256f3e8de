"""uvicorn's HTTP protocol with deadlines and bounds, so that slow callers cost others nothing.

Most requests arrive whole, in one piece, and cost one comparison here. Only connections that owe
something (the rest of a head, of a body, or room for an answer) stand in a list with a deadline,
and one look a second closes those that are late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from modelkeel.serving.cycle import Cycle
from modelkeel.serving.drain import BODY_DEADLINE, PROCESS
from modelkeel.serving.problems import ProblemError, request_timeout, send_problem

Owed = Literal["head", "body", "room", ""]
"""What a connection has to give next; "" for nothing."""

CLOSE = (b"connection", b"close")
_EXTENSIONS: dict[str, dict[object, object]] = {BODY_DEADLINE: {}}
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)
MAX_HEAD = 65_536
"""Bytes of a head that does not come in one piece; a piece has at most four times as many."""
_TRAILERS: deque[tuple[bytes, bytes]] = deque(maxlen=1)
"""Where header fields after a body go: they are not kept."""
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


@dataclass
class Watch:
    """Who owes what, of all connections of a worker.

    Attributes:
        seconds: that may be taken to send a head, to send a body, to make room for an answer.
        connections: that may be open; for one more, the one that has owed a head for longest goes.
        requests: that may be in work; one more is answered 503.
        grace: seconds that a connection without a request has left when the server stops.
    """

    seconds: dict[Owed, float]
    connections: int
    requests: int
    grace: float = 0.5
    owing: dict[Owed, dict[DeadlineProtocol, float]] = field(
        default_factory=lambda: {"head": {}, "body": {}, "room": {}}
    )

    def sweep(self, now: float) -> None:
        """Close what is late. The lists are in the order of their deadlines."""
        for late in self.owing.values():
            for protocol, deadline in list(late.items()):
                if deadline > now:
                    break
                protocol.close_late()

    def make_room(self) -> bool:
        """Close the connection that has owed a head for longest; False if none does."""
        oldest = next(iter(self.owing["head"]), None)
        if oldest is None:
            return False
        oldest.close_late()
        return True


class DeadlineProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        watch: Watch,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._watch = watch
        self._loaded_app = self.app
        self._owes: Owed = "head"  # now
        self._listed: Owed = ""  # under what the watch has it
        self._head = 0  # bytes of a head that is not complete
        self._held = (
            False  # whether a body had to wait for the app, which is not the caller's fault
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; the head has its deadline from now on."""
        super().connection_made(transport)
        PROCESS.connections = len(self.connections)
        if PROCESS.connections > self._watch.connections and not self._watch.make_room():
            PROCESS.busy += 1
            self._refuse(_TOO_MANY)
            return
        self._list("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._list("")
        super().connection_lost(exc)
        PROCESS.connections = len(self.connections)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        super().data_received(data)
        if self._owes != self._listed and self._listed != "room":
            self._list(self._owes)
        if self._owes == "head":
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self._refuse(_TOO_LARGE)
        elif self._owes == "body" and self.flow.read_paused:
            self._held = True

    def on_message_begin(self) -> None:
        """Called by the parser: the first byte of a request."""
        self._owes = "head"
        self._head = 0
        self._held = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called by the parser: a whole head, for which the application is called."""
        self._owes = "body"
        # Those that still wait for their body are not in work yet.
        running = len(self.tasks) - len(self._watch.owing["body"])
        self.app = self._loaded_app if running < self._watch.requests else busy
        self.scope["extensions"] = _EXTENSIONS
        super().on_headers_complete()
        self.cycle.__class__ = Cycle  # uvicorn has no place to name another
        self.headers = cast("list[tuple[bytes, bytes]]", _TRAILERS)

    def on_message_complete(self) -> None:
        """Called by the parser: a whole request."""
        self._owes = ""
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Called by the transport: the caller does not read its answer."""
        super().pause_writing()
        self._list("room")

    def resume_writing(self) -> None:
        """Called by the transport: the caller reads again."""
        super().resume_writing()
        self._list(self._owes)

    def shutdown(self) -> None:
        """The server stops: answer what was sent, and say that the connection ends."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.announce_close()
            self.cycle.keep_alive = False
        else:  # a request may be on its way
            self._unset_keepalive_if_required()
            self.loop.call_later(self._watch.grace, self._close_idle)

    def announce_close(self) -> None:
        """Say in the answer that is being made, if there is one, that the connection ends."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_started and CLOSE not in cycle.default_headers:
            self.cycle.default_headers = [*self.cycle.default_headers, CLOSE]

    def close_late(self) -> None:
        """Close, because the caller took too long; for a body answer 408 if that can be."""
        if self._listed == "body" and self._held:
            self._held = self.flow.read_paused
            self._list("body")
            return
        PROCESS.slow += 1
        cycle = self.cycle
        if self._listed == "body" and cycle is not None and not cycle.response_started:
            cast("Cycle", cycle).give_up(request_timeout(self._watch.seconds["body"]))
            self._list("room")
            return
        begun = self._owes == "head" and self.headers is not None
        self._list("")
        if begun:
            self._refuse(_TOO_SLOW)
        elif self._owes == "head":
            self.transport.close()
        else:  # an answer is under way: what waits to be written would wait for ever
            self.transport.abort()

    def _refuse(self, answer: bytes) -> None:
        """Close, with an answer unless another is under way."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(answer)
            self.transport.close()
        else:
            self.transport.abort()

    def _close_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _list(self, owed: Owed) -> None:
        if self._listed:
            self._watch.owing[self._listed].pop(self, None)
        self._listed = owed
        if owed:
            self._watch.owing[owed][self] = self.loop.time() + self._watch.seconds[owed]


async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503: too many requests are in work."""
    PROCESS.busy += 1
    problem = ProblemError(
        503,
        "busy",
        "The server is busy",
        "Too many requests are in work; try again shortly.",
        headers={"retry-after": "1"},
    )
    await send_problem(scope, send, problem)
