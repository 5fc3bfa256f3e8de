"""Putting another model in the champion's place, so that a kill at any moment tears nothing.

1. What is about to happen is written to models/.switch.json.
2. Its verification summary takes its place beside the bundle; one that was there is put aside.
3. champion.json is replaced: from here on the other model serves.
4. The change joins evidence/promotions.jsonl.
5. The registry's aliases follow.
6. models/.switch.json is removed.

Whoever comes next finishes what a kill cut off after step 3. What it cut off before is dropped, and
the summary that was put aside comes back; but a trial whose summary is that of its release already
becomes the release. The aliases may lag while the registry is away; the file stays until they have
followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from modelkeel.data.digest import sha256_file
from modelkeel.errors import KeelError, Refused
from modelkeel.model.aliases import follow
from modelkeel.model.champion import Champion, point_at, read_champion
from modelkeel.model.files import copy_file, read_file, sync, write_json
from modelkeel.model.promotions import (
    Entry,
    append,
    disagreement,
    entry_of,
    person,
    read_history,
)
from modelkeel.model.summary import (
    check_champion,
    must_be_signed,
    staged_summary,
    summary_aside,
    summary_path,
)
from modelkeel.project import Project

INTENT = ".switch.json"
ELSEWHERE = "promote it with this registry, or use the one that it was promoted in"


@dataclass(frozen=True)
class Standing:
    """What serves, as far as it can be trusted.

    Attributes:
        champion: of champion.json, or of the history's end where that file is damaged; None where
            nothing serves.
        entry: the line of the history that put it there.
        problem: what is wrong with champion.json, if something is.
        history: every change, the oldest first.
    """

    champion: Champion | None
    entry: Entry | None
    problem: str | None
    history: list[Entry]


@contextmanager
def changing(project: Project) -> Iterator[None]:
    """Hold the right to change the champion, and settle what was cut off before.

    Raises:
        KeelError: somebody else does so now.
        Refused: the history of promotions is broken.
    """
    project.models_dir.mkdir(exist_ok=True)
    lock = FileLock(project.models_dir / ".promote.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise KeelError(
            f"another promotion of {project.name} is under way",
            remedy="wait until it has ended, then promote again",
        ) from None
    try:
        settle(project)
        yield
    finally:
        lock.release()


def switch(project: Project, draft: Entry, summary: Path | None = None) -> Entry:
    """Make a bundle that is in its place the champion (steps 1 to 4).

    Args:
        project: the project.
        draft: the line of the history to come.
        summary: a verification summary that is still to be moved beside the bundle.

    Raises:
        Refused: the history is broken; the champion is what it was.
    """
    read_history(project)
    models = project.models_dir
    path, aside = _summary(project, draft), _aside(project, draft)
    aside.unlink(missing_ok=True)
    beside = models / f"{INTENT}.new"
    write_json(beside, draft.model_dump(), INTENT)
    sync(beside)
    beside.replace(models / INTENT)
    sync(models)
    if summary is not None:
        if path.is_file():
            copy_file(path, aside)
        summary.replace(path)
    point_at(models, draft.champion)
    return _finish(project, draft)


def settle(project: Project) -> None:
    """Finish or drop a change that was cut off; its aliases are for `mirror` to move.

    Raises:
        Refused: the history is broken.
    """
    path = project.models_dir / INTENT
    history = read_history(project)
    champion = _champion_or_none(project)
    draft = _intended(project)
    if draft is not None and champion is not None:
        if champion != draft.champion and _is_half_released(project, champion, draft):
            point_at(project.models_dir, draft.champion)
            champion = draft.champion
        if champion == draft.champion:
            _finish(project, draft)
            return
    if draft is not None:
        _put_back(project, draft)
    path.unlink(missing_ok=True)
    if champion is not None and not history and _is_vouched_for(project, champion):
        append(project, _found(project, champion))


def mirror(project: Project) -> KeelError | None:
    """Move the registry's aliases to where the champion is; why they lag, if they do."""
    champion = _champion_or_none(project)
    try:
        elsewhere = follow(project, champion) if champion is not None else None
    except KeelError as error:
        return KeelError(
            f"the registry's aliases lag behind the champion: {error}; they follow with the "
            "next `keel model` command that reaches it",
            remedy="start the registry, then run it again",
        )
    (project.models_dir / INTENT).unlink(missing_ok=True)
    return KeelError(elsewhere, remedy=ELSEWHERE) if elsewhere else None


def lagging(project: Project) -> bool:
    """Whether a change of the champion has not reached the registry yet."""
    return (project.models_dir / INTENT).is_file()


def standing(project: Project) -> Standing:
    """What serves, and whether it is what the history says.

    Raises:
        Refused: the history is broken.
    """
    history = read_history(project)
    problem: str | None
    try:
        champion = read_champion(project.models_dir)
        problem = disagreement(project, champion, history) if champion else None
    except Refused as error:
        champion, problem = None, str(error)
    if problem is None:
        return Standing(champion, entry_of(champion, history) if champion else None, None, history)
    last = history[-1] if history else None
    return Standing(last.champion if last else None, last, problem, history)


def _intended(project: Project) -> Entry | None:
    """The change that was under way, if it was not finished."""
    path = project.models_dir / INTENT
    if not path.is_file():
        return None
    try:
        return Entry.model_validate_json(read_file(path))
    except ValidationError:  # not ours: a file of ours is whole
        return None


def _is_half_released(project: Project, champion: Champion, draft: Entry) -> bool:
    """Whether the champion has the summary of the draft, and only champion.json lags."""
    return champion.digest == draft.digest and _has_summary(project, draft)


def _finish(project: Project, draft: Entry) -> Entry:
    """Write down a change that was made; the summary before it is not needed any more."""
    entry = append(project, draft)
    _aside(project, draft).unlink(missing_ok=True)
    return entry


def _put_back(project: Project, draft: Entry) -> None:
    """Give a bundle the summary again that a dropped change put aside.

    That of the change waits as it did before: the journal may have decided on it.
    """
    path, aside = _summary(project, draft), _aside(project, draft)
    if not aside.is_file():
        return
    if _has_summary(project, draft):
        copy_file(path, staged_summary(project.models_dir / draft.champion.folder))
    aside.replace(path)


def _has_summary(project: Project, draft: Entry) -> bool:
    """Whether the summary of the draft is in its place."""
    path = _summary(project, draft)
    return path.is_file() and sha256_file(path) == draft.summary


def _summary(project: Project, entry: Entry) -> Path:
    return summary_path(project.models_dir / entry.champion.folder)


def _aside(project: Project, entry: Entry) -> Path:
    return summary_aside(project.models_dir / entry.champion.folder)


def _champion_or_none(project: Project) -> Champion | None:
    try:
        return read_champion(project.models_dir)
    except Refused:
        return None


def _is_vouched_for(project: Project, champion: Champion) -> bool:
    """Whether a history may begin with a champion: not with one that anybody may have put there."""
    if not must_be_signed(project):
        return True
    try:
        return check_champion(project, champion) is not None
    except Refused:
        return False


def _found(project: Project, champion: Champion) -> Entry:
    """The first line of a history that begins with a champion."""
    return Entry(
        time=champion.promoted_at,
        kind="found",
        name=champion.name,
        version=champion.version,
        digest=champion.digest,
        run_id=champion.run_id,
        trial=champion.trial,
        previous=champion.previous,
        by=person(project.root),
        reason="was champion before this history was kept",
        summary=None,
    )
