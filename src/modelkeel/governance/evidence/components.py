"""Installed packages as components of a bill of materials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageMetadata
from typing import Any
from urllib.parse import quote

from modelkeel.governance.evidence.environment import Installed, normal

_EXTRA = re.compile(r"\bextra\s*==")
_REQUIRED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def package(each: Installed) -> dict[str, Any]:
    """A package as a component: name, version, purl and licence."""
    part: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference(each),
        "name": each.name,
        "version": each.version,
        "purl": reference(each),
    }
    if licences := _licences(each.about):
        part["licenses"] = licences
    return part


def reference(each: Installed) -> str:
    """The package URL, by which components are named."""
    return f"pkg:pypi/{each.name}@{quote(each.version, safe='')}"


def _licences(found: PackageMetadata) -> list[dict[str, Any]]:
    """The licence as the package states it: an SPDX expression, a name, or its classifiers."""
    given = {key: found.get_all(key) or [] for key in ("License-Expression", "License")}
    if given["License-Expression"]:
        return [{"expression": given["License-Expression"][0]}]
    prefix = "License :: "
    classified = sorted(
        {
            each.rpartition(" :: ")[2]
            for each in found.get_all("Classifier") or []
            if each.startswith(prefix) and each != "License :: OSI Approved"
        }
    )
    if classified:
        return [{"license": {"name": name}} for name in classified]
    # The whole text of a licence is often put where its name belongs.
    lines = (given["License"] or [""])[0].strip().splitlines()
    return [{"license": {"name": lines[0].strip()[:100]}}] if lines else []


def graph(present: list[Installed]) -> Iterator[dict[str, Any]]:
    """Which package needs which, among those installed; extras are left out."""
    refs = {each.name: reference(each) for each in present}
    for each in present:
        needed = {
            normal(found[0])
            for line in each.about.get_all("Requires-Dist") or []
            if not _EXTRA.search(line) and (found := _REQUIRED.match(line))
        }
        yield {
            "ref": reference(each),
            "dependsOn": sorted(refs[name] for name in needed & refs.keys()),
        }
