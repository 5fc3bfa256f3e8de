"""A real server and slow, nosy or mistaken callers; what cannot be served."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeel.errors import BadInput, KeelError
from modelkeel.serving.drain import PROCESS
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.run import serve

from .processes import Running, closed, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With deadlines of a second."""
    folder = tmp_path_factory.mktemp("server")
    with running(folder, head=1.0, body=1.5, answer=1.5, drain=0.0) as found:
        yield found


def test_it_says_where_it_serves_and_not_what_it_is_made_of(server: Running) -> None:
    assert server.errors == f"serving service:app at {server.url}\n"
    server.get("/answer")
    assert "x-request-id" in server.headers
    assert "server" not in server.headers


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /answer HTTP/1.1\r\nhost: a\r\nx-a: "])
def test_a_head_that_does_not_come_closes_the_connection(server: Running, sent: bytes) -> None:
    slow = server.metric("modelkeel_slow_connections_total")
    with server.connect() as connection:
        connection.sendall(sent)
        started = time.monotonic()
        got = closed(connection)
        assert time.monotonic() - started < 15
    assert got == b"" if not sent else got.startswith(b"HTTP/1.1 408 ")
    assert server.metric("modelkeel_slow_connections_total") == slow + 1


def test_dripping_does_not_help(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /answer HTTP/1.1\r\nhost: a\r\n")
        started = time.monotonic()
        try:
            while time.monotonic() - started < 20:
                connection.sendall(b"x-a: 1\r\n")
                time.sleep(0.2)
        except OSError:
            return
    raise AssertionError("it was never closed")


def test_the_second_head_has_a_deadline_too(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /answer HTTP/1.1\r\nhost: a\r\n\r\nGET /ans")
        assert b" 408 Request Timeout" in closed(connection)


def test_a_body_that_does_not_come_closes_the_connection(server: Running) -> None:
    with server.connect() as connection:
        head = b"POST /answer HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n"
        connection.sendall(head + b"x" * 10)
        started = time.monotonic()
        got = closed(connection)
        assert 1 < time.monotonic() - started < 15
    assert got.startswith(b"HTTP/1.1 408 ")
    assert got.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in got.lower()


def test_a_body_that_does_not_come_is_no_fault_of_ours(server: Running) -> None:
    failed = 'modelkeel_requests_total{route="/answer",status="5xx"}'
    gone = 'modelkeel_requests_total{route="/answer",status="none"}'
    late = 'modelkeel_problems_total{status="408"}'
    for kind in (gone, late):
        before = server.metric(kind)
        with server.connect() as connection:
            connection.sendall(b"POST /answer HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
            if kind == late:
                assert closed(connection)
        until = time.monotonic() + 60
        while server.metric(kind) == before:
            assert time.monotonic() < until
    assert server.metric(failed) == 0
    assert "ASGI" not in server.errors


def test_a_body_may_come_after_its_answer(server: Running) -> None:
    """It is given up as any other, and nothing is said twice."""
    with server.connect() as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
        got = closed(connection)
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.count(b"HTTP/1.1 ") == 1


def test_a_body_that_the_app_does_not_take_is_not_late(server: Running) -> None:
    with server.connect() as connection:
        head = b"POST /answer?wait=4 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        connection.sendall(head + b"content-length: 9000000\r\n\r\n" + b"x" * 9_000_000)
        assert closed(connection).endswith(b" 9000000")


@pytest.mark.parametrize("how", ["environment", "settings"])
def test_the_setting_is_the_deadline_of_a_body(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    given = ""
    if how == "settings":
        given = ", settings=dataclasses.replace(settings_of(Path('models')), timeout=1)"
    else:
        monkeypatch.setenv("MODELKEEL_TIMEOUT", "1")
    code = f"""
import dataclasses
from pathlib import Path
from fastapi import APIRouter
from modelkeel.serving import create_app
from modelkeel.serving.settings import settings_of

router = APIRouter()

@router.post("/own")
async def own(body: dict[str, int]) -> int:
    return len(body)

app = create_app("models", routers=[router]{given})
"""
    (tmp_path / "real.py").write_text(code)
    with running(tmp_path, "real:app", drain=0.0) as server:
        for path in ("/predict", "/own"):
            with server.connect() as connection:
                head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                connection.sendall(head.encode() + b"content-length: 99\r\n\r\n{")
                started = time.monotonic()
                got = closed(connection)
                assert time.monotonic() - started < 8
            answer, _, body = got.partition(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in answer
            problem = json.loads(body)
            assert problem["type"] == "urn:modelkeel:problem:request-timeout"
            assert "within 1 seconds" in problem["detail"]
            assert problem["instance"].encode().removeprefix(b"urn:uuid:") in answer
            said = f'"route":"{path}","status":408'
            until = time.monotonic() + 60
            while said not in server.log:
                assert time.monotonic() < until
                time.sleep(0.05)


@pytest.mark.parametrize("trailers", [False, True])
def test_no_head_is_kept_without_bound(server: Running, trailers: bool) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /answer HTTP/1.1\r\nhost: a\r\n")
        if trailers:
            connection.sendall(b"transfer-encoding: chunked\r\n\r\n0\r\n")
        memory = _memory(server.process.pid)
        piece = b"".join(b"x-%d: %s\r\n" % (number, b"x" * 1000) for number in range(1000))
        try:
            for _ in range(40):
                connection.sendall(piece)
            got = connection.recv(100)
        except OSError:
            got = b""
        assert got == b"" or b" 431 " in got or trailers
        assert _memory(server.process.pid) < memory + 20_000_000


def test_an_answer_that_is_not_read_closes_the_connection(server: Running) -> None:
    slow = server.metric("modelkeel_slow_connections_total")
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        until = time.monotonic() + 20
        while server.metric("modelkeel_slow_connections_total") == slow:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert len(closed(connection)) < 90_000_000


def _memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


_REST = b"gth: 4\r\nconnection: close\r\n\r\nab"


def test_a_whole_request_in_pieces_is_answered(server: Running) -> None:
    with server.connect() as connection:
        for piece in (b"POST /answer HT", b"TP/1.1\r\nhost: a\r\ncontent-len", _REST):
            connection.sendall(piece)
            time.sleep(0.1)
        connection.sendall(b"cd")
        assert closed(connection).endswith(b" 4")


def test_proxies_are_not_believed_by_default(server: Running) -> None:
    seen = server.get("/seen", x_forwarded_for="203.0.113.7", x_forwarded_proto="https")
    assert seen == "127.0.0.1 http"


def test_an_address_that_is_taken_is_refused(server: Running) -> None:
    for workers in (1, 2):
        with pytest.raises(KeelError, match=f"cannot listen on 127.0.0.1:{server.port}: Addr"):
            serve("service:app", port=server.port, workers=workers)


def test_what_cannot_be_served_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="is in no modelkeel project"):
        serve(None)
    with pytest.raises(BadInput, match="0 workers"):
        serve("service:app", workers=0)
    with pytest.raises(BadInput, match=r"trusted proxy '\*' is neither an address nor a network"):
        serve("service:app", trusted_proxies="10.0.0.0/8, *")
    with pytest.raises(KeelError, match=r"cannot listen on 203\.0\.113\.1:8000"):
        serve("service:app", host="203.0.113.1")
    with pytest.raises(BadInput, match="nothing_there:app cannot be imported"):
        serve("nothing_there:app", port=0)


def test_ready_is_refused_while_draining(monkeypatch: pytest.MonkeyPatch) -> None:
    PROCESS.check()
    monkeypatch.setattr(PROCESS, "draining", True)
    with pytest.raises(ProblemError) as caught:
        PROCESS.check()
    assert caught.value.status == 503
