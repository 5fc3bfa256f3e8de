"""How promotions, rollbacks and bundles are shown: text for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from modelkeel.governance.drill import Drill, to_dict
from modelkeel.governance.gates import GateResult
from modelkeel.governance.promotion import Promotion
from modelkeel.governance.rollback import Rollback
from modelkeel.governance.standing import Verified
from modelkeel.model.bundle import Bundle
from modelkeel.project import Project

_MARKS = {
    "pass": "pass",
    "warn": "warn",
    "fail": "FAIL",
    "waived": "waived",
    "not_assessed": "NONE",
    "not_applicable": "-",
}


def gates_text(results: Sequence[GateResult]) -> str:
    """Each gate with what was measured against what was asked."""
    lines = []
    for each in results:
        mark = _MARKS[each.outcome]
        if each.outcome == "not_applicable":
            lines.append(f"{mark:<6} {each.id:<11} {each.title}: {each.measured}")
            continue
        lines.append(f"{mark:<6} {each.id:<11} {each.title}")
        lines.append(f"    measured  {each.measured}")
        lines.append(f"    asked     {each.asked}")
    return "\n".join(lines)


def promotion_text(project: Project, done: Promotion) -> str:
    """The gates, and what became of the candidate."""
    gates = gates_text(done.results)
    if not done.promoted:
        return gates
    how = " as a trial: no server in production takes it" if done.trial else ""
    signed = ", signed" if done.signed else ""
    return (
        f"{gates}\n{project.name} version {done.version.version} is champion{how} "
        f"(digest {done.version.digest[:12]}, run {done.version.run_id}{signed})"
    )


def promotion_json(done: Promotion) -> str:
    """The promotion as JSON."""
    return json.dumps(asdict(done))


def rollback_text(project: Project, done: Rollback) -> str:
    """What serves again."""
    entry = done.entry
    return (
        f"{project.name} version {entry.version} is champion again (digest {entry.digest[:12]}), "
        f"in place of version {done.displaced.version} ({done.displaced.digest[:12]}); "
        f"{done.seconds:.2f} s\nrunning servers take it up by themselves, within seconds"
    )


def rollback_json(done: Rollback) -> str:
    """The rollback as JSON."""
    return json.dumps(
        {
            "champion": done.entry.champion.model_dump(),
            "displaced": done.displaced.model_dump(),
            "reason": done.entry.reason,
            "seconds": round(done.seconds, 3),
            "notes": list(done.notes),
        }
    )


def drill_text(project: Project, done: Drill) -> str:
    """How long a rollback would take."""
    return (
        f"{project.name}: back to version {done.back.version} ({done.back.digest[:12]}) in "
        f"{done.back.seconds:.2f} s, forth to version {done.forth.version} "
        f"({done.forth.digest[:12]}) in {done.forth.seconds:.2f} s; what serves stayed in place\n"
        "recorded in evidence/drills/rollback.json; commit it"
    )


def drill_json(done: Drill) -> str:
    """The drill as JSON."""
    return json.dumps(to_dict(done))


def verified_text(bundle: Bundle, found: Verified | None = None) -> str:
    """What was verified, in a line, and what there is to tell beside."""
    worst, rows = bundle.replay()
    files = len(bundle.manifest.files)
    notes = found.notes if found else ()
    return (
        f"{bundle.path}: {files} files and {rows} golden rows hold "
        f"(digest {bundle.digest[:12]}, largest difference {worst:.1e})"
    ) + "".join(f"\nnote: {each}" for each in notes)


def verified_json(bundle: Bundle, found: Verified | None = None) -> str:
    """What was verified, as JSON."""
    worst, rows = bundle.replay()
    record = {"path": str(bundle.path), "digest": bundle.digest, "files": bundle.manifest.files}
    around = {"problems": list(found.problems), "notes": list(found.notes)} if found else {}
    return json.dumps({**record, "golden_rows": rows, "largest_difference": worst, **around})


def written_text(project: Project, paths: Sequence[Path]) -> str:
    """The files that were written."""
    return "\n".join(f"written: {_shown(project, path)}" for path in paths) or "nothing to write"


def written_json(project: Project, paths: Sequence[Path]) -> str:
    """The files that were written, as JSON."""
    return json.dumps({"written": [_shown(project, path) for path in paths]})


def _shown(project: Project, path: Path) -> str:
    inside = path.is_relative_to(project.root)
    return path.relative_to(project.root).as_posix() if inside else str(path)
