"""The questions: complete, safe to render, and clear about what they refuse."""

import keyword
import sys
import typing
from itertools import product
from types import ModuleType
from typing import Any

import pytest
import rendering
import yaml
from jinja2 import FileSystemLoader, meta
from jinja2.sandbox import SandboxedEnvironment
from rendering import CONFIG, QUESTIONS, ROOT

from modelkeel.records import system

DERIVED = {
    "project_slug", "package_name", "about_people", "tier", "dependency_pin", "dependency_source",
}  # fmt: skip
OF_COPIER = {"_copier_answers", "_copier_conf"}


@pytest.fixture(scope="module")
def environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=FileSystemLoader(ROOT),
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        keep_trailing_newline=True,
    )


@pytest.fixture(scope="module")
def macros(environment: SandboxedEnvironment) -> ModuleType:
    return typing.cast("ModuleType", environment.get_template("hooks/questions.jinja").module)


def test_the_questions_are_those_designed() -> None:
    assert list(QUESTIONS) == [
        "task", "project_name", "decision", "owner_email", "output_use", "domain",
        "personal_data", "jurisdictions", "ci_host",
    ]  # fmt: skip
    assert {name for name in CONFIG if not name.startswith("_")} - set(QUESTIONS) == DERIVED


def test_each_question_has_help_and_a_default_and_free_text_a_validator() -> None:
    for name, details in QUESTIONS.items():
        assert details["help"].endswith((".", "?")), name
        assert details["default"], name
        assert "choices" in details or "validator" in details, name


def test_nothing_needs_trust() -> None:
    assert not {"_tasks", "_migrations", "_jinja_extensions", "_external_data"} & CONFIG.keys()


def test_choices_are_those_of_the_records() -> None:
    use = system.Use.model_fields
    for name in ("output_use", "domain", "personal_data"):
        allowed = typing.get_args(use[name].annotation)
        assert tuple(QUESTIONS[name]["choices"].values()) == allowed
    assert tuple(QUESTIONS["jurisdictions"]["choices"].values()) == typing.get_args(
        system.Jurisdiction
    )
    for details in QUESTIONS.values():
        assert all(isinstance(text, str) for text in details.get("choices", {}))


def test_the_tier_is_that_of_the_records(macros: ModuleType) -> None:
    identity = {"name": "x", "purpose": "Decide on something.", "owner": "a@b.eu"}
    for output_use in QUESTIONS["output_use"]["choices"].values():
        for domain, places in product(
            QUESTIONS["domain"]["choices"].values(), (["EU"], ["UK", "EU"], ["UK"])
        ):
            use = {
                "output_use": output_use, "domain": domain, "personal_data": "none",
                "jurisdictions": places,
            }  # fmt: skip
            record = {"schema": "system/1", "identity": identity, "use": use}
            computed = system.System.model_validate(record).computed_tier
            assert macros.tier(output_use, domain, places) == computed


def test_templates_use_only_names_that_exist(environment: SandboxedEnvironment) -> None:
    known = set(QUESTIONS) | DERIVED | OF_COPIER
    unknown = {}
    for path in (ROOT / "template").rglob("*"):
        texts = [str(path.relative_to(ROOT))]
        if path.suffix == ".jinja":
            texts.append(path.read_text(encoding="utf-8"))
        for text in texts:
            found = meta.find_undeclared_variables(environment.parse(text)) - known - {"dict"}
            if found:
                unknown[str(path)] = found
    assert unknown == {}


@pytest.mark.parametrize(
    ("name", "slug", "package"),
    [
        ("Credit risk", "credit-risk", "credit_risk"),
        ("Crédit Risque 2.0", "credit-risque-2-0", "credit_risque_2_0"),
        ("Ünïcode & Co.", "unicode-co", "unicode_co"),
        ("Cre\u0301dit", "credit", "credit"),
        ("Łódź Straße Œuvre", "lodz-strasse-oeuvre", "lodz_strasse_oeuvre"),
        ("İstanbul \u0131l\u0131k", "istanbul-ilik", "istanbul_ilik"),
        ("đặng Þór ðæ", "dang-thor-dae", "dang_thor_dae"),
        ("Ωmega Москва fund", "mega-fund", "mega_fund"),
        ("O'Brien (north) -- v2", "o-brien-north-v2", "o_brien_north_v2"),
        ("3D printing", "3d-printing", "model_3d_printing"),
    ],
)
def test_names_are_folded(macros: ModuleType, name: str, slug: str, package: str) -> None:
    assert (macros.slug(name), macros.package(name)) == (slug, package)
    assert macros.name_problem(name) == ""
    assert package.isidentifier()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "at least two Latin letters"),
        ("信用风险", "at least two Latin letters"),
        ("Москва", "at least two Latin letters"),
        ("2.0", "at least two Latin letters"),
        ("Class", "a word of the Python language"),
        ("json", "a module of the Python standard library"),
        ("Test", "a module of the Python standard library"),
        ("Polars", "which the repository depends on"),
        ("Modelkeel", "which the repository depends on"),
        ("scikit-learn", "which the repository depends on"),
        ("Tests", "a folder the repository has"),
        ("x" * 51, "too long"),
        ("two\nlines", "on one line"),
        (" edge", "space at its beginning or end"),
        ('a "quoted" name', '" cannot be part of a name'),
        ("back\\slash", "cannot be part of a name"),
        ("{{ 7 * 7 }}", "cannot be part of a name"),
    ],
)
def test_names_are_refused(macros: ModuleType, name: str, told: str) -> None:
    assert told in macros.name_problem(name)


def test_python_has_no_name_that_is_not_refused(macros: ModuleType) -> None:
    modules = {name for name in sys.stdlib_module_names if not name.startswith("_")} - {"this"}
    for name in modules | {word.lower() for word in keyword.kwlist}:
        assert macros.package(name) != name or macros.name_problem(name) != "", name


@pytest.mark.parametrize("email", ["a@b.c", "o'neil+ml@sub.example.org", "jörg@müller.example"])
def test_emails_are_taken(macros: ModuleType, email: str) -> None:
    assert macros.email_problem(email) == ""


@pytest.mark.parametrize(
    "email",
    ["", "foo", "foo@", "@b.c", "foo@bar", "a b@c.d", "a@b..c", "a@b.c\n", 'a"@b.c', "a@b@c.d"],
)
def test_emails_are_refused(macros: ModuleType, email: str) -> None:
    assert "is no e-mail address" in macros.email_problem(email)


HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("address", "commit", "pin", "source"),
    [
        ("https://github.com/modelkeel/modelkeel", "v1.2.3", "==1.2.3", ""),
        ("https://github.com/modelkeel/modelkeel.git", "v1.2.3", "==1.2.3", ""),
        ("gh:modelkeel/modelkeel", "v1.2.3", "==1.2.3", ""),
        ("git@github.com:modelkeel/modelkeel.git", "v1.2.3", "==1.2.3", ""),
        (
            "https://github.com/modelkeel/modelkeel",
            "v1.2.3-4-g0123456",
            "",
            {"git": "https://github.com/modelkeel/modelkeel", "rev": HASH},
        ),
        (
            "gh:modelkeel/modelkeel",
            "v1.2.3rc1",
            "",
            {"git": "https://github.com/modelkeel/modelkeel", "tag": "v1.2.3rc1"},
        ),
        (
            "git@git.example.org:ml/keel.git",
            "v1.2.3",
            "",
            {"git": "ssh://git@git.example.org/ml/keel.git", "tag": "v1.2.3"},
        ),
        (
            "git+https://robot:secret@git.example.org/ml/keel",
            "1234567",
            "",
            {"git": "https://git.example.org/ml/keel", "rev": HASH},
        ),
        ("git+file:///srv/keel", "v1.2.3", "", {"git": "file:///srv/keel", "tag": "v1.2.3"}),
        ("/srv/a b/keel.git", "v1.2.3", "", {"git": "file:///srv/a%20b/keel.git", "tag": "v1.2.3"}),
        ("/srv/keel", "v1.2.3", "", {"path": "/srv/keel", "editable": True}),
        (
            '/srv/é "quoted" \\ #1/\U0001f600',
            "",
            "",
            {"path": '/srv/é "quoted" \\ #1/\U0001f600', "editable": True},
        ),
    ],
)
def test_the_library_comes_from_where_the_template_came_from(
    macros: ModuleType, address: str, commit: str, pin: str, source: Any
) -> None:
    import tomllib

    assert macros.dependency_pin(address, commit) == pin
    written = macros.dependency_source(address, commit, HASH)
    assert (tomllib.loads(f"x = {written}")["x"] if written else "") == source


def test_project_files_are_left_alone_by_updates() -> None:
    assert set(CONFIG["_skip_if_exists"]) == {
        "/src/", "/tests/", "/notebooks/", "/data/", "/governance/", "/charter.toml",
        "/params.yaml",
    }  # fmt: skip


def test_the_answers_file_is_sorted_and_has_every_answer(plain: Any, tmp_path: Any) -> None:
    root = rendering.render(plain, tmp_path / "x", {"task": "regression"})
    answers = yaml.safe_load((root / rendering.ANSWERS_FILE).read_text(encoding="utf-8"))
    assert list(answers) == sorted(answers)
    assert answers.keys() == {"_src_path", *QUESTIONS}
