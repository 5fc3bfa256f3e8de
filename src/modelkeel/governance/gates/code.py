"""Gates on the repository: its CI, its tests, and no secrets in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from modelkeel.errors import BadInput
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.tracked import private_keys, tracked_files
from modelkeel.governance.workflows import ci_files, ci_problems, codeowners, owners_of

_SHOWN = 3
_TEST = re.compile(r"^\s*(?:async )?def test", re.MULTILINE)
_RUN_TESTS = "run `uv run nox -s tests`"


def check_ci(case: Case) -> Verdict:
    """CI runs pinned actions and images with stated permissions; governance/ has its reviewers."""
    root = case.project.root
    files = ci_files(root)
    found = [problem for path in files for problem in ci_problems(root, path)]
    owners = codeowners(root)
    if not files:
        found.append("no .github/workflows/*.yml and no .gitlab-ci.yml")
    if owners is None:
        found.append("no CODEOWNERS")
    elif not owners_of(owners, "governance"):
        found.append(f"{owners.relative_to(root).as_posix()}: /governance/ names no reviewer")
    return Verdict(
        not found,
        _some(found) or f"{len(files)} files pinned, permissions stated, governance/ reviewed",
        "every action by commit, every image by tag or digest, permissions stated, "
        "a reviewer of governance/ in CODEOWNERS",
    )


@dataclass(frozen=True)
class Junit:
    """What a test run said."""

    tests: int
    failed: int
    skipped: int
    names: frozenset[str]


def check_tests(case: Case) -> Verdict:
    """There are tests, and all of them passed on the code as it is."""
    root = case.project.root
    files = [path for path in sorted((root / "tests").rglob("test_*.py")) if _tests(path)]
    asked = "at least one test, and every test passed in reports/junit.xml"
    if not files:
        return Verdict(False, "no test below tests/", asked, remedy="write a test below tests/")
    path = case.project.reports_dir / "junit.xml"
    if not path.is_file():
        raise NotMeasured(f"{path}: no such file", _RUN_TESTS)
    found = read_junit(path)
    unseen = [name for name in (_module(root, each) for each in files) if not _ran(name, found)]
    if unseen:
        raise NotMeasured(f"{path}: lacks the tests of {_some(unseen)}", _RUN_TESTS)
    if newer := _newer(root, path):
        raise NotMeasured(f"{path}: is older than {_some(newer)}", _RUN_TESTS)
    passed = found.tests - found.failed - found.skipped
    measured = f"{passed} of {found.tests} tests passed, {found.skipped} skipped"
    return Verdict(found.failed == 0 and passed > 0, measured, asked)


def read_junit(path: Path) -> Junit:
    """Read a report in the form of JUnit.

    Raises:
        BadInput: it is no such report.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("declares entities")
        cases = list(ElementTree.fromstring(text).iter("testcase"))  # noqa: S314  no entities
    except (ElementTree.ParseError, ValueError) as error:
        raise BadInput(f"{path}: no test report: {error}", remedy=_RUN_TESTS) from None
    ended = [{inner.tag for inner in each} for each in cases]
    return Junit(
        tests=len(cases),
        failed=sum(bool(tags & {"failure", "error"}) for tags in ended),
        skipped=sum("skipped" in tags and not tags & {"failure", "error"} for tags in ended),
        names=frozenset(each.get("classname") or each.get("name") or "" for each in cases),
    )


def check_secrets(case: Case) -> Verdict:
    """Secrets are looked for before a commit, and none is in the repository."""
    root = case.project.root
    names = tracked_files(root)
    if names is None:
        raise NotMeasured(f"{root}: is no git repository", "run `git init`, then commit")
    found = [f"{name}: holds a private key or secrets" for name in private_keys(root, names)]
    if ".secrets.baseline" in names or (root / ".secrets.baseline").is_file():
        found += _real_secrets(root / ".secrets.baseline")
    else:
        found.append("no .secrets.baseline")
    if not _looked_for(root):
        found.append("detect-secrets is run by neither noxfile.py nor .pre-commit-config.yaml")
    return Verdict(
        not found,
        _some(found) or f"no key among {len(names)} committed files; baseline in place",
        "no private key committed, and a baseline that detect-secrets is held to",
    )


def _real_secrets(path: Path) -> list[str]:
    try:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        entries = [(name, each) for name, listed in results.items() for each in listed]
        real = [f"{name}:{each['line_number']}" for name, each in entries if each.get("is_secret")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: no baseline of detect-secrets: {error}",
            remedy="run `uv run detect-secrets scan > .secrets.baseline` and audit it",
        ) from None
    return [f"{place}: a person judged it a secret" for place in real]


def _looked_for(root: Path) -> bool:
    names = ("noxfile.py", ".pre-commit-config.yaml")
    texts = [(root / name).read_text(encoding="utf-8") for name in names if (root / name).is_file()]
    return any("detect-secrets" in text for text in texts)


def _tests(path: Path) -> bool:
    return _TEST.search(path.read_text(encoding="utf-8", errors="replace")) is not None


def _module(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _ran(module: str, found: Junit) -> bool:
    """Whether a file is in the report; other import modes leave out the folders."""
    last = module.rpartition(".")[2]
    return any(
        name == module or name.startswith(f"{module}.") or name.split(".")[0] == last
        for name in found.names
    )


def _newer(root: Path, report: Path) -> list[str]:
    """Code and tests that changed after the report was written."""
    written = report.stat().st_mtime
    return [
        path.relative_to(root).as_posix()
        for folder in ("src", "tests")
        for path in sorted((root / folder).rglob("*.py"))
        if path.stat().st_mtime > written
    ]


def _some(found: list[str]) -> str:
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


CODE_GATES = (
    Gate(
        "G-CI",
        "CI runs what is pinned, with few rights, and governance has reviewers",
        ("pull_request",),
        check_ci,
        "pin each action to a commit and each image to a tag, state permissions, and name "
        "reviewers of /governance/ in CODEOWNERS",
        ("NIST GOVERN 6.1", "OWASP ML06", "MTS M1"),
    ),
    Gate(
        "G-TESTS",
        "The tests pass on the code as it is",
        ("pull_request",),
        check_tests,
        "mend the code or the test: `uv run nox -s tests`",
        ("AIA 17(1)(d)", "MTS D7", "MTS I2"),
        waivable=False,
    ),
    Gate(
        "G-SECRETS",
        "No secret is in the repository",
        ("pull_request",),
        check_secrets,
        "take the secret out, replace it where it was used, then commit a baseline with "
        "`uv run detect-secrets scan > .secrets.baseline`",
        ("AIA 15(5)", "NIST GOVERN 6.1"),
        waivable=False,
    ),
)
