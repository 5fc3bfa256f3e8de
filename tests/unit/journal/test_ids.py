from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelkeel.journal import ids


def test_ids_are_version_7_unique_and_ascend() -> None:
    before = time.time_ns() // 1_000_000
    made = [ids.uuid7() for _ in range(5000)]
    assert made == sorted(set(made))
    for text in (made[0], made[-1]):
        value = uuid.UUID(text)
        assert str(value) == text
        assert value.version == 7
        assert value.variant == uuid.RFC_4122
        assert before <= value.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_ascend_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids.uuid7()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3_600_000_000_000)
    assert ids.uuid7() > first


def test_threads_get_no_id_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    with ThreadPoolExecutor(8) as pool:
        made = [each for some in pool.map(ids.uuid7_batch, [500] * 40) for each in some]
    assert len(set(made)) == len(made)
