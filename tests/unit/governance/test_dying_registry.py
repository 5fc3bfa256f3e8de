"""A real MLflow server that dies in the middle of a promotion: nothing is half done."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from promoting import release, train

from modelkeel.errors import KeelError
from modelkeel.model.champion import load_champion, read_champion
from modelkeel.model.promotions import read_history
from modelkeel.model.registry import list_versions
from modelkeel.model.switch import lagging
from modelkeel.project import Project

pytestmark = [pytest.mark.integration, pytest.mark.slow]

REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")


class Server:
    """`mlflow server`, reached through a port that kills it when a request of some kind comes."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy2(store, folder / "server.db")
        self.behind, self.front = free_port(), free_port()
        self.deadly: tuple[bytes, int, bool] | None = None
        self.seen = 0
        self.listener = socket.create_server(("127.0.0.1", self.front))
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.front}"

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(self.behind), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"),
            *("--artifacts-destination", str(self.folder / "artifacts")),
        ]
        env = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(900):
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                opener.open(f"http://127.0.0.1:{self.behind}/health", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("MLflow did not start")

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()

    def die_at(self, path: bytes, number: int = 1, *, answered: bool = False) -> None:
        """Die at a request to that path; `answered`: once it was done, before it is told."""
        self.deadly, self.seen = (path, number, answered), 0

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.behind))
        except OSError:
            client.close()
            return
        with client, server:
            dying = threading.Event()
            back = threading.Thread(target=self._back, args=(server, client, dying), daemon=True)
            back.start()
            while data := _receive(client):
                found = REQUEST.match(data)
                if found and self.deadly and self.deadly[0] in found[1]:
                    self.seen += 1
                    if self.seen == self.deadly[1]:
                        if not self.deadly[2]:
                            self.deadly = None
                            self.kill()
                            return
                        dying.set()
                try:
                    server.sendall(data)
                except OSError:
                    return

    def _back(self, server: socket.socket, client: socket.socket, dying: threading.Event) -> None:
        while data := _receive(server):
            if dying.is_set():
                self.deadly = None
                self.kill()
                break
            try:
                client.sendall(data)
            except OSError:
                break
        with suppress(OSError):  # a client that waits for a dead server would wait for long
            client.shutdown(socket.SHUT_RDWR)


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 16)
    except OSError:
        return b""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("path", "number", "answered", "promoted"),
    [
        (b"mlflow-artifacts", 3, False, False),
        (b"model-versions/create", 1, False, False),
        (b"model-versions/create", 1, True, False),
        (b"registered-models/alias", 1, False, False),
        (b"registered-models/alias", 2, False, True),
        (b"registered-models/alias", 2, True, True),
        (b"model-versions/set-tag", 1, False, True),
    ],
)
def test_a_server_that_dies(
    ready: Project,
    empty_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    path: bytes,
    number: int,
    answered: bool,
    promoted: bool,
) -> None:
    server = Server(tmp_path_factory.mktemp("mlflow") / "server", empty_store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    server.start()
    try:
        first = train(ready, 0.001)
        release(ready, trial=True)
        second = train(ready, 0.002)
        server.die_at(path, number, answered=answered)
        if promoted:
            release(ready, trial=True)
            assert lagging(ready)
        else:
            with pytest.raises(KeelError, match=r"MLflow at http://127\.0\.0\.1:\d+ ") as told:
                release(ready, trial=True)
            assert told.value.exit_code == 1
            assert told.value.remedy
        assert server.process.wait(30) is not None, "it did not die"
        serving = second if promoted else first
        assert load_champion(ready.models_dir).digest == serving.digest
        assert read_history(ready)[-1].digest == serving.digest

        server.start()
        release(ready, trial=True)
        champion = read_champion(ready.models_dir)
        assert champion is not None
        assert (champion.digest, champion.previous) == (second.digest, first.digest)
        assert not lagging(ready)
        versions = list_versions(ready)
        assert [(each.version, each.aliases) for each in versions] == [
            ("2", ("champion",)),
            ("1", ("previous",)),
        ]
        assert versions[0].digest == second.digest
    finally:
        server.listener.close()
        server.kill()
