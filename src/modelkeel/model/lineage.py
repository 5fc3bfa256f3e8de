"""What a model was made from: code, data and records, by commit and digest."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import modelkeel
from modelkeel.data.digest import sha256_file
from modelkeel.project import Project


class Lineage(BaseModel):
    """Where a model comes from. Digests are SHA-256 in hexadecimal.

    Attributes:
        version: version in the registry, once it has one.
        run_id: the MLflow run that trained it.
        trained_at: when, ISO 8601 in UTC; None in bundles of before this was recorded.
        code_commit: git commit; None outside git.
        code_dirty: whether tracked files differed from that commit, or code was not in it.
        data: digest of each input by its path in the project, or URL without secrets.
        charter: digest of charter.toml.
        params: digest of params.yaml.
        contract: digest of the data contract.
        evidence: digest of what was measured, by path: evaluation, data quality, data checks.
        modelkeel: version of this library.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str | None = None
    run_id: str | None = None
    trained_at: str | None = None
    code_commit: str | None = None
    code_dirty: bool = False
    data: dict[str, str] = Field(default_factory=dict)
    charter: str | None = None
    params: str | None = None
    contract: str | None = None
    evidence: dict[str, str] = Field(default_factory=dict)
    modelkeel: str | None = None


def lineage_of(project: Project, *, run_id: str | None = None) -> Lineage:
    """Digests of the code, data and records as they are now."""
    from modelkeel.data.sources import input_digests  # not at the top: a server has no polars

    commit, dirty = _git_state(project)
    made = [project.data_dir / f"{name}.parquet" for name in ("raw", "train", "test")]
    return Lineage(
        run_id=run_id,
        code_commit=commit,
        code_dirty=dirty,
        data={**input_digests(project), **_digests(project, made)},
        charter=sha256_file(project.root / "charter.toml"),
        params=sha256_file(project.root / "params.yaml"),
        contract=sha256_file(project.contract_path),
        evidence=_digests(project, project.evidence_paths),
        modelkeel=modelkeel.__version__,
    )


def _digests(project: Project, paths: list[Path]) -> dict[str, str]:
    return {
        path.relative_to(project.root).as_posix(): sha256_file(path)
        for path in paths
        if path.is_file()
    }


def _git_state(project: Project) -> tuple[str | None, bool]:
    """The commit, and whether it is not all that a model is made from.

    What the pipeline writes is left aside, and so are new files that it does not read.
    """
    root = project.root
    commit = _git(root, "rev-parse", "HEAD")
    written = [":!dvc.lock", ":!uv.lock", ":!reports", ":!evidence"]
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *written)
    read = ["src", "charter.toml", "params.yaml", "dvc.yaml", project.params.contract]
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", *read)
    return commit, bool(changed or new)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
