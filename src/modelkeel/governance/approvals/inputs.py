"""What a person is to look at before approving, by the SHA-256 of each file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.records.approvals import Kind

# The first pattern of a kind names the record that is approved, so it has to be there.
_LOOKED_AT: dict[Kind, tuple[str, ...]] = {
    "release": (
        "charter.toml",
        "governance/*.toml",
        "governance/obligations.lock",
        "docs/governance/**/*",
        "reports/*.json",
    ),
    "waiver": ("governance/gates.toml",),
    "classification": ("governance/system.toml",),
    "residual_risk": ("governance/risks.toml",),
    "dpia": ("governance/privacy.toml", "governance/system.toml", "docs/governance/dpia.*"),
    "fria": (
        "governance/system.toml",
        "governance/risks.toml",
        "governance/privacy.toml",
        "docs/governance/fria.*",
    ),
    "control": ("charter.toml",),
    "thresholds": ("governance/gates.toml", "charter.toml"),
    "resume": ("charter.toml", "governance/incidents/*.toml"),
    "manual_check": (),
}

# What machines write is recorded as it was seen, and may be written again: a promotion assesses the
# bundle anew, documents show the approvals themselves, and reports are bound to the bundle, whose
# digest is approved. What people write has to be what it was.
_WRITTEN_AGAIN = (
    PurePosixPath("docs", "governance"),
    PurePosixPath("evidence"),
    PurePosixPath("reports"),
)


def inputs_of(project: Project, kind: Kind, digest: str | None) -> dict[str, str]:
    """SHA-256 of every file that an approval of this kind is about, by path in the project.

    Raises:
        BadInput: the record that is to be approved is not there.
    """
    patterns = _LOOKED_AT[kind]
    if kind == "release" and digest:
        patterns = (*patterns, f"evidence/{digest[:12]}/**/*")
    if patterns and not (project.root / patterns[0]).is_file():
        raise BadInput(
            f"{project.root / patterns[0]}: no such file, so there is nothing to approve",
            remedy="write the record first, or restore it from git",
        )
    files = {path for pattern in patterns for path in _files(project.root, pattern)}
    return {path.relative_to(project.root).as_posix(): sha256_file(path) for path in sorted(files)}


def changed_inputs(project: Project, inputs: dict[str, str]) -> list[str]:
    """The records that are not what the person looked at, each with what happened to it."""
    changed = []
    for name, digest in inputs.items():
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            changed.append(f"{name} lies outside the project")
        elif any(place.is_relative_to(folder) for folder in _WRITTEN_AGAIN):
            continue
        elif not (path := project.root / place).is_file():
            changed.append(f"{name} is gone")
        elif (now := sha256_file(path)) != digest:
            changed.append(f"{name} is {now[:12]}, was {digest[:12]}")
    return changed


def _files(root: Path, pattern: str) -> list[Path]:
    return [p for p in root.glob(pattern) if p.is_file() and not p.name.startswith(".")]
