"""Real servers in real processes, on the loopback address."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import pytest

from modelkeel.errors import BadInput, KeelError
from modelkeel.serving.drain import PROCESS
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.run import serve

SERVICE = '''
import asyncio, os, threading
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from modelkeel.serving.drain import PROCESS
from modelkeel.serving.metrics import Metrics, MetricsEndpoint, folder_of
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.requestlog import RequestLog, set_up_logging

HERE = Path(__file__).parent
metrics = Metrics(folder_of(HERE / "runtime"))


async def answer(request):
    await asyncio.sleep(float(request.query_params.get("wait", 0)))
    return PlainTextResponse(f"{os.getpid()} {len(await request.body())}")


async def early(request):
    return PlainTextResponse("early")


async def ready(request):
    try:
        PROCESS.check()
    except ProblemError as problem:
        return JSONResponse({}, problem.status)
    return JSONResponse({})


async def seen(request):
    return PlainTextResponse(f"{request.client.host} {request.url.scheme}")


async def large(request):
    async def parts():
        for _ in range(1000):
            yield b"x" * 100_000
    return StreamingResponse(parts())


async def hang(request):
    import time
    time.sleep(3600)


@asynccontextmanager
async def lifespan(app):
    yield
    with (HERE / "ended").open("a") as file:
        file.write(f"{os.getpid()}\\n")


app = Starlette(
    routes=[
        Route("/answer", answer, methods=["GET", "POST"]),
        Route("/early", early, methods=["POST"]),
        Route("/ready", ready),
        Route("/seen", seen),
        Route("/large", large),
        Route("/hang", hang),
        Route("/metrics", MetricsEndpoint(metrics)),
    ],
    lifespan=lifespan,
)
app.add_middleware(RequestLog, metrics=metrics)
set_up_logging()


async def raw(scope, receive, send):
    """No request log around it."""
    if scope["type"] == "http":
        raise ValueError("Ada Lovelace")
'''


@dataclass
class Running:
    """A server that runs."""

    process: subprocess.Popen[str]
    folder: Path
    port: int
    headers: Message = field(default_factory=Message)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> str:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=names)
            answer = connection.getresponse()
            self.headers = answer.headers
            return answer.read().decode()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def metric(self, line: str) -> float:
        """The value of the line of /metrics that begins so."""
        text = self.get("/metrics")
        return next((float(t.split()[-1]) for t in text.splitlines() if t.startswith(line)), 0.0)

    def workers(self, count: int) -> set[int]:
        """Process ids of workers, from answers."""
        found: set[int] = set()
        until = time.monotonic() + 60
        while len(found) < count and time.monotonic() < until:
            found.add(int(self.get("/answer").split()[0]))
        assert len(found) == count
        return found

    @property
    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def log(self) -> str:
        return (self.folder / "stdout").read_text()

    def stop(self, number: int = signal.SIGTERM, timeout: float = 60) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)


def port_of(errors: str) -> int:
    return int(errors.split("http://127.0.0.1:")[1].split()[0])


def write_main(folder: Path, app: str, setup: str, **options: object) -> None:
    """A program that serves an app."""
    (folder / "service.py").write_text(SERVICE)
    given = "".join(f", {name}={value!r}" for name, value in ({"port": 0} | options).items())
    code = (
        "from modelkeel.errors import KeelError, print_error\n"
        "from modelkeel.serving.run import serve\n"
        f"{setup}\n"
        "if __name__ == '__main__':\n"
        f"    try: serve({app!r}{given})\n"
        "    except KeelError as error: print_error(error); raise SystemExit(error.exit_code)\n"
    )
    (folder / "main.py").write_text(code)


@contextmanager
def running(
    folder: Path, app: str = "service:app", setup: str = "", **options: object
) -> Iterator[Running]:
    write_main(folder, app, setup, **options)
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "main.py"], cwd=folder, stdout=out, stderr=err, text=True
        )
    server = Running(process, folder, 0)
    try:
        until = time.monotonic() + 90
        while "serving " not in server.errors:
            assert process.poll() is None, server.errors
            assert time.monotonic() < until, server.errors
            time.sleep(0.05)
        server.port = port_of(server.errors)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


# --- one server, many questions -------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With deadlines of a second."""
    folder = tmp_path_factory.mktemp("server")
    with running(folder, head=1.0, body=1.5, answer=1.5, drain=0.0) as found:
        yield found


def _closed(connection: socket.socket) -> bytes:
    """What still comes until the other side closes."""
    got = b""
    try:
        while part := connection.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


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
        got = _closed(connection)
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
        assert b" 408 Request Timeout" in _closed(connection)


def test_a_body_that_does_not_come_closes_the_connection(server: Running) -> None:
    with server.connect() as connection:
        head = b"POST /answer HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n"
        connection.sendall(head + b"x" * 10)
        started = time.monotonic()
        got = _closed(connection)
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
                assert _closed(connection)
        until = time.monotonic() + 10
        while server.metric(kind) == before:
            assert time.monotonic() < until
    assert server.metric(failed) == 0
    assert "ASGI" not in server.errors


def test_a_body_may_come_after_its_answer(server: Running) -> None:
    """It is given up as any other, and nothing is said twice."""
    with server.connect() as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
        got = _closed(connection)
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.count(b"HTTP/1.1 ") == 1


def test_a_body_that_the_app_does_not_take_is_not_late(server: Running) -> None:
    with server.connect() as connection:
        head = b"POST /answer?wait=4 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        connection.sendall(head + b"content-length: 9000000\r\n\r\n" + b"x" * 9_000_000)
        assert _closed(connection).endswith(b" 9000000")


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
                got = _closed(connection)
                assert time.monotonic() - started < 8
            answer, _, body = got.partition(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in answer
            problem = json.loads(body)
            assert problem["type"] == "urn:modelkeel:problem:request-timeout"
            assert "within 1 seconds" in problem["detail"]
            assert problem["instance"].encode().removeprefix(b"urn:uuid:") in answer
            said = f'"route":"{path}","status":408'
            until = time.monotonic() + 10
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
        assert len(_closed(connection)) < 90_000_000


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
        assert _closed(connection).endswith(b" 4")


def test_proxies_are_not_believed_by_default(server: Running) -> None:
    seen = server.get("/seen", x_forwarded_for="203.0.113.7", x_forwarded_proto="https")
    assert seen == "127.0.0.1 http"


def test_an_address_that_is_taken_is_refused(server: Running) -> None:
    for workers in (1, 2):
        with pytest.raises(KeelError, match=f"cannot listen on 127.0.0.1:{server.port}: Addr"):
            serve("service:app", port=server.port, workers=workers)


# --- too much at once ----------------------------------------------------------------------------


def test_with_all_connections_taken_the_slowest_makes_room(tmp_path: Path) -> None:
    with running(tmp_path, connections=20, drain=0.0) as server:
        slow = [server.connect() for _ in range(20)]
        for connection in slow:
            connection.sendall(b"GET /answer HTTP/1.1\r\n")
        assert server.get("/answer")
        assert b" 408 " in _closed(slow[0])
        for connection in slow[1:]:
            connection.sendall(b"host: a\r\nconnection: close\r\n\r\n")
        answered = [_closed(connection).startswith(b"HTTP/1.1 200 ") for connection in slow[1:]]
        assert sum(answered) >= 18  # each request of ours took at most one


def test_with_all_connections_in_work_one_more_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, connections=20, drain=0.0) as server:
        work = [server.connect() for _ in range(20)]
        for connection in work:
            connection.sendall(b"GET /answer?wait=3 HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(0.5)
        with server.connect() as more:
            assert _closed(more).startswith(b"HTTP/1.1 503 ")
        for connection in work:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
            connection.close()


def test_with_all_requests_in_work_one_more_is_answered_503(tmp_path: Path) -> None:
    with running(tmp_path, requests=5, drain=0.0) as server:
        bodies = [server.connect() for _ in range(10)]
        for connection in bodies:  # these only wait
            head = b"POST /answer HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
            connection.sendall(head)
        assert server.get("/answer")
        work = [server.connect() for _ in range(5)]
        for connection in work:
            connection.sendall(b"GET /answer?wait=3 HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(0.5)
        started = time.monotonic()
        problem = server.get("/answer")
        assert time.monotonic() - started < 2
        assert '"The server is busy"' in problem
        assert server.headers["retry-after"] == "1"
        for connection in work:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.metric("modelkeel_busy_total") == 1
        for connection in bodies + work:
            connection.close()


# --- refusals -------------------------------------------------------------------------------------


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


# --- whole lives ----------------------------------------------------------------------------------


@dataclass
class Load:
    """Callers that send one request after the other, and leave when they are told to.

    `lost` are requests that were sent and got no answer. One that cannot connect has sent nothing.
    """

    port: int
    callers: int
    keep_alive: bool = True
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    told: int = 0

    def start(self) -> None:
        self.ending = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self.thread.start()

    def stop(self) -> None:
        self.ending = True
        self.thread.join()

    async def _all(self) -> None:
        await asyncio.gather(*[self._one() for _ in range(self.callers)])

    async def _one(self) -> None:
        while not self.ending:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:  # refused: nothing was sent
                await asyncio.sleep(0.02)
                continue
            try:
                while await self._request(reader, writer) and not self.ending:
                    pass
            except (OSError, asyncio.IncompleteReadError) as error:
                self.lost.append(repr(error))
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        close = b"" if self.keep_alive else b"connection: close\r\n"
        writer.write(b"POST /answer?wait=0.01 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n" + close)
        writer.write(b"\r\n{}")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        self.answered += 1
        self.statuses[int(head.split()[1])] += 1
        told = b"connection: close" in head
        self.told += told
        return not told and self.keep_alive


@pytest.mark.slow
@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_fails_no_request(
    tmp_path: Path, workers: int, keep_alive: bool
) -> None:
    with running(tmp_path, workers=workers, drain=2.0) as server:
        server.workers(workers)
        load = Load(server.port, 32, keep_alive)
        load.start()
        time.sleep(2)
        before = load.answered
        with server.connect() as idle:
            server.process.terminate()
            time.sleep(0.6)
            idle.sendall(b"GET /ready HTTP/1.1\r\nhost: a\r\n\r\n")
            got = idle.recv(4096).lower()
            assert got.startswith(b"http/1.1 503 ")
            assert b"connection: close" in got
        assert server.process.wait(60) == 0
        load.stop()
        print(f"{workers} workers: {before} before, {load.answered} answered, {load.told} told")
        assert before > 100
        assert load.answered > before
        assert load.lost == []
        assert load.statuses == {200: load.answered}
        assert load.told >= 32
        assert len((tmp_path / "ended").read_text().split()) == workers
        lines = sum('"route":"/answer"' in line for line in server.log.splitlines())
        assert lines >= load.answered


_LAUNCH = """
"$0" main.py >stdout 2>stderr & echo $!
for _ in $(seq 600); do grep -q "^serving " stderr && exit; sleep 0.1; done
"""


def test_it_goes_on_when_its_launcher_ends(tmp_path: Path) -> None:
    write_main(tmp_path, "service:app", "", drain=0.0)
    command = ["sh", "-c", _LAUNCH, sys.executable]
    launched = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    pid = int(launched.stdout)
    try:
        time.sleep(1)
        port = port_of((tmp_path / "stderr").read_text())
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET /answer HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert _closed(connection).startswith(b"HTTP/1.1 200 ")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


@pytest.mark.slow
def test_requests_in_work_end_before_the_server_does(tmp_path: Path) -> None:
    with running(tmp_path, drain=0.0) as server, server.connect() as connection:
        connection.sendall(b"GET /answer?wait=2 HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(0.5)
        server.process.terminate()
        head = _closed(connection).lower()
        assert head.startswith(b"http/1.1 200 ")
        assert b"connection: close" in head
        assert server.process.wait(30) == 0
        assert '"event":"stopping","reason":"SIGTERM"' in server.log


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_an_impatient_person_does_not_wait(
    tmp_path: Path, workers: int, numbers: list[int]
) -> None:
    with running(tmp_path, workers=workers, drain=60.0) as server:
        started = time.monotonic()
        for number in numbers:
            # A terminal sends SIGINT to all; here only the first process gets it.
            pids = [server.process.pid, *(server.workers(workers) if workers > 1 else [])]
            for pid in pids if number == signal.SIGINT else pids[:1]:
                os.kill(pid, number)
            time.sleep(1)
        assert server.process.wait(30) == 0
        assert time.monotonic() - started < 30


def _wait_for_the_end(process: int) -> None:
    until = time.monotonic() + 60
    while Path(f"/proc/{process}").exists():  # also while its parent has not noticed
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_counts_stay(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, drain=0.0) as server:
        first = server.workers(2)
        for _ in range(50):
            server.get("/answer")
        counted = 'modelkeel_requests_total{route="/answer",status="2xx"}'
        before = server.metric(counted)
        dead = first.pop()
        os.kill(dead, signal.SIGKILL)
        _wait_for_the_end(dead)  # until then it may take a connection and drop it
        answered = 0
        until = time.monotonic() + 60
        while server.metric("modelkeel_workers") < 2 or answered < 100:
            assert int(server.get("/answer").split()[0]) != dead
            answered += 1
            assert time.monotonic() < until
        assert server.workers(2) - first
        assert server.metric(counted) >= before + answered
        assert f"worker {dead} ended with status -9" in server.errors


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    setup = "import modelkeel.serving.supervise as supervise\nsupervise.HUNG_SECONDS = 3.0"
    with running(tmp_path, setup=setup, workers=2, drain=0.0) as server:
        first = server.workers(2)
        with server.connect() as connection:
            connection.sendall(b"GET /hang HTTP/1.1\r\nhost: a\r\n\r\n")
            assert _closed(connection) == b""
        until = time.monotonic() + 30
        while "ended with status -9" not in server.errors:  # before, it may drop a connection
            assert time.monotonic() < until
            time.sleep(0.01)
        assert server.errors.count("hangs and is killed") == 1
        assert server.workers(2) - first


_DIE = """
import os, signal

def die(plan, address, *rest):
    lock = getattr(rest[-1], "get_lock", None)
    if lock is not None:
        lock().acquire()
    os.kill(os.getpid(), signal.SIGKILL)

import modelkeel.serving.supervise as supervise
supervise.work = die
"""


def test_a_worker_that_dies_in_its_beat_does_not_hold_up_the_supervisor(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="ended with status -9 before it served"),
        running(tmp_path, setup=_DIE, workers=2),
    ):
        pass


@pytest.mark.slow
def test_metrics_add_up_over_workers(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, drain=0.0) as server:
        load = Load(server.port, 16)
        load.start()
        server.workers(2)
        time.sleep(1)
        load.stop()
        asked = server.metric('modelkeel_requests_total{route="/answer",status="2xx"}')
        lines = sum('"route":"/answer"' in line for line in server.log.splitlines())
        time.sleep(0.1)
        assert asked >= load.answered > 100
        assert asked == lines
        assert server.metric("modelkeel_workers") == 2


@pytest.mark.slow
def test_when_the_supervisor_is_killed_the_workers_end(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, drain=0.0) as server:
        workers = server.workers(2)
        server.process.kill()
        until = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert server.log.count('"event":"stopping","reason":"the supervisor is gone"') == 2


@pytest.mark.slow
def test_an_app_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    with (
        pytest.raises(
            AssertionError, match=r"service:nothing cannot be imported[^$]*before it ser"
        ),
        running(tmp_path, "service:nothing", workers=2),
    ):
        pass


@pytest.mark.slow
def test_a_trusted_proxy_is_believed(tmp_path: Path) -> None:
    with running(tmp_path, trusted_proxies="127.0.0.0/8", drain=0.0) as server:
        seen = server.get("/seen", x_forwarded_for="203.0.113.7", x_forwarded_proto="https")
        assert seen == "203.0.113.7 https"


@pytest.mark.slow
def test_a_fault_outside_the_request_log_tells_no_value(tmp_path: Path) -> None:
    with running(tmp_path, "service:raw", drain=0.0) as server:
        with server.connect() as connection:
            connection.sendall(b"GET /Lovelace HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert b" 500 " in _closed(connection)
        server.stop()
        assert "Exception in ASGI application: ValueError" in server.errors
        assert "Lovelace" not in server.errors + server.log


@pytest.mark.slow
def test_ten_thousand_slow_connections_do_not_hold_up_good_requests(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kinds = (
        b"",
        b"GET /answer HTTP/1.1\r\nhost: a\r\nx-slow: ",
        b"POST /answer HTTP/1.1\r\nhost: a\r\ncontent-length: 9999\r\n\r\n{",
    )
    slow: list[socket.socket] = []
    try:
        with running(tmp_path, head=15.0, body=15.0, drain=0.0) as server:
            for number in range(count):
                connection = server.connect()
                connection.sendall(kinds[number % 3])
                slow.append(connection)
            held = server.metric("modelkeel_connections")
            times = []
            for _ in range(100):
                started = time.perf_counter()
                server.get("/answer")
                times.append(time.perf_counter() - started)
            until = time.monotonic() + 120
            while server.metric("modelkeel_slow_connections_total") < count:
                assert time.monotonic() < until
                time.sleep(0.5)
            assert server.metric("modelkeel_connections") < 10
            assert server.metric('modelkeel_requests_total{route="/answer",status="2xx"}') == 100
            times.sort()
            print(
                f"{count} slow, {held:.0f} open; median {times[50]:.4f} s, most {times[-1]:.3f} s"
            )
            assert held > count * 0.5  # the first were perhaps closed before the last came
            assert times[50] < 0.5
    finally:
        for connection in slow:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
