"""Our protocol held to uvicorn's own over real sockets: the same bytes for the same requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from modelkeel.serving.protocol import DeadlineProtocol, Watch

TEXT = (b"content-type", b"text/plain")
QUIET = 0.3
"""Seconds after which nothing more is waited for."""
Seen = list[str]


def head(status: int, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def whole(data: bytes, status: int = 200) -> list[dict[str, Any]]:
    return [head(status, TEXT, (b"content-length", b"%d" % len(data))), part(data)]


class App:
    """Answers in many ways, by path, and keeps what it saw."""

    def __init__(self) -> None:
        self.seen: Seen = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.seen.append(path)
        try:
            await getattr(self, path.strip("/"))(scope, receive, send)
        except Exception as error:
            self.seen.append(f"{path}: {type(error).__name__}")
            raise

    async def read(self, receive: Any) -> bytes:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen.append("disconnect")
                return body
            body += message["body"]
            if not message["more_body"]:
                return body

    async def plain(self, scope: Any, receive: Any, send: Any) -> None:
        body = await self.read(receive)
        for message in whole(f"{scope['method']} {scope['http_version']} {len(body)}".encode()):
            await send(message)

    async def slow(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.1)
        await self.plain(scope, receive, send)

    async def unread(self, scope: Any, receive: Any, send: Any) -> None:
        for message in whole(b"no", 401):
            await send(message)

    async def parts(self, scope: Any, receive: Any, send: Any) -> None:
        await send(head(200, TEXT))
        for data in (b"one", b"", b"two"):
            await asyncio.sleep(0.01)
            await send(part(data, more=True))
        await send(part(b""))

    async def duplex(self, scope: Any, receive: Any, send: Any) -> None:
        """Says how it goes before it asks for more."""
        await send(head(200, TEXT))
        body = await self.read(receive)
        await send(part(b"%d" % len(body)))

    async def watched(self, scope: Any, receive: Any, send: Any) -> None:
        """A stream that listens for the end of its caller, as Starlette's do."""
        await send(head(200, TEXT))
        listening = asyncio.create_task(receive())
        await asyncio.sleep(0.05)
        await send(part(b"late"))
        listening.cancel()

    async def nothing(self, scope: Any, receive: Any, send: Any) -> None:
        await send(head(204))
        await send(part(b""))

    async def closing(self, scope: Any, receive: Any, send: Any) -> None:
        await send(head(200, (b"content-length", b"2"), (b"connection", b"close")))
        await send(part(b"ok"))

    async def silent(self, scope: Any, receive: Any, send: Any) -> None:
        pass

    async def fails(self, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("before its answer")

    async def breaks(self, scope: Any, receive: Any, send: Any) -> None:
        await send(head(200, TEXT))
        await send(part(b"half", more=True))
        raise ValueError("in its answer")

    async def regrets(self, scope: Any, receive: Any, send: Any) -> None:
        for message in whole(b"done"):
            await send(message)
        raise ValueError("after its answer")

    async def twice(self, scope: Any, receive: Any, send: Any) -> None:
        for message in [*whole(b"done"), *whole(b"again")]:
            await send(message)

    async def waits(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers once its caller is gone."""
        await self.read(receive)
        await self.read(receive)
        for message in whole(b"too late"):
            await send(message)
        self.seen.append("sent")

    async def large(self, scope: Any, receive: Any, send: Any) -> None:
        """More than fits between here and a caller that does not read."""
        await send(head(200, TEXT, (b"content-length", b"20000000")))
        for _ in range(4):
            await send(part(b"x" * 5_000_000, more=True))
        await send(part(b""))
        self.seen.append("sent")


async def exchange(
    protocol: Callable[..., asyncio.Protocol], pieces: list[bytes], *, leave: bool
) -> tuple[bytes, bool, Seen]:
    """What comes back for what is sent, whether the connection ended, and what the app saw."""
    app = App()
    config = Config(
        app, ws="none", lifespan="off", access_log=False, log_config=None, server_header=False
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    got, ended = b"", False
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.03)
        if leave:
            writer.transport.abort()
            await asyncio.sleep(QUIET)
        while not ended and not leave:
            data = await asyncio.wait_for(reader.read(65536), QUIET)
            got += data
            ended = not data
    except TimeoutError:
        pass
    except ConnectionError:
        ended = True
    finally:
        writer.close()
        server.close()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=2)
    return got, ended, app.seen


def ours(**given: Any) -> asyncio.Protocol:
    watch = Watch({"head": 9.0, "body": 9.0, "room": 9.0}, 100, 100)
    return DeadlineProtocol(**given, watch=watch)


def request(
    path: str, *headers: str, method: str = "GET", version: str = "1.1", body: bytes = b""
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "host: a", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def post(path: str, *headers: str, body: bytes = b"12345") -> bytes:
    return request(path, f"content-length: {len(body)}", *headers, method="POST", body=body)


EXPECT = "expect: 100-continue"
CHUNKED = "transfer-encoding: chunked"
CLOSE = "connection: close"
CHUNKS = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
PATHS = (
    "plain",
    "unread",
    "parts",
    "duplex",
    "watched",
    "nothing",
    "closing",
    "silent",
    "fails",
    "breaks",
    "regrets",
    "twice",
)
KINDS: dict[str, Callable[[str], list[bytes]]] = {
    "get": lambda path: [request(path)],
    "head": lambda path: [request(path, method="HEAD"), request("/plain")],
    "options": lambda path: [request(path, method="OPTIONS")],
    "post": lambda path: [post(path)],
    "chunked": lambda path: [request(path, CHUNKED, method="POST", body=CHUNKS)],
    "in pieces": lambda path: [post(path)[:9], post(path)[9:-3], post(path)[-3:]],
    "expects": lambda path: [post(path, EXPECT)[:-5], b"12345"],
    "expects, chunked": lambda path: [request(path, CHUNKED, EXPECT, method="POST"), CHUNKS],
    "expects, in one piece": lambda path: [post(path, EXPECT)],
    "expects, and sends nothing": lambda path: [post(path, EXPECT)[:-5]],
    "half a body": lambda path: [post(path)[:-2]],
    "closes": lambda path: [request(path, CLOSE)],
    "closes, after a body": lambda path: [post(path, CLOSE)],
    "1.0": lambda path: [request(path, version="1.0")],
    "1.0, kept": lambda path: [request(path, "connection: keep-alive", version="1.0")],
    "one after the other": lambda path: [request(path), post("/plain")],
    "pipelined": lambda path: [post("/slow") + request(path) + request("/plain")],
    "pipelined, closes": lambda path: [request("/slow") + request(path, CLOSE) + post("/plain")],
    "pipelined, in pieces": lambda path: [request("/slow") + post(path)[:-2], b"45" + post(path)],
    "pipelined, expects": lambda path: [request("/slow") + post(path, EXPECT)[:-5], b"12345"],
    "then nonsense": lambda path: [request(path) + b"\0\0\r\n\r\n"],
    "upgrade": lambda path: [request(path, "connection: upgrade", "upgrade: websocket")],
    "upgrade, with a body": lambda path: [post(path, "connection: upgrade", "upgrade: h2c")],
}


def both(pieces: list[bytes], *, leave: bool = False) -> list[tuple[bytes, bool, Seen]]:
    return [asyncio.run(exchange(each, pieces, leave=leave)) for each in (ours, HttpToolsProtocol)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_caller_sees_no_difference(kind: str, path: str) -> None:
    logging.getLogger("uvicorn.error").setLevel("CRITICAL")
    mine, theirs = both(KINDS[kind](f"/{path}"))
    assert mine == theirs


@pytest.mark.parametrize(
    "pieces",
    [
        [b"nonsense\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n"],
        [b"POST /plain HTTP/1.1\r\nhost: a\r\n", b"transfer-encoding: chunked\r\n\r\nzz\r\n"],
        [b"GET http://[ HTTP/1.1\r\nhost: a\r\n\r\n"],
        [request("/plain"), b"GET"],
    ],
)
def test_nonsense_is_answered_alike(pieces: list[bytes]) -> None:
    mine, theirs = both(pieces)
    assert mine == theirs


@pytest.mark.parametrize("path", ["/waits", "/large", "/duplex", "/plain"])
def test_a_caller_that_leaves_ends_the_work(path: str) -> None:
    pieces = [post(path)] if path in ("/waits", "/large") else [post(path)[:-2]]
    mine, theirs = both(pieces, leave=True)
    assert mine == theirs
    assert mine[2]
