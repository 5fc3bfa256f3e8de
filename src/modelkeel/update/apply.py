"""`keel update`: plan, show, try out, put in place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelkeel.errors import Refused
from modelkeel.update import checks, git
from modelkeel.update.baseline import digest, save_baseline
from modelkeel.update.git import Entries, Entry, Repo, find_repo
from modelkeel.update.install import Outfit, copy_objects, install
from modelkeel.update.journal import Record, refuse_waiting
from modelkeel.update.migrations import OwnFiles, Step
from modelkeel.update.outcome import Outcome, Plan, commit_message
from modelkeel.update.overlap import Change, changes_between, refuse_overlaps, refuse_unfinished
from modelkeel.update.plan import Prepared, make_plan, own_files
from modelkeel.update.recover import recover, working
from modelkeel.update.scratch import Scratch, scratch_for

_IDENT = re.compile(r"(.*) <(.*)> \d+ [+-]\d+")


@dataclass(frozen=True)
class Options:
    """How an update is done.

    Attributes:
        to: release, branch or commit to go to; None for the newest release.
        answers: answers given anew, by question.
        keep: paths at which the template's version is left out.
        verify: commands that must pass; None for the quick checks of the repository, () for none.
        trust: let the template use Jinja extensions; its tasks are never run.
        since: revision the repository comes from, when the answers name none that exists.
        answers_file: path of the answers below the project.
        on_plan: called with the plan before anything happens; it may raise to stop.
        on_line: called with each line of the checks' output.
    """

    to: str | None = None
    answers: Mapping[str, Any] | None = None
    keep: Sequence[str] = ()
    verify: Sequence[str] | None = None
    trust: bool = False
    since: str | None = None
    answers_file: str = ".copier-answers.yml"
    on_plan: Callable[[Plan], None] | None = None
    on_line: Callable[[str], None] | None = None


def update(
    start: Path,
    to: str | None = None,
    answers: Mapping[str, Any] | None = None,
    *,
    preview_only: bool = False,
    **options: Any,
) -> Plan | Outcome:
    """Bring the repository to a newer template.

    Args:
        start: a folder of the generated project.
        to: release, branch or commit to go to; None for the newest release.
        answers: answers given anew, by question.
        preview_only: work the update out and change nothing.
        options: the rest of `Options`.

    Returns:
        The plan of a preview; else what was done. Conflicts are no error but an outcome with exit
        code 4.

    Raises:
        BadInput: no generated repository, no such release or answer.
        Refused: uncommitted work is in the way, checks do not pass, another update waits or runs.
        KeelError: the template cannot be reached or rendered, the disk is full.
    """
    chosen = Options(to=to, answers=answers, **options)
    repo = find_repo(start, chosen.answers_file)
    if preview_only:
        recover(repo)
        with scratch_for(repo) as scratch:
            return _prepare(repo, scratch, chosen).plan
    with working(repo) as held:
        refuse_waiting(repo)
        refuse_unfinished(repo)
        with scratch_for(repo) as scratch:
            prepared = _prepare(repo, scratch, chosen)
            plan = prepared.plan
            if plan.current:
                return Outcome("current", plan.to_text(), plan, prepared.head)
            if chosen.on_plan:
                chosen.on_plan(plan)
            refuse_overlaps(plan.overlaps)
            if prepared.conflicts:
                return _leave_conflicts(repo, scratch, prepared, chosen, held)
            return _finish(repo, scratch, prepared, chosen, held)


def _prepare(repo: Repo, scratch: Scratch, chosen: Options) -> Prepared:
    return make_plan(
        repo,
        scratch,
        to=chosen.to,
        answers=dict(chosen.answers or {}),
        keep=chosen.keep,
        trust=chosen.trust,
        answers_file=chosen.answers_file,
        since=chosen.since,
    )


def _finish(
    repo: Repo, scratch: Scratch, prepared: Prepared, chosen: Options, held: int
) -> Outcome:
    plan, head = prepared.plan, prepared.head
    before = scratch.entries(f"{head}^{{tree}}")
    merged = graft(before, repo.prefix, prepared.entries)
    if merged == before and not prepared.steps:
        text = f"Nothing differs between template {plan.old} and {plan.new} for this repository."
        return Outcome("current", text, plan, head)
    commands = choose_checks(chosen.verify, prepared.entries)
    tree, said = try_out(
        scratch,
        scratch.tree_of(merged),
        prepared.steps,
        commands,
        chosen.on_line,
        own_files(scratch, prepared),
    )
    after = merged if not prepared.steps else scratch.entries(tree)
    notes = [*(note.text for note in plan.notes), *said]
    commit = make_commit(scratch, tree, head, commit_message(plan, notes))
    copy_objects(scratch, [commit], [head])
    outfit = Outfit(
        tree=tree,
        changes=changes_between(before, after),
        head=head,
        commit=commit,
        message=f"keel: update to template {plan.new}",
        facts={"from": plan.old, "to": plan.new, "message": ""},
    )
    install(repo, outfit, held)
    remember(repo, prepared, chosen.answers_file)
    text = f"Updated from template {plan.old} to {plan.new}: commit {commit[:12]}."
    return Outcome("updated", text, plan, commit, notes)


def _leave_conflicts(
    repo: Repo, scratch: Scratch, prepared: Prepared, chosen: Options, held: int
) -> Outcome:
    plan, head = prepared.plan, prepared.head
    before = scratch.entries(f"{head}^{{tree}}")
    merged = graft(before, repo.prefix, prepared.entries)
    tree = scratch.tree_of(merged)
    stages = {repo.prefix + c.path: dict(c.stages) for c in prepared.conflicts}
    oids = [e.oid for each in stages.values() for e in each.values() if e.mode != "160000"]
    copy_objects(scratch, [scratch.commit(tree, head), *oids], [head])
    changes = changes_between(before, merged)
    for path in stages:  # also one whose file stays: the user is going to settle it
        if path not in changes and path in before:
            changes[path] = Change(before[path], before[path])
    notes = [note.text for note in plan.notes]
    message = commit_message(plan, notes)
    facts = {
        "from": plan.old,
        "to": plan.new,
        "message": message,
        "conflicts": sorted(stages),
        "steps": [_pack(step) for step in prepared.steps],
        "own": own_files(scratch, prepared),
        "verify": list(choose_checks(chosen.verify, prepared.entries)),
        "answers_file": chosen.answers_file,
    }
    outfit = Outfit(tree, changes, head, None, "", facts, stages)
    record: Record = install(repo, outfit, held)
    (repo.git_dir / "MERGE_MSG").write_text(message, encoding="utf-8")
    remember(repo, prepared, chosen.answers_file, record)
    text = (
        f"Updated from template {plan.old} to {plan.new}, with {len(stages)} conflict(s) left. "
        "Settle them, `git add` each, then `keel update --continue`; or `keel update --abort`."
    )
    return Outcome("conflicts", text, plan, head, notes, plan.conflicts)


def graft(top: Entries, prefix: str, project: Entries) -> Entries:
    """The whole repository's files with those of the project replaced."""
    outside = {path: e for path, e in top.items() if prefix and not path.startswith(prefix)}
    return outside | {prefix + path: entry for path, entry in project.items()}


def choose_checks(verify: Sequence[str] | None, files: Entries) -> tuple[str, ...]:
    """The checks asked for, else the repository's quick ones."""
    return checks.default_checks(set(files)) if verify is None else tuple(verify)


def try_out(
    scratch: Scratch,
    tree: str,
    steps: Sequence[Step],
    commands: Sequence[str],
    on_line: Callable[[str], None] | None,
    own: OwnFiles,
) -> tuple[str, list[str]]:
    """Run migrations and checks on a tree of the whole repository, in a work tree of its own.

    Returns:
        The tree after the migrations, and what they tell.

    Raises:
        Refused: a migration refuses, a check does not pass.
        KeelError: a migration fails.
    """
    if not steps and not commands:
        return tree, []
    folder = checks.check_out(scratch, tree)
    root = folder / scratch.repo.prefix
    notes = checks.migrate(scratch, steps, root, own)
    if steps:
        tree = checks.collect(scratch, folder)
    checks.verify(commands, root, on_line)
    return tree, notes


def make_commit(scratch: Scratch, tree: str, parent: str, message: str) -> str:
    """Commit in the user's name; in keel's when git knows none. Neither signed nor hooked."""
    env = scratch.env() | author(scratch.repo)
    said = scratch.git("commit-tree", "-p", parent, "-F", "-", tree, data=message, env=env)
    return said.strip()


def author(repo: Repo) -> dict[str, str]:
    """Variables that name the user as git's configuration does."""
    found = {name: os.environ.get(name, "") for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
    for role in ("AUTHOR", "COMMITTER"):
        try:
            match = _IDENT.fullmatch(repo.git("var", f"GIT_{role}_IDENT").strip())
        except git.GitFailed:
            match = None
        name, email = match.groups() if match else ("keel", "keel@localhost")
        found |= {f"GIT_{role}_NAME": name or "keel", f"GIT_{role}_EMAIL": email}
    return found


def remember(
    repo: Repo, prepared: Prepared, answers_file: str, record: Record | None = None
) -> None:
    """Keep the new version's files for `status` and `diff`; without them they render anew."""
    entry: Entry | None = prepared.entries.get(answers_file)
    if prepared.baseline is None or entry is None or record is not None:
        return
    blob = git.read_blobs(repo.top, [entry.oid])[entry.oid]
    save_baseline(repo, replace(prepared.baseline), digest(git.decode(blob)))


def refuse_without(record: Record | None, what: str) -> Record:
    """The record that a verb needs.

    Raises:
        Refused: there is none.
    """
    if record is None:
        raise Refused(f"there is no update to {what} here")
    return record


def _pack(step: Step) -> list[Any]:
    return [step.name, str(step.first), str(step.last), step.code, step.maps_answers]
