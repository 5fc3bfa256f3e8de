"""Edits of a user against changes of a template, as data.

Each has a folder of its own in one template, named after it, so that one update meets them all.
`expect` is what becomes of it: clean (both sides are in the result), conflict (left to the user),
report (one side stays out and the update says so).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Content = str | bytes | None


def lines(word: str, count: int = 20) -> str:
    """Text whose lines occur nowhere else."""
    return "".join(f"{word} line {number} of the text\n" for number in range(count))


def put(text: str, number: int, line: str) -> str:
    """The text with one line replaced; None as number appends."""
    found = text.splitlines(keepends=True)
    found[number] = f"{line}\n"
    return "".join(found)


@dataclass(frozen=True)
class Scenario:
    """One combination; paths are below its folder."""

    name: str
    old: Mapping[str, Content]
    new: Mapping[str, Content]
    user: Mapping[str, Content]
    expect: str
    check: Mapping[str, str] = field(default_factory=dict)
    """Texts that files must hold afterwards; the empty text: the file must not be there."""


def _s(name: str) -> str:
    return lines(name)


def text_scenarios() -> list[Scenario]:
    found = []

    def add(name: str, new: Mapping[str, Content], user: Mapping[str, Content], expect: str,
            check: Mapping[str, str] | None = None, old: Mapping[str, Content] | None = None,
            ) -> None:  # fmt: skip
        found.append(Scenario(name, old or {"f.txt": _s(name)}, new, user, expect, check or {}))

    add(
        "only-template",
        {"f.txt": put(_s("only-template"), 3, "theirs")},
        {},
        "clean",
        {"f.txt": "theirs"},
    )
    add("only-user", {}, {"f.txt": put(_s("only-user"), 3, "mine")}, "clean", {"f.txt": "mine"})
    add(
        "far-apart",
        {"f.txt": put(_s("far-apart"), 2, "theirs")},
        {"f.txt": put(_s("far-apart"), 17, "mine")},
        "clean",
        {"f.txt": "mine"},
    )
    add(
        "same-line",
        {"f.txt": put(_s("same-line"), 5, "theirs")},
        {"f.txt": put(_s("same-line"), 5, "mine")},
        "conflict",
        {"f.txt": "mine"},
    )
    add(
        "same-change",
        {"f.txt": put(_s("same-change"), 5, "both")},
        {"f.txt": put(_s("same-change"), 5, "both")},
        "clean",
        {"f.txt": "both"},
    )
    add(
        "both-append",
        {"f.txt": _s("both-append") + "theirs\n"},
        {"f.txt": _s("both-append") + "mine\n"},
        "conflict",
        {"f.txt": "mine"},
    )
    add(
        "template-renames",
        {"f.txt -> g.txt": None},
        {"f.txt": put(_s("template-renames"), 4, "mine")},
        "clean",
        {"f.txt": "", "g.txt": "mine"},
    )
    add(
        "template-renames-and-changes",
        {"f.txt -> g.txt": put(_s("template-renames-and-changes"), 15, "theirs")},
        {"f.txt": put(_s("template-renames-and-changes"), 4, "mine")},
        "clean",
        {"f.txt": "", "g.txt": "mine"},
    )
    add(
        "template-renames-same-line",
        {"f.txt -> g.txt": put(_s("template-renames-same-line"), 4, "theirs")},
        {"f.txt": put(_s("template-renames-same-line"), 4, "mine")},
        "conflict",
        {"g.txt": "mine"},
    )
    add(
        "template-renames-folder",
        {"d/f.txt -> e/f.txt": None, "d/g.txt -> e/g.txt": None},
        {"d/f.txt": put(_s("template-renames-folder"), 4, "mine"), "d/own.txt": "own\n"},
        "report",
        {"e/f.txt": "mine", "d/own.txt": "own"},
        {"d/f.txt": _s("template-renames-folder"), "d/g.txt": _s("renamed folder g")},
    )
    add("template-deletes", {"f.txt": None}, {}, "clean", {"f.txt": ""})
    add(
        "template-deletes-edited",
        {"f.txt": None},
        {"f.txt": put(_s("template-deletes-edited"), 4, "mine")},
        "report",
        {"f.txt": "mine"},
    )
    add(
        "template-rewrites-and-moves",
        {"f.txt": None, "g.txt": lines("wholly other")},
        {"f.txt": put(_s("template-rewrites-and-moves"), 4, "mine")},
        "report",
        {"f.txt": "mine", "g.txt": "wholly other line 1"},
    )
    add(
        "user-deletes",
        {"f.txt": put(_s("user-deletes"), 4, "theirs")},
        {"f.txt": None},
        "report",
        {"f.txt": ""},
    )
    add("user-deletes-unchanged", {}, {"f.txt": None}, "clean", {"f.txt": ""})
    add("both-delete", {"f.txt": None}, {"f.txt": None}, "clean", {"f.txt": ""})
    add(
        "user-moves",
        {"f.txt": put(_s("user-moves"), 4, "theirs")},
        {"f.txt -> my/f.txt": None},
        "report",
        {"f.txt": "", "my/f.txt": "theirs"},
    )
    add(
        "user-moves-and-edits",
        {"f.txt": put(_s("user-moves-and-edits"), 4, "theirs")},
        {"f.txt -> my/f.txt": put(_s("user-moves-and-edits"), 15, "mine")},
        "report",
        {"f.txt": "", "my/f.txt": "theirs"},
    )
    add(
        "user-moves-and-rewrites",
        {"f.txt": put(_s("user-moves-and-rewrites"), 4, "theirs")},
        {"f.txt -> my/f.txt": lines("rewritten by me")},
        "report",
        {"f.txt": "", "my/f.txt": "rewritten by me line 3"},
    )
    add(
        "user-moves-template-deletes",
        {"f.txt": None},
        {"f.txt -> my/f.txt": None},
        "report",
        {"my/f.txt": "line 3"},
    )
    add(
        "both-move",
        {"f.txt -> g.txt": put(_s("both-move"), 4, "theirs")},
        {"f.txt -> h.txt": put(_s("both-move"), 15, "mine")},
        "report",
        {"f.txt": "", "g.txt": "", "h.txt": "theirs"},
    )
    add(
        "both-move-same-line",
        {"f.txt -> g.txt": put(_s("both-move-same-line"), 4, "theirs")},
        {"f.txt -> h.txt": put(_s("both-move-same-line"), 4, "mine")},
        "conflict",
        {"f.txt": "", "h.txt": "mine"},
    )
    add("both-add-same", {"n.txt": "same\n"}, {"n.txt": "same\n"}, "clean", {"n.txt": "same"})
    add("both-add-other", {"n.txt": "theirs\n"}, {"n.txt": "mine\n"}, "conflict", {"n.txt": "mine"})
    add("template-adds", {"n.txt": "theirs\n"}, {}, "clean", {"n.txt": "theirs"})
    add(
        "template-adds-in-deleted-folder",
        {"d/n.txt": "theirs\n"},
        {"d/f.txt": None},
        "clean",
        {"d/n.txt": "theirs"},
        {"d/f.txt": _s("template-adds-in-deleted-folder")},
    )
    add("user-adds", {}, {"own.txt": "mine\n"}, "clean", {"own.txt": "mine"})
    add(
        "spaces-and-umlauts",
        {"ä ö/ü ß.txt": put(_s("spaces-and-umlauts"), 2, "theirs")},
        {"ä ö/ü ß.txt": put(_s("spaces-and-umlauts"), 17, "mine")},
        "clean",
        {"ä ö/ü ß.txt": "mine"},
        {"ä ö/ü ß.txt": _s("spaces-and-umlauts")},
    )
    add(
        "no-last-newline",
        {"f.txt": "theirs\n" + _s("no-last-newline").rstrip("\n")},
        {"f.txt": _s("no-last-newline") + "mine"},
        "clean",
        {"f.txt": "mine"},
        {"f.txt": _s("no-last-newline").rstrip("\n")},
    )
    crlf = _s("crlf").replace("\n", "\r\n")
    add(
        "crlf",
        {"f.txt": put(_s("crlf"), 2, "theirs").replace("\n", "\r\n")},
        {"f.txt": put(_s("crlf"), 17, "mine").replace("\n", "\r\n")},
        "clean",
        {"f.txt": "mine"},
        {"f.txt": crlf},
    )
    add(
        "user-turns-to-lf",
        {"f.txt": put(_s("crlf-lf"), 2, "theirs").replace("\n", "\r\n")},
        {"f.txt": put(_s("crlf-lf"), 17, "mine")},
        "clean",
        {"f.txt": "theirs"},
        {"f.txt": _s("crlf-lf").replace("\n", "\r\n")},
    )
    return found


def kind_scenarios() -> list[Scenario]:
    """Binaries, links, executable bits, folders against files, large-file pointers."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 1\n"
    return [
        Scenario("binary-user", {"b.bin": b"\0base"}, {}, {"b.bin": b"\0mine"}, "clean"),
        Scenario("binary-template", {"b.bin": b"\0base"}, {"b.bin": b"\0their"}, {}, "clean"),
        Scenario("binary-both", {"b.bin": b"\0bas2"}, {"b.bin": b"\0their2"},
                 {"b.bin": b"\0mine2"}, "conflict"),
        Scenario("link-for-edited-file", {"f.txt": lines("linked"), "t.txt": "target\n"},
                 {"f.txt @ t.txt": None}, {"f.txt": put(lines("linked"), 3, "mine")}, "conflict",
                 {"f.txt": "mine"}),
        Scenario("link-for-file", {"f.txt": lines("linked too"), "t.txt": "target 2\n"},
                 {"f.txt @ t.txt": None}, {}, "clean"),
        Scenario("user-link", {"f.txt": lines("users link"), "t.txt": "target 3\n"},
                 {"t.txt": "target 3\ntheirs\n"}, {"f.txt @ t.txt": None}, "clean"),
        Scenario("exec-template", {"x.sh": lines("exec t")}, {"x.sh +x": None},
                 {"x.sh": put(lines("exec t"), 3, "mine")}, "clean", {"x.sh": "mine"}),
        Scenario("exec-user", {"x.sh": lines("exec u")},
                 {"x.sh": put(lines("exec u"), 3, "theirs")},
                 {"x.sh +x": None}, "clean", {"x.sh": "theirs"}),
        Scenario("folder-for-file", {"p": lines("file p")},
                 {"p": None, "p/q.txt": "theirs q\n"}, {}, "clean", {"p/q.txt": "theirs q"}),
        Scenario("folder-for-edited-file", {"p": lines("file p2")},
                 {"p": None, "p/q.txt": "theirs q2\n"}, {"p": put(lines("file p2"), 3, "mine")},
                 "conflict"),
        Scenario("file-for-folder", {"p/q.txt": lines("file q")},
                 {"p/q.txt": None, "p": "theirs p\n"}, {}, "clean", {"p": "theirs p"}),
        Scenario("pointer-both", {"m.onnx": pointer.format("a" * 64)},
                 {"m.onnx": pointer.format("b" * 64)}, {"m.onnx": pointer.format("c" * 64)},
                 "conflict", {"m.onnx": "c" * 64}),
        Scenario("pointer-user", {"m.onnx": pointer.format("d" * 64)}, {},
                 {"m.onnx": pointer.format("e" * 64)}, "clean", {"m.onnx": "e" * 64}),
    ]  # fmt: skip


def structured_scenarios() -> list[Scenario]:
    """Files in which both sides add next to each other."""
    toml = '[project]\nname = "{0}"\ndependencies = [\n    "alpha>=1",\n    "beta>=2",\n]\n'
    yaml = "repos:\n  - repo: https://example.com/{0}\n    rev: v1\n    hooks:\n      - id: one\n"
    js = '{{\n  "name": "{0}",\n  "a": 1\n}}\n'
    py = '"""Module {0}."""\n\nimport os\n\n\ndef first():\n    return os.name\n'
    t, y, j, p = (kind.format("x") for kind in (toml, yaml, js, py))
    hook = "  - repo: https://example.com/{0}\n    rev: v1\n    hooks:\n      - id: {0}\n"

    def dependency(text: str, name: str) -> str:
        return text.removesuffix("]\n") + f'    "{name}",\n]\n'

    return [
        Scenario("toml-dependencies", {"pyproject.toml": t},
                 {"pyproject.toml": dependency(t, "theirs>=1")},
                 {"pyproject.toml": dependency(t, "mine>=1")}, "clean",
                 {"pyproject.toml": "mine>=1"}),
        Scenario("toml-tables", {"pyproject.toml": t},
                 {"pyproject.toml": t + "\n[tool.theirs]\na = 1\n"},
                 {"pyproject.toml": t + "\n[tool.mine]\nb = 2\n"}, "clean",
                 {"pyproject.toml": "tool.theirs"}),
        Scenario("toml-same-key", {"pyproject.toml": t},
                 {"pyproject.toml": t.replace("alpha>=1", "alpha>=3")},
                 {"pyproject.toml": t.replace("alpha>=1", "alpha>=2")}, "conflict",
                 {"pyproject.toml": "alpha>=2"}),
        Scenario("toml-table-twice", {"s.toml": lines("# c") + "[a]\nx = 1\n" + lines("# d")},
                 {"s.toml": "[both]\nv = 2\n" + lines("# c") + "[a]\nx = 1\n" + lines("# d")},
                 {"s.toml": lines("# c") + "[a]\nx = 1\n" + lines("# d") + "[both]\nv = 1\n"},
                 "conflict", {"s.toml": "v = 1"}),
        Scenario("yaml-list", {"hooks.yaml": y}, {"hooks.yaml": y + hook.format("theirs")},
                 {"hooks.yaml": y + hook.format("mine")}, "clean", {"hooks.yaml": "id: theirs"}),
        Scenario("json-keys", {"s.json": j}, {"s.json": j.replace("1\n", '1,\n  "theirs": 2\n')},
                 {"s.json": j.replace("1\n", '1,\n  "mine": 3\n')}, "clean",
                 {"s.json": '"theirs"'}),
        Scenario("python-imports", {"m.py": p},
                 {"m.py": p.replace("os\n\n", "os\nimport sys\n\n", 1)},
                 {"m.py": p.replace("os\n\n", "os\nimport re\n\n", 1)}, "clean",
                 {"m.py": "import sys"}),
        Scenario("ignore-lines", {"i/.gitignore": "*.log\n*.tmp9\n"},
                 {"i/.gitignore": "*.log\n*.tmp9\n*.theirs\n"},
                 {"i/.gitignore": "*.log\n*.tmp9\n*.mine\n"}, "clean",
                 {"i/.gitignore": "*.theirs"}),
    ]  # fmt: skip


SCENARIOS = [*text_scenarios(), *kind_scenarios(), *structured_scenarios()]
