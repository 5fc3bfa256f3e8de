"""What runs on an update before it reaches the user: migrations and the repository's own checks."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelkeel.errors import KeelError, Refused
from modelkeel.update import git
from modelkeel.update.migrations import OwnFiles, Step
from modelkeel.update.scratch import Scratch

QUICK_CHECKS = ("uv run nox -s lint types",)
_OUTER = (
    "PYTHONHOME",
    "PYTHONPATH",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_RUN_RECURSION_DEPTH",
    "UV_WORKING_DIRECTORY",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
)
_LAST_LINES = 30


def default_checks(project_files: set[str]) -> tuple[str, ...]:
    """The quick checks that a generated repository has; none when it has no noxfile.py."""
    return QUICK_CHECKS if "noxfile.py" in project_files else ()


def check_out(scratch: Scratch, tree: str, *, name: str = "work") -> Path:
    """A work tree that holds a tree of the whole repository, with a repository of its own."""
    folder = scratch.root / name / scratch.repo.top.name
    folder.mkdir(parents=True)
    head = scratch.commit(tree, ref="update")
    scratch.git("symbolic-ref", "HEAD", "refs/heads/update")
    tags = scratch.repo.git("for-each-ref", "--format=create %(refname) %(objectname)", "refs/tags")
    scratch.git("update-ref", "--stdin", data=tags)
    # Tools look for .git beside the files; it leads to the scratch repository.
    (folder / ".git").write_text(f"gitdir: {scratch.git_dir}\n", encoding="utf-8")
    scratch.git("config", "core.bare", "false")
    scratch.git("config", "core.worktree", str(folder))
    env = {**scratch.env("git/index", folder), **_plain_files()}
    scratch.git("read-tree", "--reset", "-u", head, cwd=folder, env=env)
    return folder


def collect(scratch: Scratch, folder: Path) -> str:
    """Tree of a work tree after something changed it; ignored files are left out."""
    env = {**scratch.env("git/index", folder), **_plain_files()}
    scratch.git("add", "--all", "--", ".", cwd=folder, env=env)
    return scratch.git("write-tree", cwd=folder, env=env).strip()


def _plain_files() -> dict[str, str]:
    # Line ends stay as the repository has them, whatever the user's checkout does.
    return git.settings({**git.QUIET, "core.autocrlf": "false", "core.safecrlf": "false"})


def map_answers(scratch: Scratch, steps: Sequence[Step], answers: dict[str, Any]) -> dict[str, Any]:
    """Answers as the migrations turn them.

    Raises:
        Refused: a migration refuses.
        KeelError: one fails.
    """
    due = [step for step in steps if step.maps_answers]
    if not due:
        return answers
    result = _run_worker(scratch, due, {"answers": answers})
    mapped: dict[str, Any] = result["answers"]
    return mapped


def migrate(scratch: Scratch, steps: Sequence[Step], root: Path, own: OwnFiles) -> list[str]:
    """Run migrations on a work tree; what they tell the user.

    Raises:
        Refused: a migration refuses.
        KeelError: one fails.
    """
    if not steps:
        return []
    notes: list[str] = _run_worker(scratch, steps, {"root": str(root), "own": own})["notes"]
    return notes


def _run_worker(scratch: Scratch, steps: Sequence[Step], job: dict[str, Any]) -> dict[str, Any]:
    given, result = scratch.root / "migrations.json", scratch.root / "migrated.json"
    result.unlink(missing_ok=True)
    job = {**job, "steps": [(step.name, step.code) for step in steps]}
    given.write_text(json.dumps(job, default=str), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "modelkeel.update.migration_worker", str(given), str(result)],
        cwd=job.get("root", scratch.root),
        env=git.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        pass_fds=scratch.held,
    )
    nothing = "the repository is as it was"
    if not result.is_file():
        said = done.stderr.decode("utf-8", "replace").strip()[-2000:]
        raise KeelError(
            f"the migrations ended with exit code {done.returncode}; {nothing}:\n{said}"
        )
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "refused" in found:
        raise Refused(f"{found['refused']}; {nothing}")
    if "failed" in found:
        raise KeelError(f"{found['failed']}; {nothing}", remedy="report it to the template's owner")
    return found


def verify(
    commands: Sequence[str], root: Path, on_line: Callable[[str], None] | None = None
) -> None:
    """Run checks in a work tree, one after the other.

    Args:
        commands: as a person would type them.
        root: the generated project in the update's work tree.
        on_line: called with each line of their output.

    Raises:
        Refused: one ended with an exit code.
        KeelError: one could not be started.
    """
    for command in commands:
        arguments = shlex.split(command)
        program = shutil.which(arguments[0]) if arguments else None
        if program is None:
            raise KeelError(
                f"the check `{command}` cannot be run: no such command; nothing has changed",
                remedy="install it, or name other checks with --verify, or none: --no-verify",
            )
        lines: list[str] = []
        code = _watch([program, *arguments[1:]], root, lines, on_line)
        if code:
            said = (
                "\n".join(f"  {line}" for line in lines[-_LAST_LINES:]) or "  (it printed nothing)"
            )
            raise Refused(
                f"the update does not pass `{command}` (exit code {code}); the repository is as it "
                f"was. Its last lines:\n{said}",
                remedy="fix what it names in the repository first, or apply without: --no-verify",
            )


def _watch(
    arguments: list[str], root: Path, lines: list[str], on_line: Callable[[str], None] | None
) -> int:
    env = {k: v for k, v in os.environ.items() if k not in _OUTER and not k.startswith("GIT_")}
    process = subprocess.Popen(
        arguments,
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if on_line:
                on_line(line.rstrip())
        return process.wait()
    finally:
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
