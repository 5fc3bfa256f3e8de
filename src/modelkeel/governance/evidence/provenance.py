"""Where a bundle comes from, as a statement: SLSA provenance v1."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from modelkeel.errors import Refused
from modelkeel.governance.evidence.statements import write_statement
from modelkeel.model.bundle import Bundle
from modelkeel.model.manifest import Manifest
from modelkeel.model.summary import NAMESPACE
from modelkeel.project import Project

PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = f"{NAMESPACE}/pipeline/v1"
LOCAL = f"{NAMESPACE}/builder/local"


def write_provenance(project: Project, bundle: Bundle) -> Path:
    """State from which code, settings and data a bundle was made, by which run, and where."""
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": _parameters(project, bundle.manifest),
            "internalParameters": {"codeDirty": bundle.manifest.code_dirty},
            "resolvedDependencies": _materials(bundle.manifest),
        },
        "runDetails": {
            "builder": {"id": builder(), "version": {"modelkeel": bundle.manifest.modelkeel or ""}},
            "metadata": {"invocationId": bundle.manifest.run_id or ""},
            "byproducts": [
                {"name": name, "digest": {"sha256": digest}}
                for name, digest in sorted(bundle.manifest.evidence.items())
            ],
        },
    }
    return write_statement(project, bundle.digest, "provenance", PROVENANCE, predicate)


def builder() -> str:
    """Where this runs: the CI's workflow or runner, or a machine of somebody."""
    env = os.environ
    if env.get("GITHUB_ACTIONS") == "true" and env.get("GITHUB_WORKFLOW_REF"):
        return f"{env.get('GITHUB_SERVER_URL', 'https://github.com')}/{env['GITHUB_WORKFLOW_REF']}"
    if env.get("GITLAB_CI") == "true" and env.get("CI_PROJECT_URL"):
        return f"{env['CI_PROJECT_URL']}/-/runners/{env.get('CI_RUNNER_ID', '0')}"
    return LOCAL


def provenance_problems(predicate: dict[str, Any], manifest: Manifest) -> list[str]:
    """How a provenance differs from what the bundle's manifest says, and what it leaves open.

    Raises:
        Refused: it is no provenance of this form.
    """
    try:
        parts = predicate["buildDefinition"]["resolvedDependencies"]
        stated = {each["name"]: dict(each["digest"]) for each in parts}
        run = predicate["runDetails"]["metadata"]["invocationId"]
        where = predicate["runDetails"]["builder"]["id"]
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            f"provenance.json: is no SLSA provenance of ours: {error}",
            remedy="run `uv run keel model assess`",
        ) from None
    expected = {each["name"]: each["digest"] for each in _materials(manifest)}
    found = [
        f"{name} is {_short(stated.get(name))}, expected {_short(expected.get(name))}"
        for name in sorted(stated.keys() | expected.keys())
        if stated.get(name) != expected.get(name)
    ]
    if manifest.code_commit is None:
        found.append("no code commit: the model was trained outside git")
    if not manifest.data:
        found.append("no data is named")
    if run != (manifest.run_id or ""):
        found.append(f"run is {run!r}, expected {manifest.run_id!r}")
    if not manifest.run_id:
        found.append("no run is named")
    if not where:
        found.append("no builder is named")
    return found


def _parameters(project: Project, manifest: Manifest) -> dict[str, Any]:
    records = {
        "params.yaml": manifest.params,
        "charter.toml": manifest.charter,
        project.params.contract: manifest.contract,
    }
    return {name: {"digest": {"sha256": sha}} for name, sha in records.items() if sha}


def _materials(manifest: Manifest) -> list[dict[str, Any]]:
    code = [{"name": "code", "digest": {"gitCommit": manifest.code_commit}}]
    records = {"params.yaml": manifest.params, "charter.toml": manifest.charter}
    files = {**{name: sha for name, sha in records.items() if sha}, **manifest.data}
    return [
        *(code if manifest.code_commit else []),
        *({"name": name, "digest": {"sha256": sha}} for name, sha in sorted(files.items())),
    ]


def _short(digest: dict[str, str] | None) -> str:
    return str(next(iter(digest.values()), ""))[:12] if digest else "not named"
