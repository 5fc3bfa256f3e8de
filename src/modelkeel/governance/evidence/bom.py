"""The bill of materials of a bundle: CycloneDX 1.7 with a model card, `bom.cdx.json`.

It is written as JSON by hand, because cyclonedx-python-lib has no classes for model cards yet, and
held to that library's strict schema. Equal inputs give equal bytes: no time, no random number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import modelkeel
from modelkeel.errors import KeelError, Refused
from modelkeel.governance.evidence.card import model_card
from modelkeel.governance.evidence.components import graph, package
from modelkeel.governance.evidence.environment import installed
from modelkeel.governance.evidence.statements import statement_path
from modelkeel.model.bundle import Bundle
from modelkeel.model.files import sha256, write_json
from modelkeel.model.manifest import Manifest
from modelkeel.model.summary import NAMESPACE
from modelkeel.project import Project

BUNDLE = "modelkeel:bundle:sha256"
_MODEL = "model"


def bom_path(project: Project, digest: str) -> Path:
    """Where the bill of materials of a bundle is kept."""
    return statement_path(project, digest, "bom.cdx")


def write_bom(project: Project, bundle: Bundle) -> Path:
    """Write the bill of materials of a bundle; one that was there is replaced.

    Raises:
        KeelError: the extra `govern` is not installed, or the schema refuses what was written.
    """
    path = bom_path(project, bundle.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f".{path.name}.new"
    write_json(beside, bom_of(project, bundle), path.name)
    try:
        if problem := schema_problem(beside.read_text(encoding="utf-8")):
            raise KeelError(
                f"{path}: the schema of CycloneDX 1.7 refuses it: {problem}",
                remedy="report this with the message at the project of modelkeel",
            )
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def bom_of(project: Project, bundle: Bundle) -> dict[str, Any]:
    """The bill of materials: the model with its card, its data, its packages."""
    present = installed()
    data = [_dataset(name, sha) for name, sha in sorted(bundle.manifest.data.items())]
    packages = [package(each) for each in present]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{NAMESPACE}/{bundle.digest}')}",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [
                    {"type": "application", "name": "modelkeel", "version": modelkeel.__version__}
                ]
            },
            "component": {
                "type": "machine-learning-model",
                "bom-ref": _MODEL,
                "name": project.name,
                "version": bundle.digest[:12],
                "description": project.charter.decision.statement,
                "hashes": _hashes(bundle.manifest.files["model.onnx"]),
                "modelCard": model_card(project, bundle, [each["bom-ref"] for each in data]),
                "properties": [{"name": BUNDLE, "value": bundle.digest}],
            },
        },
        "components": [*data, *packages],
        "dependencies": [
            {"ref": _MODEL, "dependsOn": sorted(each["bom-ref"] for each in (*data, *packages))},
            *graph(present),
        ],
    }


def schema_problem(text: str) -> str | None:
    """Why the strict schema of CycloneDX 1.7 refuses a text; None if it does not.

    Raises:
        KeelError: the extra `govern` is not installed.
    """
    try:
        from cyclonedx.exception import MissingOptionalDependencyException
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError as error:
        raise _not_installed(str(error.name)) from None
    try:
        found = JsonStrictValidator(SchemaVersion.V1_7).validate_str(text)
    except MissingOptionalDependencyException:
        raise _not_installed("jsonschema") from None
    except ValueError:
        return "is not JSON"
    if found is None:
        return None
    where = getattr(found.data, "json_path", "$")
    return f"{where}: {getattr(found.data, 'message', found.data)}"[:300]


def schema_problem_once(project: Project, text: str) -> str | None:
    """The same, and what was found valid is not looked at again: the validator loads for a second.

    Raises:
        KeelError: the extra `govern` is not installed.
    """
    digest = sha256(f"{modelkeel.__version__}\n{text}".encode())
    known = project.root / ".cache" / "modelkeel" / f"bom-{digest}"
    if known.is_file():
        return None
    problem = schema_problem(text)
    if problem is None:
        with suppress(OSError):  # without it, the next look takes its time
            known.parent.mkdir(parents=True, exist_ok=True)
            known.touch()
    return problem


def bom_problems(project: Project, text: str, digest: str, manifest: Manifest) -> list[str]:
    """How a bill of materials is broken, or about something else than the bundle.

    Raises:
        KeelError: the extra `govern` is not installed.
    """
    if problem := schema_problem_once(project, text):
        return [problem]
    value = json.loads(text)
    if value.get("specVersion") != "1.7":
        return [f"specVersion is {value.get('specVersion')!r}, expected '1.7'"]
    model = value.get("metadata", {}).get("component", {})
    parts = value.get("components", [])
    stated = {each["name"]: _sha(each) for each in parts if each["type"] == "data"}
    bound = {each["name"]: each.get("value") for each in model.get("properties", [])}
    found = []
    if bound.get(BUNDLE) != digest:
        found.append(f"bundle is {str(bound.get(BUNDLE))[:12]}, expected {digest[:12]}")
    if _sha(model) != manifest.files["model.onnx"]:
        found.append("the model file's SHA-256 is another, or missing")
    found += [
        f"data {name}: its SHA-256 is another, or missing"
        for name, sha in sorted(manifest.data.items())
        if stated.get(name) != sha
    ]
    if "modelCard" not in model:
        found.append("no model card")
    if not any(each["type"] == "library" for each in parts):
        found.append("no package is named")
    return found


def read_bom(path: Path) -> str:
    """The text of a bill of materials.

    Raises:
        Refused: it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Refused(
            f"{path}: cannot be read as text", remedy="run `uv run keel model assess`"
        ) from None


def _dataset(name: str, sha: str) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": f"data:{quote(name)}",
        "name": name,
        "hashes": _hashes(sha),
        "data": [{"type": "dataset", "name": name}],
    }


def _hashes(sha: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha}]


def _sha(part: Mapping[str, Any]) -> str | None:
    found = {each["alg"]: each["content"] for each in part.get("hashes", [])}
    return found.get("SHA-256")


def _not_installed(name: str) -> KeelError:
    return KeelError(
        f"a bill of materials needs a package that is not installed: {name}",
        remedy="install the extra: uv add 'modelkeel[govern]'",
    )
