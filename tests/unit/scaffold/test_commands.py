import os
import sys
import time
from pathlib import Path

import pytest

from modelkeel.errors import KeelError, Refused
from modelkeel.scaffold.commands import find_uv, inner_environment, run, show, started

REMEDY = "cd there && try again"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"


def test_lines_arrive_without_colour(tmp_path: Path) -> None:
    lines: list[str] = []
    code = r"print('\x1b[31mone\x1b[0m\rtwo\n\nthr\u00e9e', end='')"
    run(python(code), tmp_path, lines.append, REMEDY)
    assert lines == ["one", "two", "thrée"]


def test_a_failure_has_command_code_last_lines_and_remedy(tmp_path: Path) -> None:
    code = "for i in range(50): print('line', i)\nprint('why')\nraise SystemExit(7)"
    with pytest.raises(KeelError) as caught:
        run(python(code), tmp_path, lambda _: None, REMEDY)
    text = str(caught.value)
    assert "ended with exit code 7" in text
    assert text.endswith("line 49\n  why")
    assert "line 31\n" in text
    assert "line 30\n" not in text
    assert caught.value.remedy == REMEDY
    assert caught.value.exit_code == 1


def test_a_gate_that_refuses_keeps_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        run(python("raise SystemExit(3)"), tmp_path, lambda _: None, REMEDY)


def test_a_signal_is_told(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    with pytest.raises(KeelError, match="was ended by signal 9"):
        run(python(code), tmp_path, lambda _: None, REMEDY)


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeelError, match="`missing` could not be started"):
        run([str(tmp_path / "missing")], tmp_path, lambda _: None, REMEDY)


def test_no_input_is_waited_for(tmp_path: Path) -> None:
    run(python("import sys; sys.exit(len(sys.stdin.read()))"), tmp_path, lambda _: None, REMEDY)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes")
@pytest.mark.parametrize("deaf", [False, True])
def test_what_was_started_is_stopped_with_its_children(tmp_path: Path, deaf: bool) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if deaf else ""
    child = f"{ignore}import time; time.sleep(60)"
    parent = (
        f"{ignore}import subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}]);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    lines: list[str] = []

    def interrupted() -> None:
        with started(python(parent), tmp_path, lines.append) as command:
            while not lines:
                time.sleep(0.02)
            command.stop(grace=0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    deadline = time.monotonic() + 5
    while alive(int(lines[0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(lines[0]))


def test_the_outer_environment_stays_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), "/usr/bin"]))
    for name in ("UV_PROJECT_ENVIRONMENT", "UV_RUN_RECURSION_DEPTH", "PYTHONPATH", "GIT_DIR"):
        monkeypatch.setenv(name, "outer")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://kept")
    inner = inner_environment()
    assert inner["PATH"] == "/usr/bin"
    assert inner["MLFLOW_TRACKING_URI"] == "http://kept"
    assert "outer" not in inner.values()
    assert "VIRTUAL_ENV" not in inner


def test_uv_is_what_it_names_or_what_is_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for file in (tmp_path / "uv", other):
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV", str(other))
    assert find_uv() == str(other)
    monkeypatch.setenv("UV", str(tmp_path / "gone"))
    assert find_uv() == str(tmp_path / "uv")


def test_commands_are_shown_as_they_are_typed() -> None:
    assert show(["/opt/x/uv", "run", "a b"]) == "uv run 'a b'"
