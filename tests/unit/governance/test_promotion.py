"""Promotion, its history and the registry's aliases, on a real MLflow store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from promoting import release, train

from modelkeel.errors import KeelError, Refused
from modelkeel.governance.dossier import show_version
from modelkeel.governance.listing import list_models
from modelkeel.governance.promotion import promote
from modelkeel.governance.standing import refuse_problems, verify_champion
from modelkeel.model.champion import read_champion
from modelkeel.model.keys import make_key
from modelkeel.model.promotions import history_path, read_history
from modelkeel.model.registry import list_versions
from modelkeel.model.summary import check_summary, read_summary, summary_path
from modelkeel.model.training_log import connect
from modelkeel.project import Project


def aliases(project: Project) -> dict[str, tuple[str, ...]]:
    return {each.version: each.aliases for each in list_versions(project)}


def champion(project: Project) -> Any:
    found = read_champion(project.models_dir)
    assert found is not None
    return found


def keel(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelkeel.cli", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_trial_is_promoted_with_statement_summary_and_history(ready: Project) -> None:
    bundle = train(ready)
    done = promote(ready, trial=True)
    assert done.promoted, [each for each in done.results if each.blocks]
    assert done.version.aliases == ("champion",)
    assert (champion(ready).trial, champion(ready).previous) == (True, None)
    (entry,) = read_history(ready)
    assert (entry.kind, entry.version, entry.digest) == ("trial", "1", bundle.digest)
    assert entry.champion == champion(ready)
    statement = json.loads((ready.evidence_dir / bundle.digest[:12] / "gates.json").read_text())
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    said = statement["predicate"]
    assert "G-GOLDEN" in said["passedTests"]
    assert (said["failedTests"], said["notAssessed"], said["trial"]) == ([], [], True)
    folder = ready.models_dir / champion(ready).folder
    summary, _ = read_summary(summary_path(folder), None)
    assert (summary.trial, summary.version, summary.verdict) == (True, "1", "PASSED")
    with pytest.raises(Refused, match="is a trial, expected a release"):
        check_summary(champion(ready), folder, None, production=True)


def test_a_refused_candidate_changes_nothing_but_its_registration(ready: Project) -> None:
    train(ready, 0.001)
    release(ready, trial=True)
    before = {path: path.read_bytes() for path in ready.models_dir.rglob("*.json")}
    history = history_path(ready).read_bytes()
    new = train(ready, 0.002)
    (ready.root / "charter.toml").open("a").write("\n")  # no longer what it was made from
    done = promote(Project(ready.root, ready.name, ready.package, ready.task), trial=True)
    assert not done.promoted
    assert aliases(ready) == {"2": ("candidate",), "1": ("champion",)}
    assert history_path(ready).read_bytes() == history
    kept = {path: text for path, text in before.items() if "bundle" not in path.parts}
    assert kept == {path: path.read_bytes() for path in kept}
    said = json.loads((ready.evidence_dir / new.digest[:12] / "gates.json").read_text())
    assert "G-LINEAGE" in said["predicate"]["failedTests"]
    assert list_versions(ready)[0].gates == "FAILED"


def test_a_trial_never_takes_the_place_of_a_release(ready: Project) -> None:
    first = train(ready, 0.001)
    release(ready)
    train(ready, 0.002)
    with pytest.raises(Refused, match=r"version 1 .* was released, and a trial does not take"):
        promote(ready, trial=True)
    assert champion(ready).digest == first.digest
    assert aliases(ready) == {"1": ("champion",)}


def test_a_release_of_what_was_tried_out_goes_back_to_no_trial(ready: Project) -> None:
    train(ready, 0.001)
    release(ready, trial=True)
    train(ready, 0.002)
    release(ready, trial=True)
    assert champion(ready).previous is not None
    release(ready)
    assert (champion(ready).trial, champion(ready).previous) == (False, None)
    assert aliases(ready) == {"2": ("champion",), "1": ()}
    assert [each.kind for each in read_history(ready)] == ["trial", "trial", "promote"]


def test_a_release_is_signed_and_anything_else_is_refused(ready: Project, tmp_path: Path) -> None:
    private, other = tmp_path / "keys" / "model.key", tmp_path / "keys" / "other.key"
    committed = ready.governance_dir / "keys" / "model.pub"
    make_key(private, committed)
    make_key(other, tmp_path / "keys" / "other.pub")
    train(ready)
    with pytest.raises(Refused, match="has to be signed, and no key was given"):
        release(ready)
    with pytest.raises(Refused):
        release(ready, other)
    assert read_champion(ready.models_dir) is None
    release(ready, private)
    record = champion(ready)
    folder = ready.models_dir / record.folder
    assert check_summary(record, folder, committed, production=True, tier="high")
    assert verify_champion(ready).problems == ()
    signature = folder.with_name(f"{folder.name}.sig")
    assert signature.is_file()
    signature.unlink()
    with pytest.raises(Refused, match=r"\.sig: no such file"):
        verify_champion(ready)


def test_an_alias_that_was_moved_by_hand(ready: Project) -> None:
    train(ready, 0.001)
    release(ready, trial=True)
    train(ready, 0.002)
    release(ready, trial=True)
    client = connect(ready).MlflowClient()
    client.set_registered_model_alias(ready.name, "champion", "1")
    client.delete_registered_model_alias(ready.name, "previous")
    told = "alias champion points to version 1, the champion is version 2; run `keel model verify"
    assert told in list_models(ready).to_text()
    found = verify_champion(ready)
    with pytest.raises(Refused, match="alias champion points to version 1, the champion is ver"):
        refuse_problems(found)
    assert any("alias previous points to no version" in each for each in found.problems)
    verify_champion(ready, heal=True)
    assert aliases(ready) == {"2": ("champion",), "1": ("previous",)}
    client.set_registered_model_alias(ready.name, "champion", "1")
    release(ready, trial=True)
    assert aliases(ready) == {"2": ("champion",), "1": ("previous",)}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"trial": False}, "trial is False, expected True"),
        ({"version": "7"}, "version is '7', expected '2'"),
        ({"promoted_at": "2020-01-01T00:00:00+00:00"}, "promoted_at is '2020-01-01"),
    ],
)
def test_a_champion_file_edited_by_hand(ready: Project, values: Any, said: str) -> None:
    first = train(ready, 0.001)
    release(ready, trial=True)
    train(ready, 0.002)
    release(ready, trial=True)
    edit(ready.models_dir / "champion.json", **values)
    with pytest.raises(Refused, match=said):
        verify_champion(ready)
    assert said in list_models(ready).to_text()
    done = promote(ready, trial=True)  # puts it right
    assert done.promoted
    assert "was changed by hand" in done.notes[0]
    assert champion(ready).previous == first.digest
    assert verify_champion(ready).problems == ()


def test_a_champion_file_that_points_to_the_bundle_before(ready: Project) -> None:
    first = train(ready, 0.001)
    release(ready, trial=True)
    train(ready, 0.002)
    release(ready, trial=True)
    folder = f"champion/{first.digest[:12]}"
    edit(ready.models_dir / "champion.json", digest=first.digest, folder=folder)
    with pytest.raises(Refused, match="was changed by hand: version is '2', expected '1'"):
        verify_champion(ready)


def broken_line(lines: list[str]) -> list[str]:
    return [lines[0].replace('"reason": "', '"reason": "x'), *lines[1:]]


def lost_line(lines: list[str]) -> list[str]:
    return [lines[0], *lines[2:]]


def swapped_lines(lines: list[str]) -> list[str]:
    return [lines[1], lines[0], *lines[2:]]


def no_json(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1][:-10]]


def no_digest(lines: list[str]) -> list[str]:
    return [*lines[:-1], json.dumps({**json.loads(lines[-1]), "previous": "abc"})]


@pytest.mark.parametrize("damage", [broken_line, lost_line, swapped_lines, no_json, no_digest])
def test_a_broken_history_stops_everything(ready: Project, damage: Any) -> None:
    for slope in (0.001, 0.002, 0.003):
        train(ready, slope)
        release(ready, trial=True)
    path = history_path(ready)
    path.write_text("\n".join(damage(path.read_text().splitlines())) + "\n")
    record, text = champion(ready), path.read_bytes()
    for act in (
        lambda: promote(ready, trial=True),
        lambda: verify_champion(ready),
    ):
        with pytest.raises(Refused, match=r"promotions\.jsonl: line \d") as refused:
            act()
        assert "git checkout" in refused.value.remedy
    assert "promotions.jsonl: line" in list_models(ready).to_text()
    assert (champion(ready), path.read_bytes()) == (record, text)


def test_a_history_that_ends_too_early_does_not_know_the_champion(ready: Project) -> None:
    for slope in (0.001, 0.002):
        train(ready, slope)
        release(ready, trial=True)
    path = history_path(ready)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(Refused, match="was changed by hand: version is '2', expected '1'"):
        verify_champion(ready)


def test_a_champion_of_before_the_history_begins_it(ready: Project) -> None:
    first = train(ready, 0.001)
    release(ready, trial=True)
    history_path(ready).unlink()
    train(ready, 0.002)
    release(ready, trial=True)
    assert [each.kind for each in read_history(ready)] == ["found", "trial"]
    assert champion(ready).previous == first.digest


def test_a_promotion_elsewhere_is_told(ready: Project) -> None:
    train(ready, 0.001)
    release(ready, trial=True)
    here = (ready.models_dir / "champion.json").read_bytes()
    train(ready, 0.002)
    release(ready, trial=True)
    (ready.models_dir / "champion.json").write_bytes(here)  # as in a checkout that only pulled git
    (problem, *_) = verify_champion(ready).problems
    assert "here version 1 serves, evidence/promotions.jsonl ends with version 2" in problem
    with pytest.raises(Refused, match="here version 1 serves"):
        verify_champion(ready, heal=True)


def test_two_promotions_at_once(ready: Project) -> None:
    bundle = train(ready)
    command = [sys.executable, "-m", "modelkeel.cli", "model", "promote", "--trial"]
    processes = [
        subprocess.Popen(command, cwd=ready.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    told = [process.communicate() for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0, told
    assert set(codes) <= {0, 1}
    for process, (_, err) in zip(processes, told, strict=True):
        if process.returncode:
            assert b"another promotion of credit is under way" in err
    assert champion(ready).digest == bundle.digest
    assert aliases(ready) == {"1": ("champion",)}
    assert len(read_history(ready)) == codes.count(0)


def test_what_a_version_is_known_by(ready: Project) -> None:
    bundle = train(ready)
    promote(ready, trial=True)
    found = show_version(ready)
    assert found.serves
    assert found.version.digest == bundle.digest
    assert found.gates["G-GOLDEN"] == "pass"
    text = found.to_text()
    for told in (
        "credit version 1 serves here",
        "PASSED, trial, not signed",
        "trial by",
        "charter",
    ):
        assert told in text
    assert json.loads(found.to_json())["version"]["digest"] == bundle.digest
    assert "data data/source/table.csv" in text


def test_the_command(ready: Project) -> None:
    train(ready)
    done = keel(ready, "model", "promote", "--trial", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trial"]
    done = keel(ready, "model", "promote")
    assert (done.returncode, done.stdout.count("is champion")) == (3, 0)
    assert "gates refuse the candidate" in done.stderr
    listed = keel(ready, "model", "list")
    assert "champion" in listed.stdout
    assert "trial" in listed.stdout
    assert json.loads(keel(ready, "model", "list", "--json").stdout)["versions"][0]["aliases"]
    assert keel(ready, "model", "verify").returncode == 0
    assert keel(ready, "model", "show", "9").returncode == 2
    done = keel(ready, "model", "rollback", "--reason", "it is slow")
    assert done.returncode == 3
    assert "there is no champion before version 1" in done.stderr
    assert keel(ready, "model", "rollback").returncode == 2
    for done in (keel(ready, "model", "show", "--json"), keel(ready, "model", "show", "1")):
        assert done.returncode == 0, done.stderr


def test_a_registry_that_does_not_answer(ready: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    train(ready)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(KeelError, match="does not answer"):
        promote(ready, trial=True)
    assert read_champion(ready.models_dir) is None
    assert not history_path(ready).exists()
