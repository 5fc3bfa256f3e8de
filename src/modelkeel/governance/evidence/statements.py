"""in-toto statements, `evidence/<digest12>/NAME.json`: what was found of which bundle.

The form is in-toto Statement v1; the subject is the bundle, by the SHA-256 of its manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelkeel.errors import Refused
from modelkeel.model.files import write_json
from modelkeel.project import Project

STATEMENT = "https://in-toto.io/Statement/v1"
ASSESSED = "assessed.json"
"""In evidence/: which bundle was assessed last, since bundles themselves are not in git."""


def statement_path(project: Project, digest: str, name: str) -> Path:
    """Where a statement about a bundle is kept."""
    return project.evidence_dir / digest[:12] / f"{name}.json"


def write_assessed(project: Project, digest: str) -> Path:
    """Note which bundle the evidence was made about last."""
    path = project.evidence_dir / ASSESSED
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".json.new")
    write_json(beside, {"bundle": digest}, path.name)
    beside.replace(path)
    return path


def write_statement(
    project: Project, digest: str, name: str, predicate_type: str, predicate: Mapping[str, Any]
) -> Path:
    """Write a statement about the bundle with this digest; one that was there is replaced."""
    path = statement_path(project, digest, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": project.name, "digest": {"sha256": digest}}],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }
    beside = path.with_suffix(".json.new")
    write_json(beside, statement, path.name)
    beside.replace(path)
    return path


def read_statement(project: Project, digest: str, name: str) -> dict[str, Any]:
    """The predicate of a statement about a bundle.

    Raises:
        NotMeasured: nobody made it.
        Refused: it is no statement, or about another bundle.
    """
    from modelkeel.governance.gates.gate import NotMeasured  # the gates import this module

    path = statement_path(project, digest, name)
    if not path.is_file():
        raise NotMeasured(f"{path}: no such file", "run `uv run keel model assess`")
    remedy = f"remove it, then run `uv run keel model assess`: {path}"
    try:
        statement = json.loads(path.read_text(encoding="utf-8"))
        subject = statement["subject"][0]["digest"]["sha256"]
        predicate: dict[str, Any] = statement["predicate"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Refused(f"{path}: is no in-toto statement: {error}", remedy=remedy) from error
    if subject != digest:
        raise Refused(
            f"{path}: is about {str(subject)[:12]}, expected the bundle {digest[:12]}",
            remedy=remedy,
        )
    return predicate
