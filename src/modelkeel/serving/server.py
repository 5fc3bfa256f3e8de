"""A worker: uvicorn's server, drained on SIGTERM instead of stopped."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, cast

from uvicorn import Config, Server
from uvicorn.importer import ImportFromStringError, import_from_string

from modelkeel.errors import BadInput
from modelkeel.serving.drain import PROCESS, take_no_more
from modelkeel.serving.eventlog import log_event
from modelkeel.serving.protocol import CLOSE, DeadlineProtocol, Watch
from modelkeel.serving.settings import body_seconds

_GARBAGE = 10_000
"""Objects that may be made before the youngest are looked through; usually 700, a few requests."""
STARTING_SECONDS = 0.25
"""How long connections that have begun may take to be there, once no new ones begin."""


@dataclass(frozen=True)
class Plan:
    """How a worker serves. Times in seconds.

    Attributes:
        app: `module:attribute`.
        drain: how long it goes on after SIGTERM, telling callers to leave.
        proxies: addresses or networks whose X-Forwarded-For and -Proto are believed.
        head: a caller may take to send a head.
        body: a caller may take to send a body; when left out, what the app or the environment says.
        answer: a caller may take to read an answer.
        keep_alive: an unused connection stays; longer than a load balancer keeps it.
        stop: requests in work may take to end once the drain is over.
        connections: a worker may have open.
        requests: a worker may have in work.
    """

    app: str
    drain: float = 5.0
    proxies: tuple[str, ...] = ()
    head: float = 10.0
    body: float | None = None
    answer: float = 60.0
    keep_alive: int = 65
    stop: int = 30
    connections: int = 16_000
    requests: int = 1000


class Worker(Server):
    """A server that drains.

    Args:
        plan: how it serves.
        on_tick: called ten times a second, with the time (monotonic), once it serves.
        on_ready: called once it serves.
        parent: process without which it drains; None goes on, whoever started it.
    """

    def __init__(
        self,
        plan: Plan,
        on_tick: Callable[[float], None] = lambda _: None,
        on_ready: Callable[[], None] = lambda: None,
        parent: int | None = None,
    ) -> None:
        self.plan = plan
        app = load_app(plan.app)
        body = plan.body or getattr(app, "body_seconds", None) or body_seconds()
        self.watch = Watch(
            {"head": plan.head, "body": body, "room": plan.answer},
            plan.connections,
            plan.requests,
        )
        super().__init__(
            Config(
                cast("Any", app),
                http=cast("Any", functools.partial(DeadlineProtocol, watch=self.watch)),
                ws="none",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                proxy_headers=bool(plan.proxies),
                forwarded_allow_ips=list(plan.proxies),
                timeout_keep_alive=plan.keep_alive,
                timeout_graceful_shutdown=plan.stop,
            )
        )
        self._on_tick = on_tick
        self._on_ready = on_ready
        self._parent = parent
        self._until = 0.0
        self._why = ""
        self._listeners: list[socket.socket] = []

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first SIGTERM; stop at SIGINT, or at a second signal."""
        name = signal.Signals(sig).name
        if self.should_exit:
            self.force_exit = sig == signal.SIGINT
        elif sig == signal.SIGTERM and not PROCESS.draining:
            self._begin_drain(name)
        else:
            self._why = self._why or name
            self.should_exit = True

    def _begin_drain(self, why: str) -> None:
        """Called by a signal's handler too, which must not log: it may have interrupted that."""
        PROCESS.draining = True
        self._why = why
        self._until = time.monotonic() + self.plan.drain
        self.config.encoded_headers.append(CLOSE)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and leave what was made so far alone in later collections of garbage."""
        self._listeners = sockets or []
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second."""
        now = time.monotonic()
        self._on_tick(now)
        if counter % 10 == 0:
            self.watch.sweep(asyncio.get_running_loop().time())
        if PROCESS.draining:
            self._announce_close()
            if now >= self._until:
                self.should_exit = True
        elif self._parent is not None and os.getppid() != self._parent:
            self._begin_drain("the supervisor is gone")
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let connections that have begun arrive, then do as uvicorn does."""
        PROCESS.draining = True
        if all(map(take_no_more, self._listeners)):
            await asyncio.sleep(STARTING_SECONDS)
        self._announce_close()
        sweeping = asyncio.create_task(self._keep_sweeping())
        try:
            await super().shutdown(sockets)
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping

    def _announce_close(self) -> None:
        """Say in every answer from now on that its connection ends."""
        if CLOSE not in self.server_state.default_headers:
            log_event("stopping", reason=self._why)
            self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
            for connection in list(self.server_state.connections):
                cast("DeadlineProtocol", connection).announce_close()

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self.watch.sweep(asyncio.get_running_loop().time())


def load_app(target: str) -> object:
    """Import an app.

    Raises:
        BadInput: there is no such module or attribute.
    """
    try:
        return cast("object", import_from_string(target))
    except ImportFromStringError as error:
        raise BadInput(
            f"{target} cannot be imported: {error}",
            remedy="name the app as module:attribute, such as credit_risk.serve:app",
        ) from None


class NoValues(logging.Filter):
    """Takes the message of an exception out of a record: it may quote what a caller sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if record.exc_info:
            kind = record.exc_info[0]
            record.msg = f"{record.getMessage().strip()}: {kind.__name__ if kind else ''}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def quiet_loggers() -> None:
    """Keep values out of what uvicorn and asyncio log of exceptions."""
    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        if not any(isinstance(each, NoValues) for each in logger.filters):
            logger.addFilter(NoValues())
