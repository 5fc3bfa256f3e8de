"""`keel serve`: a project's server, with bounds and deadlines, that stops without a failure."""

from __future__ import annotations

import ipaddress
import os
import resource
import sys
from pathlib import Path

from modelkeel.errors import BadInput
from modelkeel.project import load_project

_RESERVED = 200
"""Files that a worker needs beside its connections."""


def serve(
    app: str | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    drain: float = 5.0,
    trusted_proxies: str = "",
    head: float = 10.0,
    body: float | None = None,
    answer: float = 60.0,
    connections: int = 16_000,
    requests: int = 1000,
) -> None:
    """Serve until told to stop.

    On SIGTERM /ready answers 503 and every answer asks its caller to come back on another
    connection, for `drain` seconds; then nothing new is taken, what is in work is answered, and the
    application's shutdown runs. SIGINT leaves out the wait.

    Args:
        app: `module:attribute`; that of the project in the working directory when left out.
        host: address to listen on.
        port: to listen on; 0 for any that is free.
        workers: processes. A worker that dies is replaced.
        drain: seconds between SIGTERM and the end.
        trusted_proxies: addresses or networks, with commas between, whose X-Forwarded-For and
            X-Forwarded-Proto are believed.
        head: seconds a caller may take to send a head.
        body: seconds a caller may take to send a body; the setting of the app when left out.
        answer: seconds a caller may take to read its answer.
        connections: that a worker may have open; fewer where the system allows fewer files.
        requests: that a worker may have in work.

    Raises:
        KeelError: it cannot start.
    """
    _find_packages()
    target = app or _app_of_project()
    if workers < 1:
        raise BadInput(f"{workers} workers, expected at least 1", remedy="--workers 1")
    proxies = _proxies(trusted_proxies)
    files = _raise_file_limit()
    from modelkeel.serving.address import Address
    from modelkeel.serving.server import Plan, Worker, quiet_loggers

    address, listener = Address.of(host, port).claim(shared=workers > 1)
    # The workers' counters, apart from those of another server of this project.
    os.environ["MODELKEEL_SERVER"] = str(address.name[1])
    most = max(1, min(connections, files - _RESERVED))
    plan = Plan(target, drain, proxies, head, body, answer, connections=most, requests=requests)

    def on_ready() -> None:
        many = f" by {workers} workers" if workers > 1 else ""
        print(f"serving {target} at {address.url}{many}", file=sys.stderr, flush=True)

    with listener:
        if workers > 1:
            from modelkeel.serving.supervise import Supervisor

            Supervisor(plan, address, workers, on_ready).run()
            return
        quiet_loggers()
        Worker(plan, on_ready=on_ready).run([listener])


def _find_packages() -> None:
    """Let packages of the working directory be imported, as `python -m` does."""
    for folder in (Path.cwd(), Path.cwd() / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))


def _app_of_project() -> str:
    project = load_project()
    src = str(project.root / "src")
    if src not in sys.path:
        sys.path.append(src)
    return f"{project.package}.serve:app"


def _proxies(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        try:
            ipaddress.ip_network(part)
        except ValueError:
            raise BadInput(
                f"trusted proxy {part!r} is neither an address nor a network",
                remedy="write such as 10.0.0.7 or 10.0.0.0/8, with commas between",
            ) from None
    return found


def _raise_file_limit() -> int:
    """Allow as many open files as may be allowed; a connection is one. How many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS gives no limit and takes none
            return soft
    return hard if hard != resource.RLIM_INFINITY else 1_000_000
