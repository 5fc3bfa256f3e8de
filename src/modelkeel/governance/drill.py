"""The rollback drill: back to the champion before and forth again, timed.

It is done with the very code of a rollback, on a copy of what serves (`models/.drill`, hard links
on the same disk). So a drill cannot leave the wrong model in place, whenever it is cut off, and no
server that starts in that moment loads the other one.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelkeel.errors import Refused
from modelkeel.governance.rollback import roll
from modelkeel.model.champion import RECORD, load_champion
from modelkeel.model.files import read_file, sha256, sync, write_json
from modelkeel.model.keys import public_key_path
from modelkeel.model.promotions import history_path, now, person
from modelkeel.model.switch import changing, standing
from modelkeel.project import Project

SCHEMA = "drill/1"


@dataclass(frozen=True)
class Leg:
    """One way of a drill: what serves at its end, and how long it took until that was loaded."""

    version: str | None
    digest: str
    seconds: float


@dataclass(frozen=True)
class Drill:
    """A rollback that was practised.

    Attributes:
        time: when, ISO 8601 in UTC.
        by: who, as far as the machine knows.
        back: to the champion before.
        forth: to the champion again.
    """

    time: str
    by: str
    back: Leg
    forth: Leg

    @property
    def seconds(self) -> float:
        """The slower way."""
        return max(self.back.seconds, self.forth.seconds)


def drill_path(project: Project) -> Path:
    """Where the last drill is recorded."""
    return project.evidence_dir / "drills" / "rollback.json"


def drill(project: Project, reason: str = "drill") -> Drill:
    """Practise the rollback, and write how long it took to evidence/drills/rollback.json.

    Raises:
        Refused: there is nothing to go back to, it does not verify, or another model than before
            would serve afterwards.
        KeelError: a promotion is under way.
    """
    with changing(project):
        champion = standing(project).champion
        before = _pointer(project)
        shadow = _copy(project)
        try:
            to = champion.previous if champion else None
            back = _leg(shadow, reason, to)
            forth = _leg(shadow, reason, champion.digest if champion else None)
        finally:
            shutil.rmtree(shadow.root, ignore_errors=True)
        if champion is None or forth.digest != champion.digest or _pointer(project) != before:
            raise Refused(
                f"after the drill {forth.digest[:12]} would serve, before it {before[:12]} did",
                remedy="run `keel model verify`, then the drill again",
            )
        done = Drill(now(), person(project.root), back, forth)
        _write(project, done)
        return done


def to_dict(done: Drill) -> dict[str, Any]:
    """The record of a drill."""

    def leg(given: Leg) -> dict[str, Any]:
        seconds = round(given.seconds, 3)
        return {"version": given.version, "digest": given.digest, "seconds": seconds}

    return {
        "schema": SCHEMA,
        "time": done.time,
        "by": done.by,
        "seconds": round(done.seconds, 3),
        "back": leg(done.back),
        "forth": leg(done.forth),
        "how": "the code of a rollback on a copy of models/, each way until a server has loaded",
    }


def _leg(shadow: Project, reason: str, to: str | None) -> Leg:
    """Roll back, then load what serves, as a server does at its start."""
    start = time.perf_counter()
    roll(shadow, reason, to)
    bundle = load_champion(shadow.models_dir)
    bundle.replay()
    return Leg(bundle.version, bundle.digest, time.perf_counter() - start)


def _copy(project: Project) -> Project:
    """A project of its own with what a rollback reads, at hand on the same disk."""
    root = project.models_dir / ".drill"
    shutil.rmtree(root, ignore_errors=True)
    wanted = [
        project.models_dir / RECORD,
        project.models_dir / "champion",
        history_path(project),
        project.governance_dir / "system.toml",
        public_key_path(project),
    ]
    for path in wanted:
        target = root / path.relative_to(project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, copy_function=_link)
        elif path.is_file():
            shutil.copy2(path, target)
    return replace(project, root=root)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without hard links
        shutil.copy2(source, target)


def _pointer(project: Project) -> str:
    """Digest of champion.json as it is."""
    path = project.models_dir / RECORD
    return sha256(read_file(path)) if path.is_file() else ""


def _write(project: Project, done: Drill) -> None:
    path = drill_path(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        beside.unlink()
    write_json(beside, to_dict(done), path.name)
    sync(beside)
    beside.replace(path)
