"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.serving.settings import body_seconds, settings_of


@pytest.mark.parametrize("name", ["MODELKEEL_RATE_PER_MINUTE", "MODELKEEL_DAILY_QUOTA"])
@pytest.mark.parametrize("text", ["0.5", "-1", "1e3", "6000.0", "many", "nan", "1" * 13])
def test_what_counts_is_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(BadInput, match=f"{name} is '{text}', expected a whole number") as caught:
        settings_of(tmp_path)
    assert f"set {name}=" in str(caught.value.remedy)


def test_limits_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = settings_of(tmp_path)
    assert (found.per_minute, found.daily_rows, found.timeout) == (6000, 0, 10)
    monkeypatch.setenv("MODELKEEL_RATE_PER_MINUTE", " 0 ")
    monkeypatch.setenv("MODELKEEL_DAILY_QUOTA", "100000")
    monkeypatch.setenv("MODELKEEL_TIMEOUT", "2.5")
    found = settings_of(tmp_path)
    assert (found.per_minute, found.daily_rows, found.timeout) == (0, 100_000, 2.5)
    assert body_seconds() == 2.5
