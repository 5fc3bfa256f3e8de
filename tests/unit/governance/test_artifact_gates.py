"""Gates on the bundle as a thing: each is seen green, and red for each thing that may be wrong."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from cases import given
from publishing import publish_bundle

from modelkeel.governance.evidence.assess import summarise
from modelkeel.governance.gates import GATES, Case, GateResult, run_gates
from modelkeel.governance.gates.gate import Stage
from modelkeel.model.keys import make_key, public_key_path
from modelkeel.model.lineage import lineage_of
from modelkeel.model.manifest import write_manifest
from modelkeel.model.signing import sign_bundle, signature_path
from modelkeel.model.summary import summary_path, write_summary
from modelkeel.project import Project


def run(case: Case, name: str) -> GateResult:
    (gate,) = [each for each in GATES if each.id == name]
    return gate.run(case)


def fresh(case: Case, **parts: Any) -> Case:
    """A case that reads everything anew."""
    return given(Case(case.project, case.now, parts.pop("key", None)), **parts)


@pytest.fixture
def keys(case: Case, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private key outside, its public half where the project commits it."""
    private = tmp_path_factory.mktemp("keys") / "model.key"
    public = public_key_path(case.project)
    make_key(private, public)
    return private, public


def promoted(case: Case, key: Path | None = None, **record: Any) -> Path:
    """The newest bundle as champion, with the summary and signature of a promotion."""
    given_ = {"name": case.project.name, "version": "1", "run_id": "r1", **record}
    publish_bundle(case.bundle.path, case.project.models_dir, given_)
    folder = case.project.models_dir / "champion" / case.bundle.digest[:12]
    sound = [each for each in run_gates(case, trial=True) if not each.blocks]
    trial = bool(record.get("trial"))
    write_summary(summary_path(folder), summarise(case, sound, "1", trial=trial), key)
    if key is not None:
        sign_bundle(folder, key, signature_path(folder))
    return folder


def minimal(case: Case) -> Case:
    path = case.project.root / "governance/system.toml"
    path.write_text(path.read_text().replace("decides_about_people", "internal"))
    project = Project(case.project.root, "credit", "credit", "classification")
    return Case(project, case.now)


def test_a_bundle_of_onnx_and_json(case: Case) -> None:
    found = run(case, "G-FORMAT")
    assert found.outcome == "pass"
    assert "6 files of the bundle" in found.measured


@pytest.mark.turns_red("G-FORMAT")
def test_a_pickle_in_the_repository(case: Case) -> None:
    (case.project.root / "model.pkl").write_bytes(pickle.dumps(print))
    found = run(case, "G-FORMAT")
    assert found.outcome == "fail"
    assert "model.pkl may run code when loaded" in found.measured
    assert "ONNX" in found.remedy


@pytest.mark.turns_red("G-FORMAT")
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("explainer.json", pickle.dumps(print), "is a pickle"),
        ("explainer.joblib", b"x", "is of no kind that a bundle may hold"),
        ("explainer.onnx", b"x", "is no ONNX model"),
    ],
)
def test_a_file_of_the_bundle_that_is_not_what_it_says(
    case: Case, name: str, content: bytes, said: str
) -> None:
    folder = case.project.bundle_dir
    (folder / name).write_bytes(content)
    write_manifest(folder, "credit", lineage_of(case.project, run_id="r1"))
    found = run(fresh(case), "G-FORMAT")
    assert found.outcome == "fail"
    assert f"models/bundle/{name} {said}" in found.measured
    assert str(case.project.root) not in found.measured


def test_a_pull_request_without_a_bundle_looks_at_the_repository(project: Project) -> None:
    found = run(Case(project), "G-FORMAT")
    assert (found.outcome, "no bundle yet" in found.measured) == ("pass", True)


@pytest.mark.turns_red("G-SIGN")
def test_a_high_tier_without_a_public_key(case: Case) -> None:
    found = run(case, "G-SIGN")
    assert (found.outcome, case.tier) == ("fail", "high")
    assert "no public key is committed" in found.measured
    assert "keel model keygen" in found.remedy


def test_another_tier_needs_no_key_and_says_so(case: Case) -> None:
    found = run(minimal(case), "G-SIGN")
    assert found.outcome == "warn"
    assert "no public key is committed, so nothing is signed" in found.measured


def test_the_key_that_belongs_to_it(case: Case, keys: tuple[Path, Path]) -> None:
    assert run(fresh(case, key=keys[0]), "G-SIGN").outcome == "pass"


@pytest.mark.turns_red("G-SIGN")
def test_another_key(case: Case, keys: tuple[Path, Path], tmp_path: Path) -> None:
    make_key(tmp_path / "other.key", tmp_path / "other.pub")
    found = run(fresh(case, key=tmp_path / "other.key"), "G-SIGN")
    assert found.outcome == "fail"
    assert "the key given is" in found.measured


@pytest.mark.turns_red("G-SIGN")
def test_no_key_beside_a_public_one_or_a_broken_one(case: Case, keys: tuple[Path, Path]) -> None:
    for each in (fresh(case), minimal(case)):
        found = run(each, "G-SIGN")
        assert (found.outcome, "no key was given" in found.measured) == ("fail", True)
    assert "is a public key" in run(fresh(case, key=keys[1]), "G-SIGN").measured
    keys[1].write_text("nonsense")
    assert "is no public key in PEM" in run(fresh(case), "G-SIGN").measured


def test_what_was_signed_before_stays_signed(case: Case, keys: tuple[Path, Path]) -> None:
    folder = promoted(case, keys[0])
    assert run(fresh(case), "G-SIGN").outcome == "pass"
    signature_path(folder).write_text("{}")
    assert run(fresh(case), "G-SIGN").outcome == "fail"


def test_a_champion_that_was_released(case: Case, keys: tuple[Path, Path]) -> None:
    assert run(case, "G-SERVED").outcome == "not_applicable"
    promoted(case, keys[0])
    found = run(fresh(case), "G-SERVED")
    assert (found.outcome, found.measured) == ("pass", "version 1 is released and signed")


def test_a_champion_of_a_lower_tier_needs_no_signature(case: Case) -> None:
    each = minimal(case)
    promoted(each)
    assert run(each, "G-SERVED").measured == "version 1 is released, not signed"


@pytest.mark.turns_red("G-SERVED")
def test_a_champion_that_was_not(case: Case, keys: tuple[Path, Path]) -> None:
    folder = promoted(case, keys[0], trial=True)
    assert "is a trial" in run(fresh(case), "G-SERVED").measured
    folder = promoted(case, keys[0])
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    found = run(fresh(case), "G-SERVED")
    assert found.outcome == "fail"
    assert "model.onnx was changed after it was signed" in found.measured
    summary_path(folder).unlink()
    assert "summary.json: no such file" in run(fresh(case), "G-SERVED").measured


@pytest.mark.turns_red("G-SERVED")
def test_a_high_tier_that_is_not_signed(case: Case) -> None:
    promoted(case)
    assert "no public key is given" in run(fresh(case), "G-SERVED").measured


def test_a_summary_says_what_the_gates_said(case: Case) -> None:
    (case.project.root / "a.pkl").write_bytes(b"x")
    results = run_gates(case, trial=True)
    found = summarise(case, results, "7", trial=True)
    assert found.verdict == "FAILED"
    assert [each.id for each in found.gates] == [each.id for each in results]
    assert set(found.inputs) == {
        "reports/evaluation.json",
        "reports/quality.json",
        "reports/data_checks.json",
    }
    assert str(case.project.root) not in found.model_dump_json()


@pytest.mark.parametrize("stage", ["pull_request", "release", "start_up", "live"])
def test_a_first_day_needs_neither_keys_nor_a_network(stage: Stage) -> None:
    ours = {"G-BOM", "G-VULN", "G-PROV", "G-SIGN", "G-SERVED"}
    needed = {each.id for each in GATES if stage in each.stages and each.trial}
    assert not ours & needed
