"""What the serving benchmark makes for wrk, and what it reads of it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def load() -> ModuleType:
    path = ROOT / "bench" / "serving_load.py"
    spec = importlib.util.spec_from_file_location("serving_load", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def output(**changes: float) -> str:
    told = {"requests": 9000, "seconds": 4.5, "status": 0, "socket": 0, "timeout": 0}
    told |= {"p50_ms": 5.5, "p99_ms": 12.25, **changes}
    return (
        "Running 4s test @ http://127.0.0.1:8000\n  Latency Distribution\n     50%    5.50ms\n"
        f"Requests/sec:   2000.00\nwrk-found {json.dumps(told)}\n"
    )


def test_figures_are_read(load: ModuleType) -> None:
    assert load.parse(output()) == load.Found(2000.0, 5.5, 12.25, 0)


@pytest.mark.parametrize("what", ["status", "socket", "timeout"])
def test_every_kind_of_failed_request_counts(load: ModuleType, what: str) -> None:
    assert load.parse(output(**{what: 3})).failed == 3


@pytest.mark.parametrize("said", ["", "unable to connect to 127.0.0.1:8000", output(requests=0)])
def test_no_answer_is_no_figure(load: ModuleType, said: str) -> None:
    with pytest.raises(load.NotServingError):
        load.parse(said)


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_wrk_sends_each_body_in_turn(load: ModuleType, tmp_path: Path) -> None:
    seen: set[bytes] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/predict"
            assert self.headers["X-Key"] == 'a "key"'
            seen.add(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    bodies = [b'{"a": [[1]]}', b'{"a": "\\u00e4"}']
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        asked = load.Server(
            "test", [], {}, server.server_port, {"X-Key": 'a "key"'}, {1: "/predict"}, {1: bodies}
        )
        script = tmp_path / "load.lua"
        script.write_bytes(load.lua(asked, 1))
        command = ["wrk", "-t1", "-c2", "-d1s", "-s", str(script), url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        server.shutdown()
    found = load.parse(said)
    assert found.failed == 0
    assert found.per_second > 0
    assert seen == set(bodies)
