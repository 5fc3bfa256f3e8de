"""One project of a fleet, in a process of its own: its state, or an update on a branch.

Run as a module with the names of a job and a result file. What it prints goes into the log.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from modelkeel.errors import KeelError, Refused
from modelkeel.update import git
from modelkeel.update.apply import choose_checks, graft, make_commit, try_out
from modelkeel.update.branch import create_refs, ref_of
from modelkeel.update.fleet_targets import Target, fetch
from modelkeel.update.git import Repo, find_repo
from modelkeel.update.install import copy_objects
from modelkeel.update.lock import hold
from modelkeel.update.outcome import commit_message
from modelkeel.update.plan import Prepared, make_plan, own_files
from modelkeel.update.pull_request import body
from modelkeel.update.scratch import Scratch, scratch_for

TRAILER = "Keel-Fleet"


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job; its row.

    Raises:
        KeelError: what stands in the way.
    """
    target = Target(**{**job["target"], "folder": Path(job["target"]["folder"])})
    fetch(target)
    answers_file = job["answers_file"] or _answers_file(target.folder)
    repo = find_repo(target.folder, answers_file)
    if repo.project != target.folder:
        raise Refused(
            f"{target.folder} is no project of its own; {repo.project} above it is",
            remedy="list the folder that holds the answers file",
        )
    locks = {repo.common_dir / "modelkeel", repo.state_dir}
    with ExitStack() as stack:
        for folder in sorted(locks):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold(folder / "lock"))
        scratch = stack.enter_context(scratch_for(repo))
        prepared = make_plan(
            repo, scratch, to=job["to"], answers=job["answers"] or None, trust=job["trust"],
            answers_file=answers_file,
        )  # fmt: skip
        plan = prepared.plan
        print(plan.to_text())
        row: dict[str, Any] = {
            "state": "current", "old": plan.old, "new": plan.new, "plan": plan.facts(),
            "conflicts": [path for path, _ in plan.conflicts],
            "notes": [f"uncommitted work in {o.path} overlaps" for o in plan.overlaps],
            "body": "" if plan.current else body(plan),
        }  # fmt: skip
        if plan.current:
            return {**row, "new": plan.old, "notes": []}
        if not job["update"]:
            return {**row, "state": "would conflict" if plan.conflicts else "behind"}
        return row | _update(repo, scratch, prepared, job)


def _update(
    repo: Repo, scratch: Scratch, prepared: Prepared, job: dict[str, Any]
) -> dict[str, Any]:
    """Make the branch; what it adds to the row."""
    plan, head = prepared.plan, prepared.head
    before = scratch.entries(f"{head}^{{tree}}")
    tree = scratch.tree_of(graft(before, repo.prefix, prepared.entries))
    notes = [note.text for note in plan.notes]
    if plan.conflicts:
        state = "conflict"
        if prepared.steps:
            names = ", ".join(step.name for step in prepared.steps)
            notes.append(f"the migrations {names} have not run: update this one with keel update")
    else:
        state = "updated"
        commands = choose_checks(job["verify"], prepared.entries)
        tree, said = try_out(
            scratch, tree, prepared.steps, commands, print, own_files(scratch, prepared)
        )
        notes += said
    where = "-".join(repo.prefix.strip("/").split("/")) if repo.prefix else ""
    branch = "-".join(part for part in (f"modelkeel/update-{plan.new}", where) if part)
    message = commit_message(plan, notes).rstrip("\n")
    if state == "conflict":
        message = message.replace("\n", " (conflicts to settle)\n", 1)
    commit = make_commit(scratch, tree, head, f"{message}\n\n{TRAILER}: {plan.old} {plan.new}\n")
    found: dict[str, Any] = {"state": state, "branch": branch, "body": body(plan, notes)}
    ref = f"refs/heads/{branch}"
    there = ref_of(repo, ref)
    if there and _same(repo, scratch, there, tree, head):
        commit = there
        found["message"] = "the branch was there already"
    else:
        copy_objects(scratch, [commit], [head])
        _place(repo, ref, commit, there, head)
    found["commit"] = commit
    if job["push"] and state == "updated":
        repo.git("push", "--quiet", "--force-with-lease", "origin", f"{ref}:{ref}")
        found["pushed"] = True
    return found


def _same(repo: Repo, scratch: Scratch, commit: str, tree: str, head: str) -> bool:
    said = repo.git("show", "-s", "--format=%T %P", commit).split()
    return said == [scratch.git("rev-parse", tree).strip(), head]


def _place(repo: Repo, ref: str, commit: str, there: str | None, head: str) -> None:
    """Create the branch; one that an earlier run made and nobody went on with is replaced."""
    if there is None:
        create_refs(repo, {ref: commit})
        return
    name = ref.removeprefix("refs/heads/")
    message, parents = repo.git("show", "-s", "--format=%B%x00%P", there).split("\0")
    out = f"branch {ref}\n" in repo.git("worktree", "list", "--porcelain") + "\n"
    if f"\n{TRAILER}: " not in message or out or not _is_ancestor(repo, parents.strip(), head):
        raise Refused(
            f"the branch {name} is there already, with work of others on it",
            remedy=f"finish it, or drop it: git branch -D {name}",
        )
    repo.git("update-ref", "-m", "keel fleet", ref, commit, there)


def _is_ancestor(repo: Repo, old: str, new: str) -> bool:
    try:
        repo.git("merge-base", "--is-ancestor", old, new)
    except git.GitFailed:
        return False
    return True


def _answers_file(folder: Path) -> str:
    """The answers file of a project that has one of another name."""
    usual = ".copier-answers.yml"
    others = sorted(path.name for path in folder.glob(".copier-answers.*.yml"))
    if (folder / ".copier-answers.modelkeel.yml").is_file():
        return ".copier-answers.modelkeel.yml"
    return others[0] if len(others) == 1 and not (folder / usual).is_file() else usual


def main(job_file: str, result_file: str) -> None:
    """Do the job of a file; whatever happens, the result says so."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    begun = time.perf_counter()
    try:
        row = work(job)
    except KeelError as error:
        traceback.print_exc()
        row = {"state": "failed", "message": str(error), "remedy": error.remedy}
    except Exception as error:  # noqa: BLE001  (one project's trouble is a row, not the end)
        traceback.print_exc()
        row = {"state": "failed", "message": f"{type(error).__name__}: {error}"}
    row["seconds"] = round(time.perf_counter() - begun, 2)
    part = Path(f"{result_file}.part")
    part.write_text(json.dumps(row, default=str, ensure_ascii=False), encoding="utf-8")
    part.replace(result_file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
