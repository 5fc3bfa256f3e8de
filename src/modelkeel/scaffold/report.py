"""What is shown while a repository is made, and what is answered at the end."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.status import Status
from rich.text import Text

from modelkeel.errors import KeelError


@dataclass
class Step:
    """One step: what was run, for how long, and how it ended."""

    name: str
    title: str
    command: str
    seconds: float = 0.0
    status: Literal["running", "done", "failed"] = "running"


@dataclass
class Result:
    """A repository that was made, and what its first run answered.

    Attributes:
        path: its folder.
        project: its name, as in `[tool.modelkeel]`.
        package: its Python package.
        source: the template's address, as the answers file has it.
        commit: the template's commit; empty for a folder outside git.
        steps: what was done, in order.
        prediction: request, answer and id of the first prediction; None without a run.
        paths: where to look, by name.
        next_commands: what to run next, by name.
    """

    path: Path
    project: str
    package: str
    source: str
    commit: str
    steps: list[Step] = field(default_factory=list)
    prediction: dict[str, Any] | None = None
    paths: dict[str, str] = field(default_factory=dict)
    next_commands: dict[str, str] = field(default_factory=dict)


class Live:
    """The line below the running step."""

    def __init__(self, title: str, status: Status | None) -> None:
        self._title = title
        self._status = status
        self._shown = 0.0

    def line(self, text: str) -> None:
        """Show the newest line of a command's output; at most ten a second."""
        now = time.monotonic()
        if self._status is None or now - self._shown < 0.1:
            return
        self._shown = now
        message = Text(self._title, no_wrap=True, overflow="ellipsis")
        message.append(f"  {text}", style="dim")
        self._status.update(message)


class Reporter:
    """Shows progress on stderr and the outcome on stdout, for a person or as JSON.

    Args:
        json_output: write one JSON object on stdout at the end instead of text.
    """

    def __init__(self, *, json_output: bool = False) -> None:
        self.json_output = json_output
        self.steps: list[Step] = []
        self._out = Console(soft_wrap=True, highlight=False)
        self._progress = Console(stderr=True, soft_wrap=True, highlight=False)

    @contextmanager
    def step(
        self, name: str, title: str, command: str = "", *, prompts: bool = False
    ) -> Iterator[Live]:
        """Time one step and show it.

        Args:
            name: for machines.
            title: for people.
            command: what runs, as it could be typed.
            prompts: the step asks questions, so nothing may be drawn over them.
        """
        step = Step(name, title, command)
        self.steps.append(step)
        shown = f"{title} ({command})" if command else title
        begun = time.perf_counter()
        try:
            if self._progress.is_terminal and not prompts:
                with self._progress.status(Text(shown)) as status:
                    yield Live(shown, status)
            else:
                if not prompts:
                    self._progress.print(Text(f"{shown} ..."))
                yield Live(shown, None)
            step.status = "done"
        finally:
            step.seconds = round(time.perf_counter() - begun, 2)
            if step.status != "done":
                step.status = "failed"
            style = "green" if step.status == "done" else "red"
            mark = Text(f"{step.status:>6}", style=style)
            self._progress.print(mark, Text(f"{step.seconds:7.1f} s  {title}"))

    def note(self, text: str) -> None:
        """Tell a person something in passing."""
        self._progress.print(Text(text, style="yellow"))

    def finish(self, result: Result) -> None:
        """Answer with what was made."""
        if self.json_output:
            self._json({"status": "ok", **self._common(), **_plain(result)})
            return
        lines = [f"{result.project} is in {result.path}"]
        if result.prediction is not None:
            request = json.dumps(result.prediction["request"], ensure_ascii=False)
            answer = json.dumps(result.prediction["answer"], ensure_ascii=False, indent=2)
            lines += ["", f"POST /predict {request}", answer]
            lines += ["", f"prediction id  {result.prediction['id']}"]
        lines += ["", *_table(result.paths)] if result.paths else []
        lines += ["", f"Next, in {shlex.quote(str(result.path))}:"]
        lines += _table(result.next_commands)
        self._out.print(Text("\n".join(lines)))

    def fail(self, error: KeelError, path: Path) -> None:
        """Answer a machine with what went wrong; a person is told by the command itself."""
        if self.json_output:
            told = {"message": str(error), "remedy": error.remedy, "exit_code": error.exit_code}
            self._json({"status": "failed", "error": told, **self._common(), "path": str(path)})

    def _common(self) -> dict[str, Any]:
        steps = [vars(step) for step in self.steps]
        return {"seconds": round(sum(step.seconds for step in self.steps), 2), "steps": steps}

    def _json(self, answer: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(answer, ensure_ascii=True, indent=2) + "\n")
        sys.stdout.flush()


def _plain(result: Result) -> dict[str, Any]:
    return {
        "path": str(result.path),
        "project": result.project,
        "package": result.package,
        "template": {"source": result.source, "commit": result.commit},
        "prediction": result.prediction,
        "paths": result.paths,
        "next": result.next_commands,
    }


def _table(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows), default=0)
    return [f"  {name:<{width}}  {value}" for name, value in rows.items()]
