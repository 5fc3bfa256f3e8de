"""The look for known vulnerabilities in the packages of a project, by pip-audit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, ValidationError

from modelkeel.errors import KeelError, Refused
from modelkeel.governance.evidence.environment import Environment, environment
from modelkeel.governance.evidence.statements import write_statement
from modelkeel.model.files import first_problem
from modelkeel.model.manifest import verify
from modelkeel.model.summary import NAMESPACE
from modelkeel.project import Project
from modelkeel.records.base import Strict

VULNERABILITIES = f"{NAMESPACE}/vulnerabilities/v1"
_SECONDS = 600
_REMEDY = (
    "try again when the service answers, or name another one: PIP_AUDIT_VULNERABILITY_SERVICE=osv "
    "and PIP_AUDIT_OSV_URL"
)


class Tool(Strict):
    """What looked."""

    name: str
    version: str


class Packages(Strict):
    """Which packages it looked at: where they are known from, and the SHA-256 of that."""

    source: str
    sha256: str


class Finding(Strict):
    """A vulnerability that is known of a package."""

    id: str
    aliases: list[str]
    package: str
    version: str
    fixed_in: list[str]
    about: str

    def to_text(self) -> str:
        """One line for a person."""
        fixed = ", ".join(self.fixed_in) or "no release yet"
        return f"{self.id} in {self.package} {self.version} (fixed in {fixed})"


class Audit(Strict):
    """The predicate of the statement.

    Attributes:
        tool: what looked.
        service: which advisory service it asked.
        finished: when.
        environment: which packages were to be looked at.
        packages: how many the service knows.
        unknown: those it does not know, such as those of another index.
        local: those that come from a folder, an address or git, which were not asked about.
        findings: what is known of them.
    """

    tool: Tool
    service: str
    finished: AwareDatetime
    environment: Packages
    packages: int
    unknown: list[str]
    local: list[str]
    findings: list[Finding]


def audit(project: Project) -> Path:
    """Ask the advisory service about every package, and state what it said of the newest bundle.

    Nothing is written when it does not answer: no answer is no clean bill.

    Raises:
        KeelError: pip-audit is not installed, or its service cannot be reached or knows nothing.
        Refused: the bundle does not verify.
    """
    digest = verify(project.bundle_dir).digest
    packages = environment(project)
    report = _ask(packages)
    known = [each for each in report if "vulns" in each]
    if packages.pinned and not known:
        raise KeelError(
            f"the advisory service of pip-audit knows none of {len(packages.pinned)} packages, so "
            "it is out of reach, or a mirror without advisories",
            remedy=_REMEDY,
        )
    found = Audit(
        tool=Tool(name="pip-audit", version=version("pip-audit")),
        service=os.environ.get("PIP_AUDIT_VULNERABILITY_SERVICE", "pypi"),
        finished=datetime.now(UTC).replace(microsecond=0),
        environment=Packages(source=packages.source, sha256=packages.digest),
        packages=len(known),
        unknown=sorted(each["name"] for each in report if "vulns" not in each),
        local=list(packages.local),
        findings=sorted(_findings(known), key=lambda each: (each.package, each.id)),
    )
    predicate = found.model_dump(mode="json")
    return write_statement(project, digest, "vulnerabilities", VULNERABILITIES, predicate)


def read_audit(predicate: dict[str, Any]) -> Audit:
    """The predicate of a statement, typed.

    Raises:
        Refused: it is none of ours.
    """
    try:
        return Audit.model_validate(predicate)
    except ValidationError as error:
        raise Refused(
            f"vulnerabilities.json: predicate: {first_problem(error)}",
            remedy="run `uv run keel model assess --audit`",
        ) from None


def _findings(known: Iterable[dict[str, Any]]) -> list[Finding]:
    return [
        Finding(
            id=found["id"],
            aliases=sorted(found.get("aliases", [])),
            package=each["name"],
            version=each["version"],
            fixed_in=found.get("fix_versions", []),
            about=str(found.get("description", ""))[:500],
        )
        for each in known
        for found in each["vulns"]
    ]


def _ask(packages: Environment) -> list[dict[str, Any]]:
    """What pip-audit says of each package."""
    if find_spec("pip_audit") is None:
        raise KeelError(
            "pip-audit is not installed", remedy="install the extra: uv add 'modelkeel[govern]'"
        )
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "requirements.txt")
        lines = [f"{name}=={pinned}\n" for name, pinned in sorted(packages.pinned.items())]
        listed.write_text("".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed)]
        command += ["--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise KeelError(f"pip-audit gave no answer in {_SECONDS} s", remedy=_REMEDY) from None
    try:
        report: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise KeelError(
            f"pip-audit gave no report (status {done.returncode}): "
            f"{said[-1].strip()[:300] if said else 'no reason given'}",
            remedy=_REMEDY,
        ) from None
    return report
