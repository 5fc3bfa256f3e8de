"""The verbs `keel journal …`: output, exit codes, errors that a person can act on."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelkeel.cli import main
from modelkeel.journal.events import event
from modelkeel.journal.opening import journal_of
from modelkeel.project import Project

from .people import ADA, BOB, DAY, SECRET, files, identity, now, prediction


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("MODELKEEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def written(project: Project) -> Project:
    journal = journal_of(project, make=True)
    journal.write([prediction(1, ADA), prediction(2, BOB), prediction(3)])
    journal.write([event("promote", by="owner")])
    journal.engine.dispose()
    return project


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def keel(project: Project, *arguments: str, given: str = "", **env: str) -> Done:
    """The command in this process, which starts faster than one of its own."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.setattr(sys, "argv", ["keel", "journal", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        for name, value in env.items():
            patch.setenv(name, value)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def answer(project: Project, *arguments: str) -> Any:
    done = keel(project, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_verify_says_what_it_proves(written: Project) -> None:
    done = keel(written, "verify")
    assert done.returncode == 0, done.stderr
    assert "proves" in done.stdout
    assert "cannot" in done.stdout
    found = answer(written, "verify")
    assert (found["intact"], found["records"], found["loose"]) == (True, 4, 0)


def test_verify_of_a_changed_journal_is_refused(written: Project) -> None:
    with sqlite3.connect(written.root / "journal" / "journal.db") as database:
        database.execute("UPDATE records SET body = replace(body, 'approve', 'decline')")
    done = keel(written, "verify")
    assert done.returncode == 3
    assert "record 1" in done.stderr
    assert "remedy: keep a copy" in done.stderr
    assert json.loads(keel(written, "verify", "--json").stdout)["intact"] is False


def test_verify_with_anchors_that_somebody_kept(written: Project, tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere.jsonl"
    assert answer(written, "anchor", "--to", str(kept))["segments"] == 2
    with sqlite3.connect(written.root / "journal" / "journal.db") as database:
        database.execute("DELETE FROM records WHERE seq = 3")
        database.execute("UPDATE segments SET closed_at = NULL, count = NULL, head = NULL")
    (written.root / "journal" / "journal.anchors.jsonl").unlink()
    done = keel(written, "verify", "--anchors", str(kept))
    assert done.returncode == 3
    assert "cut off after record 2" in done.stdout


def test_find_and_show(written: Project) -> None:
    assert len(answer(written, "find")["records"]) == 4
    found = answer(written, "find", "--subject", ADA)["records"]
    assert [each["id"] for each in found] == [identity(1)]
    assert [e["kind"] for e in answer(written, "find", "--kind", "event")["records"]] == ["event"]
    done = keel(written, "show", identity(1))
    assert SECRET in done.stdout
    assert answer(written, "show", identity(1))["inputs"]["street"] == SECRET
    assert keel(written, "show", identity(8)).returncode == 2
    assert keel(written, "find", "--since", "tomorrow").returncode == 2
    assert keel(written, "find", "--subject", "nobody").returncode == 2


def test_todays_record_of_reasons_is_not_asked(written: Project) -> None:
    (written.governance_dir / "reasons.toml").write_text("[[reason]")
    done = keel(written, "show", identity(1))
    assert done.returncode == 0, done.stderr
    assert "reason       AMOUNT (its text is not known" in done.stdout
    exported = keel(written, "export", identity(1))
    assert json.loads(exported.stdout)["reasons"] == {"AMOUNT": None}


def test_outcomes(written: Project, tmp_path: Path) -> None:
    today = datetime.now(UTC).date().isoformat()
    table = tmp_path / "outcomes.csv"
    table.write_text(
        f"prediction_id,outcome,observed_at\n{identity(1)},1,{today}\n{identity(2)},x,{today}\n"
    )
    done = keel(written, "outcome", str(table))
    assert done.returncode == 2
    assert "1 outcomes recorded" in done.stdout
    assert "the first: row 3, column outcome: 'x' is none of 1, 0" in done.stderr
    table.write_text(table.read_text().replace(",x,", ",0,"))
    found = answer(written, "outcome", str(table))
    assert (found["written"], found["known"]) == (1, 1)
    one = answer(written, "outcome", "--id", identity(3), "--value", "0")
    assert one["written"] == 1
    assert keel(written, "outcome").returncode == 2


def test_erase_then_verify_then_a_backup(written: Project) -> None:
    folder = written.root / "journal"
    backup = written.root / "backup.db"
    with sqlite3.connect(folder / "journal.db") as source, sqlite3.connect(backup) as target:
        source.backup(target)
    done = keel(written, "erase", "-", "--reason", "Art 17", given=ADA + "\n")
    assert done.returncode == 0, done.stderr
    assert "1 payloads of 1 records" in done.stdout
    assert ADA.encode() not in files(folder)
    assert answer(written, "show", identity(1))["inputs"] is None
    assert keel(written, "verify").returncode == 0
    assert keel(written, "erase", ADA).returncode == 2
    assert keel(written, "erase").returncode == 2

    for each in folder.glob("journal.db*"):
        each.unlink()
    shutil.copy(backup, folder / "journal.db")
    assert answer(written, "show", identity(1))["inputs"] is not None
    assert len(answer(written, "erase", "--again")["erased"]) == 1
    assert answer(written, "show", identity(1))["inputs"] is None
    assert answer(written, "erase", "--prediction", identity(2))["erased"][0]["payloads"] == 1


def test_prune(written: Project) -> None:
    journal = journal_of(written)
    journal.write([prediction(9, at=now() - 500 * DAY)])
    journal.engine.dispose()
    refused = keel(written, "prune", "--record-days", "30")
    assert refused.returncode == 3
    assert "at least 183 days" in refused.stderr
    dry = answer(written, "prune", "--record-days", "400", "--dry-run")
    assert (dry["dry_run"], dry["segments"]) == (True, 1)
    assert answer(written, "prune", "--record-days", "400")["records"] == 1
    assert keel(written, "verify").returncode == 0


def test_export(written: Project, tmp_path: Path) -> None:
    lines = keel(written, "export").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [identity(each) for each in (1, 2, 3)]
    out = tmp_path / "table.csv"
    done = keel(written, "export", "--format", "csv", "--inputs", "--out", str(out))
    assert done.stdout == f"written: {out}\n"
    assert SECRET in out.read_text()
    assert json.loads(keel(written, "export", identity(2)).stdout)["holds"] is True


def test_bad_input_is_told(written: Project, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\n")
    for arguments, said in [
        (("verify", "--anchors", str(binary)), "binary: cannot be read"),
        (("verify", "--anchors", str(tmp_path)), "cannot be read"),
        (("erase", "--again", "--list", str(binary)), "binary: cannot be read"),
        (("erase", "--again", "--list", str(tmp_path)), "cannot be read"),
        (("prune", "--payload-days", "1000000"), "at most 365000"),
        (("prune", "--record-days", "9" * 25), "at most 365000"),
    ]:
        done = keel(written, *arguments)
        assert done.returncode == 2, done
        assert said in done.stderr
        assert "remedy: " in done.stderr
    for url in ("sqlite:///", "sqlite:////"):
        done = keel(written, "verify", MODELKEEL_JOURNAL=url)
        assert done.returncode == 2
        assert "names no file" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("outcome", "table.csv", "--at", "2026-11-28"), "--at goes with --id"),
        (("export", identity(1), "--format", "csv"), "--format: not for one prediction"),
        (
            ("export", identity(1), "--since", "2026-11-28", "--until", "2026-11-29"),
            "--since, --until: not for one prediction",
        ),
        (("export", identity(1), "--subject", ADA, "--inputs"), "--subject, --inputs: not for"),
        (("export", "--format", "csv", "--json"), "contradict each other"),
    ],
)
def test_options_that_would_do_nothing(
    written: Project, arguments: tuple[str, ...], said: str
) -> None:
    done = keel(written, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_replay_without_the_model(written: Project) -> None:
    done = keel(written, "replay", identity(1))
    assert done.returncode == 2
    assert "remedy: download the bundle" in done.stderr


def test_upgrade(project: Project) -> None:
    assert answer(project, "upgrade")["schema"]
    assert (project.root / "journal" / "journal.db").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("find",),
        ("find", "--subject", ADA),
        ("show", identity(1)),
        ("export",),
        ("export", identity(1)),
        ("replay", identity(1)),
        ("explain",),
        ("outcome", "--id", identity(1), "--value", "0"),
        ("erase", ADA),
        ("erase", "--again"),
        ("prune",),
        ("anchor",),
    ],
)
def test_no_journal_is_made_but_by_upgrade(
    project: Project, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """A server whose file is gone would go on with one that a look at it made."""
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as made:
        made.execute("CREATE TABLE other (id TEXT)")
    for env in ({}, {"MODELKEEL_JOURNAL": f"sqlite:///{foreign}"}):
        done = keel(project, *arguments, **env)
        assert done.returncode == 2
        assert "there is no journal at sqlite:///" in done.stderr
        assert "keel journal upgrade" in done.stderr
    assert not (project.root / "journal").exists()
    with sqlite3.connect(foreign) as left:
        assert left.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]


def test_in_production_the_key_is_given(written: Project) -> None:
    key = written.root / "journal" / "journal.key"
    moved = written.root / "kept.key"
    key.rename(moved)
    done = keel(written, "show", identity(1), MODELKEEL_MODE="production")
    assert done.returncode == 2
    assert "no master key" in done.stderr
    assert not key.exists()
    given = {"MODELKEEL_MODE": "production", "MODELKEEL_JOURNAL_KEY_FILE": str(moved)}
    assert keel(written, "show", identity(1), **given).returncode == 0
    assert keel(written, "verify", MODELKEEL_MODE="production").returncode == 0  # needs no key


def test_in_production_no_key_is_made_where_nothing_is_personal(project: Project) -> None:
    path = project.governance_dir / "system.toml"
    path.write_text(path.read_text().replace('"personal"', '"none"'))
    keel(project, "upgrade", MODELKEEL_MODE="production")
    done = keel(project, "show", identity(1), MODELKEEL_MODE="production")
    assert "no prediction with this id" in done.stderr
    assert not (project.root / "journal" / "journal.key").exists()


def test_a_key_that_is_gone_is_told(written: Project) -> None:
    key = written.root / "journal" / "journal.key"
    key.unlink()
    for arguments in (["show", identity(1)], ["find", "--subject", ADA], ["explain"]):
        done = keel(written, *arguments)
        assert done.returncode == 2
        assert "journal.key is gone and this journal has keys" in done.stderr
        assert "remedy: restore it" in done.stderr
    assert not key.exists()
    assert keel(written, "find").returncode == 0  # needs no key


def test_a_mode_that_nobody_knows_is_told(project: Project) -> None:
    for arguments in (["find", "--subject", ADA], ["verify"]):
        done = keel(project, *arguments, MODELKEEL_MODE="prod")
        assert done.returncode == 2
        assert "MODELKEEL_MODE is 'prod', expected development or production" in done.stderr
    assert not (project.root / "journal").exists()


def test_a_wrong_key_is_told(written: Project) -> None:
    done = keel(written, "show", identity(1), MODELKEEL_JOURNAL_KEY="A" * 43 + "=")
    assert done.returncode == 3
    assert "master key is not the one" in done.stderr
