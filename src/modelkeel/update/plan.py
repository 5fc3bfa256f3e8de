"""What an update would do, worked out without touching anything of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.update import checks, git, migrations, template
from modelkeel.update.baseline import Baseline, make_baseline, old_release
from modelkeel.update.git import Entries, Entry, Repo
from modelkeel.update.merge import Conflict, Note, find_moves, merge
from modelkeel.update.migrations import OwnFiles, Step
from modelkeel.update.outcome import Plan, Question
from modelkeel.update.overlap import changes_between, find_overlaps
from modelkeel.update.ownership import leave_to_project
from modelkeel.update.renames import folders_renamed, rename_entries, renames_by_answers
from modelkeel.update.render import Job, Rendered, render_all
from modelkeel.update.scratch import Scratch
from modelkeel.update.template import Answers, Release, Remote


@dataclass
class Prepared:
    """A plan and what is needed to carry it out.

    Attributes:
        plan: what is told.
        head: the user's commit.
        entries: merged tree of the project.
        conflicts: paths below the project.
        steps: migrations.
        baseline: the new version's files, for what is asked later.
        before: the files of the version so far.
    """

    plan: Plan
    head: str
    entries: Entries = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    baseline: Baseline | None = None
    before: Baseline | None = None


@dataclass
class _Sides:
    base: Entries
    ours: Entries
    theirs: Entries
    notes: list[Note]


def make_plan(
    repo: Repo,
    scratch: Scratch,
    *,
    to: str | None = None,
    answers: dict[str, Any] | None = None,
    keep: Sequence[str] = (),
    trust: bool = False,
    answers_file: str = ".copier-answers.yml",
    since: str | None = None,
) -> Prepared:
    """Work out an update.

    Args:
        repo: the user's repository.
        scratch: where it is tried out.
        to: release, branch or commit to go to; None for the newest release.
        answers: answers that are given anew.
        keep: paths at which the template's version is left out.
        trust: let the template use Jinja extensions.
        answers_file: path of the answers below the project.
        since: revision the repository was generated from, when the answers name none that exists.

    Raises:
        BadInput: the template, a release or an answer cannot be used.
        Refused: it would be a downgrade, or a migration refuses.
        KeelError: the template cannot be reached or rendered.
    """
    given = template.read_answers(repo, answers_file)
    head = repo.git("rev-parse", "--verify", "HEAD").strip()
    remote = template.open_remote(given.source, repo.project)
    mirror = remote.objects(scratch.root, scratch.held)
    old = old_release(remote, given, since)
    new = template.choose_target(remote, mirror, to, old)
    plan = Plan(given.source, old.name, new.name)
    if new.commit == old.commit and not answers:
        plan.current = True
        return Prepared(plan, head)
    if _is_downgrade(remote, old, new):
        if to is None:
            plan.current = True
            return Prepared(plan, head)
        raise Refused(
            f"{new.name} is older than {old.name}, which this repository is at",
            remedy="keel undo takes the last update back",
        )
    steps = migrations.find_steps(mirror, old, new)
    mapped = checks.map_answers(scratch, steps, given.values)
    jobs = [
        Job("new", new.name if new.name in remote.tags else new.commit, answers or {}, mapped),
        Job("old", given.commit if given.commit in remote.tags else old.commit, given.values),
    ]
    if answers:
        jobs.append(Job("moved", jobs[1].ref, answers, given.values))
    rendered = render_all(scratch, remote, jobs, answers_file, trust=trust)
    _refuse_unknown(answers or {}, rendered[0], new)
    plan.questions = _questions(given, rendered, answers or {})
    plan.migrations = [step.name for step in steps]
    plan.tasks = rendered[0].tasks
    plan.changelog = template.changelog(
        remote.read(mirror, new.commit, "CHANGELOG.md"), old.version, new.version
    )
    prepared = Prepared(plan, head, steps=steps)
    prepared.baseline = make_baseline(scratch, remote, new.commit, rendered[0])
    prepared.before = make_baseline(scratch, remote, old.commit, rendered[1])
    _merge(scratch, prepared, given, rendered, frozenset(keep))
    return prepared


def own_files(scratch: Scratch, prepared: Prepared) -> OwnFiles:
    """The project's own files that the template changed, for the migrations."""
    old, new = prepared.before, prepared.baseline
    if not prepared.steps or old is None or new is None:
        return {}
    paths = [
        path
        for path in sorted(old.project | new.project)
        if old.entries.get(path) != new.entries.get(path)
    ]
    pairs = {path: (old.entries.get(path), new.entries.get(path)) for path in paths}
    blobs = scratch.blobs([e.oid for pair in pairs.values() for e in pair if e and e.is_file])

    def text(entry: Entry | None) -> str | None:
        data = blobs.get(entry.oid) if entry else None
        try:
            return data.decode("utf-8") if data is not None else None
        except UnicodeDecodeError:
            return None

    return {path: (text(was), text(now)) for path, (was, now) in pairs.items()}


def _merge(
    scratch: Scratch,
    prepared: Prepared,
    given: Answers,
    rendered: list[Rendered],
    keep: frozenset[str],
) -> None:
    plan, repo = prepared.plan, scratch.repo
    prefix = repo.prefix.rstrip("/")
    tree = f"{prepared.head}:{prefix}" if prefix else f"{prepared.head}^{{tree}}"
    head = scratch.entries(tree)
    sides, moved = _sides(scratch, head, given, rendered)
    for path in sorted(keep & sides.theirs.keys()):
        if sides.base.get(path) is None:
            del sides.theirs[path]
        else:
            sides.theirs[path] = sides.base[path]
        sides.notes.append(Note(path, "left-out", f"the template's {path} is left out, as asked"))
    merged = merge(scratch, sides.base, sides.ours, sides.theirs, plan.new)
    prepared.entries, prepared.conflicts = merged.entries, merged.conflicts
    plan.notes = [*sides.notes, *merged.notes, *_moved_notes(scratch, sides, merged.entries)]
    plan.conflicts = [(conflict.path, conflict.kind) for conflict in merged.conflicts]
    conflicting = {conflict.path for conflict in merged.conflicts}
    by_you = {path for path, entry in sides.ours.items() if sides.base.get(path) != entry}
    gone = head.keys() - merged.entries.keys()
    came = merged.entries.keys() - head.keys()
    if gone and came:
        moved |= find_moves(scratch, scratch.tree_of(head), scratch.tree_of(merged.entries))
    moved = {old: new for old, new in moved.items() if old in gone and new in came}
    plan.moved = moved
    plan.added = sorted(came - set(moved.values()) - conflicting)
    plan.deleted = sorted(gone - moved.keys())
    for path, entry in sorted(merged.entries.items()):
        source = next((o for o, n in moved.items() if n == path), path)
        if path in conflicting or head.get(source, entry) == entry:
            continue
        if path in merged.by_structure:
            plan.structured.append(path)
        elif path in by_you:
            plan.merged.append(path)
        else:
            plan.changed.append(path)
    changes = changes_between(
        {repo.prefix + path: entry for path, entry in head.items()},
        {repo.prefix + path: entry for path, entry in merged.entries.items()},
    )
    plan.overlaps = find_overlaps(repo, changes)[0]


def _sides(
    scratch: Scratch, head: Entries, given: Answers, rendered: list[Rendered]
) -> tuple[_Sides, dict[str, str]]:
    """Base, ours and theirs as they are to be merged, and what moved by an answer."""
    new, old = rendered[0], rendered[1]
    theirs, base, ours = scratch.entries(new.tree), scratch.entries(old.tree), dict(head)
    renames: dict[str, str] = find_moves(scratch, old.tree, new.tree)
    moved: dict[str, str] = {}
    notes: list[Note] = []
    if len(rendered) > 2:
        after = scratch.entries(rendered[2].tree)
        by_answer = renames_by_answers(base, after, old.values, rendered[2].values)
        folders = folders_renamed(by_answer, after)
        base, _ = rename_entries(base, by_answer, folders)
        ours, moved = rename_entries(ours, by_answer, folders)
        taken = {path for path in by_answer if path in ours}
        notes += [
            Note(p, "kept", f"{p} could not move to {by_answer[p]}, where you have another file")
            for p in sorted(taken)
        ]
        if moved:
            text = ", ".join(f"{a} to {b}" for a, b in sorted(folders.items())) or "files"
            notes.append(Note(min(moved), "answer", f"an answer names it, so it moves: {text}"))
    project = frozenset().union(*(each.project for each in rendered))
    base, theirs, about = leave_to_project(base, ours, theirs, project, renames)
    _align_answers(scratch, base, given)
    left = _left_behind(ours.keys() - base.keys(), folders_renamed(renames, theirs))
    return _Sides(base, ours, theirs, [*notes, *about, *left]), moved


def _left_behind(own: Iterable[str], folders: dict[str, str]) -> list[Note]:
    """The user's own files in folders that the template renamed: they stay where they are."""
    return [
        Note(path, "kept", f"the template renamed {was} to {now}; your {path} stays where it is")
        for path in sorted(own)
        for was, now in folders.items()
        if path.rpartition("/")[0] == was
    ]


def _align_answers(scratch: Scratch, base: Entries, given: Answers) -> None:
    """Write the base's answers as the user's file does, as far as they mean the same.

    Another version of Copier wraps and quotes otherwise, and `git describe` says the same commit in
    other words when tags come later; that is no edit of the user's.
    """
    entry = base.get(given.file)
    if entry is None:
        return
    rendered = scratch.blobs([entry.oid])[entry.oid].decode("utf-8", "surrogateescape")
    mine = template.answer_blocks(given.text)
    text = ""
    for key, block in template.answer_blocks(rendered).items():
        other = mine.get(key, block)
        same = key.startswith("_") or template.same_yaml(block, other)
        text += other if same else block
    if text != rendered:
        base[given.file] = Entry(entry.mode, scratch.write_blob(git.encode(text)))


def _moved_notes(scratch: Scratch, sides: _Sides, result: Entries) -> list[Note]:
    """The template's changes that went into files that the user had moved."""
    changed = {
        path
        for path, entry in sides.base.items()
        if path not in sides.ours and path in sides.theirs and sides.theirs[path] != entry
    }
    if not changed:
        return []
    moves = find_moves(scratch, scratch.tree_of(sides.base), scratch.tree_of(sides.ours))
    return [
        Note(moves[path], "moved", f"the template's change of {path} is in your {moves[path]}")
        for path in sorted(changed & moves.keys())
        if result.get(moves[path]) not in (None, sides.ours.get(moves[path]))
    ]


def _is_downgrade(remote: Remote, old: Release, new: Release) -> bool:
    if new.commit == old.commit:
        return False
    if old.name in remote.tags and new.name in remote.tags and old.version and new.version:
        return new.version < old.version
    if remote.mirror is None:
        raise KeelError("the template has not been read")
    return remote.contains(remote.mirror, new.commit, old.commit)


def _refuse_unknown(answers: dict[str, Any], new: Rendered, release: Release) -> None:
    for key in answers:
        if key not in new.questions:
            known = ", ".join(name for name, q in new.questions.items() if q["asked"])
            raise BadInput(f"template {release.name} asks no {key!r}", remedy=f"it asks: {known}")


def _questions(given: Answers, rendered: list[Rendered], answers: dict[str, Any]) -> list[Question]:
    """Questions that are new, whose answer changed, or whose default did."""
    new, old = rendered[0], rendered[1]
    found: list[Question] = []
    for key, question in new.questions.items():
        now = new.answers.get(key)
        before = given.values.get(key)
        was, default = old.questions.get(key), question["default"]
        if key in given.values and key in new.answers and now != before:
            kind = "given" if key in answers else "no longer valid"
            found.append(Question(key, kind, before, now, question["help"]))
        elif key not in given.values and key in new.answers:
            found.append(Question(key, "given" if key in answers else "new", None, now,
                                  question["help"]))  # fmt: skip
        elif (
            was
            and key in given.values
            and was["default"] != default
            and "{" not in f"{default}{was['default']}"
            and before == was["default"]
        ):
            found.append(Question(key, "default", before, default, question["help"]))
    return found
