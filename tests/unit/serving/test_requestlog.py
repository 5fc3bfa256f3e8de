from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from modelkeel.serving.eventlog import log_event
from modelkeel.serving.lines import LINES, Lines
from modelkeel.serving.metrics import Metrics
from modelkeel.serving.requestlog import RequestLog, set_up_logging

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def _answer(request: Request) -> JSONResponse:
    if request.path_params["name"] == "broken":
        raise ValueError("Ada Lovelace")
    request.state.note["rows"] = 2
    return JSONResponse({"id": request.state.request_id})


def _app(metrics: Metrics | None = None) -> Starlette:
    app = Starlette(routes=[Route("/people/{name}", _answer, methods=["GET", "POST"])])
    app.add_middleware(RequestLog, metrics=metrics)
    return app


class Stdout:
    """What goes to stdout."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.text = ""

    def lines(self, count: int) -> list[dict[str, Any]]:
        for _ in range(1500):
            self.text += self.capsys.readouterr().out
            if self.text.count("\n") >= count:
                return [json.loads(line) for line in self.text.splitlines()]
            time.sleep(0.02)
        raise AssertionError(self.text)


@pytest.fixture
def stdout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stdout:
    """What goes to stdout, with logging as a server sets it up."""
    LINES.flush()  # what tests before this one wrote
    capsys.readouterr()
    logger = logging.getLogger("modelkeel.serving")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)
    set_up_logging()
    logger._cache.clear()  # type: ignore[attr-defined]
    return Stdout(capsys)


def test_a_line_says_what_happened_and_nothing_that_was_sent(
    stdout: Stdout, tmp_path: Path
) -> None:
    metrics = Metrics(tmp_path)
    client = TestClient(_app(metrics))
    headers = {"x-name": "Lovelace", "x-request-id": "Lovelace", "traceparent": "Lovelace"}
    answer = client.post(
        "/people/Lovelace?name=Lovelace", json={"name": "Lovelace"}, headers=headers
    )
    client.get("/people/broken")
    client.get("/Lovelace")
    client.request("LOVE-LACE", "/people/a")
    good, broken, unmatched, other = stdout.lines(4)
    assert "ovelace" not in stdout.text
    assert "LOVE" not in stdout.text
    assert list(good) == ["time", "request_id", "method", "route", "status", "ms", "rows"]
    assert good["request_id"] == answer.headers["x-request-id"] == answer.json()["id"]
    assert (good["method"], good["route"], good["status"]) == ("POST", "/people/{name}", 200)
    assert abs(time.time() - time.mktime(time.strptime(good["time"], "%Y-%m-%dT%H:%M:%SZ"))) < 1e5
    assert (broken["status"], broken["fault"]) == (500, "ValueError")
    assert broken["frames"][-1].endswith("_answer")
    assert (unmatched["status"], unmatched["route"]) == (404, "")
    assert (other["status"], other["method"]) == (405, "")
    text = metrics.render()[0].decode()
    assert "ovelace" not in text
    assert 'modelkeel_requests_total{route="/people/{name}",status="5xx"} 1.0' in text
    assert "modelkeel_requests_running 0.0" in text


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
        ("{6f9619ff-8b86-d011-b42d-00cf4fc964ff}", None),
        ("6f9619ff8b86d011b42d00cf4fc964ff", None),
        ("ada@example.org", None),
        ("", None),
    ],
)
def test_the_callers_request_id_is_taken_if_it_is_a_uuid(
    stdout: Stdout, sent: str, taken: str | None
) -> None:
    answer = TestClient(_app()).get("/people/a", headers={"x-request-id": sent})
    (line,) = stdout.lines(1)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["request_id"] == taken or (taken is None and UUID.fullmatch(line["request_id"]))


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-later", TRACE),
        (f"ff-{TRACE}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-b7ad6b7169203331", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
    ],
)
def test_the_trace_id_is_that_of_traceparent(stdout: Stdout, sent: str, taken: str | None) -> None:
    TestClient(_app()).get("/people/a", headers={"traceparent": sent})
    (line,) = stdout.lines(1)
    assert line.get("trace_id") == taken


def test_what_is_logged_elsewhere_is_a_line_too(stdout: Stdout) -> None:
    try:
        raise ValueError("Lovelace")
    except ValueError:
        logging.getLogger("modelkeel.serving.recorder").exception("the journal is %s", "away")
    log_event("following", problem=None)
    line, event = stdout.lines(2)
    assert (line["level"], line["message"]) == ("error", "the journal is away")
    assert event["event"] == "following"
    assert line["fault"] == "ValueError"
    assert "Lovelace" not in stdout.text


def test_a_handler_of_the_application_gets_the_lines(log_lines: Callable[[], list[str]]) -> None:
    set_up_logging()
    TestClient(_app()).get("/people/a")
    (line,) = log_lines()
    assert json.loads(line)["route"] == "/people/{name}"


def test_lines_come_whole_in_order_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[tuple[float, str]] = []

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            writes.append((time.monotonic(), text))
            return len(text)

    monkeypatch.setattr(sys, "stdout", Pipe())
    lines = Lines()
    sent = [f"{number:04d}" + "x" * 200 for number in range(500)] + ["y" * 9000]
    started = time.monotonic()
    for line in sent:
        lines.write(line)
    while sum(len(text) for _, text in writes) < sum(len(line) + 1 for line in sent):
        assert time.monotonic() - started < 30
        time.sleep(0.005)
    assert "".join(text for _, text in writes).splitlines() == sent
    assert all(len(text) <= 4096 or text.count("\n") == 1 for _, text in writes)
    assert len(writes) < 40


def test_a_reader_that_is_gone_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    lines = Lines()
    lines.write("a")
    lines.flush()


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "1 / 0"])
def test_no_line_is_lost_at_exit(end: str) -> None:
    code = (
        "from modelkeel.serving.lines import LINES\n"
        "for number in range(25_000): LINES.write(str(number))\n" + end
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [str(number) for number in range(25_000)]


def test_the_lines_are_written_before_a_server_ends_by_a_signal(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from starlette.applications import Starlette\n"
        "from starlette.testclient import TestClient\n"
        "from modelkeel.serving.requestlog import RequestLog, set_up_logging\n"
        "app = Starlette()\n"
        "app.add_middleware(RequestLog)\n"
        "set_up_logging()\n"
        "with TestClient(app) as client: client.get('/')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["status"] == 404
