"""Cookiecutter's way in: the folder it made is rendered by Copier, so that it can be updated.

Cookiecutter fills in the context below before it runs this file in the new folder. A failure
ends with exit code 1, on which Cookiecutter removes the folder.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# tojson escapes the quote that would end the string.
CONTEXT = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip
NOT_ANSWERS = {"project_slug"}
LISTS = {"jurisdictions"}


def answers(context: dict) -> dict:
    """What was answered, without what is left to Copier's own default."""
    given = {
        key: value
        for key, value in context.items()
        if not key.startswith("_") and key not in NOT_ANSWERS and value != "default"
    }
    for key in LISTS & given.keys():
        given[key] = [part for part in re.split(r"[\s,;]+", given[key].strip("[] ")) if part]
    return given


def git(folder: Path, *arguments: str) -> str:
    """Output of git; empty when it fails."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, check=True, encoding="utf-8"
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def template_folders() -> list[Path]:
    """Where a template that was given by a relative path may be, the surest first.

    Cookiecutter does not say where it was started, but while this runs it is in the template.
    """
    found = [Path(f"/proc/{os.getppid()}/cwd")]
    if os.environ.get("PWD"):
        found.append(Path(os.environ["PWD"]) / CONTEXT["_template"])
    found.append(Path(CONTEXT["_output_dir"]) / CONTEXT["_template"])
    return found


def source() -> tuple[str, str | None]:
    """Address and commit of the template, as Copier takes them.

    Raises:
        SystemExit: it has no address that stays.
    """
    template, repo = CONTEXT["_template"], Path(CONTEXT["_repo_dir"])
    if template.lower().endswith(".zip"):
        sys.exit("error: a zip archive cannot be updated from\nremedy: give the git URL")
    if repo.is_absolute() and not Path(template).is_absolute():  # cloned, or taken from a clone
        url = git(repo, "remote", "get-url", "origin")
        if not url:
            sys.exit(f"error: {repo} has no origin\nremedy: give the git URL of the template")
        known = url.startswith(("git@", "git+", "https://github.com/", "https://gitlab.com/"))
        address = url if known or url.endswith(".git") else f"git+{url}"
        return address, git(repo, "rev-parse", "HEAD")
    for folder in [Path(template)] if Path(template).is_absolute() else template_folders():
        if (folder / "copier.yml").is_file() and (folder / "cookiecutter.json").is_file():
            folder = folder.resolve()
            inside = git(folder, "rev-parse", "--show-toplevel")
            return str(folder), "HEAD" if inside and Path(inside).resolve() == folder else None
    sys.exit(f"error: {template} was not found\nremedy: give its absolute path or git URL")


def copier_command() -> list[str]:
    """How Copier is run here.

    Raises:
        SystemExit: it is not.
    """
    if importlib.util.find_spec("copier"):
        return [sys.executable, "-m", "copier"]
    if shutil.which("copier"):
        return ["copier"]
    if shutil.which("uvx"):
        return ["uvx", "copier"]
    sys.exit("error: Copier, which renders the template, was not found\nremedy: pip install copier")


def reason(output: str) -> str:
    """The one line of Copier's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]) if lines else "no reason given"
    said = re.sub(r"^[\w.]+(Error|Exception): ", "", said)
    return re.sub(r"^Validation error for question '(\w+)': ", r"\1: ", said)


def main() -> None:
    """Render with Copier into the working directory."""
    address, ref = source()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "answers.yml")
        data.write_text(json.dumps(answers(CONTEXT)), encoding="utf-8")
        at = ["--vcs-ref", ref] if ref else []
        command = [*copier_command(), "copy", "--quiet", "--defaults", "--overwrite", *at]
        command += ["--data-file", str(data), address, str(here)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
    if done.returncode:
        sys.exit(f"error: {reason(done.stdout)}\nremedy: put that right and run cookiecutter again")
    print(f"\nNext:\n  cd {shlex.quote(str(here))}")
    print("  git init -b main && rm -f .dvc/config.local")
    print("  git add -A && git commit -m 'First commit'")
    print("  uv sync && uv run dvc repro")


main()
