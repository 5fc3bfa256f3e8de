"""How gates, versions and bundles are shown: a table for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from modelkeel.governance.gates import GateResult
from modelkeel.governance.promotion import Promotion
from modelkeel.model.bundle import Bundle
from modelkeel.model.registry import Version
from modelkeel.project import Project

_MARKS = {"pass": "pass", "fail": "FAIL", "not_assessed": "none"}


def gates_text(results: Sequence[GateResult]) -> str:
    """Each gate with what was measured against what was asked."""
    lines = []
    for each in results:
        lines.append(f"{_MARKS[each.outcome]} {each.id:<10} {each.title}")
        lines.append(f"    measured  {each.measured}")
        lines.append(f"    asked     {each.asked}")
    return "\n".join(lines)


def promotion_text(project: Project, done: Promotion) -> str:
    """The gates, and what became of the candidate."""
    gates = gates_text(done.results)
    if not done.promoted:
        return gates
    return (
        f"{gates}\n{project.name} version {done.version.version} is champion "
        f"(digest {done.version.digest[:12]}, run {done.version.run_id})"
    )


def promotion_json(done: Promotion) -> str:
    """The promotion as JSON."""
    return json.dumps(asdict(done))


def versions_text(versions: Sequence[Version]) -> str:
    """One line a version."""
    if not versions:
        return "no version registered yet: run `uv run dvc repro`, then `uv run keel model promote`"
    return "\n".join(
        f"{v.version:>4}  {v.digest[:12]}  run {v.run_id}  {', '.join(v.aliases)}" for v in versions
    )


def versions_json(versions: Sequence[Version]) -> str:
    """The versions as JSON."""
    return json.dumps({"versions": [asdict(each) for each in versions]})


def verified_text(bundle: Bundle) -> str:
    """What was verified, in a line."""
    worst, rows = bundle.replay()
    files = len(bundle.manifest.files)
    return (
        f"{bundle.path}: {files} files and {rows} golden rows hold "
        f"(digest {bundle.digest[:12]}, largest difference {worst:.1e})"
    )


def verified_json(bundle: Bundle) -> str:
    """What was verified, as JSON."""
    worst, rows = bundle.replay()
    record = {"path": str(bundle.path), "digest": bundle.digest, "files": bundle.manifest.files}
    return json.dumps({**record, "golden_rows": rows, "largest_difference": worst})
