"""A scratch copy of a project, to run one of its stages in without touching anything of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from modelkeel.errors import KeelError

_ANYWHERE = frozenset(
    {".venv", ".nox", ".tox", "node_modules", "__pycache__"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints"}
)
_LEFT_OUT = frozenset(
    {".git", ".dvc/cache", ".dvc/tmp", "mlartifacts", "mlruns"}
    | {"mlflow.db", "mlflow.db-shm", "mlflow.db-wal"}
    | {f"models/{name}" for name in ("trained", "bundle", "champion")}
)
_LINKED = 64 * 1024 * 1024
"""Files of this many bytes and more are linked: a training only reads them."""
_LAST_LINES = 12


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, also when this process is told to end."""
    with TemporaryDirectory(prefix="keel-reproduce-") as name, _ending_cleanly():
        yield Path(name)


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that what is open is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before: Callable[[int, FrameType | None], Any] | int | None = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def copy_project(root: Path, target: Path) -> None:
    """The project without history, environment, caches and the models made of it.

    Raises:
        KeelError: there is no room.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(root)
        return {
            name for name in names if name in _ANYWHERE or (inside / name).as_posix() in _LEFT_OUT
        }

    def place(source: str, to: str) -> None:
        if os.path.getsize(source) < _LINKED:  # noqa: PTH202 - as copytree gives it
            shutil.copy2(source, to)
        else:
            Path(to).symlink_to(source)

    try:
        shutil.copytree(root, target, symlinks=True, ignore=left_out, copy_function=place)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise KeelError(
            f"the project cannot be copied to {target.parent}: {reason}",
            remedy="set TMPDIR to a folder with more room",
        ) from error


def run_stage_again(stage: str, copy: Path, folder: Path) -> None:
    """Run a stage by DVC, which knows its command and fills in its variables.

    Args:
        stage: its name in dvc.yaml.
        copy: the copy of the project.
        folder: where the MLflow store of that run goes.

    Raises:
        KeelError: it failed.
    """
    (copy / ".dvc").mkdir(exist_ok=True)
    (copy / ".dvc" / "config.local").write_text(
        "[core]\n    no_scm = true\n    analytics = false\n", encoding="utf-8"
    )
    command = (sys.executable, "-m", "dvc", "repro", "--single-item", "--force", "--no-commit")
    process = subprocess.Popen(
        [*command, stage],
        cwd=copy,
        env=_environment(copy, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        lines = said.replace(str(copy), ".").splitlines()[-_LAST_LINES:]
        raise KeelError(
            f"stage {stage} of dvc.yaml ended with exit code {process.returncode} in a scratch "
            "copy of the project:\n" + "\n".join(f"  {line}" for line in lines),
            remedy="make it run from the files of the repository alone: `uv run dvc repro "
            f"--force --single-item {stage}` in a fresh clone shows the same",
        )


def _environment(copy: Path, folder: Path) -> dict[str, str]:
    """This process's own, with the copy's code first and a tracking store of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DVC_", "GIT_", "MLFLOW_"))
    }
    paths = [str(copy / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    programs = [str(Path(sys.executable).parent), *filter(None, [os.environ.get("PATH")])]
    return {
        **kept,
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": os.pathsep.join(paths),
        "PATH": os.pathsep.join(programs),
    }
