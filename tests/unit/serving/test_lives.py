"""How servers and their workers begin, drain, die and are replaced."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .processes import closed, port_of, running, write_main


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
    with running(tmp_path, workers=workers, drain=4.0) as server:
        server.workers(workers)
        load = Load(server.port, 32, keep_alive)
        load.start()
        time.sleep(2)
        before = load.answered
        with server.connect() as idle:
            server.process.terminate()
            time.sleep(1)
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
            assert closed(connection).startswith(b"HTTP/1.1 200 ")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


@pytest.mark.slow
def test_requests_in_work_end_before_the_server_does(tmp_path: Path) -> None:
    with running(tmp_path, drain=0.0) as server, server.connect() as connection:
        connection.sendall(b"GET /answer?wait=4 HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(1)
        server.process.terminate()
        head = closed(connection).lower()
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
    setup = "import modelkeel.serving.supervise as supervise\nsupervise.HUNG_SECONDS = 6.0"
    with running(tmp_path, setup=setup, workers=2, drain=0.0) as server:
        first = server.workers(2)
        with server.connect() as connection:
            connection.sendall(b"GET /hang HTTP/1.1\r\nhost: a\r\n\r\n")
            assert closed(connection) == b""
        until = time.monotonic() + 60
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
        assert asked >= load.answered > 100
        until = time.monotonic() + 30
        while (lines := server.log.count('"route":"/answer"')) < asked:  # they come in batches
            assert time.monotonic() < until, f"{lines} lines of {asked} requests"
            time.sleep(0.05)
        assert lines == asked
        assert server.metric("modelkeel_workers") == 2


@pytest.mark.slow
def test_when_the_supervisor_is_killed_the_workers_end(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, drain=0.0) as server:
        workers = server.workers(2)
        server.process.kill()
        until = time.monotonic() + 90
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
            assert b" 500 " in closed(connection)
        server.stop()
        assert "Exception in ASGI application: ValueError" in server.errors
        assert "Lovelace" not in server.errors + server.log
