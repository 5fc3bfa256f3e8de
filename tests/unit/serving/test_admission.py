"""A server starts with what the gates released, and says when it is a trial."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from publishing import publish_bundle

from modelkeel.model.bundle import Bundle
from modelkeel.model.keys import make_key, public_key_path
from modelkeel.model.signing import sign_bundle, signature_path
from modelkeel.model.summary import GateLine, Summary, summary_path, write_summary
from modelkeel.project import Project
from modelkeel.serving import create_app
from modelkeel.serving.state import StartRefused

from .credit_records import CHARTER, SYSTEM

PASS = GateLine(id="G-BASE", outcome="pass", measured="gain 2", asked="above 0")
FAIL = GateLine(id="G-FAIR", outcome="fail", measured="ratio 0.5", asked="0.8")


@pytest.fixture
def folder(models: Path, credit: Bundle) -> Path:
    return models / "champion" / credit.digest[:12]


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "model.key", tmp_path / "model.pub"
    make_key(private, public)
    return private, public


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, api_key: str, journal_url: str) -> None:
    monkeypatch.setenv("MODELKEEL_MODE", "production")


def summary(bundle: Bundle, **change: Any) -> Summary:
    values: dict[str, Any] = {
        "name": "credit-risk",
        "version": "3",
        "digest": bundle.digest,
        "verdict": "PASSED",
        "verified_at": datetime(2026, 11, 24, tzinfo=UTC),
        "policy": "a" * 64,
        "inputs": {"reports/evaluation.json": "b" * 64},
        "tier": "minimal",
        "trial": False,
        "gates": (PASS,),
        **change,
    }
    return Summary(**values)


def release(folder: Path, bundle: Bundle, key: Path | None = None, **change: Any) -> Path:
    path = write_summary(summary_path(folder), summary(bundle, **change), key)
    if key is not None:
        sign_bundle(folder, key, signature_path(folder))
    return path


def publish(models: Path, bundle: Bundle, **record: Any) -> None:
    given = {"name": "credit-risk", "version": "3", **record}
    publish_bundle(bundle.path, models, given)


def refused(source: Path | Project, said: str, public: Path | None = None) -> StartRefused:
    with pytest.raises(StartRefused, match=said) as caught:
        create_app(source, public_key=public)
    assert caught.value.remedy
    assert caught.value.exit_code == 1
    return caught.value


def ready(source: Path | Project, public: Path | None = None) -> dict[str, Any]:
    with TestClient(create_app(source, public_key=public)) as client:
        response = client.get("/ready")
    assert response.status_code == 200
    value: dict[str, Any] = response.json()
    return value


def test_a_trial_is_served_and_says_so(models: Path, folder: Path, credit: Bundle) -> None:
    publish(models, credit, trial=True)
    assert ready(models)["trial"] is True
    release(folder, credit, trial=True)
    assert ready(models)["trial"] is True
    document = TestClient(create_app(models)).get("/openapi.json").json()
    assert "trial" in document["components"]["schemas"]["Ready"]["required"]


@pytest.mark.usefixtures("production")
def test_production_refuses_a_trial(models: Path, folder: Path, credit: Bundle) -> None:
    publish(models, credit, trial=True)
    release(folder, credit, trial=True)
    assert "without --trial" in refused(models, "is a trial, expected a release").remedy


def test_a_trial_that_says_it_is_a_release(models: Path, folder: Path, credit: Bundle) -> None:
    release(folder, credit, trial=True)
    refused(models, r"contradicts champion\.json: trial found True, expected False")


def test_a_release_whose_record_is_still_a_trial(
    models: Path, folder: Path, credit: Bundle
) -> None:
    """A kill between summary and champion.json leaves this; it counts as the trial it was."""
    publish(models, credit, trial=True)
    release(folder, credit)
    assert ready(models)["trial"] is True


@pytest.mark.usefixtures("production")
def test_production_serves_a_release(models: Path, folder: Path, credit: Bundle) -> None:
    release(folder, credit)
    assert ready(models)["trial"] is False


@pytest.mark.usefixtures("production")
def test_production_serves_a_signed_release(
    models: Path, folder: Path, credit: Bundle, keys: tuple[Path, Path]
) -> None:
    release(folder, credit, keys[0], tier="high")
    assert ready(models, keys[1])["trial"] is False


@pytest.mark.usefixtures("production")
def test_the_key_comes_from_the_environment(
    models: Path,
    folder: Path,
    credit: Bundle,
    keys: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release(folder, credit, keys[0], tier="high")
    monkeypatch.setenv("MODELKEEL_PUBLIC_KEY", str(keys[1]))
    assert ready(models)["trial"] is False
    monkeypatch.setenv("MODELKEEL_PUBLIC_KEY", str(keys[0]))
    refused(models, "is a private key")
    monkeypatch.setenv("MODELKEEL_PUBLIC_KEY", "nowhere.pub")
    refused(models, r"nowhere\.pub: cannot be read")


@pytest.mark.usefixtures("production")
def test_a_summary_is_missing(models: Path) -> None:
    refused(models, r"summary\.json: no such file, expected a verification summary")


def test_development_serves_without_a_summary(models: Path) -> None:
    assert ready(models)["trial"] is False


def test_a_failed_summary(models: Path, folder: Path, credit: Bundle) -> None:
    release(folder, credit, verdict="FAILED", gates=(PASS, FAIL))
    refused(models, "verdict is FAILED, expected PASSED; refused by G-FAIR")


def test_a_verdict_that_its_gates_contradict(models: Path, folder: Path, credit: Bundle) -> None:
    path = release(folder, credit, verdict="FAILED", gates=(PASS, FAIL))
    path.write_text(path.read_text().replace("FAILED", "PASSED"))
    refused(models, r"the verdict is PASSED, gates that refuse: \['G-FAIR'\]")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": "c" * 64}, "is about another bundle: digest found cccc"),
        ({"version": "4"}, r"contradicts champion\.json: version found '4', expected '3'"),
        ({"name": "other"}, r"contradicts champion\.json: name found 'other'"),
    ],
)
def test_a_summary_of_another_bundle(
    models: Path, folder: Path, credit: Bundle, change: dict[str, Any], said: str
) -> None:
    release(folder, credit, **change)
    refused(models, said)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payloadType": 1}', '{"_type": "x"}'])
def test_a_file_that_is_no_summary(models: Path, folder: Path, text: str) -> None:
    summary_path(folder).write_text(text)
    refused(models, r"summary\.json (is not JSON|is no)")


@pytest.mark.usefixtures("production")
def test_a_changed_summary_does_not_verify(
    models: Path, folder: Path, credit: Bundle, keys: tuple[Path, Path]
) -> None:
    path = release(folder, credit, keys[0])
    value = json.loads(path.read_text())
    value["payload"] = value["payload"][:-8] + "AAAA" + value["payload"][-4:]
    path.write_text(json.dumps(value))
    refused(models, r"summary\.json does not verify", keys[1])


@pytest.mark.usefixtures("production")
def test_a_summary_by_another_key_does_not_verify(
    models: Path, folder: Path, credit: Bundle, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    make_key(tmp_path / "other.key", tmp_path / "other.pub")
    release(folder, credit, tmp_path / "other.key")
    refused(models, r"summary\.json does not verify", keys[1])


@pytest.mark.usefixtures("production")
def test_unsigned_beside_a_public_key(
    models: Path, folder: Path, credit: Bundle, keys: tuple[Path, Path]
) -> None:
    release(folder, credit)
    refused(models, r"summary\.json is not signed, expected a signature by .*model\.pub", keys[1])
    write_summary(summary_path(folder), summary(credit), keys[0])
    refused(models, r"\.sig: no such file, expected the bundle's signature", keys[1])


@pytest.mark.usefixtures("production")
def test_a_high_tier_needs_a_key(
    models: Path, folder: Path, credit: Bundle, keys: tuple[Path, Path]
) -> None:
    release(folder, credit, keys[0], tier="high")
    caught = refused(models, "no public key is given, the tier high needs one")
    assert "MODELKEEL_PUBLIC_KEY" in caught.remedy


@pytest.mark.parametrize("mode", ["development", "production"])
def test_a_signature_of_another_bundle(
    models: Path,
    folder: Path,
    credit: Bundle,
    demand: Bundle,
    keys: tuple[Path, Path],
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODELKEEL_MODE", mode)
    release(folder, credit, keys[0])
    sign_bundle(demand.path, keys[0], signature_path(folder))
    refused(models, "was changed after it was signed", keys[1])
    if mode == "development":
        summary_path(folder).unlink()
        refused(models, "was changed after it was signed", keys[1])


@pytest.mark.usefixtures("production")
def test_production_refuses_a_bare_bundle(demand: Bundle) -> None:
    refused(demand.path, r"is a bundle without champion\.json")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A credit decision, so of the tier high; its models folder is that of `models`."""
    (tmp_path / "governance").mkdir()
    (tmp_path / "charter.toml").write_text(CHARTER)
    (tmp_path / "governance/system.toml").write_text(SYSTEM)
    return Project(tmp_path, "credit-risk", "credit_risk", "classification")


@pytest.mark.usefixtures("production")
def test_the_tier_of_the_project_counts(
    project: Project, models: Path, folder: Path, credit: Bundle
) -> None:
    release(folder, credit, tier="minimal")
    assert ready(models)["trial"] is False
    refused(project, "no public key is given, the tier high needs one")


@pytest.mark.usefixtures("production")
def test_the_key_that_the_project_commits(
    project: Project, folder: Path, credit: Bundle, tmp_path: Path
) -> None:
    make_key(tmp_path / "model.key", public_key_path(project))
    release(folder, credit, tmp_path / "model.key", tier="high")
    assert ready(project)["trial"] is False
    signature_path(folder).unlink()
    refused(project, r"\.sig: no such file, expected the bundle's signature")
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    refused(project, r"model\.onnx was changed")


@pytest.mark.usefixtures("production", "models")
def test_without_a_champion_production_waits_for_one(project: Project, models: Path) -> None:
    (models / "champion.json").unlink()
    assert TestClient(create_app(project)).get("/ready").status_code == 503


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("personal", ["personal", "none"])
def test_production_makes_no_master_key(
    project: Project, models: Path, monkeypatch: pytest.MonkeyPatch, personal: str
) -> None:
    """Each replica would make its own, and only one of them could record."""
    monkeypatch.delenv("MODELKEEL_JOURNAL_KEY")
    (models / "champion.json").unlink()
    system = SYSTEM.replace('"personal"', f'"{personal}"')
    (project.root / "governance/system.toml").write_text(system)
    if personal == "none":
        create_app(project)
    else:
        refused(project, "no master key")
    assert not (project.root / "journal").exists()


def test_uvicorn_ends_with_one_line(models: Path, tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(
        "from modelkeel.serving import create_app\napp = create_app('models')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "service:app", "--port", "0"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "MODELKEEL_MODE": "production",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("error: models/champion/")
    assert "expected a verification summary; remedy: promote" in line


def test_a_server_that_verifies_nothing_loads_no_cryptography(models: Path) -> None:
    code = (
        "import sys; from modelkeel.serving import create_app; create_app(sys.argv[1])\n"
        "assert not {'cryptography', 'model_signing', 'onnx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(models)], check=True)


def test_a_mode_that_nobody_knows(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELKEEL_MODE", "prod")
    refused(models, "MODELKEEL_MODE is 'prod', expected development or production")


def test_the_summary_is_a_verification_summary_of_slsa(
    folder: Path, credit: Bundle, keys: tuple[Path, Path]
) -> None:
    path = release(folder, credit, trial=True)
    value = json.loads(path.read_text())
    predicate = value["predicate"]
    assert value["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert value["subject"] == [{"name": "credit-risk", "digest": {"sha256": credit.digest}}]
    assert set(predicate) == {
        "verifier",
        "timeVerified",
        "resourceUri",
        "policy",
        "inputAttestations",
        "verificationResult",
        "verifiedLevels",
        "https://github.com/modelkeel/modelkeel/promotion/v1",
    }
    assert predicate["timeVerified"] == "2026-11-24T00:00:00Z"
    assert predicate["resourceUri"] == "pkg:mlflow/credit-risk@3"
    assert predicate["policy"]["digest"] == {"sha256": "a" * 64}
    assert predicate["inputAttestations"] == [
        {"uri": "reports/evaluation.json", "digest": {"sha256": "b" * 64}}
    ]
    assert predicate["verifiedLevels"] == ["MODELKEEL_TRIAL"]
    release(folder, credit, keys[0])
    assert set(json.loads(path.read_text())) == {"payload", "payloadType", "signatures"}
