"""What the template adds to a file that the user has: never a line less, never a value changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelkeel.update.components import Component
from modelkeel.update.structured import merge_structured

Table = dict[str, Any]

# Files in which lines of both sides stand side by side without changing each other's meaning.
_UNITED = {
    ".gitignore", ".dvcignore", ".dockerignore", ".pre-commit-config.yaml",
    ".vscode/extensions.json", ".vscode/settings.json",
}  # fmt: skip


def extended(path: str, ours: str, theirs: str) -> str | None:
    """The user's file with what the template adds; None when that is not safe, or nothing.

    Args:
        path: below the project.
        ours: the user's text.
        theirs: the template's text.
    """
    if path == "pyproject.toml":
        return extend_pyproject(ours, theirs)
    if path not in _UNITED:
        return None
    result = merge_structured(path, None, ours, theirs)
    return result if result != ours else None


def extend_pyproject(
    ours: str, theirs: str, component: Component | None = None, *, elsewhere: bool = False
) -> str | None:
    """The user's pyproject.toml with the template's tables and dependencies that it lacks.

    Of tables that both have, only dependencies and uv's sources are added to.

    Args:
        ours: the user's text; "" when there is none.
        theirs: the template's text.
        component: take what this component needs alone.
        elsewhere: another tool keeps the dependencies, so only settings are added.
    """
    try:
        mine, yours = tomllib.loads(ours), tomllib.loads(theirs)
    except tomllib.TOMLDecodeError:
        return None
    if component is not None:
        yours = _needed(component, yours)
        if elsewhere:
            yours = {"tool": {k: v for k, v in yours.get("tool", {}).items() if k != "uv"}}
    wanted = _lacking(mine, yours)
    base, wanted = _with_extras(ours, mine, wanted)
    if not wanted:
        return base if base != ours else None
    additions = tomlkit.dumps(wanted)
    if not base.strip():
        return additions
    return merge_structured("pyproject.toml", None, base, additions)


def keeper_of(ours: str, packed: str) -> str:
    """What keeps the environment of a repository: "uv", "poetry" or "pip".

    Args:
        ours: the user's pyproject.toml, "" when there is none.
        packed: setup.py or setup.cfg when there is one, else "".
    """
    try:
        mine = tomllib.loads(ours)
    except tomllib.TOMLDecodeError:
        return "pip"
    if "project" in mine:
        return "uv"
    if "poetry" in mine.get("tool", {}):
        return "poetry"
    return "pip" if packed else "uv"


def requirements_of(component: Component, theirs: str) -> list[str]:
    """What a component depends on, to be installed by hand."""
    wanted = _needed(component, tomllib.loads(theirs))
    needed = [
        *wanted["project"]["dependencies"],
        *wanted.get("dependency-groups", {}).get("dev", []),
    ]
    return [item for item in needed if isinstance(item, str)]


def _needed(component: Component, yours: Table) -> Table:
    """The part of the template's pyproject.toml that one component needs."""
    project = yours.get("project", {})
    known = {
        _name(item): item
        for group in yours.get("dependency-groups", {}).values()
        for item in group
        if isinstance(item, str)
    }
    wanted: Table = {
        "project": {
            **{key: project[key] for key in ("name", "version", "requires-python")
               if key in project},
            "dependencies": [_library(project, component.extras)] if component.extras else [],
        }
    }  # fmt: skip
    tools = [
        _library(project, _extras(tool)) if _name(tool) == "modelkeel" else known.get(tool, tool)
        for tool in component.tools
    ]
    if tools:
        wanted["dependency-groups"] = {"dev": tools}
    tool = yours.get("tool", {})
    if component.settings and "modelkeel" in tool:
        wanted["tool"] = {"modelkeel": tool["modelkeel"]}
    sources = tool.get("uv", {}).get("sources")
    if sources and (component.extras or any(_name(each) == "modelkeel" for each in tools)):
        wanted.setdefault("tool", {})["uv"] = {"sources": sources}
    return wanted


def _library(project: Mapping[str, Any], extras: tuple[str, ...]) -> str:
    """The library as a requirement, pinned as the template pins it."""
    pin = ""
    for item in project.get("dependencies", []):
        if _name(item) == "modelkeel":
            pin = str(Requirement(item).specifier)
    return f"modelkeel[{','.join(extras)}]{pin}" if extras else f"modelkeel{pin}"


def _lacking(mine: Table, yours: Table) -> Table:
    """What of the template's file the user's does not have."""
    own = mine.get("tool", {})
    wanted: Table = {}
    if "project" in mine:
        missing = _missing(mine["project"].get("dependencies", []),
                           yours.get("project", {}).get("dependencies", []))  # fmt: skip
        if missing and "dependencies" not in mine["project"].get("dynamic", []):
            wanted["project"] = {"dependencies": missing}
    elif "poetry" not in own:
        wanted |= {key: yours[key] for key in ("project",) if key in yours}
        if "build-system" in yours and "build-system" not in mine:
            wanted = {"build-system": yours["build-system"], **wanted}
    groups = mine.get("dependency-groups", {})
    added = {
        name: missing
        for name, items in yours.get("dependency-groups", {}).items()
        if (missing := _missing(groups.get(name, []), items))
    }
    if added:
        wanted["dependency-groups"] = added
    tools: Table = {}
    for name, table in yours.get("tool", {}).items():
        if name == "uv" and "uv" in own:
            tools |= _uv(own["uv"], table)
        elif name not in own and (name != "hatch" or "build-system" in wanted):
            tools[name] = table
    if tools:
        wanted["tool"] = tools
    return wanted


def _uv(mine: Table, yours: Table) -> Table:
    wanted: Table = {}
    for key, value in yours.items():
        own = mine.get(key)
        if isinstance(value, dict) and isinstance(own, dict):
            value = {name: each for name, each in value.items() if name not in own}
        elif isinstance(value, list) and isinstance(own, list):
            value = _missing(own, value)
        elif own is not None:
            continue
        if value:
            wanted[key] = value
    return {"uv": wanted} if wanted else {}


def _missing(mine: list[Any], yours: list[Any]) -> list[Any]:
    """Requirements for packages, or extras of them, that the user's list does not name."""
    have: dict[str, set[str]] = {}
    for item in mine:
        have.setdefault(_name(item), set()).update(_extras(item))
    return [
        item
        for item in yours
        if _name(item) not in have
        or (_name(item) == "modelkeel" and not set(_extras(item)) <= have["modelkeel"])
    ]


def _with_extras(text: str, mine: Table, wanted: Table) -> tuple[str, Table]:
    """The user's text with the library's missing extras in its own line, and what else is wanted.

    A list that names the library twice would be legal and puzzling.
    """
    lists = [
        (mine.get("project", {}), wanted.get("project", {})),
        (mine.get("dependency-groups", {}), wanted.get("dependency-groups", {})),
    ]
    for own, adds in lists:
        for key in [key for key in adds if isinstance(adds[key], list)]:
            old = next((i for i in own.get(key, []) if _name(i) == "modelkeel"), None)
            new = next((i for i in adds[key] if _name(i) == "modelkeel"), None)
            if old is None or new is None or text.count(f'"{old}"') != 1:
                continue
            requirement = Requirement(old)
            requirement.extras |= set(_extras(new))
            text = text.replace(f'"{old}"', f'"{requirement}"')
            adds[key] = [item for item in adds[key] if item != new]
            if not adds[key]:
                del adds[key]
    return text, {key: value for key, value in wanted.items() if value}


def _name(item: Any) -> str:
    try:
        return canonicalize_name(Requirement(item).name)
    except (InvalidRequirement, TypeError):
        return repr(item)  # {include-group = "test"}


def _extras(item: Any) -> tuple[str, ...]:
    try:
        return tuple(sorted(Requirement(item).extras))
    except (InvalidRequirement, TypeError):
        return ()
