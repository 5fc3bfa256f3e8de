"""`keel update --continue`, `keel update --abort` and `keel undo`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.version import Version

from modelkeel.errors import Conflicts, Refused
from modelkeel.update import git
from modelkeel.update.apply import make_commit, refuse_without, try_out
from modelkeel.update.git import Entries, Repo, find_repo
from modelkeel.update.install import Outfit, copy_objects, install
from modelkeel.update.journal import Record, chain, fingerprint, last_done, refuse_waiting, waiting
from modelkeel.update.migrations import Step
from modelkeel.update.outcome import Outcome
from modelkeel.update.overlap import Change, changes_between, find_overlaps, refuse_overlaps
from modelkeel.update.recover import finish_undo, head_of, working
from modelkeel.update.scratch import Scratch, scratch_for

_MARKER = re.compile(rb"^(<{7} yours|>{7} template )", re.MULTILINE)


def continue_update(
    start: Path,
    *,
    verify: Sequence[str] | None = None,
    on_line: Callable[[str], None] | None = None,
    answers_file: str = ".copier-answers.yml",
) -> Outcome:
    """Commit an update whose conflicts are settled, after its migrations and checks.

    Args:
        start: a folder of the generated project.
        verify: commands that must pass; None for those that the update was started with.
        on_line: called with each line of the checks' output.
        answers_file: path of the answers below the project.

    Raises:
        Refused: no update waits, a migration or a check says no.
        Conflicts: files are unmerged or hold markers.
    """
    repo = find_repo(start, answers_file)
    with working(repo) as held, scratch_for(repo) as scratch:
        record = refuse_without(waiting(repo), "go on with")
        state = record.state
        _refuse_unsettled(repo, state["conflicts"])
        head = head_of(repo)
        if head != state["head"] and not _holds(repo, state["head"], head):
            raise Refused(
                f"HEAD is no longer at or after {state['head'][:12]}, where the update began",
                remedy="go back to that branch, or keel update --abort",
            )
        committed = head != state["head"]  # by the user
        staged = _staged_before(repo, record)
        before = scratch.entries(f"{head}^{{tree}}")
        tree = scratch.tree_of(before) if committed else _settled_tree(scratch, before, staged)
        steps = [Step(n, Version(a), Version(b), c, m) for n, a, b, c, m in state["steps"]]
        commands = state["verify"] if verify is None else verify
        final, notes = try_out(scratch, tree, steps, commands, on_line, state.get("own", {}))
        commit = head
        if not (committed and final == tree):
            commit = make_commit(scratch, final, head, _message(state["message"], notes))
            copy_objects(scratch, [commit], [head])
            outfit = Outfit(
                tree=final,
                changes=changes_between(scratch.entries(tree), scratch.entries(final)),
                head=head,
                commit=commit,
                message=f"keel: update to template {state['to']}",
                facts={key: state[key] for key in ("from", "to", "message")},
                staged=staged,
            )
            install(repo, outfit, held, follows=record)
        else:
            record.save(phase="done", commit=_first_after(repo, state["head"], head))
        _drop_message(repo, state["message"])
    text = f"Updated from template {state['from']} to {state['to']}: commit {commit[:12]}."
    return Outcome("updated", text, None, commit, notes)


def abort_update(start: Path, *, answers_file: str = ".copier-answers.yml") -> Outcome:
    """Take back an update that waits for its conflicts: files and index are as before.

    What the user wrote into its files since is set aside in `.git/modelkeel/kept`.

    Raises:
        Refused: no update waits, or it was committed already.
    """
    repo = find_repo(start, answers_file)
    with working(repo) as held:
        record = refuse_without(waiting(repo), "abort")
        if head_of(repo) != record.state["head"]:
            raise Refused(
                "HEAD has moved since the update began, so it is committed in part",
                remedy="keel update --continue, then keel undo",
            )
        _take_back(repo, record, None, {}, "", held)
    text = f"The update to template {record.state['to']} is taken back; all is as before."
    return Outcome("aborted", text, None, record.state["head"], record.notes)


def undo(start: Path, *, answers_file: str = ".copier-answers.yml") -> Outcome:
    """Restore the state before the last update.

    While the update is the last commit and in no remote branch, the branch goes back; else a new
    commit undoes it. Later work that does not touch the same files stays.

    Raises:
        Refused: there was no update, or later work touches its files.
    """
    repo = find_repo(start, answers_file)
    with working(repo) as held:
        refuse_waiting(repo)
        record = refuse_without(last_done(repo), "undo")
        links = chain(repo, record)
        bottom, commit, head = links[-1].state["head"], record.state["commit"], head_of(repo)
        if not _holds(repo, commit, head):
            raise Refused(f"the commit of the last update, {commit[:12]}, is not in HEAD's history")
        touched = {path for link in links for path in link.items}
        later = touched & _differing(repo, commit, head)
        if later:
            shown = "\n".join(f"  {path}" for path in sorted(later)[:20])
            raise Refused(
                f"later commits changed files of the update; nothing has changed:\n{shown}",
                remedy=f"git revert {commit[:12]} lets you settle them by hand",
            )
        now = git.list_tree(repo.top, f"{head}^{{tree}}")
        then = git.list_tree(repo.top, f"{bottom}^{{tree}}")
        changes = {path: Change(now.get(path), then.get(path)) for path in touched}
        _refuse_dirty(repo, changes, links)
        target = bottom
        if head != commit or _is_published(repo, commit):
            target = _revert(repo, record, head, now, changes)
        known = {path: _known(repo, links, path) for path in touched}
        message = f"keel: undo update to template {record.state['to']}"
        _take_back(repo, record, target, known, message, held)
    state = record.state
    text = f"The update from template {state['from']} to {state['to']} is undone."
    return Outcome("undone", text, None, target, record.notes)


def _take_back(
    repo: Repo,
    record: Record,
    target: str | None,
    known: dict[str, list[str]],
    message: str,
    held: int,
) -> None:
    """Prepare the index to come, write down what is being done, and do it."""
    links = chain(repo, record)
    old = links[-1].folder / "index.old"
    if old.exists():
        touched = {path for link in links for path in link.items}
        touched |= set(links[-1].state.get("conflicts", ()))
        fresh = record.folder / "index.undo"
        _index_to_come(repo, old, fresh, touched)
    undo_state = {"head": head_of(repo), "target": target, "known": known, "message": message}
    record.save(phase="undoing", undo=undo_state)
    finish_undo(repo, record, held)


def _index_to_come(repo: Repo, old: Path, fresh: Path, touched: set[str]) -> None:
    """The index before the update, with what the user staged in other files since."""
    before, now = _index(repo, old), _index(repo, repo.git_dir / "index")
    same = all(
        before.get(path) == now.get(path)
        for path in before.keys() | now.keys()
        if path not in touched
    )
    if same:
        shutil.copy2(old, fresh)
        return
    shutil.copy2(repo.git_dir / "index", fresh)
    text = ""
    for path in sorted(touched):
        text += git.index_lines({path: None}, repo.oid_width)
        for line in before.get(path, ()):
            text += f"{line}\t{path}\0"
    env = {"GIT_INDEX_FILE": str(fresh)}
    repo.git("update-index", "-z", "--index-info", data=text, env=env)


def _index(repo: Repo, file: Path) -> dict[str, list[str]]:
    """Mode, object and stage by path, as an index file has them."""
    found: dict[str, list[str]] = {}
    said = repo.git("ls-files", "--stage", "-z", env={"GIT_INDEX_FILE": str(file)})
    for line in git.split_z(said):
        head, path = line.split("\t", 1)
        found.setdefault(path, []).append(head)
    return found


def _refuse_unsettled(repo: Repo, conflicts: list[str]) -> None:
    left = {line.split("\t", 1)[1] for line in git.split_z(repo.git("ls-files", "-u", "-z"))}
    entries = _index(repo, repo.git_dir / "index")
    oids = {p: entries[p][0].split(" ")[1] for p in conflicts if p in entries and p not in left}
    blobs = git.read_blobs(repo.top, oids.values())
    marked = {path for path, oid in oids.items() if _MARKER.search(blobs[oid])}
    if not left | marked:
        return
    lines = [f"  {path} (unmerged)" for path in sorted(left)]
    lines += [f"  {path} (has conflict markers)" for path in sorted(marked)]
    raise Conflicts(
        "conflicts are left:\n" + "\n".join(lines),
        remedy="settle each file, then `git add` it, or `git rm` it",
    )


def _staged_before(repo: Repo, record: Record) -> frozenset[str]:
    """Paths that the user had staged before the update began."""
    env = {"GIT_INDEX_FILE": str(record.folder / "index.old")}
    said = repo.git("diff-index", "--cached", "--name-only", "-z", record.state["head"], env=env)
    return frozenset(git.split_z(said))


def _settled_tree(scratch: Scratch, before: Entries, staged: frozenset[str]) -> str:
    """Tree of the index, without what the user had staged before the update."""
    index = scratch.root / "settled"
    shutil.copy2(scratch.repo.git_dir / "index", index)
    env = scratch.env("settled")
    lines = git.index_lines({path: before.get(path) for path in staged}, scratch.repo.oid_width)
    scratch.git("update-index", "-z", "--index-info", data=lines, env=env)
    return scratch.git("write-tree", env=env).strip()


def _revert(repo: Repo, record: Record, head: str, now: Entries, changes: dict[str, Change]) -> str:
    """A commit on HEAD that has the update's files as they were."""
    entries = dict(now)
    for path, change in changes.items():
        entries.pop(path, None)
        if change.new:
            entries[path] = change.new
    state = record.state
    message = f"chore: undo update from template {state['from']} to {state['to']}\n"
    with scratch_for(repo) as scratch:
        commit = make_commit(scratch, scratch.tree_of(entries), head, message)
        copy_objects(scratch, [commit], [head])
    return commit


def _refuse_dirty(repo: Repo, changes: dict[str, Change], links: list[Record]) -> None:
    """Stop when the user has uncommitted work in files of the update, or new files in their way."""
    alone = {path for link in links for path, item in link.items.items() if item["alone"]}
    overlaps, _ = find_overlaps(repo, changes)
    refuse_overlaps([each for each in overlaps if each.path not in alone], "undo")


def _known(repo: Repo, links: list[Record], path: str) -> list[str]:
    """Contents at a path that are committed or in the journal."""
    found = [fingerprint(repo.top / path)]
    found += [fingerprint(link.folder / "old" / path) for link in links]
    return [each for each in found if each]


def _differing(repo: Repo, old: str, new: str) -> set[str]:
    return set(git.split_z(repo.git("diff-tree", "-r", "-z", "--name-only", old, new)))


def _holds(repo: Repo, old: str, new: str) -> bool:
    try:
        repo.git("merge-base", "--is-ancestor", old, new)
    except git.GitFailed:
        return False
    return True


def _is_published(repo: Repo, commit: str) -> bool:
    return bool(repo.git("for-each-ref", "--count=1", "--contains", commit, "refs/remotes"))


def _first_after(repo: Repo, old: str, new: str) -> str:
    return repo.git("rev-list", "--first-parent", "--reverse", f"{old}..{new}").split("\n")[0]


def _message(message: str, notes: list[str]) -> str:
    if not notes:
        return message
    return message + "\nMigrations say:\n" + "".join(f"- {note}\n" for note in notes)


def _drop_message(repo: Repo, message: str) -> None:
    path = repo.git_dir / "MERGE_MSG"
    if path.is_file() and path.read_text(encoding="utf-8") == message:
        path.unlink()
