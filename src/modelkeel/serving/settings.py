"""How a server is run: from the environment, since it differs from one place to the next."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.serving.admission import Mode, mode_of

_ORIGIN = re.compile(r"https?://[^/\s*?#]+")
OnJournalFailure = Literal["refuse", "baseline"]


@dataclass(frozen=True)
class Issuer:
    """Whose tokens are taken (OpenID Connect).

    Attributes:
        url: the issuer, exactly as its tokens say it.
        audience: for whom a token has to be.
        roles_claim: the claim that lists the roles.
        keys_url: where its keys are; found by discovery when left out.
    """

    url: str
    audience: str
    roles_claim: str = "roles"
    keys_url: str | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of one server; `settings_of` reads them from the environment.

    Attributes:
        mode: what the server is for, and the key that it trusts.
        runtime: folder that the workers of this host share: limits and counters.
        keys: file with the API keys; that of a project need not exist.
        issuer: whose tokens are taken.
        per_minute: requests a caller may send in a minute; 0 for any number.
        daily_rows: rows a caller may send in a day (UTC); 0 for any number.
        timeout: seconds that a body may take to arrive, and a prediction to be recorded.
        follow_every: seconds between two looks for another champion.
        on_journal_failure: what happens to a request that cannot be recorded; by tier if None.
        registry: URL of an MLflow server whose alias is followed.
        cors_origins: sites whose pages may call; none by default.
        docs: whether /docs is there.
    """

    mode: Mode
    runtime: Path
    keys: Path | None = None
    issuer: Issuer | None = None
    per_minute: int = 6000
    daily_rows: int = 0
    timeout: float = 10.0
    follow_every: float = 2.0
    on_journal_failure: OnJournalFailure | None = None
    registry: str | None = None
    cors_origins: tuple[str, ...] = ()
    docs: bool = True


def settings_of(source: Project | Path, public_key: Path | None = None) -> Settings:
    """The settings that the environment gives for a source.

    Raises:
        BadInput: a variable has a value that it cannot have.
    """
    env = os.environ
    root = source.root if isinstance(source, Project) else source
    return Settings(
        mode=mode_of(source, public_key),
        runtime=Path(env.get("MODELKEEL_RUNTIME") or _runtime(root)),
        keys=_keys(env, source),
        issuer=_issuer(env),
        per_minute=_count(env, "MODELKEEL_RATE_PER_MINUTE", 6000),
        daily_rows=_count(env, "MODELKEEL_DAILY_QUOTA", 0),
        timeout=body_seconds(),
        follow_every=_number(env, "MODELKEEL_FOLLOW_SECONDS", 2, least=0.05),
        on_journal_failure=_on_failure(env),
        registry=env.get("MODELKEEL_REGISTRY") or None,
        cors_origins=_origins(env),
        docs=_on_or_off(env, "MODELKEEL_DOCS"),
    )


def body_seconds() -> float:
    """How long a body may take to arrive: `Settings.timeout`, as the environment has it.

    Raises:
        BadInput: it is no such number.
    """
    return _number(os.environ, "MODELKEEL_TIMEOUT", 10, least=0.1)


def _runtime(root: Path) -> Path:
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"modelkeel-{os.getuid()}-{name}"


def _keys(env: Mapping[str, str], source: Project | Path) -> Path | None:
    named = env.get("MODELKEEL_KEYS")
    if not named:
        return source.root / "secrets" / "keys.toml" if isinstance(source, Project) else None
    path = Path(named)
    if not path.is_file():  # without it the server would let everybody in
        raise BadInput(
            f"MODELKEEL_KEYS names {path}, and there is no such file",
            remedy="make it with `keel keys create`, or unset the variable",
        )
    return path


def _origins(env: Mapping[str, str]) -> tuple[str, ...]:
    origins = env.get("MODELKEEL_CORS_ORIGINS", "").replace(",", " ").split()
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise BadInput(
                f"MODELKEEL_CORS_ORIGINS has {origin!r}, expected the sites that may call",
                remedy="name them: MODELKEEL_CORS_ORIGINS='https://desk.example.org'",
            )
    return tuple(origins)


def _issuer(env: Mapping[str, str]) -> Issuer | None:
    url = env.get("MODELKEEL_OIDC_ISSUER")
    audience = env.get("MODELKEEL_OIDC_AUDIENCE")
    if not url:
        if audience:
            raise BadInput(
                "MODELKEEL_OIDC_AUDIENCE is set and MODELKEEL_OIDC_ISSUER is not",
                remedy="set it to the issuer whose tokens are taken, or unset both",
            )
        return None
    if not audience:
        raise BadInput(
            "MODELKEEL_OIDC_ISSUER is set and MODELKEEL_OIDC_AUDIENCE is not",
            remedy="set it to the audience that the issuer writes into tokens for this service",
        )
    claim = env.get("MODELKEEL_OIDC_ROLES_CLAIM") or "roles"
    return Issuer(url, audience, claim, env.get("MODELKEEL_OIDC_JWKS") or None)


def _number(env: Mapping[str, str], name: str, default: float, least: float = 0) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value < 1e12:
        raise BadInput(
            f"{name} is {text!r}, expected a number of at least {least:g}",
            remedy=f"set {name}={default:g}, or unset it",
        )
    return value


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 10**12:
        raise BadInput(
            f"{name} is {text!r}, expected a whole number of at least 0",
            remedy=f"set {name}={default}, or unset it",
        )
    return value


def _on_failure(env: Mapping[str, str]) -> OnJournalFailure | None:
    text = env.get("MODELKEEL_ON_JOURNAL_FAILURE", "").strip()
    if text == "refuse":
        return "refuse"
    if text == "baseline":
        return "baseline"
    if not text:
        return None
    raise BadInput(
        f"MODELKEEL_ON_JOURNAL_FAILURE is {text!r}, expected refuse or baseline",
        remedy="set one of them, or unset it: the risk tier then decides",
    )


def _on_or_off(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").strip().lower() or "on"
    if text not in ("on", "off"):
        raise BadInput(f"{name} is {text!r}, expected on or off", remedy=f"set {name}=on or off")
    return text == "on"
