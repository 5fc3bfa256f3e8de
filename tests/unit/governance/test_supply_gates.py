"""Bill of materials, provenance and vulnerabilities: written, read, and turned red."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cases import given
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from modelkeel.data.digest import sha256_file
from modelkeel.errors import KeelError
from modelkeel.governance.evidence.assess import assess, evidence_digests
from modelkeel.governance.evidence.audit import VULNERABILITIES, audit
from modelkeel.governance.evidence.bom import schema_problem, write_bom
from modelkeel.governance.evidence.environment import environment, environment_digest
from modelkeel.governance.evidence.provenance import LOCAL, builder, write_provenance
from modelkeel.governance.evidence.statements import statement_path, write_statement
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.project import load_project
from modelkeel.records.approvals import Approval

FINDING = {
    "id": "PYSEC-2018-28",
    "aliases": ["CVE-2018-18074", "GHSA-x84v-xcm2-53pg"],
    "package": "requests",
    "version": "2.19.0",
    "fixed_in": ["2.20.0"],
    "about": "sends credentials on",
}


def run(case: Case, name: str) -> GateResult:
    (gate,) = [each for each in GATES if each.id == name]
    return gate.run(case)


def committed(case: Case, **change: Any) -> Case:
    """The same bundle with another lineage, such as the commit it was made from."""
    manifest = case.bundle.manifest.model_copy(update={"code_commit": "c" * 40, **change})
    return given(case, bundle=replace(case.bundle, manifest=manifest))


# --- bill of materials ---


@pytest.fixture
def bom(case: Case) -> Path:
    return write_bom(case.project, case.bundle)


def test_a_bom_holds_the_model_its_data_and_its_packages(case: Case, bom: Path) -> None:
    text = bom.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    value = json.loads(text)
    model = value["metadata"]["component"]
    assert bom == case.project.root / f"evidence/{case.bundle.digest[:12]}/bom.cdx.json"
    assert model["hashes"][0]["content"] == case.bundle.manifest.files["model.onnx"]
    data = {each["name"]: each["hashes"] for each in value["components"] if each["type"] == "data"}
    assert data["data/source/table.csv"][0]["content"] == next(
        sha for name, sha in case.bundle.manifest.data.items() if name == "data/source/table.csv"
    )
    pydantic = next(each for each in value["components"] if each["name"] == "pydantic")
    assert pydantic["purl"].startswith("pkg:pypi/pydantic@2.")
    assert pydantic["licenses"] == [{"expression": "MIT"}]
    needs = {each["ref"]: each["dependsOn"] for each in value["dependencies"]}
    assert any(ref.startswith("pkg:pypi/pydantic-core@") for ref in needs[pydantic["bom-ref"]])
    assert set(needs["model"]) == {each["bom-ref"] for each in value["components"]}
    card = model["modelCard"]
    assert card["modelParameters"]["task"] == "classification"
    assert card["considerations"]["useCases"] == ["Decide on applications"]
    assert {
        "type": "uplift.value_per_decision",
        "value": "0.2",
        "confidenceInterval": {"lowerBound": "0.05", "upperBound": "0.3"},
    } in card["quantitativeAnalysis"]["performanceMetrics"]
    assert str(case.project.root) not in text


def test_the_card_has_slices_and_what_people_wrote(case: Case) -> None:
    root = case.project.root
    metrics = json.loads(case.project.evaluation_path.read_text())
    metrics["model"] = {"roc_auc": 0.8, "undefined": None}
    metrics["interval"] = {"roc_auc": {"low": 0.7, "high": 0.9}}
    metrics["slices"] = {
        "sex=male": {"n": 9, "roc_auc": 0.75, "roc_auc_low": 0.6, "roc_auc_high": 0.9}
    }
    case.project.write_report("evaluation.json", json.dumps(metrics))
    (root / "governance/system.toml").open("a").write(
        '[people]\naffected = ["applicants"]\nvulnerable = ["young applicants"]\n'
        'not_for = ["pricing of loans"]\n'
        'misuse = { todo = "ask the branches", owner = "owner@bank.example", due = 2027-01-31 }\n'
    )
    card = json.loads(write_bom(load_project(root), case.bundle).read_text())["metadata"][
        "component"
    ]["modelCard"]
    interval = {"lowerBound": "0.6", "upperBound": "0.9"}
    measures = card["quantitativeAnalysis"]["performanceMetrics"]
    assert {
        "type": "roc_auc",
        "value": "0.75",
        "slice": "sex=male",
        "confidenceInterval": interval,
    } in measures
    assert "undefined" not in {each["type"] for each in measures}
    assert card["considerations"]["technicalLimitations"] == ["not for: pricing of loans"]
    assert card["considerations"]["fairnessAssessments"] == [{"groupAtRisk": "young applicants"}]
    assert "ethicalConsiderations" not in card["considerations"]  # still to do


def test_the_same_inputs_give_the_same_bytes(case: Case, bom: Path) -> None:
    before = bom.read_bytes()
    assert write_bom(case.project, case.bundle).read_bytes() == before
    assert [each.name for each in bom.parent.iterdir()] == [bom.name]


def test_a_bom_of_this_bundle(case: Case, bom: Path) -> None:
    found = run(case, "G-BOM")
    assert (found.outcome, "valid" in found.measured) == ("pass", True)


def test_a_valid_bom_is_not_validated_twice_and_a_changed_one_is(case: Case, bom: Path) -> None:
    assert run(case, "G-BOM").outcome == "pass"
    known = list((case.project.root / ".cache/modelkeel").iterdir())
    assert len(known) == 1
    bom.write_text(bom.read_text().replace('"version": 1', '"version": "one"'))
    assert run(case, "G-BOM").outcome == "fail"
    assert list((case.project.root / ".cache/modelkeel").iterdir()) == known


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def of_type(value: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in value["components"] if each["type"] == kind]


@pytest.mark.turns_red("G-BOM")
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda value: value.update(extra=1), "Additional properties are not allowed"),
        (lambda value: value.update(specVersion="9.9"), "9.9"),
        (lambda value: value["metadata"]["component"].pop("hashes"), "model file's SHA-256"),
        (
            lambda value: value["metadata"]["component"]["hashes"][0].update(content="a" * 64),
            "model file's SHA-256",
        ),
        (lambda value: value["metadata"]["component"].pop("modelCard"), "no model card"),
        (lambda value: value["metadata"]["component"].pop("properties"), "bundle is None"),
        (
            lambda value: of_type(value, "data")[0]["hashes"][0].update(content="b" * 64),
            "its SHA-256 is another",
        ),
        (
            lambda value: value.update(components=of_type(value, "data")),
            "no package is named",
        ),
        (
            lambda value: value.update(components=of_type(value, "library")),
            "data data/source/table.csv: its SHA-256 is another, or missing",
        ),
    ],
)
def test_a_bom_that_is_broken_or_of_something_else(
    case: Case, bom: Path, edit: Callable[[dict[str, Any]], object], said: str
) -> None:
    change(bom, edit)
    found = run(case, "G-BOM")
    assert found.outcome == "fail"
    assert said in found.measured
    assert "keel model assess" in found.remedy


@pytest.mark.turns_red("G-BOM")
def test_a_bom_that_is_none(case: Case, bom: Path) -> None:
    for content in (b"", b"[]", b"\xff\xfe", b"{"):
        bom.write_bytes(content)
        assert run(case, "G-BOM").outcome == "fail"
    bom.unlink()
    assert run(case, "G-BOM").outcome == "not_assessed"


def test_the_schema_names_the_place() -> None:
    assert (schema_problem('{"bomFormat": "x"}') or "").startswith("$")


# --- provenance ---


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, LOCAL),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_WORKFLOW_REF": "bank/credit/.github/workflows/train.yml@refs/heads/main",
            },
            "https://github.example/bank/credit/.github/workflows/train.yml@refs/heads/main",
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_PROJECT_URL": "https://gitlab.example/bank/credit",
                "CI_RUNNER_ID": "7",
            },
            "https://gitlab.example/bank/credit/-/runners/7",
        ),
    ],
)
def test_where_it_was_built(
    env: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert builder() == expected


def test_provenance_of_this_bundle(case: Case) -> None:
    made = committed(case)
    path = write_provenance(made.project, made.bundle)
    value = json.loads(path.read_text())
    assert value["predicateType"] == "https://slsa.dev/provenance/v1"
    assert value["subject"][0]["digest"]["sha256"] == case.bundle.digest
    build = value["predicate"]["buildDefinition"]
    assert build["resolvedDependencies"][0] == {"name": "code", "digest": {"gitCommit": "c" * 40}}
    names = {each["name"] for each in build["resolvedDependencies"]}
    assert {"params.yaml", "charter.toml", "data/source/table.csv"} <= names
    assert value["predicate"]["runDetails"]["metadata"]["invocationId"] == "r1"
    assert run(made, "G-PROV").outcome == "pass"


@pytest.mark.turns_red("G-PROV")
@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        ({"code_commit": None}, "no code commit: the model was trained outside git"),
        ({"code_commit": "d" * 40}, "code is cccccccccccc, expected dddddddddddd"),
        ({"data": {"data/source/table.csv": "e" * 64}}, "data/source/table.csv is"),
        ({"data": {}}, "no data is named"),
        ({"params": "f" * 64}, "params.yaml is"),
        ({"run_id": "r2"}, "run is 'r1', expected 'r2'"),
        ({"run_id": None}, "no run is named"),
    ],
)
def test_provenance_of_something_else(case: Case, lineage: dict[str, Any], said: str) -> None:
    made = committed(case)
    write_provenance(made.project, made.bundle)
    found = run(committed(case, **lineage), "G-PROV")
    assert found.outcome == "fail"
    assert said in found.measured


@pytest.mark.turns_red("G-PROV")
def test_provenance_that_is_none(case: Case) -> None:
    made = committed(case)
    assert run(made, "G-PROV").outcome == "not_assessed"
    for predicate in ({"buildDefinition": []}, {"runDetails": {}}, {"buildDefinition": None}):
        write_statement(case.project, case.bundle.digest, "provenance", "x", predicate)
        found = run(made, "G-PROV")
        assert (found.outcome, "no SLSA provenance" in found.measured) == ("fail", True)


# --- vulnerabilities ---


def looked(case: Case, *findings: dict[str, Any], **change: Any) -> Case:
    """State what a look for vulnerabilities found."""
    source, digest = environment_digest(case.project)
    predicate = {
        "tool": {"name": "pip-audit", "version": "2.10.1"},
        "service": "pypi",
        "finished": case.now.isoformat(),
        "environment": {"source": source, "sha256": digest},
        "packages": 9,
        "unknown": [],
        "local": [],
        "findings": list(findings),
        **change,
    }
    digest = case.bundle.digest
    write_statement(case.project, digest, "vulnerabilities", VULNERABILITIES, predicate)
    return given(case, _approvals=[])


def waiver(name: str, digest: str | None = None) -> Approval:
    return Approval.model_validate(
        {
            "schema": "approval/1",
            "kind": "waiver",
            "decision": "approve",
            "subject": {"name": name, "digest": digest},
            "statement": "We never send credentials to other hosts",
            "by": {"email": "risk@bank.example", "role": "risk"},
            "given": date(2026, 11, 1),
            "expires": date(2027, 1, 15),
        }
    )


def test_no_vulnerability(case: Case) -> None:
    found = run(looked(case), "G-VULN")
    assert (found.outcome, found.measured) == ("pass", "none unwaived in 9 packages")


def test_packages_that_the_service_does_not_know_are_told(case: Case) -> None:
    found = run(looked(case, unknown=["ours"]), "G-VULN")
    assert (found.outcome, "unknown to the service: ours" in found.measured) == ("warn", True)


@pytest.mark.turns_red("G-VULN")
def test_a_vulnerability(case: Case) -> None:
    found = run(looked(case, FINDING), "G-VULN")
    assert found.outcome == "fail"
    assert found.measured == "PYSEC-2018-28 in requests 2.19.0 (fixed in 2.20.0)"
    assert "uv lock --upgrade-package" in found.remedy


@pytest.mark.parametrize("name", ["PYSEC-2018-28", "CVE-2018-18074", "GHSA-x84v-xcm2-53pg"])
def test_a_waiver_names_the_vulnerability_by_any_of_its_ids(case: Case, name: str) -> None:
    found = run(given(looked(case, FINDING), _approvals=[waiver(name)]), "G-VULN")
    assert found.outcome == "warn"
    assert "PYSEC-2018-28 waived until 2027-01-15" in found.measured


def test_a_waiver_of_the_gate(case: Case) -> None:
    found = run(given(looked(case, FINDING), _approvals=[waiver("G-VULN")]), "G-VULN")
    assert found.outcome == "waived"


@pytest.mark.turns_red("G-VULN")
def test_a_waiver_of_another_vulnerability(case: Case) -> None:
    other = {**FINDING, "id": "PYSEC-2026-1", "aliases": []}
    found = run(given(looked(case, FINDING, other), _approvals=[waiver("PYSEC-2018-28")]), "G-VULN")
    assert found.outcome == "fail"
    assert found.measured.startswith("PYSEC-2026-1 in requests")


@pytest.mark.turns_red("G-VULN")
@pytest.mark.parametrize(("days", "outcome"), [(14, "pass"), (15, "fail"), (-2, "fail")])
def test_how_old_the_look_is(case: Case, days: int, outcome: str) -> None:
    then = (case.now - timedelta(days=days)).isoformat()
    assert run(looked(case, finished=then), "G-VULN").outcome == outcome


@pytest.mark.turns_red("G-VULN")
def test_packages_changed_since(case: Case) -> None:
    looked(case)
    (case.project.root / "uv.lock").write_text("version = 1\n")
    found = run(given(case, _approvals=[]), "G-VULN")
    assert found.outcome == "fail"
    assert "made for installed packages" in found.measured
    assert "now uv.lock" in found.measured
    assert "--audit" in found.remedy


@pytest.mark.turns_red("G-VULN")
def test_nobody_looked_or_the_statement_is_broken(case: Case) -> None:
    found = run(given(case, _approvals=[]), "G-VULN")
    assert (found.outcome, "--audit" in found.remedy) == ("not_assessed", True)
    for broken in ({"finished": "2026-11-24T00:00:00"}, {"findings": [{"id": 1}]}, {"tool": None}):
        found = run(looked(case, **broken), "G-VULN")
        assert (found.outcome, "vulnerabilities.json: predicate" in found.measured) == (
            "fail",
            True,
        )


# --- the real pip-audit, against a service of ours ---


class Advisories(BaseHTTPRequestHandler):
    """The interface of OSV: knows one vulnerability of pydantic, whatever its version."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = asked["package"]["name"]
        value: dict[str, Any] = {}
        if name == "pydantic":
            ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]
            package = {"name": name, "ecosystem": "PyPI"}
            value = {
                "vulns": [
                    {
                        "id": "PYSEC-2026-9",
                        "aliases": ["CVE-2026-9"],
                        "summary": "reads too much",
                        "affected": [{"package": package, "ranges": ranges, "versions": []}],
                    }
                ]
            }
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Advisories)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1/query"
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield url
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("service")
def test_pip_audit_for_real(case: Case) -> None:
    value = json.loads(audit(case.project).read_text())
    assert value["predicateType"] == VULNERABILITIES
    found = value["predicate"]
    assert found["service"] == "osv"
    assert found["environment"]["source"] == "installed packages"
    assert found["packages"] == len(environment(case.project).pinned) > 50
    assert "modelkeel" in found["local"]
    (one,) = found["findings"]
    assert (one["id"], one["package"], one["aliases"], one["fixed_in"]) == (
        "PYSEC-2026-9",
        "pydantic",
        ["CVE-2026-9"],
        ["99.0"],
    )
    result = run(given(case, _approvals=[]), "G-VULN")
    assert result.measured.startswith("PYSEC-2026-9 in pydantic")


def test_a_service_out_of_reach_writes_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{port}/v1/query")
    with pytest.raises(KeelError, match="pip-audit gave no report") as caught:
        audit(case.project)
    assert "when the service answers" in caught.value.remedy
    assert not statement_path(case.project, case.bundle.digest, "vulnerabilities").exists()


LOCK = """
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "credit"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "idna" },
    { name = "colorama", marker = "sys_platform == 'win32'" },
    { name = "our-tools" },
]

[[package]]
name = "idna"
version = "3.10"
source = { registry = "INDEX/simple" }
sdist = { url = "INDEX/idna-3.10", hash = "sha256:HASH", size = 1 }

[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "INDEX/simple" }
sdist = { url = "INDEX/colorama-0.4.6", hash = "sha256:HASH", size = 1 }

[[package]]
name = "our-tools"
version = "1.0"
source = { directory = "../our-tools" }
""".replace("HASH", "0" * 64).replace("INDEX", "https://index.example")


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not on PATH")
def test_the_lock_says_what_is_looked_at(case: Case) -> None:
    root = case.project.root
    (root / "pyproject.toml").open("a").write(
        '[project]\nname = "credit"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n'
        'dependencies = ["idna", "colorama ; sys_platform == \'win32\'", "our-tools"]\n'
    )
    (root / "uv.lock").write_text(LOCK)
    found = environment(case.project)
    assert (found.source, found.pinned) == ("uv.lock", {"idna": "3.10"})
    assert found.local == ("our-tools",)
    assert found.digest == sha256_file(root / "uv.lock")
    (root / "uv.lock").write_text("version = 'x'")
    with pytest.raises(KeelError, match=r"uv\.lock: uv cannot read it"):
        environment(case.project)


# --- all of it ---


def test_assess_writes_what_the_release_gates_read(case: Case) -> None:
    written = assess(case.project)
    assert [each.name for each in written] == ["bom.cdx.json", "provenance.json", "assessed.json"]
    stated = evidence_digests(case.project, case.bundle.digest)
    assert f"evidence/{case.bundle.digest[:12]}/bom.cdx.json" in stated
    assert run(case, "G-BOM").outcome == "pass"
