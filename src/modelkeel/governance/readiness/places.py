"""Where a person has to look when a gate says no: a file of the repository, and a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from modelkeel.governance.gates.gate import GateResult
from modelkeel.records.base import line_of

SYSTEM, GATES, CHARTER = "governance/system.toml", "governance/gates.toml", "charter.toml"
RISKS, PROJECT = "governance/risks.toml", "pyproject.toml"

# The record that a gate is about, and the part of it.
RECORDS: dict[str, tuple[str, str]] = {
    "G-PROHIB": (SYSTEM, "classification"),
    "G-TIER": (SYSTEM, "classification"),
    "G-OBL": ("governance/obligations.lock", ""),
    "G-REC": (SYSTEM, "identity"),
    "G-OWNER": (SYSTEM, "identity"),
    "G-PRIVACY": ("governance/privacy.toml", "processing"),
    "G-RISK": (RISKS, "risk"),
    "G-ROLES": (SYSTEM, "roles"),
    "G-EXPL": ("governance/reasons.toml", "reason"),
    "G-OVERSIGHT": (SYSTEM, "oversight"),
    "G-FOUR": (SYSTEM, "roles"),
    "G-CHARTER": (CHARTER, "target"),
    "G-PAYOFF": (CHARTER, "value"),
    "G-TARGET": (CHARTER, "target"),
    "G-VALUE": (CHARTER, "target"),
    "G-KILL": (CHARTER, "kill"),
    "G-DATA": (GATES, "contract"),
    "G-SHIFT": (GATES, "drift"),
    "G-LEAK": (GATES, "leakage"),
    "G-LABELS": (GATES, "labels"),
    "G-PERSONAL": (GATES, "personal"),
    "G-LINEAGE": ("dvc.lock", ""),
    "G-REPRO": (GATES, "reproduction"),
    "G-BASE": (GATES, "baseline"),
    "G-PERF": (GATES, "performance"),
    "G-CHAMP": (GATES, "champion"),
    "G-SLICE": (GATES, "slices"),
    "G-FAIR": (GATES, "fairness"),
    "G-ROB": (GATES, "robustness"),
    "G-GOLDEN": (GATES, "golden"),
    "G-VULN": (GATES, "vulnerabilities"),
    "G-BOM": ("uv.lock", ""),
    "G-AGE": (GATES, "freshness"),
    "G-STOP": (GATES, "freshness"),
    "G-CI": (".github/CODEOWNERS", ""),
    "G-TESTS": (PROJECT, "pytest"),
    "G-SECRETS": (".secrets.baseline", ""),
    "G-PRIOR": (GATES, ""),
    "G-COMMIT": ("dvc.lock", ""),
    "G-PROV": ("dvc.lock", ""),
    "G-FORMAT": (PROJECT, ""),
    "G-SIGN": (SYSTEM, ""),
    "G-SERVED": (SYSTEM, ""),
    "G-INC": (SYSTEM, "oversight"),
    "G-DOC": (SYSTEM, ""),
    "G-MISSING": (SYSTEM, ""),
}
_NAMED = re.compile(r"([\w./{}-]+\.(?:toml|ya?ml|json|py|lock|md|ipynb))(?::(\d+))?")


@dataclass(frozen=True)
class Place:
    """A file below the project's folder, and a line of it from 1."""

    path: str
    line: int = 1


def place_of(root: Path, result: GateResult) -> Place:
    """The file and line that a result names, or the record that its gate is about."""
    for path, line in _NAMED.findall(result.measured):
        if found := _inside(root, path):
            return Place(found, int(line or 1))
    name, part = RECORDS.get(result.id, (GATES, ""))
    for each in (name, SYSTEM, PROJECT):
        path = root / each
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            return Place(each, line_of([part], text) if part and each == name else 1)
    return Place(PROJECT)


def _inside(root: Path, name: str) -> str | None:
    """A file that a message names, relative to the root; None if there is no such one."""
    try:
        path = (root / name).resolve()
        return path.relative_to(root.resolve()).as_posix() if path.is_file() else None
    except (OSError, ValueError):
        return None
