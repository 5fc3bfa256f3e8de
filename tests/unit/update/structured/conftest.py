"""The formats that random documents are written in."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import yaml

from modelkeel.update.structured import json as json_format
from modelkeel.update.structured import lines, markdown, python
from modelkeel.update.structured import toml as toml_format
from modelkeel.update.structured import yaml as yaml_format

# A document: groups of entries, each entry a value and perhaps a comment.
Document = dict[str, dict[str, tuple[int, str]]]


@dataclass(frozen=True)
class Format:
    path: str
    render: Callable[[Document], str]
    read: Callable[[str], dict[str, dict[str, int]]]
    merge: Callable[[str, str, str], str]


def toml_text(document: Document) -> str:
    text = "# head\n"
    for group, entries in document.items():
        text += f"\n[{group}]\n"
        for key, (value, comment) in entries.items():
            text += f"# about {key}\n" if value % 3 == 0 else ""
            text += f"{key} = {value}" + (f"  # {comment}\n" if comment else "\n")
    return text


def array_text(document: Document) -> str:
    text = ""
    for group, entries in document.items():
        rows = [
            f'    "{key}>={value}",' + (f"  # {comment}\n" if comment else "\n")
            for key, (value, comment) in entries.items()
        ]
        text += f"[{group}]\ndependencies = [\n{''.join(rows)}]\n\n"
    return text


def array_data(text: str) -> dict[str, dict[str, int]]:
    return {
        group: {item.split(">=")[0]: int(item.split(">=")[1]) for item in table["dependencies"]}
        for group, table in tomllib.loads(text).items()
    }


def yaml_text(document: Document) -> str:
    text = "# head\n---\n"
    for group, entries in document.items():
        text += f"{group}:\n"
        for key, (value, comment) in entries.items():
            text += f"\n  # about {key}\n" if value % 3 == 0 else ""
            text += f"  {key}: {value}" + (f"  # {comment}\n" if comment else "\n")
    return text


def steps_text(document: Document) -> str:
    text = "jobs:\n"
    for group, entries in document.items():
        text += f"  {group}:\n    steps:\n"
        for key, (value, comment) in entries.items():
            text += f"      # {comment}\n" if comment else ""
            text += f"      - name: {key}\n        run: |\n          echo {value}\n\n"
    return text


def steps_data(text: str) -> dict[str, dict[str, int]]:
    return {
        group: {step["name"]: int(step["run"].split()[1]) for step in job["steps"]}
        for group, job in yaml.safe_load(text)["jobs"].items()
    }


def json_text(document: Document) -> str:
    plain = {g: {k: value for k, (value, _) in entries.items()} for g, entries in document.items()}
    return json.dumps(plain, indent=2) + "\n"


def jsonc_text(document: Document) -> str:
    groups = [
        f'  "{group}": {{\n'
        + "".join(
            f'    "{key}": {value},' + (f" // {comment}\n" if comment else "\n")
            for key, (value, comment) in entries.items()
        )
        + "  },\n"
        for group, entries in document.items()
    ]
    return "{\n" + "".join(groups) + "}\n"


def inline_text(document: Document) -> str:
    items = [
        {"id": f"{group}.{key}", "v": value}
        for group, entries in document.items()
        for key, (value, _) in entries.items()
    ]
    return json.dumps({"items": items}) + "\n"


def inline_data(text: str) -> dict[str, dict[str, int]]:
    data: dict[str, dict[str, int]] = {}
    for item in json.loads(text)["items"]:
        group, _, key = item["id"].partition(".")
        data.setdefault(group, {})[key] = item["v"]
    return data


def environment_text(document: Document) -> str:
    text = ""
    for group, entries in document.items():
        text += f"# -- {group}\n"
        text += "".join(f"{group}.{key}={value}\n" for key, (value, _) in entries.items()) + "\n"
    return text


def environment_data(text: str) -> dict[str, dict[str, int]]:
    data: dict[str, dict[str, int]] = {}
    for group, key, value in re.findall(r"^(\w+)\.(\w+)=(\d+)$", text, re.MULTILINE):
        data.setdefault(group, {})[key] = int(value)
    return data


def requirements_text(document: Document) -> str:
    text = ""
    for group, entries in document.items():
        for key, (value, comment) in entries.items():
            text += f"{group}.{key}=={value}" + (f"  # {comment}\n" if comment else "\n")
    return text


def requirements_data(text: str) -> dict[str, dict[str, int]]:
    return environment_data(re.sub(r"==(\d+).*", r"=\1", text))


def markdown_text(document: Document) -> str:
    text = "# Title\n\nIntro.\n"
    for group, entries in document.items():
        text += f"\n## {group}\n\n```sh\n# {group}\n```\n"
        for key, (value, comment) in entries.items():
            text += f"\n### {key}\n\nValue {value}. {comment}\n"
    return text


def markdown_data(text: str) -> dict[str, dict[str, int]]:
    data: dict[str, dict[str, int]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        found = re.findall(r"^### (\w+)\n\nValue (\d)", part, re.MULTILINE)
        data[part.split("\n")[0]] = {key: int(value) for key, value in found}
    return data


def python_text(document: Document) -> str:
    text = '"""Doc."""\n\nimport os\n'
    for group, entries in document.items():
        text += f"from {group} import (\n" + "".join(f"    {k}_{group},\n" for k in entries) + ")\n"
    for group, entries in document.items():
        for key, (value, comment) in entries.items():
            text += f"\n\n# {comment}\n" if comment else "\n\n"
            text += f"def {group}__{key}() -> int:\n    return {value}\n"
    return text


def python_data(text: str) -> dict[str, dict[str, int]]:
    data: dict[str, dict[str, int]] = {}
    imported: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.name for alias in node.names}
        if isinstance(node, ast.FunctionDef):
            group, _, key = node.name.partition("__")
            assert f"{key}_{group}" in imported
            data.setdefault(group, {})[key] = ast.literal_eval(ast.unparse(node.body[0])[7:])
    assert len(imported) == sum(map(len, data.values()))
    return data


FORMATS = {
    "toml": Format("pyproject.toml", toml_text, tomllib.loads, toml_format.merge),
    "array": Format("pyproject.toml", array_text, array_data, toml_format.merge),
    "yaml": Format("params.yaml", yaml_text, yaml.safe_load, yaml_format.merge),
    "steps": Format(".github/workflows/ci.yml", steps_text, steps_data, yaml_format.merge),
    "json": Format("settings.json", json_text, json.loads, json_format.merge),
    "jsonc": Format(
        "settings.jsonc", jsonc_text, lambda t: _plain(json_format.load(t)), json_format.merge
    ),
    "inline": Format("items.json", inline_text, inline_data, json_format.merge),
    "environment": Format(
        ".env.example",
        environment_text,
        environment_data,
        lambda b, o, t: lines.merge("environment", b, o, t),
    ),
    "requirements": Format(
        "requirements.txt",
        requirements_text,
        requirements_data,
        lambda b, o, t: lines.merge("requirements", b, o, t),
    ),
    "markdown": Format(
        "README.md",
        markdown_text,
        markdown_data,
        lambda b, o, t: markdown.merge("README.md", b, o, t),
    ),
    "python": Format("main.py", python_text, python_data, python.merge),
}


def _plain(data: object) -> dict[str, dict[str, int]]:
    assert isinstance(data, dict)
    return {g: {k: int(v[1]) for k, v in entries.items()} for g, entries in data.items()}


@pytest.fixture(scope="session", params=FORMATS.values(), ids=FORMATS)
def form(request: pytest.FixtureRequest) -> Format:
    """Each format in turn."""
    found: Format = request.param
    return found
