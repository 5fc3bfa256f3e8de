"""The worked example goes from "not ready" to a signed release, and nothing else gets through.

People's answers and an advisory service that knows no vulnerability are stand-ins; keys,
signatures, gates, training, registry and server are real.
"""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from generated import Repo, free_port, log_of, run, serving, started

pytestmark = pytest.mark.slow

OWNER, RISK = "ana.lopez@kreditwerk.eu", "r.singh@kreditwerk.eu"
LISTS = {"affected", "vulnerable", "not_for", "misuse", "subjects", "recipients"}
JOURNAL_KEY = base64.b64encode(bytes(range(32))).decode()
SETTLED = "settled by the owner and the risk team on 24 November 2026, minutes 17"
PEOPLE = {
    "G-OWNER", "G-PROHIB", "G-PRIVACY", "G-RISK", "G-OVERSIGHT", "G-PAYOFF", "G-MISSING", "G-FOUR",
    "G-SIGN", "G-REPRO", "G-VULN", "G-SHIFT",
}  # fmt: skip


class Advisories(BaseHTTPRequestHandler):
    """Speaks OSV: nothing is known of any package."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def advisories() -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
        "PIP_AUDIT_OSV_URL": f"http://127.0.0.1:{server.server_port}",
        "NO_PROXY": "127.0.0.1",
    }
    server.shutdown()


def blocking(repo: Repo) -> set[str]:
    """The gates that keep the candidate from being released."""
    done = repo.run("keel", "check", "--json", check=False)
    found = json.loads(done.stdout)
    assert (done.returncode == 0) == found["ready"], done.stdout + done.stderr
    return {
        each["id"]
        for each in found["gates"]
        if each["outcome"] in ("fail", "not_assessed")
        and {"release", "train"} & set(each["stages"])
    }


def answer(node: Any) -> None:
    """Put an answer where a record has work to do."""
    for key in list(node):
        value = node[key]
        if isinstance(value, dict) and "todo" in value:
            node[key] = _answer_to(key)
        elif isinstance(value, dict):
            answer(value)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    answer(each)


def _answer_to(key: str) -> Any:
    if key == "residual":
        table = tomlkit.inline_table()
        table.update({"likelihood": 1, "severity": 3})
        return table
    given: dict[str, Any] = {"days": 1825, "prohibited": False, "protection_officer": RISK}
    return given.get(key, ["people who apply for a credit"] if key in LISTS else SETTLED)


def fill_in(repo: Repo) -> None:
    """What the owner, the risk team and others would write."""
    for name in ("system", "risks", "privacy", "reasons"):
        path = repo.root / "governance" / f"{name}.toml"
        record = tomlkit.parse(path.read_text(encoding="utf-8"))
        answer(record)
        path.write_text(tomlkit.dumps(record), encoding="utf-8")
    repo.edit("governance/system.toml", "[roles]\n", f'[roles]\nrisk = ["{RISK}"]\n')
    repo.edit("governance/system.toml", "owner@example.com", OWNER)
    charter = repo.root / "charter.toml"
    text = charter.read_text(encoding="utf-8").replace("owner@example.com", OWNER)
    charter.write_text(text.replace("assumed: loss after recovery", "finance, 2026-Q3"), "utf-8")
    risks = repo.root / "governance" / "risks.toml"
    risks.write_text(risks.read_text("utf-8").replace("owner@example.com", OWNER), "utf-8")


def keys(repo: Repo, folder: Path) -> tuple[Path, Path]:
    """A key that signs models, and the risk officer's own."""
    model, person = folder / "model.pem", folder / "risk"
    repo.run("keel", "model", "keygen", str(model))
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(person)], folder, repo.env)
    public = " ".join(person.with_suffix(".pub").read_text("utf-8").split()[:2])
    signers = repo.root / "governance" / "allowed_signers"
    signers.write_text(f'{RISK} namespaces="governance" {public}\n', "utf-8")
    return model, person


def test_from_not_ready_to_a_signed_release(
    changeable: Repo, advisories: dict[str, str], tmp_path: Path
) -> None:
    repo = Repo(changeable.root, changeable.task, {**changeable.env, **advisories})
    assert blocking(repo) == PEOPLE
    done = repo.run("keel", "model", "promote", check=False)
    assert done.returncode == 3
    assert all(name in done.stderr for name in PEOPLE)

    # The trial does not serve in production.
    with started(_production(repo), free_port()) as server:
        assert server.wait(timeout=120) not in (0, None)
    assert "is a trial" in log_of(repo)

    fill_in(repo)
    model_key, risk_key = keys(repo, tmp_path)
    repo.git("add", "-A")
    repo.git("commit", "-qm", "Fill in the records")
    repo.run("dvc", "repro")
    _by_hand(repo).run("keel", "data", "accept", "--by", OWNER, "--reason", "looked at the report")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "Train, and accept the data")
    repo.run("keel", "model", "assess", "--audit", "--reproduce")
    signing = ("--as", RISK, "--role", "risk", "--key", str(risk_key))
    for kind in ("dpia", "fria"):
        repo.run("keel", "approve", kind, repo.name, *signing)
    repo.run("keel", "govern", "render")
    assert blocking(repo) == {"G-FOUR", "G-SIGN"}

    # Not by the author, and not without a key.
    author = run(["git", "log", "-1", "--format=%ae"], repo.root, repo.env).stdout.strip()
    done = repo.run(
        "keel", "approve", "release", repo.name, "--as", author, *signing[2:], check=False
    )
    assert done.returncode == 2
    repo.run("keel", "approve", "release", repo.name, *signing)
    assert blocking(repo) == {"G-SIGN"}
    done = repo.run("keel", "model", "promote", check=False)
    assert done.returncode == 3
    assert "G-SIGN" in done.stderr

    repo.run("keel", "model", "promote", "--key", str(model_key))
    record = json.loads(repo.champion_file.read_text("utf-8"))
    assert record["trial"] is False
    repo.run("keel", "model", "verify")
    with started(_production(repo), free_port()) as server:
        assert server.wait(timeout=120) not in (0, None)
    assert "there are no API keys and no issuer" in log_of(repo)
    told = json.loads(
        repo.run("keel", "keys", "create", "--name", "desk", "--role", "predict", "--json").stdout
    )
    with serving(_production(repo)) as client:
        ready = client.get("/ready").json()
        assert ready["model"]["digest"] == record["digest"]
        assert ready["trial"] is False
        _decides_and_explains(repo, client, told["key"])

    _refuses_what_was_tampered_with(repo)
    _goes_back(repo, model_key, signing)


def _by_hand(repo: Repo) -> Repo:
    """As on a person's machine: what only people decide is refused where CI is set."""
    return Repo(repo.root, repo.task, {k: v for k, v in repo.env.items() if k != "CI"})


def _production(repo: Repo) -> Repo:
    journal = {
        "MODELKEEL_JOURNAL": f"sqlite:///{repo.root.parent / 'production.db'}",
        "MODELKEEL_JOURNAL_KEY": JOURNAL_KEY,
    }
    return Repo(repo.root, repo.task, {**repo.env, "MODELKEEL_MODE": "production", **journal})


def _decides_and_explains(repo: Repo, client: Any, key: str) -> None:
    """A decision against somebody has reasons, an explanation and a record, and can be erased."""
    row = {
        "credit_amount": 9500.0,
        "duration": 48,
        "job": 1,
        "housing": "rent",
        "saving_accounts": "little",
        "checking_account": "little",
        "purpose": "car",
    }
    assert client.post("/predict", json=row).status_code == 401
    headers = {"x-api-key": key, "x-subject-id": "applicant 4711"}
    answer = client.post("/predict", json=row, headers=headers).json()
    assert answer["decision"] == "decline"
    assert 0 < len(answer["reasons"]) <= 4
    path = f"/decisions/{answer['prediction_id']}"
    found = client.get(
        f"{path}/explanation", params={"counterfactual": True}, headers=headers
    ).json()
    assert found["contributions"][0]["contribution"] < 0
    assert found["counterfactual"]["decision"] == "approve"
    inside = _production(repo)
    replayed = inside.run("keel", "journal", "replay", answer["prediction_id"], "--json")
    assert json.loads(replayed.stdout)["equal"] is True
    inside.run("keel", "journal", "erase", "applicant 4711")
    assert client.get(f"{path}/explanation", headers=headers).status_code == 410
    assert client.get(path, headers=headers).json()["inputs"] is None
    inside.run("keel", "journal", "verify")


def _refuses_what_was_tampered_with(repo: Repo) -> None:
    """A changed model, a swapped digest, a forged summary: none of them starts."""
    summary = repo.champion.with_suffix(".summary.json")
    signature = repo.champion.with_suffix(".sig")
    for path in (repo.champion / "model.onnx", repo.champion_file, summary, signature):
        content = path.read_bytes()
        at = content.find(b"digest") + 20 if path.suffix == ".json" else len(content) // 2
        changed = bytearray(content)
        changed[at] = changed[at] ^ 1
        path.chmod(0o644)
        path.write_bytes(changed)
        with started(_production(repo), free_port()) as server:
            code = server.wait(timeout=120)
        said = log_of(repo)
        assert code not in (0, None), path.name
        assert "error: " in said, path.name
        assert "Traceback" not in said, path.name
        path.write_bytes(content)


def _goes_back(repo: Repo, key: Path, signing: tuple[str, ...]) -> None:
    """A second release, and the first one again in one command."""
    first = json.loads(repo.champion_file.read_text("utf-8"))["digest"]
    repo.edit("params.yaml", "max_iter: 60", "max_iter: 61")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "One tree more")
    repo.run("dvc", "repro")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "Train")
    repo.run("keel", "model", "assess", "--audit", "--reproduce")
    repo.run("keel", "approve", "release", repo.name, *signing)
    repo.run("keel", "model", "promote", "--key", str(key))
    assert json.loads(repo.champion_file.read_text("utf-8"))["digest"] != first
    before = time.monotonic()
    repo.run("keel", "model", "rollback", "--reason", "drill")
    took = time.monotonic() - before
    assert json.loads(repo.champion_file.read_text("utf-8"))["digest"] == first
    assert "champion" in repo.versions()["2"] or "champion" in repo.versions()["1"]
    with serving(_production(repo)) as client:
        assert client.get("/ready").json()["model"]["digest"] == first
    print(f"rolled back in {took:.1f} s")
    done = json.loads(repo.run("keel", "model", "rollback", "--drill", "--json").stdout)
    assert done
    assert "G-STOP" not in {
        each["id"]
        for each in json.loads(repo.run("keel", "check", "--json", check=False).stdout)["gates"]
        if each["outcome"] != "pass"
    }
