"""The documentation page in a real browser that can reach nothing but the server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from modelkeel.serving import create_app

BROWSER = next(
    (found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))),
    None,
)


@pytest.fixture
def address(models: Path) -> Iterator[str]:
    """A server on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(models), log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.integration
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_page_renders_without_the_internet(address: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            f"--user-data-dir={tmp_path / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--virtual-time-budget=10000",
            f"{address}/docs#/predict/predict",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    page = done.stdout
    assert 'id="operations-predict-predict"' in page
    assert "Predict for one row or for many" in page
    assert "credit amount" in page
    assert "Failed to load" not in page
