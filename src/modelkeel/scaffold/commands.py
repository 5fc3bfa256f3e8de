"""Runs the commands of a generated repository: in its own environment, watched, never left over."""

from __future__ import annotations

import codecs
import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from modelkeel.errors import KeelError, Refused
from modelkeel.scaffold.repository import without_git_state

LAST_LINES = 20
_BREAK = re.compile(r"\r\n|\r|\n")
_COLOUR = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
# What `uv run` and an activated environment set for the project outside.
_OUTER = (
    "PYTHONHOME",
    "PYTHONPATH",
    "UV",
    "UV_FROZEN",
    "UV_LOCKED",
    "UV_NO_SYNC",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_RUN_RECURSION_DEPTH",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
)


def find_uv() -> str:
    """Path of uv: what $UV names, the one on PATH, or that of the `uv` package.

    Raises:
        KeelError: there is none.
    """
    named = os.environ.get("UV")
    if named and shutil.which(named):
        return named
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    try:
        return str(importlib.import_module("uv").find_uv_bin())
    except (ImportError, FileNotFoundError):
        raise KeelError("uv was not found", remedy="pip install uv") from None


def inner_environment() -> dict[str, str]:
    """This process's environment without what belongs to the project it runs in."""
    environment = without_git_state(dict(os.environ))
    outer = environment.get("VIRTUAL_ENV")
    if outer:
        folders = environment.get("PATH", "").split(os.pathsep)
        inside = [Path(outer, "bin"), Path(outer, "Scripts")]
        environment["PATH"] = os.pathsep.join(f for f in folders if Path(f) not in inside)
    return {key: value for key, value in environment.items() if key not in _OUTER}


class Command:
    """A running command in a process group of its own.

    Args:
        arguments: of the command; the first may be an absolute path, and is shown without it.
        cwd: where it runs.
        on_line: called with each line of output, from another thread.
    """

    def __init__(self, arguments: Sequence[str], cwd: Path, on_line: Callable[[str], None]) -> None:
        self.shown = show(arguments)
        self.cwd = cwd
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self._on_line = on_line
        try:
            self.process = subprocess.Popen(
                list(arguments),
                cwd=cwd,
                env=inner_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise KeelError(
                f"`{self.shown}` could not be started: {error.strerror or error}",
                remedy=f"cd {shlex.quote(str(cwd))} && {self.shown}",
            ) from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Exit code, once the command has ended."""
        code = self.process.wait()
        self._reader.join(timeout=2)  # a grandchild may hold the pipe open
        return code

    def stop(self, grace: float = 10.0) -> None:
        """End the command and all it started: SIGTERM, then SIGKILL after `grace` seconds."""
        try:
            if self.process.poll() is None:
                self._signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(grace)
        finally:
            # The leader is gone or deaf; what it left behind in its group goes too.
            self._signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            self.process.wait()
        self._reader.join(timeout=2)

    def failure(self, what: str, remedy: str, *, refused: bool = False) -> KeelError:
        """An error that names the command, what happened, and its last lines."""
        said = "\n".join(f"  {line}" for line in self.lines) or "  (it printed nothing)"
        kind = Refused if refused else KeelError
        return kind(f"`{self.shown}` {what}. Its last lines:\n{said}", remedy=remedy)

    def _signal(self, number: int) -> None:
        try:
            if sys.platform == "win32":
                self.process.terminate()
            else:
                os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101  (a pipe was asked for)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            *lines, rest = _BREAK.split(rest + decoder.decode(chunk))
            for line in lines:
                self._keep(line)
        self._keep(rest)

    def _keep(self, line: str) -> None:
        line = _COLOUR.sub("", line).rstrip()
        if line:
            self.lines.append(line)
            self._on_line(line)


def show(arguments: Sequence[str]) -> str:
    """A command as a person would type it."""
    return shlex.join([Path(arguments[0]).stem, *arguments[1:]])


@contextmanager
def started(
    arguments: Sequence[str], cwd: Path, on_line: Callable[[str], None]
) -> Iterator[Command]:
    """A command that is stopped when the block ends, however it ends."""
    command = Command(arguments, cwd, on_line)
    try:
        yield command
    finally:
        command.stop()


def run(arguments: Sequence[str], cwd: Path, on_line: Callable[[str], None], remedy: str) -> None:
    """Run a command to its end.

    Raises:
        KeelError: it failed; Refused when its exit code is that of a gate.
    """
    command = Command(arguments, cwd, on_line)
    try:
        code = command.wait()
    except BaseException:
        command.stop()
        raise
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise command.failure(how, remedy, refused=code == Refused.exit_code)


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what was started is stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
