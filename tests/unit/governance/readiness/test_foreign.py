"""A repository that modelkeel did not make: files are looked at, nothing is run or passed."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console
from test_forms import SARIF

from modelkeel.errors import BadInput
from modelkeel.governance.gates import GATES
from modelkeel.governance.readiness.foreign import Foreign, look
from modelkeel.governance.readiness.foreign_table import print_foreign
from modelkeel.governance.readiness.page import render_page
from modelkeel.governance.readiness.sarif import as_sarif

SHA = "3d3c42e5aac5ba805825da76410c181273ba90b1"
GOOD = {
    "LICENSE": "",
    "MODEL_CARD.md": "# Model card",
    "uv.lock": "",
    "renovate.json": "{}",
    ".github/CODEOWNERS": "* @ada",
    ".github/workflows/ci.yml": (
        "on: [push]\npermissions: {}\njobs: {a: {runs-on: x, steps: "
        f"[{{uses: actions/checkout@{SHA}}}]}}}}\n"
    ),
    ".pre-commit-config.yaml": "repos: [{repo: https://x/gitleaks}]",
    "tests/test_a.py": "def test_a(): ...\n",
    "src/data.py": "import pandera as pa\nimport mlflow\n",
    "src/serve.py": "from fastapi import FastAPI\nfrom prometheus_client import Counter\n",
    "data/rows.csv.dvc": "outs: []",
    "dvc.yaml": "stages: {}",
    "notebooks/look.ipynb": json.dumps({"cells": [{"cell_type": "code", "outputs": []}]}),
    "model.onnx": "",
    "charter.toml": "",
    "governance/system.toml": "",
    "governance/gates.toml": "",
    "governance/risks.toml": "",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def states(found: Foreign) -> dict[str, str]:
    return {each.what: each.state for each in found.signs}


def test_what_is_there_is_present_and_passes_nothing(tmp_path: Path) -> None:
    found = look(write(tmp_path, GOOD))
    assert set(states(found).values()) == {"present"}
    assert not found.holds
    assert found.next.command == "keel adopt --dry-run"
    named = {each.gate for each in found.signs}
    assert named <= {gate.id for gate in GATES}
    assert set(found.not_assessed) == {gate.id for gate in GATES} - named


def test_what_is_not_there_is_absent(tmp_path: Path) -> None:
    found = look(write(tmp_path, {"README.md": "# x"}))
    assert set(states(found).values()) == {"absent"}
    told = {each.found for each in found.signs}
    assert {"charter.toml", "LICENSE", "uv.lock", "CODEOWNERS", "tests/test_*.py"} <= told


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("model.pkl", "x", "model files that run code when opened"),
        ("requirements.txt", "numpy>=1\npandas==2.0\n", "locked dependencies"),
        (
            ".github/workflows/ci.yml",
            "jobs: {a: {steps: [{uses: actions/checkout@v4}]}}",
            "pinned actions and stated rights",
        ),
        (".github/workflows/ci.yml", "jobs: [", "pinned actions and stated rights"),
        (
            "look.ipynb",
            json.dumps({"cells": [{"outputs": [{"text": "row"}]}]}),
            "notebooks with outputs, which may show rows of data",
        ),
        (".env", "TOKEN=1", "private keys or settings with secrets"),
        ("rows.csv", "1\n" * 600_000, "data files beside the code"),
    ],
)
def test_what_should_not_be_there(tmp_path: Path, name: str, text: str, what: str) -> None:
    found = look(write(tmp_path, {name: text}))
    assert states(found)[what] == "problem"
    assert str(tmp_path) not in json.dumps(found.as_record())


def test_in_git_only_what_is_tracked_counts(tmp_path: Path) -> None:
    write(tmp_path, {"LICENSE": "", "model.pkl": "x"})
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "LICENSE"], cwd=tmp_path, check=True)
    found = look(tmp_path)
    assert found.in_git
    assert "model files that run code when opened" not in states(found)


def test_a_repository_that_tracks_nothing_yet(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BadInput, match="git tracks no file here") as refused:
        look(tmp_path)
    assert "git add" in refused.value.remedy


def test_odd_files_do_not_stop_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.ipynb": "no json", "b.ipynb": "[]", "ü b.py": "import mlflow"})
    (tmp_path / "c.py").write_bytes(b"\xff\xfe\x00import wandb")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = look(tmp_path)
    assert states(found)["a record of training runs"] == "present"


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_no_repository_at_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=name):
        look(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_forms(tmp_path: Path, encoding: str) -> None:
    found = look(write(tmp_path / "other", {"model.pkl": "x", "LICENSE": ""}))
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_foreign(found, Console(file=file, width=80))
    file.flush()
    text = raw.getvalue().decode(encoding)
    assert "NOT READY" in text
    assert "charter.toml" in text
    assert "keel adopt --dry-run" in text
    assert max(map(len, text.splitlines())) <= 80
    log = as_sarif(found.as_readiness())
    jsonschema.validate(log, SARIF)
    assert len(log["runs"][0]["results"]) == len(found.missing)
    assert "Is other ready?" in render_page(found)
