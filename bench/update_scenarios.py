"""What a user did to a generated repository, what its template did meanwhile, and what is right.

Files are given by path. In a change `None` removes a file, `a -> b` moves it (with another content
unless None), `a @ b` makes it a link to b, `a +x` an executable. In files and names of the template
`@@name@@` stands for an answer; `@@?name:file@@` is a file that is there if the answer is yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Content = str | bytes | None
Change = Mapping[str, Content]
ANSWERS = {"pkg": "alpha", "docs": "yes"}
PROSE = 24


class File(NamedTuple):
    """A file, an executable ("exec") or a link, whose data is the target."""

    data: bytes
    kind: str = "file"


Files = dict[str, File]


@dataclass(frozen=True)
class Scenario:
    """An edit of the user's against a change of the template.

    Attributes:
        name: a word for it.
        old: the template's files before.
        new: its change.
        user: the user's, committed.
        want: where a clean answer exists: the files that both changed as they should be, in one
            right order; None where a person has to decide.
        answers: given anew with the update.
        first: answers that exist in the first version; the others are asked by the second.
        untracked: files that are there but not committed, also changes of committed ones.
        submodule: folder of a submodule.
        below: folder of the project in the repository.
    """

    name: str
    old: Change
    new: Change
    user: Change
    want: Change | None
    answers: Mapping[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ("pkg", "docs")
    untracked: Change = field(default_factory=dict)
    submodule: str = ""
    below: str = ""


def apply(files: Files, change: Change) -> Files:
    """Files after a change."""
    found = dict(files)
    for key, content in change.items():
        name, data = key, content.encode() if isinstance(content, str) else content
        if " -> " in key:
            old, name = key.split(" -> ")
            was = found.pop(old)
            found[name] = was if data is None else File(data, was.kind)
        elif " @ " in key:
            name, target = key.split(" @ ")
            found[name] = File(target.encode(), "link")
        elif key.endswith(" +x"):
            found[key[:-3]] = File(found[key[:-3]].data if data is None else data, "exec")
        elif data is None:
            found.pop(name, None)
        else:
            found[name] = File(data, found[name].kind if name in found else "file")
    return found


def rendered(files: Files, answers: Mapping[str, str]) -> Files:
    """What a template's files become."""
    found: Files = {}
    for path, file in files.items():
        name, data = path, file.data
        for key, value in answers.items():
            shown = rf"@@?{key}:"
            if shown in name:
                before, _, rest = name.partition(shown)
                name = before + rest.replace("@@", "", 1) if value == "yes" else ""
            name = name.replace(f"@@{key}@@", value)
            data = data.replace(f"@@{key}@@".encode(), value.encode())
        if name:
            found[name] = File(data, file.kind)
    return found


def prose(word: str, count: int = PROSE) -> str:
    """Lines that occur nowhere else."""
    return "".join(f"{word}: sentence {number} of the text\n" for number in range(count))


def put(text: str, *changes: tuple[int, str]) -> str:
    """Text with lines replaced."""
    found = text.splitlines(keepends=True)
    for number, line in changes:
        found[number] = f"{line}\n"
    return "".join(found)


def insert(text: str, before: str, lines: str) -> str:
    """Text with lines put before a line that begins so."""
    at = text.index(before)
    return text[:at] + lines + text[at:]


THEIRS, MINE = (4, "what the template says now"), (18, "what the user says now")
TEXT = prose("text")
BOTH = put(TEXT, THEIRS, MINE)
T, U = put(TEXT, THEIRS), put(TEXT, MINE)


def texts() -> list[Scenario]:
    """Lines of prose, and what happens to whole files."""
    one = {"notes.md": TEXT}
    folder = {"guide/a.md": prose("a"), "guide/b.md": prose("b")}
    crlf = TEXT.replace("\n", "\r\n")
    marked = put(TEXT, (9, "<<<<<<< HEAD"), (10, "======="), (11, ">>>>>>> other"))
    return [
        Scenario("template changes a file", one, {"notes.md": T}, {}, {}),
        Scenario("lines far apart", one, {"notes.md": T}, {"notes.md": U}, {"notes.md": BOTH}),
        Scenario("neighbouring lines of prose", one, {"notes.md": T},
                 {"notes.md": put(TEXT, (5, "what the user says now"))}, None),
        Scenario("one line, two versions", one, {"notes.md": T},
                 {"notes.md": put(TEXT, (4, "what the user says now"))}, None),
        Scenario("the same change twice", one, {"notes.md": T}, {"notes.md": T}, {}),
        Scenario("user reflows, template corrects", one, {"notes.md": T},
                 {"notes.md": TEXT.replace("sentence ", "sentence\n  ")}, None),
        Scenario("template renames a file", one, {"notes.md -> README.md": None},
                 {"notes.md": U}, {"notes.md": None, "README.md": U}),
        Scenario("template renames and changes", one, {"notes.md -> docs/notes.md": T},
                 {"notes.md": U}, {"notes.md": None, "docs/notes.md": BOTH}),
        Scenario("template renames by letter case", one, {"notes.md -> NOTES.md": T},
                 {"notes.md": U}, {"notes.md": None, "NOTES.md": BOTH}),
        Scenario("template renames a folder", folder,
                 {"guide/a.md -> manual/a.md": None, "guide/b.md -> manual/b.md": None},
                 {"guide/a.md": put(prose("a"), MINE), "guide/own.md": "the user's own page\n"},
                 {"guide/a.md": None, "manual/a.md": put(prose("a"), MINE)}),
        Scenario("template splits a file", one,
                 {"notes.md": "".join(TEXT.splitlines(True)[:12]),
                  "more.md": "".join(TEXT.splitlines(True)[12:])}, {"notes.md": U}, None),
        Scenario("template deletes an edited file", one, {"notes.md": None, "new.md": "new\n"},
                 {"notes.md": U}, None),
        Scenario("edited file becomes conditional", {"guide/notes.md": TEXT},
                 {"guide/notes.md": None, "guide/@@?docs:notes.md@@": TEXT},
                 {"guide/notes.md": U}, None, first=("pkg",), answers={"docs": "no"}),
        Scenario("an answer switches an edited file off", {"guide/@@?docs:notes.md@@": TEXT},
                 {"other.md": "the template's other page\n"}, {"guide/notes.md": U}, None,
                 answers={"docs": "no"}),
        Scenario("an answer renames the folder", {"src/@@pkg@@/a.md": TEXT,
                 "src/@@pkg@@/b.md": prose("b"), "conf.md": prose("see @@pkg@@")},
                 {"src/@@pkg@@/b.md": put(prose("b"), THEIRS)},
                 {"src/alpha/a.md": U, "src/alpha/own.md": "the user's own page\n"},
                 {"src/alpha/a.md": None, "src/beta/a.md": U}, answers={"pkg": "beta"}),
        Scenario("user deletes, template changes", one, {"notes.md": T}, {"notes.md": None}, {}),
        Scenario("user deletes, template does not mind", {**one, "b.md": prose("b")},
                 {"b.md": put(prose("b"), THEIRS)}, {"notes.md": None}, {}),
        Scenario("user deletes, template renames", one, {"notes.md -> README.md": None},
                 {"notes.md": None}, {"README.md": None}),
        Scenario("user moves a file", one, {"notes.md": T}, {"notes.md -> own/notes.md": U},
                 {"notes.md": None, "own/notes.md": BOTH}),
        Scenario("user moves a folder, template adds to it", folder,
                 {"guide/a.md": put(prose("a"), THEIRS), "guide/c.md": prose("c")},
                 {"guide/a.md -> own/a.md": None, "guide/b.md -> own/b.md": None},
                 {"guide/a.md": None, "own/a.md": put(prose("a"), THEIRS)}),
        Scenario("both move a file", one, {"notes.md -> docs/notes.md": T},
                 {"notes.md -> own/notes.md": U}, None),
        Scenario("both add one file alike", one, {"new.md": prose("new")},
                 {"new.md": prose("new")}, {}),
        Scenario("both add one file differently", one, {"new.md": prose("theirs")},
                 {"new.md": prose("mine")}, None),
        Scenario("windows line ends", {"notes.md": crlf}, {"notes.md": T.replace("\n", "\r\n")},
                 {"notes.md": U.replace("\n", "\r\n")}, {"notes.md": BOTH.replace("\n", "\r\n")}),
        Scenario("user turned to windows line ends", one, {"notes.md": T},
                 {"notes.md": U.replace("\n", "\r\n")}, {"notes.md": BOTH.replace("\n", "\r\n")}),
        Scenario("template turned to unix line ends", {"notes.md": crlf}, {"notes.md": T},
                 {"notes.md": U.replace("\n", "\r\n")}, {"notes.md": BOTH}),
        Scenario("no newline at the end", {"notes.md": TEXT.rstrip("\n")},
                 {"notes.md": T.rstrip("\n")}, {"notes.md": U + "the user's last line"},
                 {"notes.md": BOTH + "the user's last line"}),
        Scenario("names with spaces and accents", {"mañana é/ö ü.md": TEXT},
                 {"mañana é/ö ü.md": T}, {"mañana é/ö ü.md": U}, {"mañana é/ö ü.md": BOTH}),
        Scenario("a page about conflict markers", {"notes.md": marked},
                 {"notes.md": put(marked, THEIRS)}, {"notes.md": put(marked, MINE)},
                 {"notes.md": put(marked, THEIRS, MINE)}),
        Scenario("both add a section", {"README.md": README},
                 {"README.md": README + "\n## Limits\n\nthe template's paragraph\n"},
                 {"README.md": README + "\n## Contact\n\nthe user's paragraph\n"},
                 {"README.md": README + "\n## Limits\n\nthe template's paragraph\n"
                  "\n## Contact\n\nthe user's paragraph\n"}),
    ]  # fmt: skip


README = "# A project\n\n## Install\n\nuv sync\n\n## Run\n\nuv run nox\n"


def kinds() -> list[Scenario]:
    """Binaries, links, executables, submodules, and what is not committed."""
    one = {"notes.md": TEXT, "b.md": prose("b")}
    theirs = {"b.md": put(prose("b"), THEIRS)}
    picture = b"\x89PNG\r\n\x1a\n\0\0" + bytes(range(256)) * 8
    script = "#!/bin/sh\n" + prose("# step")
    return [
        Scenario("binary: only the user", {"logo.png": picture, **one}, theirs,
                 {"logo.png": picture + b"\0mine"}, {}),
        Scenario("binary: only the template", {"logo.png": picture},
                 {"logo.png": picture + b"\0new"}, {}, {}),
        Scenario("binary: both", {"logo.png": picture}, {"logo.png": picture + b"\0theirs"},
                 {"logo.png": picture + b"\0mine"}, None),
        Scenario("a link replaces an edited file", one, {"notes.md @ b.md": None},
                 {"notes.md": U}, None),
        Scenario("user made it a link", one, {"notes.md": T}, {"notes.md @ b.md": None}, None),
        Scenario("a folder replaces an edited file", {"conf": TEXT},
                 {"conf": None, "conf/main.md": prose("main")}, {"conf": U}, None),
        Scenario("template makes it executable", {"run.sh": script}, {"run.sh +x": None},
                 {"run.sh": put(script, MINE)}, {"run.sh +x": put(script, MINE)}),
        Scenario("user makes it executable", {"run.sh": script}, {"run.sh": put(script, THEIRS)},
                 {"run.sh +x": None}, {"run.sh +x": put(script, THEIRS)}),
        Scenario("template ships what the user ignores", {**one, ".gitignore": "*.log\n"},
                 {".env": "KEY=example\n"}, {".gitignore": "*.log\n.env\n"}, None,
                 untracked={".env": "KEY=the user's secret\n"}),
        Scenario("template ships an untracked file's name", one, {"todo.md": prose("theirs")},
                 {}, None, untracked={"todo.md": "the user's own list\n"}),
        Scenario("untracked file elsewhere", one, theirs, {"notes.md": U}, {},
                 untracked={"scratch.md": "the user's own list\n"}),
        Scenario("uncommitted change elsewhere", one, theirs, {}, {}, untracked={"notes.md": U}),
        Scenario("uncommitted change of the same file", one, {"notes.md": T}, {}, None,
                 untracked={"notes.md": U}),
        Scenario("submodule beside it", one, theirs, {"notes.md": U}, {}, submodule="vendor/lib"),
        Scenario("template ships into a submodule", one, {"vendor/lib/x.md": prose("x"), **theirs},
                 {}, None, submodule="vendor/lib"),
        Scenario("project in a sub-folder", one, {**theirs, "notes.md": T},
                 {"notes.md": U}, {"notes.md": BOTH}, below="services/one"),
    ]  # fmt: skip


PYPROJECT = """\
[project]
name = "demo"
version = "0.1.0"
dependencies = [
    "numpy>=1.26",
    "polars>=1.0",
]

[tool.ruff]
line-length = 100

[tool.ruff.lint]
select = ["E", "F"]  # the basics

[tool.pytest.ini_options]
testpaths = ["tests"]
"""
HOOKS = """\
# checks before a commit
repos:
  - repo: https://github.com/astral-sh/ruff-pre-commit
    rev: v0.5.0
    hooks:
      - id: ruff
"""
CI = """\
name: ci
on:
  push:
    branches: [main]
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
      - run: make test
  lint:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
      - run: make lint
"""
PACKAGE = '{\n  "name": "demo",\n  "scripts": {\n    "build": "vite build"\n  }\n}\n'
SETTINGS = """\
{
  // shared by all of us
  "editor.rulers": [100],
  "files.eol": "\\n"
}
"""
CODE = '''\
"""Features."""

import json
from pathlib import Path


def load(path):
    return json.loads(Path(path).read_text())


def clean(rows):
    return [row for row in rows if row]
'''
STAGES = """\
stages:
  prepare:
    cmd: python prepare.py
    deps:
      - prepare.py
  train:
    cmd: python train.py
    deps:
      - train.py
"""


def structures() -> list[Scenario]:
    """Files with a structure, to which both sides add or in which they change neighbours."""
    found: list[Scenario] = []

    def both(name: str, path: str, base: str, theirs: str, mine: str, want: str | None) -> None:
        clean = None if want is None else {path: want}
        found.append(Scenario(name, {path: base}, {path: theirs}, {path: mine}, clean))

    p, end = PYPROJECT, "]\n\n[tool.ruff]"
    both(
        "dependencies: both append",
        "pyproject.toml",
        p,
        insert(p, end, '    "pydantic>=2",\n'),
        insert(p, end, '    "scipy>=1.11",\n'),
        insert(p, end, '    "pydantic>=2",\n    "scipy>=1.11",\n'),
    )
    both(
        "dependencies: neighbours raised",
        "pyproject.toml",
        p,
        p.replace("numpy>=1.26", "numpy>=2.0"),
        p.replace("polars>=1.0", "polars>=1.9"),
        p.replace("numpy>=1.26", "numpy>=2.0").replace("polars>=1.0", "polars>=1.9"),
    )
    both(
        "dependencies: one raised, one removed",
        "pyproject.toml",
        p,
        p.replace("numpy>=1.26", "numpy>=2.0"),
        p.replace('    "polars>=1.0",\n', ""),
        p.replace("numpy>=1.26", "numpy>=2.0").replace('    "polars>=1.0",\n', ""),
    )
    both(
        "dependencies: one raised twice",
        "pyproject.toml",
        p,
        p.replace("numpy>=1.26", "numpy>=2.0"),
        p.replace("numpy>=1.26", "numpy>=1.30"),
        None,
    )
    both(
        "tables: both add",
        "pyproject.toml",
        p,
        p + "\n[tool.mypy]\nstrict = true\n",
        p + "\n[tool.coverage.run]\nbranch = true\n",
        p + "\n[tool.mypy]\nstrict = true\n\n[tool.coverage.run]\nbranch = true\n",
    )
    both(
        "keys: neighbours changed",
        "pyproject.toml",
        p,
        p.replace('"0.1.0"', '"0.2.0"'),
        p.replace('"demo"', '"my-demo"'),
        p.replace('"0.1.0"', '"0.2.0"').replace('"demo"', '"my-demo"'),
    )
    both(
        "one-line array: both add",
        "pyproject.toml",
        p,
        p.replace('"F"]', '"F", "UP"]'),
        p.replace('"F"]', '"F", "I"]'),
        p.replace('"F"]', '"F", "UP", "I"]'),
    )
    ruff = '[tool.ruff]\nline-length = 100\n\n[tool.ruff.lint]\nselect = ["E", "F"]  # the basics\n'
    turned = p.replace(ruff + "\n", "") + "\n" + ruff
    both(
        "tables: template reorders",
        "pyproject.toml",
        p,
        turned,
        p.replace("= 100", "= 120"),
        turned.replace("= 100", "= 120"),
    )

    hook = "  - repo: https://example.com/{0}\n    rev: v1\n    hooks:\n      - id: {0}\n"
    both(
        "pre-commit: both append",
        ".pre-commit-config.yaml",
        HOOKS,
        HOOKS + hook.format("typos"),
        HOOKS + hook.format("nbstripout"),
        HOOKS + hook.format("typos") + hook.format("nbstripout"),
    )
    both(
        "pre-commit: raised, and a hook more",
        ".pre-commit-config.yaml",
        HOOKS,
        HOOKS.replace("v0.5.0", "v0.6.1"),
        HOOKS + "      - id: ruff-format\n",
        HOOKS.replace("v0.5.0", "v0.6.1") + "      - id: ruff-format\n",
    )
    both(
        "pre-commit: neighbours",
        ".pre-commit-config.yaml",
        HOOKS,
        HOOKS.replace("v0.5.0", "v0.6.1"),
        HOOKS.replace("    hooks", "    # slow\n    hooks"),
        HOOKS.replace("v0.5.0", "v0.6.1").replace("    hooks", "    # slow\n    hooks"),
    )

    test = "      - run: make test\n"
    both(
        "workflow: both add a step",
        ".github/workflows/ci.yml",
        CI,
        CI.replace(test, test + "      - run: make audit\n"),
        CI.replace(test, test + "      - run: make coverage\n"),
        CI.replace(test, test + "      - run: make audit\n      - run: make coverage\n"),
    )
    job = ("  {0}:\n    runs-on: ubuntu-latest\n    timeout-minutes: 10\n    steps:\n"
           "      - uses: actions/checkout@v4\n      - run: make {0}\n")  # fmt: skip
    at = CI.index("  lint:")
    mine = CI[:at] + CI[at:].replace("timeout-minutes: 10", "timeout-minutes: 45")
    both(
        "workflow: a job before the edited one",
        ".github/workflows/ci.yml",
        CI,
        insert(CI, "  lint:", job.format("docs")),
        mine,
        insert(mine, "  lint:", job.format("docs")),
    )
    both(
        "workflow: both add a job",
        ".github/workflows/ci.yml",
        CI,
        CI + job.format("docs"),
        CI + job.format("release"),
        CI + job.format("docs") + job.format("release"),
    )
    both(
        "workflow: both add a branch",
        ".github/workflows/ci.yml",
        CI,
        CI.replace("[main]", '[main, "release/*"]'),
        CI.replace("[main]", "[main, develop]"),
        CI.replace("[main]", '[main, "release/*", develop]'),
    )
    both(
        "stages: both add",
        "dvc.yaml",
        STAGES,
        STAGES + "  evaluate:\n    cmd: python evaluate.py\n",
        STAGES + "  report:\n    cmd: python report.py\n",
        STAGES + "  evaluate:\n    cmd: python evaluate.py\n  report:\n    cmd: python report.py\n",
    )
    both(
        "stages: a dependency each",
        "dvc.yaml",
        STAGES,
        STAGES + "      - params.yaml\n",
        STAGES + "      - src/model.py\n",
        STAGES + "      - params.yaml\n      - src/model.py\n",
    )

    build = '"build": "vite build"'
    both(
        "json: both add a key",
        "package.json",
        PACKAGE,
        PACKAGE.replace(build, build + ',\n    "lint": "eslint ."'),
        PACKAGE.replace(build, build + ',\n    "start": "vite"'),
        PACKAGE.replace(build, build + ',\n    "lint": "eslint .",\n    "start": "vite"'),
    )
    eol = '"files.eol": "\\n"'
    both(
        "json with comments: both add",
        ".vscode/settings.json",
        SETTINGS,
        SETTINGS.replace(eol, eol + ',\n  "files.trimTrailingWhitespace": true'),
        SETTINGS.replace(eol, eol + ',\n  // mine\n  "editor.fontSize": 15'),
        SETTINGS.replace(
            eol,
            eol + ',\n  "files.trimTrailingWhitespace": true,\n  // mine\n  "editor.fontSize": 15',
        ),
    )
    both(
        ".gitignore: both append",
        ".gitignore",
        "*.log\n.venv/\n",
        "*.log\n.venv/\n.nox/\n",
        "*.log\n.venv/\nnotes/\n",
        "*.log\n.venv/\n.nox/\nnotes/\n",
    )
    both(
        "requirements: both append",
        "requirements.txt",
        "numpy==1.26.4\npolars==1.2.0\n",
        "numpy==1.26.4\npolars==1.2.0\npydantic==2.8.2\n",
        "numpy==1.26.4\npolars==1.2.0\nscipy==1.14.0\n",
        "numpy==1.26.4\npolars==1.2.0\npydantic==2.8.2\nscipy==1.14.0\n",
    )
    both(
        "environment file: both append",
        ".env.example",
        "HOST=localhost\nPORT=80\n",
        "HOST=localhost\nPORT=80\nLOG_LEVEL=info\n",
        "HOST=localhost\nPORT=80\nREGION=eu\n",
        "HOST=localhost\nPORT=80\nLOG_LEVEL=info\nREGION=eu\n",
    )
    both(
        "code owners: both append",
        "CODEOWNERS",
        "* @team\n/src/ @dev\n",
        "* @team\n/src/ @dev\n/docs/ @writers\n",
        "* @team\n/src/ @dev\n/models/ @ml\n",
        "* @team\n/src/ @dev\n/docs/ @writers\n/models/ @ml\n",
    )
    both(
        "changelog: both add an entry",
        "CHANGELOG.md",
        CHANGES,
        CHANGES.replace("- first", "- the template's entry\n- first"),
        CHANGES.replace("- first", "- the user's entry\n- first"),
        CHANGES.replace("- first", "- the template's entry\n- the user's entry\n- first"),
    )
    make = ".PHONY: test\n\ntest:\n\tpytest\n"
    both(
        "makefile: both add a target",
        "Makefile",
        make,
        make + "\nlint:\n\truff check\n",
        make + "\ndeploy:\n\tkubectl apply -f k8s\n",
        make + "\nlint:\n\truff check\n\ndeploy:\n\tkubectl apply -f k8s\n",
    )
    ini = "[flake8]\nmax-line-length = 100\n\n[mypy]\nstrict = true\n"
    both(
        "ini: neighbouring sections",
        "setup.cfg",
        ini,
        ini.replace("strict", "pretty = 1\nstrict"),
        ini.replace("100\n", "100\nexclude = build\n"),
        "[flake8]\nmax-line-length = 100\nexclude = build\n\n[mypy]\npretty = 1\nstrict = true\n",
    )

    both(
        "imports: both add",
        "features.py",
        CODE,
        CODE.replace("import json", "import json\nimport re"),
        CODE.replace("import json", "import json\nimport math"),
        CODE.replace("import json", "import json\nimport math\nimport re"),
    )
    both(
        "imports: names from one module",
        "features.py",
        CODE,
        CODE.replace("import Path", "import Path, PurePath"),
        CODE.replace("import Path", "import Path, PosixPath"),
        CODE.replace("import Path", "import Path, PosixPath, PurePath"),
    )
    both(
        "functions: both append",
        "features.py",
        CODE,
        CODE + "\n\ndef scale(rows):\n    return rows\n",
        CODE + "\n\ndef encode(rows):\n    return sorted(rows)\n",
        CODE + "\n\ndef scale(rows):\n    return rows\n"
        "\n\ndef encode(rows):\n    return sorted(rows)\n",
    )
    both(
        "functions: neighbours changed",
        "features.py",
        CODE,
        CODE.replace(
            "    return json.loads(Path(path).read_text())",
            "    return json.loads(Path(path).read_text('utf-8'))",
        ),
        CODE.replace("def clean(rows):", "def clean(rows, strict=True):"),
        CODE.replace(
            "    return json.loads(Path(path).read_text())",
            "    return json.loads(Path(path).read_text('utf-8'))",
        ).replace("def clean(rows):", "def clean(rows, strict=True):"),
    )
    both(
        "function: renamed and edited",
        "features.py",
        CODE,
        CODE.replace("def clean(", "def drop("),
        CODE.replace("if row]", "if row and row[0]]"),
        CODE.replace("def clean(", "def drop(").replace("if row]", "if row and row[0]]"),
    )
    apps = 'APPS = [\n    "auth",\n    "admin",\n]\n'
    both(
        "a list in code: both append",
        "settings.py",
        apps,
        apps.replace("]", '    "api",\n]'),
        apps.replace("]", '    "billing",\n]'),
        apps.replace("]", '    "billing",\n    "api",\n]'),
    )
    return found  # fmt: skip


MODEL = """\
import json


class Model:
    def fit(self, rows):
        return self


def load(path):
    return json.loads(path)


def main():
    return Model()
"""
GROUPS = """\
[dependency-groups]
test = ["pytest>=8", "pytest-cov"]
dev = [{ include-group = "test" }, "mypy>=1.10"]

[[tool.mypy.overrides]]
module = "sklearn.*"
ignore_missing_imports = true
"""
NAV = "site_name: demo\nnav:\n  - Home: index.md\n  - Guide:\n      - Start: start.md\n"


def places() -> list[Scenario]:
    """Changes that lines bring together without a conflict, but that do not go together."""
    found: list[Scenario] = []

    def both(name: str, path: str, base: str, theirs: str, mine: str, want: str | None) -> None:
        clean = None if want is None else {path: want}
        found.append(Scenario(name, {path: base}, {path: theirs}, {path: mine}, clean))

    def ends(name: str, path: str, base: str, first: str, last: str) -> None:
        both(name, path, base, first + base, base + last, None)

    def put_behind(name: str, path: str, base: str, at: str, theirs: str, mine: str) -> None:
        news = [base.replace(at, at + some) for some in (theirs, mine, theirs + mine)]
        both(name, path, base, *news)

    ini = "[a]\nx = 1\n\n[b]\ny = 1\n\n[c]\nz = 1\n"
    pins = "numpy==1.26.4\npolars==1.2.0\nscipy==1.14.0\n"
    ends("one section at two places", "setup.cfg", ini, "[mypy]\nq = 1\n\n", "\n[mypy]\nq = 0\n")
    ends("one pin at two places", "requirements.txt", pins, "attrs==24.1\n", "attrs==23.2\n")
    ends("one variable at two places", ".env.example", "A=1\nB=2\nC=3\n", "PORT=80\n", "PORT=81\n")
    ends("one target at two places", "Makefile", "a:\n\tone\n\nb:\n\ttwo\n",
         "docs:\n\tmkdocs\n\n", "\ndocs:\n\tsphinx\n")  # fmt: skip
    ends("one function at two places", "model.py", MODEL,
         "def save(path):\n    return path\n\n\n",
         "\n\ndef save(path):\n    return None\n")  # fmt: skip
    many = PYPROJECT.replace('    "numpy', '    "httpx>=0.27",\n    "numpy')
    last = '    "polars>=1.0",\n'
    both("one dependency at two places", "pyproject.toml", PYPROJECT, many,
         PYPROJECT.replace(last, last + '    "httpx<0.27",\n'), None)  # fmt: skip
    hook = "  - repo: https://example.com/typos\n    rev: {}\n    hooks:\n      - id: typos\n"
    two = HOOKS + hook.format("v1").replace("typos", "deptry")
    both("one hook at two places", ".pre-commit-config.yaml", two,
         two.replace("repos:\n", "repos:\n" + hook.format("v1")),
         two + hook.format("v2"), None)  # fmt: skip
    own = "\n\ndef own():\n    return json.dumps(1)\n"
    unused = MODEL.replace("import json\n\n\n", "").replace("json.loads(path)", "path")
    both("template removes an import in use", "model.py", MODEL, unused, MODEL + own, None)
    both("template renames a function in use", "model.py", MODEL,
         MODEL.replace("def load(", "def read("),
         MODEL.replace("    return Model()", "    return Model(load(None))"), None)  # fmt: skip

    method = "\n    def {0}(self):\n        return {0!r}\n"
    mine, theirs = ("return self\n" + method.format(name) for name in ("show", "score"))
    both("methods: both append", "model.py", MODEL, MODEL.replace("return self\n", theirs),
         MODEL.replace("return self\n", mine),
         MODEL.replace("return self\n", mine + method.format("score")))  # fmt: skip
    override = '\n[[tool.mypy.overrides]]\nmodule = "{}.*"\nignore_missing_imports = true\n'
    put_behind("array of tables: both append", "pyproject.toml", GROUPS, "imports = true\n",
               override.format("scipy"), override.format("joblib"))  # fmt: skip
    put_behind("groups: both append", "pyproject.toml", GROUPS, '"mypy>=1.10"',
               ', { include-group = "docs" }', ', "ipdb"')  # fmt: skip
    put_behind("navigation: both append", "mkdocs.yml", NAV, "start.md\n",
               "      - More: more.md\n", "      - Own: own.md\n")  # fmt: skip
    versions = CI.replace(
        "    steps:",
        '    strategy:\n      matrix:\n        python: ["3.11", "3.12"]\n    steps:',
        1,
    )
    both("matrix: one dropped, one added", ".github/workflows/ci.yml", versions,
         versions.replace('"3.11", ', ""), versions.replace('"3.12"]', '"3.12", "3.13"]'),
         versions.replace('"3.11", "3.12"]', '"3.12", "3.13"]'))  # fmt: skip
    return found


CHANGES = "# Changelog\n\n## Unreleased\n\n- first\n\n## 0.1.0\n\n- begin\n"
SCENARIOS = [*texts(), *kinds(), *structures(), *places()]
