"""The journal as a server opens it, until it is there."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from modelkeel.journal.events import event
from modelkeel.journal.store import Journal
from modelkeel.serving.recorder import Recorder


def test_whatever_fails_it_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelkeel.serving.recorder.RETRY_SECONDS", 0.02)
    tried: list[float] = []

    def open_journal() -> Journal:
        tried.append(time.monotonic())
        if len(tried) < 4:
            raise ValueError("a fault of a driver")
        return Journal.open(f"sqlite:///{tmp_path / 'journal.db'}")

    recorder = Recorder(open_journal)
    recorder.start()
    assert recorder.problem == "ValueError: a fault of a driver"
    end = time.monotonic() + 60
    while recorder.problem is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    written = threading.Event()
    recorder.submit([event("note")], lambda error: written.set() if error is None else None)
    assert written.wait(60)
    recorder.close()
    assert len(tried) == 4
