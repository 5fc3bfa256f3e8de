"""The real app, in two workers of the real server: what is seen of it, and what must not be."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from modelkeel.serving import create_app
from modelkeel.serving.gauges import watch_service
from modelkeel.serving.metrics import Metrics
from modelkeel.serving.recorder import Recorder
from modelkeel.serving.state import State

ROW = {"age": 35, "credit amount": 2500.0, "housing": "own", "savings": "rich", "income": 3000.0}
NAME = "Lovelace"


@contextmanager
def serving(folder: Path, workers: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The app of the folder's models; its process and port."""
    (folder / "service.py").write_text(
        "from modelkeel.serving import create_app\napp = create_app('models')\n"
    )
    (folder / "main.py").write_text(
        "from modelkeel.serving.run import serve\n"
        "if __name__ == '__main__':\n"
        f"    serve('service:app', port=0, workers={workers}, drain=1.0)\n"
    )
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        process = subprocess.Popen([sys.executable, "main.py"], cwd=folder, stdout=out, stderr=err)
    try:
        until = time.monotonic() + 120
        while "serving " not in (said := (folder / "stderr").read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.1)
        yield process, int(said.split("http://127.0.0.1:")[1].split()[0])
    finally:
        process.terminate()
        process.wait(60)


def ask(
    port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body if body is None else json.dumps(body), headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.slow
def test_nothing_that_was_sent_is_in_logs_or_metrics(
    models: Path, tmp_path: Path, api_key: str, journal_url: str
) -> None:
    kind = {"content-type": "application/json", "x-api-key": api_key}
    planted = {
        "user-agent": NAME,
        "x-request-id": NAME,
        "traceparent": NAME,
        "cookie": f"name={NAME}",
        "x-forwarded-for": NAME,
    }
    with serving(tmp_path, workers=2) as (process, port):
        statuses = [
            ask(port, "POST", f"/predict?name={NAME}", body, kind | planted)[0]
            for body in (
                ROW,
                {"rows": [ROW, ROW]},
                ROW | {NAME: 1},
                ROW | {"housing": NAME},
                NAME,
            )
        ]
        assert statuses == [200, 200, 422, 422, 422]
        for path in (f"/{NAME}", f"/predict/{NAME}", f"/decisions/{NAME}", "/predict"):
            assert ask(port, "GET", path, headers=kind | planted)[0] in (404, 405, 422)
        assert ask(port, "POST", "/predict", ROW, {"x-api-key": NAME} | planted)[0] == 401
        for _ in range(40):  # some on each worker
            assert ask(port, "POST", "/predict", ROW, kind)[0] == 200
        subject = kind | {"x-subject-id": NAME}
        assert ask(port, "POST", "/predict", ROW, subject)[0] == 200
        status, text = ask(port, "GET", "/metrics", headers=kind)
        assert status == 200
        process.terminate()
        assert process.wait(60) == 0
    log = (tmp_path / "stdout").read_text()
    for found in (text, log, (tmp_path / "stderr").read_text()):
        assert NAME not in found
        assert api_key not in found
        assert "127.0.0.1" not in found.replace(f"http://127.0.0.1:{port}", "")
    metrics = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    predicted = [
        float(value) for name, value in metrics.items() if name.startswith("modelkeel_predictions")
    ]
    assert sum(predicted) == 44
    assert metrics["modelkeel_workers"] == "2.0"
    assert metrics['modelkeel_probability_count{version="3"}'] == "44.0"
    assert metrics['modelkeel_problems_total{status="401"}'] == "1.0"
    lines = [json.loads(line) for line in log.splitlines()]
    answered = [line for line in lines if line.get("route") == "/predict" and line["status"] == 200]
    assert len(answered) == 43
    assert {line["version"] for line in answered} == {"3"}
    with sqlite3.connect(tmp_path / "journal.db") as journal:
        (kept,) = journal.execute("SELECT count(*) FROM records WHERE kind = 'prediction'")
    assert kept == (44,)


def test_the_state_of_model_and_journal_is_shown(models: Path, tmp_path: Path) -> None:
    state = TestClient(create_app(models)).app.state.serving  # type: ignore[attr-defined]
    metrics = Metrics(tmp_path / "counts")
    recorder = Recorder(lambda: os.abort())  # type: ignore[arg-type, return-value]
    watch_service(metrics, state, recorder)
    text = metrics.render()[0].decode()
    assert 'name="credit-risk",version="3"} 1.0' in text
    assert "modelkeel_model_serving 1.0" in text
    assert "modelkeel_model_refused 0.0" in text
    assert "modelkeel_journal_recording 0.0" in text  # it was never opened
    since = next(line for line in text.splitlines() if line.startswith("modelkeel_model_since"))
    assert abs(float(since.split()[1]) - time.time()) < 60
    empty = Metrics(tmp_path / "others")
    watch_service(empty, State(None), None)
    text = empty.render()[0].decode()
    assert "modelkeel_model_serving 0.0" in text
    assert "modelkeel_journal_recording" not in text
