"""Rollback: the champion before takes its place again, with or without the registry."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput, Refused
from modelkeel.governance.decider import catch_up, deciding
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import Champion
from modelkeel.model.promotions import Entry, now, person
from modelkeel.model.summary import check_champion, must_be_signed, summary_path
from modelkeel.model.switch import Standing, changing, mirror, standing, switch
from modelkeel.project import Project

_SHORTEST = 6  # digits of a digest that name a bundle


@dataclass(frozen=True)
class Rollback:
    """What serves again, and what it took the place of.

    Attributes:
        entry: the line of the history.
        displaced: what served before the rollback.
        seconds: until the change was made and recorded, the verification included.
        notes: what a person should know beside.
    """

    entry: Entry
    displaced: Champion
    seconds: float
    notes: tuple[str, ...] = ()


def rollback(project: Project, reason: str, *, to: str | None = None) -> Rollback:
    """Make the champion before champion again.

    Its bundle, summary and signature are verified first. The registry is not needed: its aliases
    follow when it can be reached.

    Args:
        project: the project.
        reason: why, for the history.
        to: digest of the bundle to go back to, or the beginning of it; the one before the
            champion when left out. A second rollback has to name it.

    Raises:
        BadInput: no reason is given.
        Refused: there is nothing to go back to, it does not verify, or a second rollback does not
            say where to.
        KeelError: another promotion is under way, or the journal that decides cannot be reached.
    """
    if not reason.strip():
        raise BadInput("--reason: is empty", remedy="say why, for whoever reads it next year")
    with changing(project), deciding(project) as decider:
        caught_up = catch_up(project, decider)
        done = roll(project, reason.strip(), to, decider.claim if decider else None)
        with _impatient():
            lag = mirror(project)
    return replace(done, notes=(*caught_up, *done.notes, *([str(lag)] if lag else [])))


def roll(
    project: Project,
    reason: str,
    to: str | None,
    claim: Callable[[Entry], None] | None = None,
) -> Rollback:
    """What `rollback` does while it holds the right to, the registry left alone.

    `claim` decides it where another place than champion.json does, and may refuse.

    Raises:
        Refused: as `rollback` says.
    """
    start = time.perf_counter()
    serving = standing(project)
    before = serving.champion
    if before is None:
        nothing = f"{project.models_dir}: nothing serves, so nothing can be rolled back"
        raise Refused(serving.problem or nothing, remedy="promote a bundle: keel model promote")
    target = _target(project, serving, before, to)
    verify_kept(project, target)
    change = {"kind": "rollback", "previous": before.digest, "reason": reason, "before": None}
    who = {"time": now(), "by": person(project.root)}
    draft = target.model_copy(update={**change, **who})
    if claim is not None:
        claim(draft)
    entry = switch(project, draft)
    notes = (f"{serving.problem}; the rollback put it right",) if serving.problem else ()
    return Rollback(entry, before, time.perf_counter() - start, notes)


def _target(project: Project, serving: Standing, champion: Champion, to: str | None) -> Entry:
    """The line of the history that a rollback goes back to."""
    last = _led_here(serving)
    if to is None and last is not None:
        there = str(champion.previous)[:12]
        raise Refused(
            f"version {champion.version} was itself reached by a rollback ({last.reason}); a "
            f"second one would go forth to {there} again",
            remedy=f"if that is meant: keel model rollback --to {there} --reason TEXT",
        )
    wanted = to.lower() if to is not None else champion.previous
    if wanted is None:
        released = "" if champion.trial else " that was released"
        raise Refused(
            f"there is no champion before version {champion.version}{released} to go back to",
            remedy="promote another bundle: keel model promote",
        )
    kept = kept_entries(project, serving.history, champion)
    found = [each for each in kept if each.digest.startswith(wanted)]
    if len(found) != 1 or len(wanted) < _SHORTEST:
        named = ", ".join(each.digest[:12] for each in kept) or "none"
        raise Refused(
            f"no bundle {wanted[:12]} is kept beside the champion; kept: {named}",
            remedy=f"name one that is kept, at least {_SHORTEST} digits of it, or promote it again",
        )
    if found[0].trial and not champion.trial:
        raise Refused(
            f"version {found[0].version} was only tried out, and a trial does not take the place "
            "of a released champion",
            remedy="promote a bundle without --trial: keel model promote",
        )
    return found[0]


def _led_here(serving: Standing) -> Entry | None:
    """The rollback by which the champion serves, also where it was promoted again since."""
    entry = serving.entry
    if entry is None:
        return None
    lines = serving.history[: serving.history.index(entry) + 1]
    for line in takewhile(lambda each: each.digest == entry.digest, reversed(lines)):
        if line.kind == "rollback" and line.previous == entry.previous:
            return line
    return None


def kept_entries(project: Project, history: list[Entry], champion: Champion) -> list[Entry]:
    """The newest line of each bundle that is kept beside the champion."""
    newest = {each.digest: each for each in history if each.digest != champion.digest}
    return [
        each for each in newest.values() if (project.models_dir / each.champion.folder).is_dir()
    ]


def verify_kept(project: Project, entry: Entry) -> Bundle:
    """Verify a bundle that was champion once, as a server would at its start.

    Raises:
        Refused: the bundle, its summary or its signature is not what was promoted.
    """
    champion = entry.champion
    folder = project.models_dir / champion.folder
    bundle = load_bundle(folder, champion.digest)
    if entry.summary is None and not must_be_signed(project):
        return bundle  # promoted before summaries were written
    path = summary_path(folder)
    found = sha256_file(path) if path.is_file() else "no such file"
    if entry.summary not in (None, found):
        raise Refused(
            f"{path} is not the summary of that promotion: found {found[:12]}, expected "
            f"{entry.summary[:12]}",
            remedy="restore the models folder from a backup, or promote that bundle again",
        )
    check_champion(project, champion)
    return bundle


@contextmanager
def _impatient() -> Iterator[None]:
    """Do not wait for a registry that is away: what serves does not depend on it."""
    asked = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
    before = {name: os.environ.get(name) for name in asked}
    os.environ.update(asked)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
