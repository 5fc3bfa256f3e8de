"""The documentation says what the code says."""

import importlib.util
import re
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from modelkeel.cli import app
from modelkeel.model.champion import Champion
from modelkeel.model.manifest import CORE_FILES, MANIFEST, Manifest
from modelkeel.records.approvals import Approval
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.incidents import Incident
from modelkeel.records.params import Params
from modelkeel.records.privacy import Privacy
from modelkeel.records.reasons import Reasons
from modelkeel.records.risks import Risks
from modelkeel.records.system import System
from modelkeel.serving.app import create_app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def section(page: str, heading: str) -> str:
    """The text below a heading of level 2."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def first_column(text: str) -> set[str]:
    """What the first cells of the rows name."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in SPAN.findall(row)}


@pytest.fixture(scope="module")
def hooks() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_questions_page_names_each_question_and_choice(hooks: types.ModuleType) -> None:
    page = hooks.on_page_markdown((DOCS / "reference/questions.md").read_text(encoding="utf-8"))
    document = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    questions = {name: each for name, each in document.items() if not name.startswith("_")}
    for name, question in questions.items():
        if question.get("when", True) is False:
            assert f"`{name}`" in section(page, "Derived, never asked")
            continue
        told = section(page, name)
        assert " ".join(question["help"].split()) in told
        assert "Default: " in told
        assert "{{" not in told
        for meaning, value in question.get("choices", {}).items():
            assert f"| `{value}` | {meaning} |" in told


def test_the_commands_page_has_the_help_of_each_command(hooks: types.ModuleType) -> None:
    page = hooks.on_page_markdown((DOCS / "reference/commands.md").read_text(encoding="utf-8"))
    for path in hooks.command_paths(typer.main.get_command(app)):
        assert f"### keel {' '.join(path)}\n" in page
        assert f"Usage: keel {' '.join(path)} " in page


def test_the_sessions_are_those_of_the_noxfile(hooks: types.ModuleType) -> None:
    page = hooks.on_page_markdown(
        (DOCS / "explanation/contributing.md").read_text(encoding="utf-8")
    )
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    names = re.findall(r"^@nox\.session.*\ndef (\w+)\(", noxfile, re.MULTILINE)
    assert len(names) > 3
    for name in names:
        assert re.search(rf"\| `{name}` \| \S", page)


def test_every_marker_on_a_page_is_known(hooks: types.ModuleType) -> None:
    for page in PAGES:
        for marker in re.findall(r"<!-- (.*?) -->", page.read_text(encoding="utf-8")):
            assert marker.removeprefix("generated: ") in hooks.GENERATED, named(page)


def code(text: str) -> Iterator[str]:
    """Lines of console blocks, and spans of code outside blocks."""
    for language, block in BLOCK.findall(text):
        if language == "console":
            yield from block.splitlines()
    yield from SPAN.findall(BLOCK.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_named_exists(page: Path) -> None:
    for line in code(page.read_text(encoding="utf-8")):
        for words in re.findall(r"\bkeel((?: [^\s&|;)]+)+)", line):
            parts = words.split()
            if parts[0].startswith("-"):
                continue
            command: Any = typer.main.get_command(app)
            path = []
            while (inner := getattr(command, "commands", None)) is not None:
                assert len(path) < len(parts), f"{line}: ends in a group"
                assert parts[len(path)] in inner, f"{line}: {parts[len(path)]}"
                path.append(parts[len(path)])
                command = inner[path[-1]]
            told = CliRunner().invoke(app, [*path, "--help"]).output
            for option in (part for part in parts if re.match(r"--?[a-z]", part)):
                assert re.search(rf"(^|[\s,]){option}\b", told), f"{line}: {option}"


def anchors(text: str) -> set[str]:
    """The ids of the headings, as the site makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        found.add(re.sub(r"[\s-]+", "-", plain))
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_resolve(page: Path, hooks: types.ModuleType) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert DOCS not in page.parents or DOCS in target.parents, f"{link} leaves the site"
        if anchor:
            shown = hooks.on_page_markdown(target.read_text(encoding="utf-8"))
            assert anchor in anchors(shown), link


def test_every_page_is_in_the_navigation() -> None:
    def pages(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        for each in node.values() if isinstance(node, dict) else node:
            if not isinstance(node, str):
                yield from pages(each)

    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert set(pages(settings["nav"])) == {
        page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")
    }


def test_the_projects_files_are_those_that_an_update_skips() -> None:
    page = (DOCS / "reference/ownership.md").read_text(encoding="utf-8")
    settings = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    skipped = {path.removeprefix("/") for path in settings["_skip_if_exists"]}
    assert first_column(section(page, "Project")) == skipped


def test_each_file_of_the_template_has_one_owner() -> None:
    page = (DOCS / "reference/ownership.md").read_text(encoding="utf-8")
    classes = [first_column(section(page, name)) for name in ("Project", "Template", "Shared")]
    listed = [name.rstrip("/") for names in classes for name in names]
    assert len(listed) == len(set(listed))
    found = set()
    for path in (ROOT / "template").iterdir():
        name = re.sub(r"\{%.*?%\}", "", path.name).removesuffix(".jinja")
        name = name.replace("{{_copier_conf.answers_file}}", ".copier-answers.yml")
        hosts = ("github", "gitlab") if "ci_host" in name else ("",)
        found |= {re.sub(r"\{\{ *ci_host *\}\}", host, name) for host in hosts}
    assert found == set(listed)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The keys of a record, dotted; those of a list's items below the list's own."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = [
            each
            for each in (field.annotation, *get_args(field.annotation))
            if isinstance(each, type) and issubclass(each, BaseModel)
        ]
        if not inner or field.annotation is not inner[0]:
            yield key
        for each in inner:
            yield from keys(each, f"{key}.")


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Charter", Charter),
        ("System", System),
        ("Gates", Gates),
        ("Risks", Risks),
        ("Privacy", Privacy),
        ("Reasons", Reasons),
        ("Approvals", Approval),
        ("Incidents", Incident),
        ("Parameters", Params),
    ],
)
def test_every_key_of_a_record_is_described(heading: str, model: type[BaseModel]) -> None:
    page = (DOCS / "reference/records.md").read_text(encoding="utf-8")
    described = first_column(re.split(r"\n\| tier ", section(page, heading))[0])
    assert described == set(keys(model))


def test_the_bundle_page_names_files_and_keys() -> None:
    page = (DOCS / "reference/bundle.md").read_text(encoding="utf-8")
    names = set(SPAN.findall(page))
    assert {*CORE_FILES, MANIFEST} <= names
    for model in (Manifest, Champion):
        assert {field.alias or name for name, field in model.model_fields.items()} <= names


def test_the_api_page_names_every_route_and_problem(tmp_path: Path) -> None:
    page = (DOCS / "reference/http-api.md").read_text(encoding="utf-8")
    for path, operations in create_app(tmp_path).openapi()["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in page
    sources = (ROOT / "src/modelkeel/serving").glob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    kinds = set(re.findall(r'ProblemError\(\s*(\d{3}),\s*"([a-z-]+)"', text))
    assert len(kinds) > 4
    for status, kind in kinds:
        assert re.search(rf"^\| [\d, ]*{status}[\d, ]* \|.*`{kind}`", page, re.MULTILINE), kind


def test_the_examples_of_a_contract_and_a_charter_are_valid(tmp_path: Path) -> None:
    from modelkeel.data.contract import load_contract

    page = (DOCS / "how-to/own-data.md").read_text(encoding="utf-8")
    titled = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', page, re.M | re.S))
    charter = Charter.model_validate(tomllib.loads(titled["charter.toml"]))
    contract_file = tmp_path / "masses.odcs.yaml"
    contract_file.write_text(titled["governance/data/masses.odcs.yaml"], encoding="utf-8")
    target = load_contract(contract_file).column(charter.outcome.label)
    assert set(target.categories or ()) == set(charter.outcome.classes)


def test_the_changelog_has_the_version() -> None:
    from modelkeel import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
