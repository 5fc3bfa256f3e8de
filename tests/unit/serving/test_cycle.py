"""Answers in one write, held to what uvicorn's own way of writing sends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from modelkeel.serving.cycle import Cycle

Message = dict[str, Any]
JSON = (b"content-type", b"application/json")


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def start(status: int, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": iter(headers)}


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def answered(
    kind: type[RequestResponseCycle],
    messages: Sequence[Message],
    method: str = "POST",
    *,
    keep_alive: bool = True,
    fails: bool = False,
) -> Transport:
    """What a cycle of a kind writes for the messages of an application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if fails:
            raise ValueError("the app fails")

    async def run() -> Transport:
        transport = Transport()
        responses: list[None] = []
        cycle = kind(
            scope=cast("Any", {"method": method}),
            transport=cast("Any", transport),
            flow=FlowControl(cast("Any", transport)),
            logger=cast("Any", _Quiet()),
            access_logger=cast("Any", None),
            access_log=False,
            default_headers=[(b"date", b"Sun, 29 Nov 2026 00:00:00 GMT")],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=lambda: responses.append(None),
        )
        await cycle.run_asgi(cast("Any", app))
        assert len(responses) == cycle.response_complete
        return transport

    return asyncio.run(run())


class _Quiet:
    def error(self, *_: Any, **__: Any) -> None:
        pass


LENGTH_2 = (b"content-length", b"2")
CASES = {
    "plain": [lambda: start(200, JSON, LENGTH_2), lambda: body(b"{}")],
    "error": [lambda: start(422, JSON, LENGTH_2), lambda: body(b"{}")],
    "closing": [lambda: start(200, LENGTH_2, (b"connection", b"close")), lambda: body(b"{}")],
    "without a length": [lambda: start(200, JSON), lambda: body(b"{}")],
    "in parts": [lambda: start(200, JSON), lambda: body(b"{", more=True), lambda: body(b"}")],
    "nothing": [lambda: start(204), lambda: body(b"")],
    "upper case": [lambda: start(200, (b"X-Own", b"1"), LENGTH_2), lambda: body(b"{}")],
    "too long": [lambda: start(200, LENGTH_2), lambda: body(b"{ }")],
    "too short": [lambda: start(200, LENGTH_2), lambda: body(b"{")],
    "two heads": [lambda: start(200, JSON), lambda: start(200, JSON)],
    "a line break": [lambda: start(200, (b"x-own", b"1\r\nx: 2"), LENGTH_2), lambda: body(b"{}")],
    "byte arrays": [
        lambda: start(200, (bytearray(b"x-own"), bytearray(b"1")), LENGTH_2),
        lambda: body(b"{}"),
    ],
    "a status of its own": [lambda: start(299, LENGTH_2), lambda: body(b"{}")],
    "two lengths": [lambda: start(200, LENGTH_2, LENGTH_2), lambda: body(b"{}")],
    "no body": [lambda: start(200, (b"content-length", b"0")), lambda: body(b"")],
    "no answer": [],
}


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_it_sends_what_uvicorn_sends(name: str, method: str, keep_alive: bool) -> None:
    """Up to the case of header names, whatever the application does."""
    asked = [
        answered(kind, [make() for make in CASES[name]], method, keep_alive=keep_alive)
        for kind in (Cycle, RequestResponseCycle)
    ]
    ours, theirs = (b"".join(each.written) for each in asked)
    assert ours == theirs
    assert asked[0].closed == asked[1].closed


def test_head_and_body_are_one_write() -> None:
    for _ in range(2):  # also with lines that are known by now
        transport = answered(Cycle, [start(200, JSON, LENGTH_2), body(b"{}")])
        assert len(transport.written) == 1


def test_an_app_that_fails_after_its_head_is_answered_500() -> None:
    transport = answered(Cycle, [start(200, JSON, LENGTH_2)], fails=True)
    assert b"".join(transport.written).startswith(b"HTTP/1.1 500 ")
