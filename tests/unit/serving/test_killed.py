"""Servers killed under load: what was acknowledged is in the journal, once, and the chain holds."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify

pytestmark = pytest.mark.slow

ROW = {"age": 35, "credit amount": 2500.0, "housing": "own", "savings": "rich", "income": 3000.0}
BODY = json.dumps({"rows": [ROW, ROW]})
HEADERS = {"content-type": "application/json"}
SERVICE = "from modelkeel.serving import create_app\napp = create_app('models')\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int, url: str, workers: int = 1) -> subprocess.Popen[bytes]:
    (folder / "service.py").write_text(SERVICE)
    code = f"from modelkeel.serving.run import serve; serve('service:app', port={port}, "
    code += f"workers={workers}, drain=0)"
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "MODELKEEL_JOURNAL": url,
        "MODELKEEL_RATE_PER_MINUTE": "0",
        "MODELKEEL_TIMEOUT": "3",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@dataclass
class Load:
    """Callers that go on whatever happens, and remember what they were told."""

    ports: list[int]
    acknowledged: list[str] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def call(self, number: int) -> None:
        port = self.ports[number % len(self.ports)]
        while not self.stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                while not self.stop.is_set():
                    connection.request("POST", "/predict", BODY, HEADERS)
                    answer = connection.getresponse()
                    told = json.loads(answer.read())
                    self.status.append(answer.status)
                    if answer.status == 200:
                        ids = [each["prediction_id"] for each in told["predictions"]]
                        self.acknowledged.extend(ids)
            time.sleep(0.02)


@contextmanager
def load(*ports: int, callers: int = 8) -> Iterator[Load]:
    running = Load(list(ports))
    threads = [threading.Thread(target=running.call, args=(at,)) for at in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stop.set()
        for thread in threads:
            thread.join(60)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """The whole server at once, as when its machine loses power but the disk does not lie."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def check(url: str, acknowledged: list[str]) -> int:
    """Every acknowledged prediction is there, once; how many records there are."""
    journal = Journal.open(url)
    recorded = [record.id for record in journal.reader().find(kind="prediction")]
    assert len(recorded) == len(set(recorded))
    assert not set(acknowledged) - set(recorded)
    report = verify(journal.engine)
    assert report.intact, report
    journal.engine.dispose()
    return len(recorded)


def test_killed_at_random_moments(models: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    port = free_port()
    chance = random.Random(7)  # noqa: S311 the same moments each time
    with load(port) as calls:
        for _ in range(12):
            before = len(calls.acknowledged)
            server = start(tmp_path, port, url, workers=chance.choice([1, 2]))
            until(lambda before=before: len(calls.acknowledged) > before)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.5))
            kill(server)
    recorded = check(url, calls.acknowledged)
    print(f"12 kills: {len(calls.acknowledged)} acknowledged, {recorded} recorded")
    assert set(calls.status) <= {200, 503}


def test_two_servers_in_one_file(models: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    ports = free_port(), free_port()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(models, other / "models")
    servers = [start(tmp_path, ports[0], url), start(other, ports[1], url)]
    with load(*ports) as calls:
        until(lambda: len(calls.acknowledged) > 500)
        kill(servers[0])
        before = len(calls.acknowledged)
        until(lambda: len(calls.acknowledged) > before + 200)
    kill(servers[1])
    assert set(calls.status) == {200}
    check(url, calls.acknowledged)


def test_the_database_stops_and_starts_under_load(models: Path, tmp_path: Path) -> None:
    pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL for this Python")
    # Started by root, the server runs as another user, who must reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-"))
    folder.chmod(0o711)
    database = pgserver.get_server(folder / "data", cleanup_mode="stop")
    socket_path = folder / "data" / ".s.PGSQL.5432"
    url = f"postgresql://postgres@/postgres?unix_sock={socket_path}"
    port = free_port()
    server = start(tmp_path, port, url, workers=2)
    with load(port) as calls:
        for _ in range(3):
            before = len(calls.acknowledged)
            until(lambda before=before: len(calls.acknowledged) > before + 200)  # type: ignore[misc]
            pid = database.get_pid()
            os.kill(pid, signal.SIGQUIT)  # at once, as in a crash
            until(lambda pid=pid: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]
            refused = calls.status.count(503)
            until(lambda refused=refused: calls.status.count(503) > refused)  # type: ignore[misc]
            assert status_of(port, f"/decisions/{calls.acknowledged[-1]}") == 503
            database.ensure_postgres_running()
        before = len(calls.acknowledged)
        until(lambda: len(calls.acknowledged) > before + 200)
    kill(server)
    recorded = check(url, calls.acknowledged)
    print(f"3 crashes: {len(calls.acknowledged)} acknowledged, {recorded} recorded")
    assert set(calls.status) == {200, 503}
    database.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
