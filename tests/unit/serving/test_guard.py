"""Who may do what: a small app behind the guard, in process and under a real server."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from modelkeel.serving.access import Access
from modelkeel.serving.guard import Guard
from modelkeel.serving.headers import SecurityHeaders
from modelkeel.serving.keys import ROLES, Role, create_key
from modelkeel.serving.limits import Limits
from modelkeel.serving.requestlog import RequestLog
from modelkeel.serving.rules import ANY, Rule, Rules

ROUTES = [
    "/predict",
    "/decisions/1/explanation",
    "/metrics",
    "/model",
    "/live",
    "/ready",
    "/reviews/3",
    "/journal/verify",
    "/audit",
    "/docs",
    "/openapi.json",
    "/own",
]


async def echo(request: Request) -> Response:
    await request.body()
    caller = request.scope["state"].get("caller")
    return JSONResponse({"caller": caller.id if caller else None})


async def page(request: Request) -> Response:
    return HTMLResponse("<h1>Documentation</h1>")


async def socket_route(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def small_app() -> Starlette:
    methods = ["GET", "POST", "DELETE"]
    routes: list[Any] = [Route(path, echo, methods=methods) for path in ROUTES]
    routes.append(Route("/docs/page", page))
    routes.append(Mount("/docs/assets", Starlette(routes=[Route("/a.js", echo)])))
    routes.append(WebSocketRoute("/stream", socket_route))
    return Starlette(routes=routes)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    roles: list[Role] = [*ROLES]
    return {role: create_key(tmp_path / "keys.toml", role, (role,), None)[1] for role in roles}


Build = Callable[..., ASGIApp]


@pytest.fixture
def build(tmp_path: Path, keys: dict[str, str]) -> Build:
    def guarded(
        *, required: bool = True, limits: tuple[int, int] = (0, 0), rules: Rules | None = None
    ) -> ASGIApp:
        access = Access(tmp_path / "keys.toml", None, required=required)
        limit = Limits(tmp_path / "run", *limits)
        return RequestLog(SecurityHeaders(Guard(small_app(), access, limit, rules)))

    return guarded


def ask(
    app: ASGIApp, method: str, path: str, key: str | None = None, **more: Any
) -> httpx2.Response:
    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {**({"x-api-key": key} if key else {}), **more.pop("headers", {})}
            return await client.request(method, path, headers=headers, **more)

    return asyncio.run(run())


ALLOWED = {
    ("POST", "/predict"): {"predict"},
    ("GET", "/predict"): {"predict"},
    ("GET", "/decisions/1/explanation"): {"audit", "review", "predict"},
    ("GET", "/metrics"): {"operate"},
    ("GET", "/model"): set(ROLES),
    ("POST", "/reviews/3"): {"review"},
    ("GET", "/journal/verify"): {"audit"},
    ("GET", "/audit"): {"audit"},
    ("GET", "/docs"): set(ROLES),
    ("GET", "/docs/assets/a.js"): set(ROLES),
    ("GET", "/openapi.json"): set(ROLES),
    ("POST", "/own"): {"predict"},
    ("GET", "/own"): {"predict"},
    ("DELETE", "/model"): {"predict"},
    ("POST", "/live"): {"predict"},
}


@pytest.mark.parametrize(("method", "path"), ALLOWED)
def test_each_path_asks_for_its_roles(
    build: Build, keys: dict[str, str], method: str, path: str
) -> None:
    app = build()
    for role, key in keys.items():
        status = ask(app, method, path, key).status_code
        assert status == (200 if role in ALLOWED[method, path] else 403), role
    assert ask(app, method, path).status_code == 401


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_health_is_for_everybody_and_knows_who_asks(
    build: Build, keys: dict[str, str], path: str
) -> None:
    app = build()
    assert ask(app, "GET", path).json() == {"caller": None}
    assert ask(app, "HEAD", path).status_code == 200
    assert ask(app, "GET", path, "mk_nonsense").json() == {"caller": None}
    assert ask(app, "GET", path, keys["operate"]).json() == {"caller": keys["operate"][3:15]}


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/live/x", "/livex", "//live", "/Live", "/docsx", "/metrics/", "/ready/../own"],
)
def test_what_is_not_known_is_closed(build: Build, path: str) -> None:
    assert ask(build(), "GET", path).status_code == 401


def test_a_refusal_is_a_problem(build: Build, keys: dict[str, str]) -> None:
    app = build()
    unknown = ask(app, "POST", "/predict", "mk_000000000000_" + "A" * 43)
    assert unknown.status_code == 401
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.headers["www-authenticate"] == 'Bearer realm="modelkeel", error="invalid_token"'
    assert unknown.json()["type"] == "urn:modelkeel:problem:unauthorized"
    assert unknown.json()["instance"] == f"urn:uuid:{unknown.headers['x-request-id']}"
    denied = ask(app, "GET", "/journal/verify", keys["predict"])
    assert denied.status_code == 403
    assert denied.json()["detail"] == "This needs the role audit, which the caller does not have."
    assert 'error="insufficient_scope", scope="audit"' in denied.headers["www-authenticate"]
    assert ask(app, "HEAD", "/model").content == b""


def test_nothing_that_was_sent_comes_back(build: Build, keys: dict[str, str]) -> None:
    app = build()
    secret = "mk_000000000000_" + "SECRET" * 7
    answers = [
        ask(app, "POST", f"/predict?{secret}", secret, content=secret),
        ask(app, "GET", f"/{secret}", secret),
        ask(app, "GET", "/metrics", keys["predict"], content=secret),
    ]
    for answer in answers:
        assert "SECRET" not in answer.text + str(answer.headers)
    for key in keys.values():
        assert not any(key in answer.text for answer in answers)


def test_the_log_says_why_and_nothing_else(
    build: Build, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("modelkeel.serving")
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    try:
        ask(build(), "POST", "/predict", keys["predict"][:-1] + "!")
    finally:
        logger.removeHandler(caplog.handler)
    line = json.loads(caplog.records[-1].getMessage())
    assert line["refused"] == "key: unknown"
    assert keys["predict"][16:30] not in caplog.text


def test_the_body_of_a_stranger_is_not_read(build: Build) -> None:
    async def run() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            raise AssertionError("the body was asked for")

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict",
            "headers": [(b"content-length", b"1000000000"), (b"expect", b"100-continue")],
        }
        await build()(scope, receive, send)
        return sent

    sent = asyncio.run(run())
    assert sent[0]["status"] == 401
    assert (b"connection", b"close") in sent[0]["headers"]


def test_too_many_requests(build: Build, keys: dict[str, str]) -> None:
    app = build(limits=(6, 0))  # one at a time, then one in ten seconds
    assert ask(app, "POST", "/predict", keys["predict"]).status_code == 200
    refused = ask(app, "POST", "/predict", keys["predict"])
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert refused.headers["ratelimit"].startswith('"requests";r=0')
    assert ask(app, "GET", "/model", keys["audit"]).status_code == 200  # another caller
    for _ in range(3):
        assert ask(app, "GET", "/live", keys["predict"]).status_code == 200
        assert ask(app, "GET", "/own", keys["operate"]).status_code == 403  # costs nothing
    assert ask(app, "GET", "/model", keys["operate"]).status_code == 200


def test_in_development_the_documentation_is_open(build: Build) -> None:
    app = build(required=False)
    for path in ("/docs", "/docs/assets/a.js", "/openapi.json"):
        assert ask(app, "GET", path).status_code == 200
    assert ask(app, "POST", "/predict").status_code == 401  # there are keys


def test_in_development_without_keys_everything_is_open(tmp_path: Path) -> None:
    access = Access(tmp_path / "none.toml", None, required=False)
    app = RequestLog(Guard(small_app(), access, Limits(tmp_path, 0, 0)))
    for path in ROUTES:
        assert ask(app, "GET", path).json() == {"caller": "development"}


def test_other_sites_may_not_call_unless_they_are_named(build: Build) -> None:
    site = "https://desk.example.org"
    asked = {"origin": site, "access-control-request-method": "POST"}
    closed = ask(build(), "OPTIONS", "/predict", headers=asked)
    assert closed.status_code == 401
    assert "access-control-allow-origin" not in closed.headers
    app = CORSMiddleware(build(), [site], ["GET", "POST"], ["x-api-key"])
    opened = ask(app, "OPTIONS", "/predict", headers=asked)
    assert opened.headers["access-control-allow-origin"] == site
    refused = ask(app, "POST", "/predict", headers={"origin": site})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == site  # so that the page can read why
    other = ask(app, "POST", "/predict", headers={"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers


def test_own_rules_come_first(build: Build, keys: dict[str, str]) -> None:
    rules = Rules([Rule("/own", frozenset({"audit"})), Rule("/model", ANY - {"review"}, "GET")])
    app = build(rules=rules)
    assert ask(app, "GET", "/own", keys["predict"]).status_code == 403
    assert ask(app, "GET", "/own", keys["audit"]).status_code == 200
    assert ask(app, "GET", "/model", keys["review"]).status_code == 403


@pytest.mark.parametrize("path", ["/api/metrics", "/metrics"])
def test_behind_a_prefix_the_same_rules_hold(build: Build, keys: dict[str, str], path: str) -> None:
    app = build()

    async def under(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": "/api"}, receive, send)

    assert ask(under, "GET", path, keys["predict"]).status_code == 403
    assert ask(under, "GET", path, keys["operate"]).status_code == 200


def test_decided_paths_are_bounded() -> None:
    rules = Rules()
    for number in range(5000):
        scope = {"method": "GET", "path": f"/decisions/{number}"}
        assert rules.needed(scope) == {"audit", "review", "predict"}
    assert len(rules._found) <= 1024


# -------------------------------------------------------------------------------- headers


def test_headers_for_browsers(build: Build, keys: dict[str, str]) -> None:
    app = build()
    for answer in (ask(app, "GET", "/model", keys["audit"]), ask(app, "GET", "/model")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "strict-transport-security" not in answer.headers
    docs = ask(app, "GET", "/docs/page", keys["audit"]).headers
    assert docs["referrer-policy"] == "no-referrer"
    assert "script-src 'self'" in docs["content-security-policy"]
    assert "http" not in docs["content-security-policy"]


def test_https_is_remembered(build: Build) -> None:
    async def secure(scope: Scope, receive: Receive, send: Send) -> None:
        await build()({**scope, "scheme": "https"}, receive, send)

    assert "max-age" in ask(secure, "GET", "/live").headers["strict-transport-security"]


def test_a_page_keeps_its_own_policy() -> None:
    async def page(request: Request) -> Response:
        return HTMLResponse("x", headers={"Content-Security-Policy": "default-src 'self'"})

    answer = ask(SecurityHeaders(Starlette(routes=[Route("/", page)])), "GET", "/")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers["x-frame-options"] == "DENY"


# ------------------------------------------------------------------------ under a real server


@pytest.fixture
def served(build: Build) -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        config = uvicorn.Config(build(limits=(6, 0)), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield port
        server.should_exit = True
        thread.join(5)


def test_a_real_server_refuses(served: int, keys: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{served}"
    bearer = {"authorization": f"Bearer {keys['predict']}"}
    with httpx2.Client(base_url=url) as client:
        assert client.post("/predict", content=b"{}").status_code == 401
        assert client.get("/metrics", headers=bearer).status_code == 403
        statuses = [client.post("/predict", headers=bearer).status_code for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert client.get("/live").status_code == 200


def test_a_stranger_with_a_gigabyte_is_sent_away(served: int) -> None:
    """The answer comes at once, and the connection ends: the rest is never taken in."""
    with socket.create_connection(("127.0.0.1", served), timeout=10) as sending:
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n"
        sending.sendall(head)
        assert sending.recv(4096).startswith(b"HTTP/1.1 401 ")
        taken = 0
        with pytest.raises(OSError):  # noqa: PT011, PT012 reset, or a broken pipe
            for _ in range(1000):
                sending.sendall(b"x" * 1_000_000)
                taken += 1_000_000
        assert taken < 50_000_000


def test_a_socket_is_guarded_too(served: int, keys: dict[str, str]) -> None:
    url = f"ws://127.0.0.1:{served}/stream"
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus) as caught:
        connect(url)
    assert caught.value.response.status_code == 403
    with connect(url, additional_headers={"x-api-key": keys["predict"]}) as opened:
        assert opened.recv() == "hello"
