"""Load by wrk on a core of its own, and what a server's processes use."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STARTED = 120.0
"""Seconds that a server may take to its first answer."""
REFUSED = 30.0
"""Seconds that it may refuse a prediction before it counts as not serving."""
_FOUND = re.compile(r"^wrk-found (\{.*\})$", re.MULTILINE)
_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'wrk-found {"requests": %d, "seconds": %.6f, "status": %d, "socket": %d, "timeout": %d, '
    .. '"p50_ms": %.3f, "p99_ms": %.3f}\\n', summary.requests, summary.duration / 1e6,
    e.status, e.connect + e.read + e.write, e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Load:
    """What is asked: `clients` connections, each sending `rows` rows again and again."""

    clients: int
    rows: int

    def __str__(self) -> str:
        """As in the tables."""
        return f"{self.clients} clients, {self.rows} row{'s' if self.rows > 1 else ''}"


@dataclass(frozen=True)
class Found:
    """What wrk found: requests a second, latencies, and requests without a good answer."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True)
class Server:
    """A server that is about to be started, and how it is asked.

    Attributes:
        command: what starts it on `port`; it stays in the foreground.
        env: variables beside those of this process.
        headers: of each request.
        paths: by the number of rows in a request: the route that predicts.
        bodies: by the number of rows in a request: one body for each request, in turn.
    """

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str]
    port: int
    headers: Mapping[str, str]
    paths: Mapping[int, str]
    bodies: Mapping[int, Sequence[bytes]]


def cores() -> tuple[int, int]:
    """The core of a server with one worker, and that of wrk."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        sys.exit("error: one core only\nremedy: run where server and wrk have a core each")
    return allowed[0], allowed[-1]


def find_tools() -> None:
    """End with an error unless wrk and taskset are there."""
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if not shutil.which(tool):
            sys.exit(f"error: {tool} was not found\nremedy: apt-get install {package}")


class Running:
    """A started server; `first_answer` is the seconds until it answered a prediction."""

    def __init__(self, server: Server, log: Path, *, core: int | None) -> None:
        self.server = server
        self._log = log
        pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
        begun = time.perf_counter()
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*pinned, *map(str, server.command)],
                env={**os.environ, **server.env},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(begun + STARTED)
        except BaseException:
            self.stop()
            raise
        self.first_answer = time.perf_counter() - begun

    def ask(self, rows: int, body: bytes) -> tuple[int, bytes]:
        """One request of so many rows: status and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request("POST", self.server.paths[rows], body, dict(self.server.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def megabytes(self) -> float:
        """Resident memory of all its processes, what they share counted once (PSS)."""
        total = 0
        for process in self._processes():
            # A process that has ended, or a zombie: it has none.
            with suppress(OSError, AttributeError):
                text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
                total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
        return total / 1024

    def stop(self) -> None:
        """End it: as an operator does, and after ten seconds by force."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()

    def _processes(self) -> list[int]:
        """All processes of its session."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[3]) == self._process.pid and fields[0] != "Z":
                        found.append(int(folder.name))
        return found

    def _wait(self, until: float) -> None:
        """Until a prediction is answered, asking again and again."""
        body = self.server.bodies[1][0]
        status, answer, refused = 0, b"", 0.0
        while time.perf_counter() < until and self._process.poll() is None:
            try:
                status, answer = self.ask(1, body)
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
                continue
            if status == 200:
                return
            if 400 <= status < 500:  # not ready yet, or asked in a way it will never understand
                refused = refused or time.perf_counter()
                until = min(until, refused + REFUSED)
            time.sleep(0.02)
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        last = f"last answer {status} {answer[:500]!r}; " if status else ""
        raise NotServingError(f"no answer to a prediction; {last}its last words: {tail}")


class NotServingError(Exception):
    """A server did not start, or does not answer as it should."""


def wrk(server: Server, load: Load, seconds: float, scratch: Path) -> Found:
    """Put load on a server, from a core of its own.

    Raises:
        NotServingError: wrk could not measure.
    """
    script = scratch / "load.lua"
    script.write_bytes(lua(server, load.rows))
    command = ["taskset", "--cpu-list", str(cores()[1]), "wrk", "--threads", "1"]
    command += ["--connections", str(load.clients), "--duration", f"{max(1, round(seconds))}s"]
    command += ["--timeout", "60s", "--latency", "--script", str(script)]
    command += [f"http://127.0.0.1:{server.port}"]
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise NotServingError(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
    return parse(done.stdout)


def lua(server: Server, rows: int) -> bytes:
    """A script for wrk that sends the bodies in turn and tells what it found in one line."""
    headers = "".join(f"[{json.dumps(k)}]={json.dumps(v)}, " for k, v in server.headers.items())
    bodies = b",\n".join(b"[===[" + body + b"]===]" for body in server.bodies[rows])
    sending = f"""
local headers = {{ {headers} }}
local requests, at = {{}}, 0
function init(args)
  headers["Host"] = wrk.headers["Host"]
  for i, body in ipairs(bodies) do
    requests[i] = wrk.format("POST", {json.dumps(server.paths[rows])}, headers, body)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"""
    return b"local bodies = {" + bodies + b"}\n" + sending.encode() + _DONE.encode()


def parse(output: str) -> Found:
    """What a run of wrk with our script printed.

    Raises:
        NotServingError: there was no answer at all, or the line is not there.
    """
    line = _FOUND.search(output)
    told = json.loads(line[1]) if line else {"requests": 0}
    if not told["requests"]:
        raise NotServingError(f"wrk got no answer: {output[-500:]}")
    return Found(
        per_second=round(told["requests"] / told["seconds"], 1),
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        failed=told["status"] + told["socket"] + told["timeout"],
    )
