"""Merges of TOML, YAML and JSON, rule by rule: what a side has in place of `@`."""

from __future__ import annotations

import pytest

from modelkeel.update.structured import merge_structured

# A row: the text around, base, ours, theirs, and the result in its place; None: a conflict stays.
Row = tuple[str, str, str, str, str | None]

TOML: dict[str, Row] = {
    "dependencies by name": (
        '[project]\ndependencies = [\n    "numpy>=1",@\n]\n',
        "",
        '\n    "pandas",  # ours',
        '\n    "httpx>=1",',
        '\n    "pandas",  # ours\n    "httpx>=1",',
    ),
    "sorted dependencies stay sorted": (
        '[dependency-groups]\ndev = ["mypy", @"ruff"]\n',
        "",
        '"pytest", ',
        '"nox", ',
        '"nox", "pytest", ',
    ),
    "a pin of theirs, an addition of ours": (
        'requires = [@]\n',
        '"hatchling>=1"',
        '"hatchling>=1", "hatch-vcs"',
        '"hatchling>=2"',
        '"hatchling>=2", "hatch-vcs"',
    ),
    "a dependency removed": (
        "dependencies = [@]\n",
        '"a>=1", "b"',
        '"a>=1", "b", "c"',
        '"b"',
        '"b", "c"',
    ),
    "one package under two spellings": (
        "dependencies = [@]\n", '"b"', '"b", "scikit_learn"', '"b", "scikit-learn>=1"', None,
    ),
    "one package changed by both": (
        "dependencies = [@]\n", '"a>=1"', '"a>=2"', '"a>=3"', None,
    ),
    "one package changed and removed": (
        "dependencies = [@]\n", '"a>=1", "b"', '"a>=2", "b"', '"b"', None,
    ),
    "extras of one package": (
        "dependencies = [@]\n",
        '"m[a]>=1"',
        '"m[a]>=1", "x"',
        '"m[a]>=1", "m[b]>=1"',
        '"m[a]>=1", "x", "m[b]>=1"',
    ),
    "included groups": (
        "[dependency-groups]\ndev = [@]\n",
        '"ruff"',
        '"ruff", {include-group = "test"}',
        '"ruff", "mypy"',
        '"ruff", {include-group = "test"}, "mypy"',
    ),
    "tables of both": (
        "[a]\nx = 1\n@",
        "",
        "\n[tool.ours]\nx = 1\n",
        "\n# about theirs\n[tool.theirs]\nx = 1\n",
        "\n[tool.ours]\nx = 1\n\n# about theirs\n[tool.theirs]\nx = 1\n",
    ),
    "keys of one table": (
        "[a]\n@z = 0\n",
        "x = 'one'  # why\n",
        "x = 'one'  # because\n",
        "x = 'two'  # why\ny = 2\n",
        "x = 'two'  # because\ny = 2\n",
    ),
    "one value changed by both": ("x = @\n", "1", "2", "3", None),
    "a table removed that ours changed": ("a = 1\n@", "[t]\nx = 1\n", "[t]\nx = 2\n", "", None),
    "a key written in two ways": ("[a]\n@", "", "b.c = 1\n", "[a.b]\nd = 1\n", None),
    "a set of rules": (
        "[tool.ruff.lint]\nselect = [@]\n",
        '"E", "F"', '"E", "F", "UP"', '"E", "I"', '"E", "I", "UP"',
    ),
    "a list whose meaning is not known grows only": (
        "x = [@]\n", '"a", "b"', '"a"', '"a", "b", "c"', None,
    ),
    "numbers are one value": ("edges = [@]\n", "1, 9", "1, 3, 9", "1, 5, 9", None),
    "flags with values": ("addopts = [@]\n", '"-ra"', '"-ra", "-k", "a"', '"-ra", "-m", "b"', None),
    "arrays of tables by module": (
        "@",
        '[[t.o]]\nmodule = ["a.*"]\nx = 1\n',
        '[[t.o]]\nmodule = ["a.*"]\nx = 2\n\n[[t.o]]\nmodule = "ours"\n',
        '[[t.o]]\nmodule = ["a.*"]\nx = 1\ny = 1\n\n[[t.o]]\nmodule = "theirs"\n[t.o.sub]\nz = 1\n',
        ('[[t.o]]\nmodule = ["a.*"]\nx = 2\ny = 1\n\n[[t.o]]\nmodule = "ours"\n'
         '\n[[t.o]]\nmodule = "theirs"\n[t.o.sub]\nz = 1\n'),
    ),
    "arrays of tables without identity": (
        "@", "[[a]]\nx = 1\n", "[[a]]\nx = 1\n[[a]]\nx = 2\n", "[[a]]\nx = 1\n[[a]]\nx = 3\n", None,
    ),
    "a list set in lines by theirs": (
        "dependencies = [@]\n",
        '"a"',
        '"a", "b"',
        '\n    "a",\n    # for c\n    "c",\n',
        '\n    "a",\n    "b",\n    # for c\n    "c",\n',
    ),
    "an inline table": ("x = { @ }\n", "a = 1", "a = 1, b = 2", "a = 3", "a = 3, b = 2"),
    "strings of several lines": (
        "[a]\n@",
        's = """\nx = 1\n# no comment\n"""\n',
        's = """\nx = 1\n# no comment\n"""\nours = 1\n',
        's = """\nx = 2\n# no comment\n"""\n',
        's = """\nx = 2\n# no comment\n"""\nours = 1\n',
    ),
    "no TOML": ("x = @\n", "1", "[", "3", None),
}  # fmt: skip

YAML: dict[str, Row] = {
    "hooks of one repo, repos of both": (
        "repos:\n@",
        "  - repo: https://a\n    rev: v1\n    hooks:\n      - id: x\n",
        ("  - repo: https://a\n    rev: v1\n    hooks:\n      - id: x\n      - id: ours\n"
         "\n  - repo: local\n    hooks:\n      - id: l\n"),
        ("  - repo: https://a\n    rev: v2  # new\n    hooks:\n"
         "      - id: x\n        args: [--fix]\n"
         "  - repo: https://b\n    hooks:\n      - id: t\n"),
        ("  - repo: https://a\n    rev: v2  # new\n    hooks:\n"
         "      - id: x\n        args: [--fix]\n"
         "      - id: ours\n\n  - repo: local\n    hooks:\n      - id: l\n"
         "  - repo: https://b\n    hooks:\n      - id: t\n"),
    ),
    "steps of a job": (
        "jobs:\n  test:\n    steps:\n@",
        "      - uses: a/b@1111 # v1\n      - run: pytest\n",
        ("      - uses: a/b@1111 # v1\n      - run: pytest\n      - name: ours\n        run: |\n"
         "          one\n\n          # two\n"),
        "      - uses: a/b@2222 # v2\n      # first\n      - run: lint\n      - run: pytest\n",
        ("      - uses: a/b@2222 # v2\n      # first\n      - run: lint\n      - run: pytest\n"
         "      - name: ours\n        run: |\n          one\n\n          # two\n"),
    ),
    "an action pinned anew by both": (
        "steps:\n  - uses: a/b@@\n", "11", "22", "33", None,
    ),
    "a step removed that ours changed": (
        "steps:\n  - run: x\n@", "  - id: a\n    run: y\n", "  - id: a\n    run: z\n", "", None,
    ),
    "steps beside several that theirs replaced": (
        "steps:\n@", "- id: a\n- id: b\n", "- id: a\n- id: ours\n- id: b\n", "- id: c\n", None,
    ),
    "jobs by key": (
        "jobs:\n  a:\n    runs-on: x\n@",
        "",
        "\n  ours:\n    runs-on: x\n",
        "\n  theirs:\n    runs-on: x\n",
        "\n  ours:\n    runs-on: x\n\n  theirs:\n    runs-on: x\n",
    ),
    "stages with their files": (
        "stages:\n  train:\n    deps:\n@    outs:\n      - m: {cache: false}\n",
        "      - a.py\n      - b.py\n",
        "      - a.py\n      - b.py\n      - ours.csv\n",
        "      - a.py\n      - theirs.csv\n",
        "      - a.py\n      - ours.csv\n      - theirs.csv\n",
    ),
    "commands in turn": (
        "script:\n@", "  - a\n", "  - a\n  - b\n", "  - a\n  - c\n", None,
    ),
    "commands at two places": (
        "script:\n@", "  - a\n", "  - first\n  - a\n", "  - a\n  - last\n",
        "  - first\n  - a\n  - last\n",
    ),
    "quotes, comments and blank lines": (
        "# head\n\na: 'x'   # one\n\n@# end\n",
        "b: \"y\"\n",
        "b: \"y\"  # ours\n",
        "b: \"z\"\n# about c\nc:\n  - 1\n",
        "b: \"z\"  # ours\n# about c\nc:\n  - 1\n",
    ),
    "lists in brackets": (
        "on: {push: {branches: [@]}}\n", "main", "main, ours", "main, theirs", "main, ours, theirs",
    ),
    "a value that was empty": ("a:@\nb: 1\n", "", " 1", " 2", None),
    "a form changed by one, the value by the other": ("a:@\n", " [x]", "\n  - x", " [x, y]", None),
    "anchors": ("a: &a 1\nb: *a\n@", "", "c: 1\n", "d: 1\n", None),
    "several documents": ("a: 1\n---\n@", "b: 1\n", "b: 1\nc: 1\n", "b: 1\nd: 1\n", None),
    "keys that occur twice": ("a: 1\na: 2\n@", "", "c: 1\n", "d: 1\n", None),
    "no YAML": ("a: 1\n@", "", "c: 1\n", "d: [\n", None),
    "a text changed by both": (
        "run: |\n@", "  a\n  b\n  c\n", "  A\n  b\n  c\n", "  a\n  b\n  C\n", None,
    ),
}  # fmt: skip

JSON: dict[str, Row] = {
    "keys of both": (
        '{\n  "a": 1@\n}\n', "", ',\n  "b": {\n    "c": []\n  }', ',\n  "d": "x"',
        ',\n  "b": {\n    "c": []\n  },\n  "d": "x"',
    ),
    "the indent of ours": (
        "@",
        '{\n  "a": {"x": 1}\n}\n',
        '{\n    "a": {"x": 1},\n    "b": 2\n}\n',
        '{\n  "a": {"x": 2},\n  "c": {\n    "d": 1\n  }\n}\n',
        '{\n    "a": {"x": 2},\n    "b": 2,\n    "c": {\n      "d": 1\n    }\n}\n',
    ),
    "lists by label": (
        '{"tasks": [@]}\n',
        '{"label": "a", "n": 1}',
        '{"label": "a", "n": 1}, {"label": "ours"}',
        '{"label": "a", "n": 2}',
        '{"label": "a", "n": 2}, {"label": "ours"}',
    ),
    "without blanks": ("{@}", '"a":1', '"a":1,"b":2', '"a":1,"c":3', '"a":1,"b":2,"c":3'),
    "comments and commas": (
        '// head\n{\n  "a": 1, // one\n@}\n',
        "",
        '  "b": 2, // ours\n',
        '  /* theirs */\n  "c": 3,\n',
        '  "b": 2, // ours\n  /* theirs */\n  "c": 3,\n',
    ),
    "numbers as written": ('{"a": @}', "1.0", '1.0, "b": 1e3', '1.50', '1.50, "b": 1e3'),
    "one value changed by both": ('{"a": @}', "1", "2", "3", None),
    "a key removed and changed": ('{"z": 1@}', ', "a": 1', ', "a": 2', "", None),
    "a key that occurs twice": ('{"a": 1, "a": 2@}', "", ', "b": 1', ', "c": 1', None),
    "no JSON": ('{"a": 1@', "}", ', "b": 1', ', "c": 1}', None),
}  # fmt: skip


def texts(row: Row) -> list[str | None]:
    around, *parts = row
    before, mark, behind = around.rpartition("@")
    assert mark
    return [None if part is None else before + part + behind for part in parts]


def check(path: str, row: Row) -> None:
    base, ours, theirs, result = texts(row)
    assert base is not None
    assert ours is not None
    assert theirs is not None
    assert merge_structured(path, base, ours, theirs) == result


@pytest.mark.parametrize("row", TOML.values(), ids=TOML)
def test_toml(row: Row) -> None:
    check("pyproject.toml", row)


@pytest.mark.parametrize("row", YAML.values(), ids=YAML)
def test_yaml(row: Row) -> None:
    check(".github/workflows/ci.yml", row)


@pytest.mark.parametrize("row", JSON.values(), ids=JSON)
def test_json(row: Row) -> None:
    check(".vscode/tasks.json", row)


@pytest.mark.parametrize(
    ("path", "ours", "theirs", "result"),
    [
        ("a.toml", "a = 1\n", "b = 1\n", "a = 1\nb = 1\n"),
        ("a.toml", "a = 1\n", "a = 2\n", None),
        ("a.yaml", "a: 1\n", "b: 1\n", "a: 1\nb: 1\n"),
        ("a.json", '{"a": 1}\n', '{"b": 1}\n', '{"a": 1, "b": 1}\n'),
        ("a.json", "[1]\n", '{"b": 1}\n', None),
    ],
)
def test_a_file_that_both_added(path: str, ours: str, theirs: str, result: str | None) -> None:
    assert merge_structured(path, None, ours, theirs) == result


@pytest.mark.parametrize(
    ("key", "ours", "theirs", "clean"),
    [
        ("environment", "Y=2", "Y=3", False),
        ("environment", "Y=2", "Z=3", True),
        ("volumes", "./mine:/data", "./theirs:/data/:ro", False),
        ("volumes", "./mine:/data", "./theirs:/logs", True),
        ("ports", '"81:81"', '"81:82"', False),
        ("ports", '"127.0.0.1:81:80"', '"82:80"', False),
        ("ports", '"81:81"', '"82:82"', True),
        ("mounts", '"source=a,target=/d"', '"source=b,target=/d,type=bind"', False),
        ("mounts", '"source=a,target=/d"', '"source=b,target=/e"', True),
        ("args", "mine", "theirs", False),
        ("index", "mine", "theirs", False),
        ("extra-index-url", "mine", "theirs", False),
        ("options", "mine", "theirs", False),
    ],
)
def test_additions_that_do_not_go_together(key: str, ours: str, theirs: str, clean: bool) -> None:
    texts = [f"{key}: [X=1{more}]\n" for more in ("", f", {ours}", f", {theirs}")]
    result = f"{key}: [X=1, {ours}, {theirs}]\n" if clean else None
    assert merge_structured("compose.yaml", *texts) == result


def test_a_setting_is_identified_by_its_name() -> None:
    texts = ['env = ["B=1"]\n', 'env = ["B=1", "C=1"]\n', 'env = ["B=2"]\n']
    assert merge_structured("a.toml", *texts) == 'env = ["B=2", "C=1"]\n'
