"""What a merge by lines brings together without a conflict, and is looked at again."""

from __future__ import annotations

import pytest

from modelkeel.update.contents import recheck_contents
from modelkeel.update.structured import clashes, merge_structured

CODE = """\
import json


class Model:
    size = 3

    def fit(self, rows):
        return self


def load(path):
    return json.loads(path)


def save(path):
    return path
"""
INI = "[a]\nx = 1\n\n[b]\ny = 1\n"
DEPENDENCIES = '[project]\ndependencies = [\n    "a",\n    "b",\n    "c",\n    "d",\n]\n'
HOOKS = "repos:\n  - repo: one\n    rev: v1\n    hooks:\n      - id: one\n"
HOOK = "  - repo: two\n    rev: {}\n    hooks:\n      - id: two\n"
METHOD = "\n    def {0}(self):\n        return '{0}'\n"
MATRIX = 'jobs:\n  a:\n    strategy:\n      matrix:\n        python: ["3.11", "3.12"]\n'


def recheck(path: str, base: str, ours: str, theirs: str, by_lines: str) -> str | None:
    texts = {1: base.encode(), 2: ours.encode(), 3: theirs.encode()}
    done = recheck_contents(path, texts, by_lines.encode())
    return None if done is None else done.decode()


def at_ends(base: str, first: str, last: str) -> tuple[str, str, str]:
    """What both sides make of a file, one at its begin, one at its end, and both together."""
    return base + last, first + base, first + base + last


@pytest.mark.parametrize(
    ("path", "base", "first", "last"),
    [
        ("setup.cfg", INI, "[mypy]\nstrict = 1\n\n", "\n[mypy]\nstrict = 0\n"),
        ("requirements.txt", "a==1\nb==1\n", "typing-extensions==1\n", "typing_extensions==2\n"),
        (".env.example", "A=1\nB=1\n", "PORT=80\n", "PORT=81\n"),
        ("CODEOWNERS", "* @team\n/a @one\n", "/docs @one\n", "/docs @two\n"),
        ("Makefile", "a:\n\tone\n", "docs:\n\tmkdocs\n\n", "\ndocs:\n\tsphinx\n"),
        ("a.py", CODE, "def twice():\n    return 1\n\n\n", "\n\ndef twice():\n    return 2\n"),
    ],
)
def test_one_name_twice_is_a_conflict(path: str, base: str, first: str, last: str) -> None:
    ours, theirs, both = at_ends(base, first, last)
    assert recheck(path, base, ours, theirs, both) is None
    assert recheck(path, base, ours, base, ours) == ours


def test_what_both_add_alike_to_lines_is_none() -> None:
    ours, theirs, both = at_ends("a==1\nb==1\n", "c==1\n", "c==1\n")
    assert recheck("requirements.txt", "a==1\nb==1\n", ours, theirs, both) == both


@pytest.mark.parametrize(
    ("mine", "clean"), [('"s>=1"', True), ('"s>=2"', False), ('"S>=1"', False)]
)
def test_a_dependency_at_two_places(mine: str, clean: bool) -> None:
    theirs = DEPENDENCIES.replace('    "a"', '    "s>=1",\n    "a"')
    ours = DEPENDENCIES.replace('"d",\n', f'"d",\n    {mine},\n')
    both = theirs.replace('"d",\n', f'"d",\n    {mine},\n')
    done = recheck("pyproject.toml", DEPENDENCIES, ours, theirs, both)
    assert (done is not None and done.count(mine) == 1) if clean else done is None


@pytest.mark.parametrize("rev", ["v1", "v2"])
def test_a_hook_at_two_places(rev: str) -> None:
    theirs = HOOKS.replace("repos:\n", "repos:\n" + HOOK.format("v1"))
    ours, both = HOOKS + HOOK.format(rev), theirs + HOOK.format(rev)
    done = recheck(".pre-commit-config.yaml", HOOKS, ours, theirs, both)
    assert (done is None) == (rev == "v2")
    assert done is None or done.count("repo: two") == 1


def test_a_use_of_what_the_template_removed() -> None:
    def removed(text: str) -> str:
        return text.replace("import json\n\n\n", "").replace("json.loads(path)", "path")

    ours = CODE + "\n\ndef own():\n    return json.dumps(1)\n"
    assert recheck("a.py", CODE, ours, removed(CODE), removed(ours)) is None


def test_a_call_of_what_the_template_renamed() -> None:
    theirs = CODE.replace("def load(", "def read(")
    ours = CODE.replace("    return path\n", "    return load(path)\n")
    both = theirs.replace("    return path\n", "    return load(path)\n")
    assert recheck("a.py", CODE, ours, theirs, both) is None


def test_a_method_at_two_places() -> None:
    theirs = CODE.replace("    size = 3\n", "    size = 3\n" + METHOD.format("save"))
    ours = CODE.replace("return self\n", "return self\n" + METHOD.format("save"))
    both = theirs.replace("return self\n", "return self\n" + METHOD.format("save"))
    assert clashes("a.py", CODE, ours, theirs, both)


def test_variables_may_be_bound_again() -> None:
    base = "x = 1\ny = 2\nz = 3\n"
    ours, theirs, both = at_ends(base, "x = 0\n", "x = 5\n")
    assert recheck("a.py", base, ours, theirs, both) == both


def test_both_add_methods() -> None:
    at = "return self\n"
    theirs = CODE.replace(at, at + METHOD.format("score"))
    ours = CODE.replace(at, at + METHOD.format("show"))
    want = CODE.replace(at, at + METHOD.format("show") + METHOD.format("score"))
    assert merge_structured("a.py", CODE, ours, theirs) == want


@pytest.mark.parametrize(
    ("old", "mine", "new"),
    [
        ("    size = 3\n", "    size = 3\n    width = 4\n", "    size = 3\n    depth = 5\n"),
        ("return self\n", "return 1\n", "return 2\n"),
        ("return self\n", "return self\n" + METHOD.format("a"), "return self\n\n    a = 1\n"),
        ("class Model:", "class Model(Mine):", "class Model(Base):"),
    ],
)
def test_members_that_do_not_go_together(old: str, mine: str, new: str) -> None:
    ours, theirs = CODE.replace(old, mine), CODE.replace(old, new)
    assert merge_structured("a.py", CODE, ours, theirs) is None


def test_a_matrix_is_a_set() -> None:
    theirs, ours = MATRIX.replace('"3.11", ', ""), MATRIX.replace('"3.12"', '"3.12", "3.13"')
    want = MATRIX.replace('"3.11", "3.12"', '"3.12", "3.13"')
    assert merge_structured(".github/workflows/ci.yml", MATRIX, ours, theirs) == want
