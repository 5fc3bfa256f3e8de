"""How lists are merged: what identifies an item, and whether order counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelkeel.update.structured.data import Data, text_of

# any: items come and go; grow: both sides only added; ordered: the same, and the place counts.
Mode = Literal["any", "grow", "ordered"]
Identity = Callable[[Data], str | None]

_DEPENDENCIES = {
    "dependencies", "requires", "optional-dependencies", "dependency-groups",
    "constraint-dependencies", "override-dependencies", "build-constraint-dependencies",
    "dev-dependencies", "additional_dependencies",
}  # fmt: skip
_SETS = {
    "select", "extend-select", "ignore", "extend-ignore", "fixable", "unfixable", "include",
    "exclude", "extend-exclude", "extend-include", "per-file-ignores", "omit", "source", "markers",
    "classifiers", "keywords", "deps", "outs", "metrics", "plots", "params", "stages", "needs",
    "python-version", "os", "branches", "branches-ignore", "tags", "paths", "paths-ignore",
    "recommendations", "types", "types_or", "files", "packages", "plugins", "extensions",
    "markdown_extensions", "labels", "reviewers", "assignees", "default_install_hook_types",
}  # fmt: skip
_ORDERED = {
    "script", "before_script", "after_script", "cmd", "command", "commands", "entrypoint", "run",
    "filterwarnings", "path", "stages_order", "matchers", "layers", "args", "index",
    "extra-index-url", "options",
}  # fmt: skip
# Each word counts by its place, or is searched in turn: only one side may add some.
_ONE_ADDS = {"args", "index", "extra-index-url", "options"}
_TARGETS = {"ports", "volumes", "mounts"}
_SETTING = re.compile(r"([A-Za-z_][\w./-]*)[ \t]*=(?!=)")
_MOUNT = re.compile(r"(?:^|,)[ \t]*(?:target|dst|destination)=([^,]+)")
_FIELDS = (
    "id", "name", "repo", "module", "label", "key", "column", "package-ecosystem", "slug", "path",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """The identity of a list's items and what may happen to them."""

    identity: Identity
    mode: Mode

    def keys(self, items: Sequence[Data]) -> list[str]:
        """Return the key of each item."""
        return [self.identity(item) or "" for item in items]


def list_rule(steps: Sequence[str], lists: Sequence[Sequence[Data]]) -> Rule | None:
    """Return the rule for all versions of the list at steps; None: merge it as one value.

    Args:
        steps: keys that lead to the list; "*" for an item of a list.
        lists: its versions.
    """
    every = [item for version in lists for item in version]
    if len(lists) == 3 and _at_odds(steps, *lists):
        return None
    for identity, mode in _candidates(steps, every):
        keys = [[identity(item) for item in version] for version in lists]
        if all(None not in some and len(set(some)) == len(some) for some in keys):
            return Rule(identity, mode)
    return None


def requirement_name(text: str, *, extras: bool = False, marker: bool = False) -> str | None:
    """Return the canonical package name of a requirement, None when it is none."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    parts = [str(canonicalize_name(requirement.name))]
    if extras:
        parts.append("[" + ",".join(sorted(requirement.extras)) + "]")
    if marker:
        parts.append(f";{requirement.marker or ''}")
    return "".join(parts)


def _candidates(steps: Sequence[str], every: list[Data]) -> list[tuple[Identity, Mode]]:
    near = [step for step in steps if step != "*"][-2:]
    last = near[-1] if near else ""
    texts = [text for item in every if (text := text_of(item)) is not None]
    maps = [item for item in every if isinstance(item, dict)]
    if not every or len(texts) + len(maps) < len(every):
        return []
    if _holds_requirements(near, texts):
        return [
            (_requirement, "any"),
            (lambda item: _requirement(item, extras=True), "any"),
            (lambda item: _requirement(item, extras=True, marker=True), "any"),
        ]
    if not maps:
        named = text_of if last in _TARGETS else _setting
        return [(named, _mode(near, texts))]
    if texts:
        return [(_only_key, "any" if last in _SETS else "grow")]
    if last == "steps":
        return [(_step, "any")]
    fields: list[tuple[Identity, Mode]] = [(_field(name), "any") for name in _FIELDS]
    return [*fields, (_repo, "any"), (_only_key, "any"), (repr, "grow")]


def _at_odds(
    steps: Sequence[str], base: Sequence[Data], ours: Sequence[Data], theirs: Sequence[Data]
) -> bool:
    """Tell whether both sides added what does not go together in one list."""
    last = next((step for step in reversed(steps) if step != "*"), "")
    mine, yours = (
        [item for item in side if item not in base and item not in other]
        for side, other in ((ours, theirs), (theirs, ours))
    )
    if last in _ONE_ADDS:
        return bool(mine and yours)
    if last not in _TARGETS:
        return False
    return any(_targets(last, one) & _targets(last, other) for one in mine for other in yours)


def _targets(last: str, item: Data) -> set[str]:
    """Return what a port, volume or mount takes: two of one target do not go together."""
    if isinstance(item, dict):
        fields = ("published", "target") if last == "ports" else ("target",)
        found = {name: item.get(name) for name in fields}
        return {f"{name} {value[1]}" for name, value in found.items() if isinstance(value, tuple)}
    text = text_of(item) or ""
    if last == "ports":
        ports, _, protocol = text.partition("/")
        parts = ports.split(":")[-2:]
        kinds = ("published", "target")[-len(parts) :]
        end = f"/{protocol}" if protocol not in ("", "tcp") else ""
        return {f"{kind} {port}{end}" for kind, port in zip(kinds, parts, strict=True)}
    mount = _MOUNT.search(text)
    parts = text.split(":")
    folders = [part for part in parts if part.startswith("/")]
    target = mount[1] if mount else folders[-1] if folders else parts[:2][-1]
    return {f"target {target.rstrip('/')}"}


def _setting(item: Data) -> str | None:
    """Identify `NAME=VALUE` by its name, any other text by itself."""
    text = text_of(item)
    found = _SETTING.match(text) if text is not None else None
    return found[1] if found else text


def _mode(near: list[str], texts: list[str]) -> Mode:
    # Values of command-line flags stand beside them: `["-k", "slow"]`.
    if _ORDERED.intersection(near[-1:]) or any(text.startswith("-") for text in texts):
        return "ordered"
    return "any" if _SETS.intersection(near) or "matrix" in near else "grow"


def _holds_requirements(near: list[str], texts: list[str]) -> bool:
    if any(requirement_name(text) is None for text in texts):
        return False
    if _DEPENDENCIES.intersection(near):
        return True
    return any(re.search(r"[<>=~!]=|[<>]| @ ", text) for text in texts)


def _requirement(item: Data, *, extras: bool = False, marker: bool = False) -> str | None:
    text = text_of(item)
    if text is not None:
        return requirement_name(text, extras=extras, marker=marker)
    return repr(item)  # {include-group = "test"}


def _field(name: str) -> Identity:
    def identity(item: Data) -> str | None:
        return repr(item[name]) if isinstance(item, dict) and name in item else None

    return identity


def _only_key(item: Data) -> str | None:
    if isinstance(item, dict):
        return next(iter(item)) if len(item) == 1 else None
    return text_of(item)


def _step(item: Data) -> str | None:
    """Identify a step of a workflow by its id, name, action without version, or command."""
    if not isinstance(item, dict):
        return None
    for name in ("id", "name", "uses", "run"):
        text = text_of(item[name]) if name in item else None
        if text is not None:
            return f"{name}:{text.split('@')[0] if name == 'uses' else text}"
    return None


def _repo(item: Data) -> str | None:
    """Identify a pre-commit repo that occurs more than once (`local`) by its hooks too."""
    hooks = item.get("hooks") if isinstance(item, dict) else None
    if not isinstance(item, dict) or "repo" not in item or not isinstance(hooks, list):
        return None
    return repr((item["repo"], [hook.get("id") for hook in hooks if isinstance(hook, dict)]))
