"""Checks of one rendered folder. Each returns its findings, one string a finding."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import yaml
from rendering import ANSWERS_FILE, files

from modelkeel.errors import BadInput
from modelkeel.project import load_project

TEXT = {
    "", ".cfg", ".css", ".html", ".ini", ".ipynb", ".json", ".md", ".py", ".sh", ".toml", ".txt",
    ".yaml", ".yml",
}  # fmt: skip
JINJA = re.compile(r"(?<!\$)\{\{|\{%|%\}")
# A record's `{ todo = … }` has an owner and a date, and blocks what needs it: that is no filler.
FILLER = re.compile(
    r"\b(TODO|FIXME|XXX|TBD)\b|(?i:\b(fixme|tbd|lorem|changeme)\b|\b(your|my)[-_](?=\w)|<your)"
)
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.S | re.M)


def parse(root: Path) -> list[str]:
    """Files that their own format's parser refuses."""
    found = []
    parsers: dict[str, Callable[[str], object]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".ipynb": json.loads,
        ".yaml": lambda text: list(yaml.safe_load_all(text)),
        ".yml": lambda text: list(yaml.load_all(text, Loader=_Tolerant)),
    }
    for path in files(root):
        parser = parsers.get(path.suffix)
        if parser is None:
            continue
        try:
            parser(path.read_text(encoding="utf-8"))
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            found.append(f"parse: {path.relative_to(root)}: {error}")
    return found


class _Tolerant(yaml.SafeLoader):
    """YAML with the tags of GitLab."""


_Tolerant.add_multi_constructor("!", lambda loader, suffix, node: str(node))


def leftovers(root: Path, given: list[str]) -> list[str]:
    """Jinja that was not rendered, and filler text, outside of what was answered."""
    found = []
    for path in files(root):
        if path.suffix not in TEXT or path.name == ANSWERS_FILE or "data" in path.parts[-3:-1]:
            continue
        text = path.read_text(encoding="utf-8")
        for answer in given:
            text = text.replace(answer, "").replace(json.dumps(answer, ensure_ascii=False), "")
        for number, line in enumerate(text.splitlines(), start=1):
            for kind, pattern in (("jinja", JINJA), ("filler", FILLER)):
                if pattern.search(line):
                    found.append(f"{kind}: {path.relative_to(root)}:{number}: {line.strip()}")
    return found


def names(root: Path) -> list[str]:
    """Paths that were not rendered."""
    paths = [str(path.relative_to(root)) for path in root.rglob("*")]
    return [f"name: {path}" for path in paths if re.search(r"[{}%]|\.jinja$", path)]


def links(root: Path) -> list[str]:
    """Relative links of Markdown that lead nowhere."""
    found = []
    for path in root.rglob("*.md"):
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:|#", target):
                continue
            file = path.parent / unquote(target.partition("#")[0])
            if not file.exists():
                found.append(f"link: {path.relative_to(root)}: {target}")
    return found


def ruff(root: Path) -> list[str]:
    """What ruff finds and would format, with the settings of the folder."""
    found = []
    for command in (["check", "--output-format=concise"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=root,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            found.append(f"ruff {command[0]}: {done.stdout}{done.stderr}")
    return found


def mypy(root: Path, cache: Path) -> list[str]:
    """What mypy finds with the settings of the folder, in the environment of the tests."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", f"--cache-dir={cache}"],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    return [f"mypy: {done.stdout}{done.stderr}"] if done.returncode else []


def records(root: Path) -> list[str]:
    """Records that do not parse, that the tier lacks, or that it does not need."""
    project = load_project(root)
    use = project.system.use
    try:
        found = {
            "risks": project.risks is not None,
            "privacy": project.privacy is not None,
            "reasons": project.reasons is not None,
            "review": project.charter.review is not None,
        }
        _ = project.gates
    except BadInput as error:
        return [f"records: {error}"]
    tier = project.system.computed_tier
    wanted = {
        "risks": tier != "minimal",
        "privacy": use.personal_data != "none",
        "reasons": tier == "high" and use.about_people,
        "review": tier == "high",
    }
    return [f"records: {name} is {there}" for name, there in found.items() if there != wanted[name]]
