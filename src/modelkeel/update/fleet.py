"""Status and updates of many repositories, side by side, each on a branch of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelkeel.update.fleet_result import FleetResult, Row
from modelkeel.update.fleet_targets import Target, find_targets, groups

# What may be gone the next time: a lock of another process, the network.
_PASSING = re.compile(
    r"is locked|\.lock': File exists|Unable to create '.*\.lock'|cannot lock ref|"
    r"could not resolve host|connection (?:reset|refused|timed out|closed)|operation timed out|"
    r"early EOF|remote end hung up|RPC failed|returned error: (?:429|5\d\d)|network is unreachable|"
    r"temporary failure|TLS connection was|gnutls_handshake|Operation too slow",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Orders:
    """What is done with each project.

    Attributes:
        update: make branches; else only look.
        push: push the branches that have no conflicts to `origin`.
        to: release to go to; None for the newest.
        answers: given anew, by question.
        verify: commands that must pass before a branch is made; None for the repository's quick
            checks.
        trust: let templates use Jinja extensions.
        answers_file: path of the answers below each project, None to look for it.
        retries: further attempts after an error that may pass.
        timeout: seconds for one attempt.
    """

    update: bool = False
    push: bool = False
    to: str | None = None
    answers: Mapping[str, Any] | None = None
    verify: Sequence[str] | None = ()
    trust: bool = False
    answers_file: str | None = None
    retries: int = 2
    timeout: float = 1800.0


def fleet(
    source: Path,
    *,
    jobs: int | None = None,
    folder: Path | None = None,
    on_row: Callable[[Row], None] | None = None,
    **orders: Any,
) -> FleetResult:
    """Look at, or update, many projects; one that fails is a row and stops no other.

    An update is one commit on a new branch `modelkeel/update-VERSION`; work trees, indexes and
    current branches stay as they are. A commit with conflicts holds the markers and is never
    pushed.

    Args:
        source: a file with one path or URL a line (# begins a comment), or a folder of
            repositories.
        jobs: number of processes; by default one a core, at most eight.
        folder: for logs, pull-request bodies and clones; `keel-fleet` here by default.
        on_row: called with each row as it is finished.
        orders: those of `Orders`.

    Raises:
        BadInput: no such list, or nothing in it.
    """
    begun = time.perf_counter()
    place = (folder or Path.cwd() / "keel-fleet").resolve()
    targets = find_targets(source, place / "clones")
    for name in ("logs", "pull-requests"):
        (place / name).mkdir(parents=True, exist_ok=True)
    (place / ".gitignore").write_text("*\n", encoding="utf-8")
    crew = _Crew(Orders(**orders), place, on_row or (lambda _: None))
    rows = crew.run(groups(targets), jobs or min(8, os.cpu_count() or 1))
    result = FleetResult([rows[target.name] for target in targets], place)
    result.seconds = round(time.perf_counter() - begun, 2)
    (place / "summary.json").write_text(result.to_json() + "\n", encoding="utf-8")
    return result


class _Crew:
    """Threads that each watch one worker process at a time."""

    def __init__(self, orders: Orders, place: Path, on_row: Callable[[Row], None]) -> None:
        self.orders, self.place = orders, place
        self._on_row = on_row
        self._telling = threading.Lock()
        self._stopped = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, work: list[list[Target]], jobs: int) -> dict[str, Row]:
        """Do all groups; rows by name."""
        rows: dict[str, Row] = {}
        with tempfile.TemporaryDirectory(prefix="keel-fleet-") as scratch:
            pool = ThreadPoolExecutor(max_workers=max(1, jobs))
            try:
                done = pool.map(lambda group: self._group(group, Path(scratch)), work)
                for found in done:
                    rows |= {row.name: row for row in found}
            except BaseException:
                self._stop()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return rows

    def _stop(self) -> None:
        self._stopped.set()
        for process in list(self._running):
            process.terminate()

    def _group(self, group: list[Target], scratch: Path) -> list[Row]:
        return [self._target(target, scratch) for target in group]

    def _target(self, target: Target, scratch: Path) -> Row:
        row = Row(target.name, target.given, log=str(self.place / "logs" / f"{target.name}.log"))
        Path(row.log).unlink(missing_ok=True)
        while not self._stopped.is_set():
            row.attempts += 1
            begun = time.perf_counter()
            found = self._attempt(target, scratch, Path(row.log), row.attempts)
            row.seconds = round(row.seconds + time.perf_counter() - begun, 2)
            self._fill(row, found)
            passing = row.state == "failed" and _PASSING.search(row.message)
            if not passing or row.attempts > self.orders.retries:
                break
            self._stopped.wait(0.5 * 2**row.attempts)
        row.notes = [*target.notes, *row.notes]
        with self._telling:
            self._on_row(row)
        return row

    def _attempt(self, target: Target, scratch: Path, log: Path, number: int) -> dict[str, Any]:
        """Run one worker; its row, also when it dies."""
        # Its own folder for temporary files and for what tools cache.
        own = scratch / f"{target.name}-{number}"
        own.mkdir()
        job, result = own / "job.json", own / "result.json"
        told = {**asdict(self.orders), "target": {**asdict(target), "folder": str(target.folder)}}
        job.write_text(json.dumps(told, default=str), encoding="utf-8")
        environment = {
            **os.environ, "TMPDIR": str(own), "COPIER_CACHE_DIR": str(own / "cache"),
            "GIT_TERMINAL_PROMPT": "0", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        worker = "modelkeel.update.fleet_worker"
        try:
            with log.open("ab") as out:
                out.write(f"== attempt {number}: {target.given}\n".encode())
                out.flush()
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", worker, str(job), str(result)],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=own,
                    env=environment,
                )  # fmt: skip
                self._running.add(process)
                try:
                    process.wait(self.orders.timeout)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    return _failed(f"it took more than {self.orders.timeout:g} seconds")
                finally:
                    self._running.discard(process)
            if result.is_file():
                found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
                return found
            return _failed(f"its worker ended with exit code {process.returncode}; see {log}")
        except OSError as error:
            return _failed(f"{error.filename or target.given}: {error.strerror or error}")
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def _fill(self, row: Row, found: dict[str, Any]) -> None:
        plan = found.get("plan") or {}
        row.state = found["state"]
        for name in ("old", "new", "branch", "commit", "message", "remedy"):
            setattr(row, name, found.get(name) or "")
        row.conflicts, row.notes = found.get("conflicts", []), found.get("notes", [])
        row.pushed = bool(found.get("pushed"))
        kinds = ("added", "changed", "merged", "structured", "moved", "deleted", "conflicts")
        row.files = {kind: len(plan[kind]) for kind in kinds if plan.get(kind)}
        file = self.place / "pull-requests" / f"{row.name}.md"
        file.unlink(missing_ok=True)
        if found.get("body"):
            file.write_text(found["body"], encoding="utf-8")
            row.pull_request = str(file)


def _failed(message: str) -> dict[str, Any]:
    return {"state": "failed", "message": message}
