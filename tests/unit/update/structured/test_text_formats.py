"""Merges of files of lines, Markdown and Python, rule by rule: what a side has in place of `@`."""

from __future__ import annotations

import pytest

from modelkeel.update.structured import merge_structured, proven

# A row: path, the text around, base, ours, theirs, result; None: a conflict stays.
Row = tuple[str, str, str, str, str, str | None]

LINES: dict[str, Row] = {
    "patterns of both": (".gitignore", "*.pyc\n@", "", "a/\n", "b/\n", "a/\nb/\n"),
    "sections": (
        ".gitignore", "# one\n*.pyc\n@\n# two\nx\n", "", "ours\n", "theirs\n", "ours\ntheirs\n",
    ),
    "entries under one new heading": (
        ".gitignore", "x\n@", "", "\n# data\na\n", "\n# data\nb\n", "\n# data\na\nb\n",
    ),
    "a pattern removed": (".dockerignore", "@", "a\nb\n", "a\nb\nours\n", "b\n", "b\nours\n"),
    "a negation that may undo a pattern": (
        ".gitignore", "@", "x\n", "x\n*.csv\n", "x\n!a.csv\n", None,
    ),
    "a negation of something else": (
        ".gitignore", "@", "x\n", "x\n.venv/\n", "x\n*.log\n!keep.log\n",
        "x\n.venv/\n*.log\n!keep.log\n",
    ),
    "a pattern replaced by both": (".gitignore", "x\n@z\n", "a\n", "b\n", "c\n", None),
    "a replaced pattern stays in its place": (
        ".gitignore", "@", "a\nb\n", "a\nours\nb\n", "A\nb\n", "A\nours\nb\n",
    ),
    "attributes of other files": (
        ".gitattributes", "* text=auto\n@", "", "*.png binary\n", "*.csv -diff\n",
        "*.png binary\n*.csv -diff\n",
    ),
    "attributes of the same files": (
        ".gitattributes", "@", "x a\n", "x a\n*.a b\n", "x a\n*.a c\n", None,
    ),
    "owners where the later one wins": (
        "CODEOWNERS", "* x\n@", "", "/docs/ y\n", "*.md z\n", "/docs/ y\n*.md z\n",
    ),
    "owners of one folder": ("CODEOWNERS", "* x\n@", "", "/docs/ y\n", "/docs/a.md z\n", None),
    "packages": (
        "requirements-dev.txt", "-r base.txt\n@",
        "a==1\nc==1\n", "a==1\nb==1  # ours\nc==1\n", "a==2\nc==1\nd==1 \\\n    --hash=x\n",
        "a==2\nb==1  # ours\nc==1\nd==1 \\\n    --hash=x\n",
    ),
    "a package changed by both": ("requirements.txt", "@\n", "a==1", "a==2", "a==3", None),
    "variables": (".env.example", "A=1\n@", "B=1\n", "B=2\n", "B=1\n# c\nC=1\n", "B=2\n# c\nC=1\n"),
    "a variable set by both": (".env.example", "A=1\n@", "", "B=1\n", "B=2\n", None),
}  # fmt: skip

INI: dict[str, Row] = {
    "sections of both": (
        "setup.cfg", "[a]\nx = 1\n@", "", "\n[ours]\ny = 1\n", "\n[theirs]\nz = 1\n",
        "\n[ours]\ny = 1\n\n[theirs]\nz = 1\n",
    ),
    "keys of both": (
        "tox.ini", "[a]\n@", "x = 1\n", "x = 1\ny = 1\n", "x = 2\n# why\nz = 1\n",
        "x = 2\ny = 1\n# why\nz = 1\n",
    ),
    "keys before a section": (
        ".editorconfig", "root = true\n\n@", "[*]\nindent = 2\n",
        "[*]\nindent = 2\nend = lf\n", "[*]\nindent = 4\n", "[*]\nindent = 4\nend = lf\n",
    ),
    "a value of several lines that both changed": (
        ".flake8", "[a]\nignore =\n@", "  E1\n", "  E1\n  E2\n", "  E1\n  E3\n", None,
    ),
    "a value of several lines": (
        "a.cfg", "[a]\n@", "x =\n    1\n    2\ny = 1\n", "x =\n    1\n\n    3\ny = 1\n",
        "x =\n    1\n    2\ny = 2\n", "x =\n    1\n\n    3\ny = 2\n",
    ),
    "a key that occurs twice": ("a.ini", "[a]\nx = 1\nx = 2\n@", "", "y = 1\n", "z = 1\n", None),
    "no such file": ("a.ini", "[a]\n  ]\n@", "", "y\n", "z\n", None),
}  # fmt: skip

MAKEFILE: dict[str, Row] = {
    "targets of both": (
        "Makefile", "all: lint\n\nlint:\n\truff check\n@", "", "\nours: lint\n\techo o\n",
        "\n# why\ntheirs:\n\techo t\n\n\techo u\n",
        "\nours: lint\n\techo o\n\n# why\ntheirs:\n\techo t\n\n\techo u\n",
    ),
    "phony targets of both": (
        "Makefile", ".PHONY: @\n\na:\n\techo\n", "a", "a ours", "a theirs", "a ours theirs",
    ),
    "neighbours": (
        "rules.mk", "@", "X := 1\nY = 2\n", "X := 3\nY = 2\n", "X := 1\nY = \\\n  4\n",
        "X := 3\nY = \\\n  4\n",
    ),
    "a recipe changed by both": ("Makefile", "a:\n@", "\tx\n", "\ty\n", "\tz\n", None),
    "conditionals": (
        "Makefile", "ifdef X\na:\n\techo\nendif\n@", "", "b:\n\tx\n", "c:\n\tx\n", None,
    ),
}  # fmt: skip

MARKDOWN: dict[str, Row] = {
    "sections of both": (
        "README.md", "# A\n\ntext\n@", "", "\n## Ours\n\no\n", "\n## Theirs\n\nt\n",
        "\n## Ours\n\no\n\n## Theirs\n\nt\n",
    ),
    "two sections changed": (
        "README.md", "# A\n\n@", "a\n\n## B\nb\n", "ours\n\n## B\nb\n", "a\n\n## B\ntheirs\n",
        "ours\n\n## B\ntheirs\n",
    ),
    "one section changed by both": (
        "README.md", "# A\n\n@\n", "a\n\nb\n\nc", "A\n\nb\n\nc", "a\n\nb\n\nC", None,
    ),
    "a section removed that ours changed": (
        "README.md", "# A\n@", "\n## B\nb\n", "\n## B\nc\n", "", None,
    ),
    "headings in fences": (
        "README.md", "# A\n\n```sh\n# a\n@# b\n```\n\n## B\n", "", "ours\n", "theirs\n", None,
    ),
    "a heading that occurs twice": (
        "README.md", "# A\n## B\n## B\n@", "", "## C\n", "## D\n", None,
    ),
    "entries of a changelog": (
        "CHANGELOG.md", "# Changelog\n\n## 1.0\n\n### Added\n\n@\n## 0.9\n- z\n",
        "- a\n", "- a\n- ours\n  in two lines\n", "- theirs\n- a\n",
        "- theirs\n- a\n- ours\n  in two lines\n",
    ),
    "releases of a changelog": (
        "CHANGELOG.md", "# Changelog\n\n@## 0.9\n- z\n", "", "## ours\n- a\n\n", "## 1.0\n- b\n\n",
        "## ours\n- a\n\n## 1.0\n- b\n\n",
    ),
}  # fmt: skip

PYTHON: dict[str, Row] = {
    "imports of both": (
        "a.py", '"""Doc."""\n\nimport os\n@\nos.x\n', "", "import sys\n", "import re\n",
        "import re\nimport sys\n",
    ),
    "names of one module": (
        "a.py", "from m import @\n", "b, d", "b, c, d", "a, b, d  # noqa", "a, b, c, d  # noqa",
    ),
    "names in lines": (
        "a.py", "from m import (\n@)\n", "    b,\n", "    b,\n    c,  # ours\n", "    a,\n    b,\n",
        "    a,\n    b,\n    c,  # ours\n",
    ),
    "an import set in lines by theirs": (
        "a.py", "from m import @\n", "a",
        "a, b", "(\n    a,\n    c,\n)", "(\n    a,\n    b,\n    c,\n)",
    ),
    "an import removed": (
        "a.py", "@\n\ndef f(): ...\n",
        "import os\nimport re\n", "import os\nimport re\nimport sys\n",
        "import re\n", "import re\nimport sys\n",
    ),
    "an import removed that ours uses": (
        "a.py", "@",
        "import os\n\nx = 1\n", "import os\n\nx = 1\ny = os.sep\n", "\nx = 1\nz = 1\n", None,
    ),
    "one name for two things": (
        "a.py", "import os\n@", "", "from a import Path\n", "from pathlib import Path\n", None,
    ),
    "exports": (
        "a.py", "a = b = c = 1\n__all__ = [@]\n", '"a"', '"a", "b"', '"a", "c"', '"a", "b", "c"',
    ),
    "a list": (
        "a.py", "import a\nNAMES: list[str] = [@]\n", '"x"', '"x", a.ours', '"x", "theirs"',
        '"x", a.ours, "theirs"',
    ),
    "a list of lines, of an attribute": (
        "a.py", "import a\n\na.names = [\n@]\n", '    "x",\n    "y",\n',
        '    "x",\n    "y",\n    "ours",\n', '    "x",\n    "theirs",\n',
        '    "x",\n    "theirs",\n    "ours",\n',
    ),
    "a list that became something else": (
        "a.py", "x = @\n", '["a"]', '["a", "b"]', 'list("a")', None,
    ),
    "a list of anything": ("a.py", "x = [@]\n", "f(1)", "f(1), 2", "f(1), 3", None),
    "definitions of both": (
        "a.py", "def f():\n    return 1  # one\n@", "",
        "\n\n# ours\ndef g():\n    pass\n", "\n\nclass T:\n    a = 1\n",
        "\n\n# ours\ndef g():\n    pass\n\n\nclass T:\n    a = 1\n",
    ),
    "two definitions changed": (
        "a.py", "@", "def f():\n    pass\n\n\nX = 1\n", "def f():\n    ours\n\n\nX = 1\n",
        "def f():\n    pass\n\n\nX = 2\n", "def f():\n    ours\n\n\nX = 2\n",
    ),
    "one definition changed by both": (
        "a.py", "def f():\n@",
        "    a\n    b\n    c\n", "    A\n    b\n    c\n", "    a\n    b\n    C\n", None,
    ),
    "statements of both": ("a.py", "app = 1\n@", "", "run(1)\n", "run(2)\n", None),
    "a statement beside a definition": (
        "a.py", "x = 1\n@", "", "if x:\n    y()\n", "def f(): ...\n", None,
    ),
    "a statement of ours elsewhere": (
        "a.py", "@", "x = 1\ny = 1\n", "x = 1\nprint(x)\ny = 1\n", "x = 1\ny = 2\nz = 1\n",
        "x = 1\nprint(x)\ny = 2\nz = 1\n",
    ),
    "overloads": (
        "a.py", "@", "@o\ndef f(a): ...\n@o\ndef f(b): ...\n",
        "@o\ndef f(a): ...\n@o\ndef f(b): ...\nx = 1\n",
        "@o\ndef f(a): ...\n@o\ndef f(c): ...\n", "@o\ndef f(a): ...\n@o\ndef f(c): ...\nx = 1\n",
    ),
    "no Python": ("a.py", "x = 1\n@", "", "y = 1\n", "def\n", None),
}  # fmt: skip


def check(row: Row) -> None:
    path, around, *parts = row
    before, mark, behind = around.rpartition("@")
    assert mark
    base, ours, theirs, result = (None if p is None else before + p + behind for p in parts)
    assert ours is not None
    assert theirs is not None
    assert merge_structured(path, base, ours, theirs) == result


@pytest.mark.parametrize("row", LINES.values(), ids=LINES)
def test_lines(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("row", INI.values(), ids=INI)
def test_ini(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("row", MAKEFILE.values(), ids=MAKEFILE)
def test_makefile(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("row", MARKDOWN.values(), ids=MARKDOWN)
def test_markdown(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("row", PYTHON.values(), ids=PYTHON)
def test_python(row: Row) -> None:
    check(row)


def test_an_import_that_grows_too_long_is_set_in_lines() -> None:
    names = [f"a_rather_long_name_{number}" for number in range(5)]
    base = f"from module import {', '.join(names[:3])}\n"
    ours = f"from module import {', '.join(names[:4])}\n"
    theirs = f"from module import {', '.join([*names[:3], names[4]])}\n"
    rows = "".join(f"    {name},\n" for name in names)
    assert merge_structured("a.py", base, ours, theirs) == f"from module import (\n{rows})\n"


@pytest.mark.parametrize(
    ("path", "base", "ours", "theirs", "result"),
    [
        ("a.toml", "a = 1\n", "a = 1\nb = 1\n", "a = 1\nc = 1\n", "a = 1\nb = 1\n"),
        ("a.toml", "a = 1\n", "a = 1\nb = 1\n", "a = 1\nc = 1\n", "a = 1\nc = 1\nb = 2\n"),
        ("a.toml", "a = 1\n", "a = 1\nb = 1\n", "c = 1\n", "a = 1\nb = 1\nc = 1\n"),
        ("a.toml", "a = 1\n", "a = 1 # x\n", "a = 1\nc = 1\n", "a = 1\nc = 1\n"),
        ("a.toml", "a = 1\n", "b = 1\na = 1\n", "a = 1\nc = 1\n", "b = 1\na = 1\nc = 1\nd = 1\n"),
        ("a.json", '{"a": 1}', '{"a": 1, "b": 1}', '{"a": 1, "c": 1}', '{"a": 1, "b": 1, "c": 1,}'),
        ("a.yaml", "a: 1\n", "a: 1\nb: 1\n", "a: 1\nc: 1\n", "a: 1\nb: 1\nc: [\n"),
        (".gitignore", "a\nb\n", "a\nb\nc\n", "a\nb\nd\n", "b\na\nc\nd\n"),
        ("README.md", "# A\na\n", "# A\na\n# B\n", "# A\na\n# C\n", "# B\n# A\n# C\na\n"),
        ("a.py", "a = 1\n", "a = 1\nb = 1\n", "a = 1\nc = 1\n", "a = 1\nb = 1\nc = 1\nc = 1\n"),
        ("a.py", "a = 1\n", "a = 1\nb = a\n", "a = 1\nc = 1\n", "b = a\na = 1\nc = 1\n"),
    ],
)
def test_what_loses_or_invents_is_not_proven(
    path: str, base: str, ours: str, theirs: str, result: str
) -> None:
    assert not proven(path, base, ours, theirs, result)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        ("", "#!/a\n# -*- coding: latin-1 -*-\n", '"""Doc."""\n',
         '#!/a\n# -*- coding: latin-1 -*-\n"""Doc."""\n'),
        ("", '"""Doc."""\n', "#!/a\n", '#!/a\n"""Doc."""\n'),
        ("", "#!/a\n", '# coding: latin-1\n"""D."""\n', '#!/a\n# coding: latin-1\n"""D."""\n'),
        ("", "#!/a\n", '#!/b\n"""Doc."""\n', None),
        ("", "#!/a\n", '# x\n# coding: latin-1\n"""Doc."""\n', None),
    ],
)  # fmt: skip
def test_shebang_and_coding_stay_first(
    base: str, ours: str, theirs: str, result: str | None
) -> None:
    texts = [f"{part}import x\n" for part in (base, ours, theirs)]
    expected = None if result is None else f"{result}import x\n"
    assert merge_structured("x.py", *texts) == expected


def test_a_shebang_below_line_1_is_not_proven() -> None:
    texts = ["import x\n", "#!/a\nimport x\n", '"""D."""\nimport x\n']
    assert not proven("x.py", *texts, '"""D."""\n#!/a\nimport x\n')
