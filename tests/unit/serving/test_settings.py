"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.project import Project
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


def test_keys_that_are_named_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Project
) -> None:
    monkeypatch.setenv("MODELKEEL_KEYS", "")
    assert settings_of(project).keys == project.root / "secrets" / "keys.toml"
    assert settings_of(tmp_path).keys is None
    monkeypatch.setenv("MODELKEEL_KEYS", str(tmp_path / "keys.toml"))
    with pytest.raises(BadInput, match=r"keys\.toml, and there is no such file"):
        settings_of(project)
    (tmp_path / "keys.toml").touch()
    assert settings_of(project).keys == tmp_path / "keys.toml"


@pytest.mark.parametrize(
    "text", ["*", "desk.example.org", "https://desk.example.org/app", "https:"]
)
def test_sites_that_may_call_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setenv("MODELKEEL_CORS_ORIGINS", f"http://127.0.0.1:3000, {text}")
    with pytest.raises(BadInput, match="MODELKEEL_CORS_ORIGINS has"):
        settings_of(tmp_path)
    monkeypatch.setenv("MODELKEEL_CORS_ORIGINS", "http://127.0.0.1:3000, https://a.example.org")
    assert len(settings_of(tmp_path).cors_origins) == 2


def test_an_audience_goes_with_an_issuer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODELKEEL_OIDC_AUDIENCE", "credit-risk")
    with pytest.raises(BadInput, match="MODELKEEL_OIDC_ISSUER is not"):
        settings_of(tmp_path)
