"""The verbs of the server: `keel serve`, and who may call it: `keel keys …`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from modelkeel.serving.keys import Key, Role

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="MODELKEEL_KEYS",
        help="File of the keys; the project's secrets/keys.toml when left out.",
    ),
]
Identity = Annotated[str, typer.Argument(metavar="ID", help="The key, as `keel keys list` says.")]

_DURATION = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}

keys_app = typer.Typer(help="Who may call the server: API keys.", no_args_is_help=True)


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Option("--name", help="What you call the caller.")],
    role: Annotated[
        list[str],
        typer.Option("--role", help="predict, review, operate or audit; repeatable."),
    ],
    expires: Annotated[
        str, typer.Option(help="How long it is good for: 90d, 12h, 30m, or never.")
    ] = "365d",
    keys: File = None,
    json: Json = False,
) -> None:
    """Make a key for a caller, and print it: once, since no file holds it."""
    from modelkeel.errors import BadInput
    from modelkeel.serving.keys import create_key

    lifetime = _duration(expires)
    if lifetime is not None and not lifetime:
        raise BadInput("the key ends before it begins", remedy="give one such as --expires 90d")
    made, key = create_key(_file(keys), name, _roles(role), lifetime)
    _tell(made, key, json=json)


@keys_app.command("rotate")
def keys_rotate(
    key: Identity,
    overlap: Annotated[
        str, typer.Option(help="How long the old one goes on: 7d, 12h, or 0m to end it now.")
    ] = "7d",
    keys: File = None,
    json: Json = False,
) -> None:
    """Make a new key for the same caller; the old one ends after the overlap."""
    from modelkeel.errors import BadInput
    from modelkeel.serving.keys import rotate_key

    while_both = _duration(overlap)
    if while_both is None:
        raise BadInput("the overlap never ends", remedy="give one such as --overlap 7d")
    made, secret = rotate_key(_file(keys), key, while_both)
    _tell(made, secret, json=json)


@keys_app.command("revoke")
def keys_revoke(key: Identity, keys: File = None, json: Json = False) -> None:
    """End a key now; servers take notice within seconds."""
    from modelkeel.serving.keys import revoke_key

    revoked = revoke_key(_file(keys), key)
    if json:
        typer.echo(_json(_shown(revoked)))
    else:
        typer.echo(f"revoked {revoked.id}, {revoked.name}")


@keys_app.command("list")
def keys_list(keys: File = None, json: Json = False) -> None:
    """List the keys: id, name, roles, and when they end; no secret is known any more."""
    from modelkeel.serving.keys import read_keys

    found = [_shown(key) for key in read_keys(_file(keys))]
    if json:
        typer.echo(_json({"keys": found}))
        return
    if not found:
        typer.echo("no keys yet: make one with `keel keys create`")
        return
    rows = [("id", "name", "roles", "created", "ends", "state")]
    rows += [
        (
            each["id"],
            each["name"],
            " ".join(each["roles"]),
            each["created"],
            each["expires"] or "never",
            each["state"],
        )
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def serve_command(
    app: Annotated[
        str | None,
        typer.Option("--app", metavar="MODULE:NAME", help="The app; the project's when left out."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes.")] = 1,
    drain: Annotated[
        float,
        typer.Option(min=0, help="Seconds to go on, not ready any more, when asked to stop."),
    ] = 5.0,
    trusted_proxies: Annotated[
        str,
        typer.Option(help="Addresses of proxies whose X-Forwarded headers count, with commas."),
    ] = "",
) -> None:
    """Serve predictions."""
    from modelkeel.serving.run import serve

    serve(app, host=host, port=port, workers=workers, drain=drain, trusted_proxies=trusted_proxies)


def _file(path: Path | None) -> Path:
    if path is not None:
        return path
    from modelkeel.project import load_project

    return load_project().root / "secrets" / "keys.toml"


def _roles(names: list[str]) -> tuple[Role, ...]:
    from modelkeel.errors import BadInput
    from modelkeel.serving.keys import ROLES

    for name in names:
        if name not in ROLES:
            raise BadInput(f"{name!r} is no role", remedy=f"give one or more of {', '.join(ROLES)}")
    return tuple(role for role in ROLES if role in names)


def _duration(text: str) -> timedelta | None:
    """A length of time such as 90d; None for `never`."""
    from modelkeel.errors import BadInput

    if text == "never":
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadInput(f"{text!r} is no length of time", remedy="write 90d, 12h, 30m or never")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _tell(made: Key, key: str, *, json: bool) -> None:
    """Print a new key alone on stdout, so that it may be piped, and what it is on stderr."""
    if json:
        typer.echo(_json({**_shown(made), "key": key}))
        return
    typer.echo(key)
    shown = _shown(made)
    ends = f"ends {shown['expires']}" if shown["expires"] else "never ends"
    typer.echo(
        f"key {made.id} of {made.name}: {', '.join(made.roles)}; {ends}. "
        "It is shown this once; keep it where secrets are kept.",
        err=True,
    )


def _shown(key: Key) -> dict[str, Any]:
    from datetime import UTC, datetime

    def moment(value: datetime | None) -> str | None:
        return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value is not None else None

    return {
        "id": key.id,
        "name": key.name,
        "roles": list(key.roles),
        "created": moment(key.created),
        "expires": moment(key.expires),
        "revoked": moment(key.revoked),
        "state": key.state(datetime.now(UTC)),
    }


def _json(value: dict[str, Any]) -> str:
    import json

    return json.dumps(value)
