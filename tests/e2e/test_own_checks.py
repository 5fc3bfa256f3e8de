"""The generated repository's own commands: nox, DVC, a second model."""

import json
import re
from pathlib import Path

import pytest
import yaml
from generated import HOSTS, Repo, plain, put_back

pytestmark = pytest.mark.slow

CI_FILES = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}


def test_nox_passes_with_every_session_that_ci_calls(repo: Repo) -> None:
    ci = (repo.root / CI_FILES[HOSTS[repo.task]]).read_text(encoding="utf-8")
    called = set(re.findall(r"nox -s ([a-z]+)", ci))
    assert called
    done = repo.run("nox")
    passed = set(re.findall(r"Session (\w+) was successful", plain(done.stdout + done.stderr)))
    assert passed == {"lint", "types", "pipeline", "tests", "documents", "notebook"}
    assert called <= passed
    assert repo.git("status", "--porcelain") == ""


def test_dvc_runs_nothing_twice(repo: Repo) -> None:
    before = (repo.root / "dvc.lock").read_bytes()
    said = plain(repo.run("dvc", "repro").stdout)
    assert "Running stage" not in said
    assert "checking out" not in said
    assert "up to date" in said
    assert (repo.root / "dvc.lock").read_bytes() == before


def test_dvc_shows_every_plot(repo: Repo) -> None:
    pipeline = yaml.safe_load((repo.root / "dvc.yaml").read_text(encoding="utf-8"))
    declared = [name for each in pipeline["plots"] for name in each]
    assert len(declared) >= 3
    done = repo.run("dvc", "plots", "show", "--json")
    assert "WARNING" not in done.stderr
    shown = json.loads(done.stdout)
    assert not shown.get("errors")
    for name in declared:
        assert [len(plot["content"]["data"]["values"]) > 1 for plot in shown["data"][name]] == [
            True
        ]


def test_a_second_model_is_compared_promoted_and_followed_by_its_aliases(
    repo: Repo, tmp_path: Path
) -> None:
    with put_back(repo, tmp_path / "as it was"):
        repo.edit("params.yaml", "  learning_rate: 0.", "  learning_rate: 0.0")
        said = plain(repo.run("dvc", "repro").stdout)
        assert re.findall(r"Running stage '(\w+)'", said) == [
            "train",
            "evaluate",
            "bundle",
            "document",
        ]

        changed = json.loads(repo.run("dvc", "metrics", "diff", "--json").stdout)
        measured = changed["reports/metrics.json"]
        assert any("diff" in value for key, value in measured.items() if key.startswith("model."))
        done = repo.run("dvc", "plots", "diff", "-o", str(tmp_path / "plots"))
        assert "WARNING" not in plain(done.stdout + done.stderr)
        page = (tmp_path / "plots" / "index.html").read_text(encoding="utf-8")
        assert {"workspace", "HEAD"} <= set(re.findall(r'"rev": "(\w+)"', page))

        done = repo.run("keel", "model", "promote", "--trial", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert repo.versions() == {"2": ["champion"], "1": ["previous"]}
        record = json.loads(repo.champion_file.read_text(encoding="utf-8"))
        assert record["version"] == "2"
        assert repo.run("keel", "model", "verify").returncode == 0
