"""More connections and requests than a server takes."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from .processes import closed, running


def test_with_all_connections_taken_the_slowest_makes_room(tmp_path: Path) -> None:
    with running(tmp_path, connections=20, drain=0.0) as server:
        slow = [server.connect() for _ in range(20)]
        for connection in slow:
            connection.sendall(b"GET /answer HTTP/1.1\r\n")
        assert server.get("/answer")
        assert b" 408 " in closed(slow[0])
        for connection in slow[1:]:
            connection.sendall(b"host: a\r\nconnection: close\r\n\r\n")
        answered = [closed(connection).startswith(b"HTTP/1.1 200 ") for connection in slow[1:]]
        assert sum(answered) >= 18  # each request of ours took at most one


def test_with_all_connections_in_work_one_more_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, connections=20, drain=0.0) as server:
        work = [server.connect() for _ in range(20)]
        for connection in work:
            connection.sendall(b"GET /answer?wait=6 HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(1)
        with server.connect() as more:
            assert closed(more).startswith(b"HTTP/1.1 503 ")
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
            connection.sendall(b"GET /answer?wait=6 HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(1)
        started = time.monotonic()
        problem = server.get("/answer")
        assert time.monotonic() - started < 4
        assert '"The server is busy"' in problem
        assert server.headers["retry-after"] == "1"
        for connection in work:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.metric("modelkeel_busy_total") == 1
        for connection in bodies + work:
            connection.close()


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
        with running(tmp_path, head=20.0, body=20.0, drain=0.0) as server:
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
