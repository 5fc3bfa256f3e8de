"""Rendering versions of a template, in one process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput, KeelError
from modelkeel.update import git
from modelkeel.update.scratch import Scratch
from modelkeel.update.template import Remote

_REQUIRED = re.compile(r'Question "([^"]+)" is required')
_INVALID = re.compile(r"Validation error for question '([^']+)': (.*)", re.DOTALL)


@dataclass(frozen=True)
class Job:
    """One version to render.

    Attributes:
        name: of its folder in the scratch.
        ref: tag, branch or commit.
        data: answers that are taken as given.
        last: answers that are taken while they are still valid, None for none.
    """

    name: str
    ref: str
    data: dict[str, Any]
    last: dict[str, Any] | None = None


@dataclass(frozen=True)
class Rendered:
    """A rendered version.

    Attributes:
        tree: as git records it.
        answers: as written into the answers file.
        project: paths that belong to the project by the newest version's `_skip_if_exists`.
        questions: default, required, help and asked of each.
        tasks: number of tasks, which are not run.
        values: all values that files and names are made of, those never asked included.
    """

    tree: str
    answers: dict[str, Any]
    project: frozenset[str] = frozenset()
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: int = 0
    values: dict[str, Any] = field(default_factory=dict)


def render_all(
    scratch: Scratch, remote: Remote, jobs: list[Job], answers_file: str, *, trust: bool = False
) -> list[Rendered]:
    """Render versions, the newest first: its exclusions hold for all.

    Raises:
        BadInput: a question has no answer, an answer is not valid.
        KeelError: the template cannot be rendered.
    """
    import yaml

    project = scratch.repo.project
    work = [
        {
            "dst": str(scratch.root / job.name / project.name),
            "src": remote.source,
            "ref": job.ref,
            "data": job.data,
            "last": None if job.last is None else yaml.safe_dump(job.last, allow_unicode=True),
            "answers_file": answers_file,
            "trust": trust,
        }
        for job in jobs
    ]
    results = _run(scratch, remote, work)
    for number, result in enumerate(results):
        if "error" in result:
            raise _failure(result, jobs[number])
    return [
        Rendered(
            tree=scratch.write_tree(Path(str(job["dst"]))),
            answers=result["answers"],
            project=frozenset(result["project"]),
            questions=result["questions"],
            tasks=result["tasks"],
            values=result["values"],
        )
        for job, result in zip(work, results, strict=True)
    ]


def _run(scratch: Scratch, remote: Remote, work: list[dict[str, Any]]) -> list[dict[str, Any]]:
    given, result = scratch.root / "jobs.json", scratch.root / "rendered.json"
    given.write_text(json.dumps(work, default=str), encoding="utf-8")
    values = {**git.QUIET, "core.autocrlf": "false", "core.safecrlf": "false"}
    if remote.folder is None and remote.mirror is not None:
        values[f"url.{remote.mirror}.insteadOf"] = remote.address
    env = git.environment(git.settings(values))
    # A cache of its own: Copier's common one breaks when several updates use it at once.
    env |= {"COPIER_CACHE_DIR": str(scratch.root / "cache"), "TMPDIR": str(scratch.root)}
    worker = Path(__file__).with_name("render_worker.py")
    done = subprocess.run(
        [sys.executable, "-P", str(worker), str(given), str(result)],
        cwd=scratch.repo.project,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        pass_fds=scratch.held,
    )
    if not result.is_file():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-12:]
        missing = any("No module named 'copier'" in line for line in said)
        raise KeelError(
            "the template could not be rendered:\n" + os.linesep.join(said),
            remedy='install Copier: pip install "modelkeel[update]"' if missing else "",
        )
    found: list[dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
    return found


def _failure(result: dict[str, Any], job: Job) -> KeelError:
    said = result["error"]
    required = _REQUIRED.search(said)
    if required:
        return BadInput(
            f"template {job.ref} asks {required[1]!r}, which has no default and no answer yet",
            remedy=f"answer it: --answer {required[1]}=VALUE",
        )
    invalid = _INVALID.search(said)
    if invalid:
        return BadInput(
            f"the answer to {invalid[1]!r} is not valid for template {job.ref}: {invalid[2]}",
            remedy=f"give another: --answer {invalid[1]}=VALUE",
        )
    kind = result["kind"]
    if kind == "ModuleNotFoundError" and "copier" in said:
        return KeelError(said, remedy='install Copier: pip install "modelkeel[update]"')
    remedy = "if you trust the template: --trust" if kind == "UnsafeTemplateError" else ""
    return KeelError(f"template {job.ref} could not be rendered ({kind}): {said}", remedy=remedy)
