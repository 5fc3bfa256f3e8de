"""What the files of a repository tell, each beside the gate that would ask for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelkeel.errors import BadInput
from modelkeel.governance.formats import unsafe_files
from modelkeel.governance.readiness.repository import Repository
from modelkeel.governance.tracked import private_keys
from modelkeel.governance.workflows import ci_files, ci_problems, codeowners

State = Literal["present", "absent", "problem"]
_DATA = r".*\.(csv|tsv|parquet|feather|xlsx?|jsonl|npy|npz|h5|hdf5|sqlite|db|arrow|zip|gz)"
_BIG = 1_000_000
_PINNED = re.compile(r"^[A-Za-z0-9_.\-\[\], ]+(==|@)")
_SHOWN = 3


@dataclass(frozen=True)
class Sign:
    """Something that is there, is missing, or is there and should not be.

    Attributes:
        gate: the gate of ours that asks for it.
        what: what was looked for.
        state: whether it is there.
        found: where, or what is wrong.
        path: the file to look at, if there is one.
    """

    gate: str
    what: str
    state: State
    found: str
    path: str | None = None


def read_signs(repository: Repository) -> list[Sign]:
    """Look for everything, in the order in which a person would want to know it."""
    readers = (_records, _code, _ci, _secrets, _data, _notebooks, _models, _practice)
    return [sign for reader in readers for sign in reader(repository)]


def _sign(gate: str, what: str, found: list[str], absent: str) -> Sign:
    """Present with the first files that show it, or absent with what would."""
    if found:
        return Sign(gate, what, "present", some(found), found[0])
    return Sign(gate, what, "absent", absent)


def _problem(gate: str, what: str, found: list[str], path: str | None = None) -> Sign:
    return Sign(gate, what, "problem", some(found), path)


def some(found: list[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _records(repository: Repository) -> Iterator[Sign]:
    for gate, what, name in (
        ("G-CHARTER", "what the model is for, with a target", "charter.toml"),
        ("G-TIER", "what the system does, to whom, where", "governance/system.toml"),
        ("G-PRIOR", "thresholds that are set before the run", "governance/gates.toml"),
        ("G-RISK", "risks and what holds them down", "governance/risks.toml"),
    ):
        present = [name] if name in repository.names else []
        yield _sign(gate, what, present, name)
    cards = repository.matching(r"model[-_ ]?card.*\.(md|ya?ml|json)")
    cards += [n for n in repository.matching(r"readme\.md") if "model-index:" in repository.text(n)]
    yield _sign("G-DOC", "a model card", cards, "MODEL_CARD.md")
    licence = repository.matching(r"(licen[cs]e|copying)(\..*|-.*)?")
    yield _sign("G-BOM", "a licence", licence, "LICENSE")


def _code(repository: Repository) -> Iterator[Sign]:
    tests = [
        name
        for name in repository.matching(r"test_.*\.py", r".*_test\.py")
        if "def test" in repository.text(name)
    ]
    yield _sign("G-TESTS", "tests", tests, "tests/test_*.py")
    locks = repository.matching(
        r"(uv|poetry|pdm|pipfile|conda-lock|pixi)\.(lock|ya?ml)", r"pylock.*\.toml"
    )
    asked = repository.matching(r"requirements.*\.(txt|in)", r"environment\.ya?ml")
    loose = [name for name in asked if name.endswith(".txt") and _loose(repository.text(name))]
    if not locks and loose:
        found = [f"{name} lets versions move" for name in loose]
        yield _problem("G-BOM", "locked dependencies", found, loose[0])
    else:
        pinned = locks or [name for name in asked if name.endswith(".txt")]
        yield _sign("G-BOM", "locked dependencies", pinned, "uv.lock")
    bots = repository.matching(r"renovate.*\.json5?", r"\.github/dependabot\.ya?ml")
    yield _sign("G-VULN", "word of new releases", bots, "renovate.json or .github/dependabot.yml")


def _loose(text: str) -> bool:
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    named = [line for line in lines if line and not line.startswith("-")]
    return any(not _PINNED.match(line) for line in named)


def _ci(repository: Repository) -> Iterator[Sign]:
    files = [
        path
        for path in ci_files(repository.root)
        if path.relative_to(repository.root).as_posix() in repository.names
    ]
    names = [path.relative_to(repository.root).as_posix() for path in files]
    names += repository.matching(
        r"jenkinsfile", r"azure-pipelines.*\.ya?ml", r"\.circleci/config\.yml", r"\.travis\.yml"
    )
    yield _sign("G-CI", "checks of every change", names, ".github/workflows/ or .gitlab-ci.yml")
    found = []
    for path in files:
        try:
            found += ci_problems(repository.root, path)
        except BadInput as error:
            found.append(str(error).replace(f"{repository.root}/", ""))
    if found:
        yield _problem("G-CI", "pinned actions and stated rights", found, found[0].split(":")[0])
    owners = codeowners(repository.root)
    present = [owners.relative_to(repository.root).as_posix()] if owners else []
    yield _sign("G-ROLES", "reviewers by file", present, "CODEOWNERS")


def _secrets(repository: Repository) -> Iterator[Sign]:
    tools = re.compile(r"detect-secrets|gitleaks|trufflehog|git-secrets|ggshield")
    found = repository.matching(r"\.secrets\.baseline", r"\.gitleaks\.toml", r"\.gitguardian\..*")
    settings = repository.matching(r"\.pre-commit-config\.yaml", r"\.github/workflows/.*\.ya?ml")
    settings += repository.matching(r"noxfile\.py", r"tox\.ini", r"makefile", r"\.gitlab-ci\.yml")
    found += [name for name in settings if tools.search(repository.text(name))]
    yield _sign("G-SECRETS", "a search for secrets", found, ".secrets.baseline or .gitleaks.toml")
    if keys := private_keys(repository.root, list(repository.names)):
        yield _problem("G-SECRETS", "private keys or settings with secrets", keys, keys[0])


def _data(repository: Repository) -> Iterator[Sign]:
    contracts = repository.matching(
        r".*\.odcs\.ya?ml", r"datacontract.*\.ya?ml", r"great_expectations\.ya?ml"
    )
    contracts += [name for name, _ in repository.importing("pandera", "great_expectations")]
    yield _sign("G-DATA", "a contract of the data", contracts, "governance/data/*.odcs.yaml")
    kept = repository.matching(r".*\.dvc", r"dvc\.(yaml|lock)", r"\.lakefs.*")
    kept += [
        name
        for name in repository.matching(r"\.gitattributes")
        if "filter=lfs" in repository.text(name)
    ]
    yield _sign("G-LINEAGE", "data under version control", kept, "DVC or Git LFS")
    big = [name for name in repository.matching(_DATA) if repository.size(name) > _BIG]
    if big:
        listed = [f"{name} ({repository.size(name) / 1e6:.0f} MB)" for name in big]
        where = "in git" if repository.in_git else "beside the code"
        yield _problem("G-LINEAGE", f"data files {where}", listed, big[0])


def _notebooks(repository: Repository) -> Iterator[Sign]:
    names = [name for name in repository.names if name.endswith(".ipynb")]
    shown = [name for name in names if _has_outputs(repository.text(name))]
    if shown:
        what = "notebooks with outputs, which may show rows of data"
        yield _problem("G-PERSONAL", what, shown, shown[0])
    elif names:
        yield Sign("G-PERSONAL", "notebooks without outputs", "present", some(names), names[0])


def _has_outputs(text: str) -> bool:
    try:
        return any(cell.get("outputs") for cell in json.loads(text)["cells"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _models(repository: Repository) -> Iterator[Sign]:
    listed = set(repository.names)
    unsafe = [p.as_posix() for p in unsafe_files(repository.root) if p.as_posix() in listed]
    if unsafe:
        yield _problem("G-FORMAT", "model files that run code when opened", unsafe, unsafe[0])
    safe = repository.matching(r".*\.(onnx|safetensors|skops|ubj)")
    if safe:
        what = "model files that run nothing"
        yield Sign("G-FORMAT", what, "present", some(safe), safe[0])


def _practice(repository: Repository) -> Iterator[Sign]:
    for gate, what, packages, patterns, absent in (
        (
            "G-REPRO",
            "a record of training runs",
            ("mlflow", "wandb", "neptune", "clearml", "comet_ml", "aim"),
            (r"mlproject",),
            "MLflow or another log of runs",
        ),
        (
            "G-LINEAGE",
            "a pipeline that can be run again",
            ("kedro", "prefect", "airflow", "zenml", "metaflow", "dagster", "luigi"),
            (r"dvc\.yaml", r"snakefile", r"makefile", r"mlproject"),
            "dvc.yaml",
        ),
        (
            "G-GOLDEN",
            "serving",
            ("fastapi", "flask", "bentoml", "litserve", "ray.serve", "streamlit", "gradio"),
            (r"dockerfile.*",),
            "a server",
        ),
        (
            "G-VALUE",
            "monitoring",
            ("prometheus_client", "evidently", "whylogs", "nannyml", "opentelemetry", "sentry_sdk"),
            (r"prometheus\.ya?ml", r"grafana.*\.json"),
            "monitoring of what is served",
        ),
    ):
        found = [f"{name} ({package})" for name, package in repository.importing(*packages)]
        names = repository.matching(*patterns)
        sign = _sign(gate, what, found + names, absent)
        yield Sign(gate, what, sign.state, sign.found, (sign.path or "").split(" (")[0] or None)
