"""What has to be refused is refused, with what was measured against what was asked."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from generated import Repo, free_port, log_of, serving, started

pytestmark = pytest.mark.slow


def test_a_target_out_of_reach_stops_the_promotion(changeable: Repo) -> None:
    approved, versions = changeable.approved(), changeable.versions()
    changeable.edit("charter.toml", "at_least = 0.15", "at_least = 5.0")
    said = changeable.run("dvc", "repro").stdout
    assert "Running stage 'evaluate'" in said
    assert "Running stage 'train'" not in said
    done = changeable.run("keel", "model", "promote", "--trial", check=False)
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if "G-TARGET" in line]
    uplift = json.loads((changeable.root / "reports/evaluation.json").read_text())["uplift"]
    assert f"{uplift['value_per_decision']['value']:+.3g}" in line
    assert "asked: not ruled out: 5 (charter.toml, target.at_least)" in line
    assert done.stderr.count("remedy: ") == 1
    assert changeable.approved() == approved
    after = changeable.versions()
    assert [version for version, aliases in after.items() if "champion" in aliases] == ["1"]
    assert after["2"] == ["candidate"]
    assert versions == {"1": ["champion"]}


def flip_one_byte(champion: Path) -> str:
    path = champion / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    return "model.onnx"


def add_a_file(champion: Path) -> str:
    (champion / "extra.txt").write_text("more\n", encoding="utf-8")
    return "extra.txt"


def edit_the_signature(champion: Path) -> str:
    path = champion / "signature.json"
    text = path.read_text(encoding="utf-8")
    path.chmod(0o644)
    path.write_text(text.replace("duration", "duratiom", 1), encoding="utf-8")
    return "signature.json"


@pytest.mark.parametrize("tamper", [flip_one_byte, add_a_file, edit_the_signature])
def test_a_tampered_champion_does_not_serve(
    changeable: Repo, tamper: Callable[[Path], str]
) -> None:
    content = {path: path.read_bytes() for path in changeable.champion.iterdir()}
    named = tamper(changeable.champion)
    with started(changeable, free_port()) as server:
        code = server.wait(timeout=120)
    said = log_of(changeable)
    assert code not in (0, None)
    assert "Traceback" not in said
    (message,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert named in message
    assert "remedy: " in said

    for path in changeable.champion.iterdir():
        if path in content:
            path.write_bytes(content[path])
        else:
            path.unlink()
    with serving(changeable) as client:
        assert client.get("/ready").json()["model"]["version"] == "1"


def test_no_champion_yet_is_told_and_not_ready(changeable: Repo) -> None:
    changeable.champion_file.unlink()
    done = changeable.run("keel", "model", "verify", check=False)
    assert done.returncode == 3
    assert "keel model promote" in done.stderr


def test_a_changed_charter_asks_for_a_new_bundle(changeable: Repo) -> None:
    approved = changeable.approved()
    changeable.edit("charter.toml", "at_least = 0.15", "at_least = 0.14")
    done: subprocess.CompletedProcess[str] = changeable.run(
        "keel", "model", "promote", "--trial", check=False
    )
    assert done.returncode == 3
    assert "G-LINEAGE" in done.stderr
    assert "charter.toml" in done.stderr
    assert changeable.approved() == approved
