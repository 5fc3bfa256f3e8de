"""The process that renders: it imports Copier once, for all versions of one update.

Run as a file, with the names of a job and a result file; it imports nothing of modelkeel.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def render(job: dict[str, Any], exclude: list[str]) -> Any:
    """Render one version into an empty folder; Copier's record of it."""
    import copier

    _spare_git()
    target = Path(job["dst"])
    target.mkdir(parents=True)
    # It stands for a repository, so that a template that looks for one finds it.
    (target / ".git").write_text("gitdir: ../none\n", encoding="utf-8")
    answers = target / job["answers_file"]
    if job["last"] is not None:
        answers.parent.mkdir(parents=True, exist_ok=True)
        answers.write_text(job["last"], encoding="utf-8")
    return copier.run_copy(
        job["src"],
        target,
        data=job["data"],
        answers_file=job["answers_file"],
        vcs_ref=job["ref"],
        exclude=exclude,
        defaults=True,
        overwrite=True,
        quiet=True,
        skip_tasks=True,
        unsafe=job["trust"],
    )


def _spare_git() -> None:
    """Keep Copier from asking git once a file whether an index of the folder holds its mode.

    There is no index here, so the answer is always no; without this it is the same, but slower.
    """
    worker = getattr(sys.modules.get("copier._main"), "Worker", None)
    if hasattr(worker, "_sync_git_index_executable_bit"):
        worker._sync_git_index_executable_bit = lambda *_: None  # type: ignore[union-attr]


def _describe(worker: Any, target: Path, answers_file: str) -> dict[str, Any]:
    """What is known of a rendered version's answers, questions and files."""
    import yaml

    written = target / answers_file
    data = yaml.safe_load(written.read_text(encoding="utf-8")) if written.is_file() else None
    template = worker.template
    return {
        "answers": data if isinstance(data, dict) else {},
        "paths": [
            path.relative_to(target).as_posix()
            for path in sorted(target.rglob("*"))
            if path.is_symlink() or path.is_file()
        ],
        "questions": {
            name: {
                "default": details.get("default"),
                "required": "default" not in details,
                "help": str(details.get("help", "")),
                "asked": details.get("when", True) is not False,
            }
            for name, details in template.questions_data.items()
        },
        "tasks": len(template.tasks),
        "values": {
            name: value
            for name in template.questions_data
            if isinstance(value := worker.answers.combined.get(name), str)
        },
    }


def main(job_file: str, result_file: str) -> None:
    """Render all jobs; the first is the new version, whose exclusions and owners hold for all."""
    jobs = json.loads(Path(job_file).read_text(encoding="utf-8"))
    results: list[dict[str, Any]] = []
    newest: Any = None
    for job in jobs:
        try:
            worker = render(job, list(newest.template.exclude) if newest else [])
            newest = newest or worker
            found = _describe(worker, Path(job["dst"]), job["answers_file"])
            found["project"] = [path for path in found["paths"] if newest.match_skip(Path(path))]
        except Exception as error:  # noqa: BLE001  (whatever a template raises is told)
            results.append({"error": str(error), "kind": type(error).__name__})
            break
        results.append(found)
    Path(result_file).write_text(json.dumps(results, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
