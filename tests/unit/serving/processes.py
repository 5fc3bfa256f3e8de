"""Real servers in real processes, on the loopback address."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

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


def closed(connection: socket.socket) -> bytes:
    """What still comes until the other side closes."""
    got = b""
    try:
        while part := connection.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got
