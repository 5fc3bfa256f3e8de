"""API keys: their file, and the server that follows it."""

from __future__ import annotations

import json
import multiprocessing
import re
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelkeel.cli import app
from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.serving import keyring, keys
from modelkeel.serving.callers import Unauthorized
from modelkeel.serving.keyring import Keyring
from modelkeel.serving.keys import create_key, read_keys, revoke_key, rotate_key

YEAR = timedelta(days=365)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.toml"


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOOK_EVERY", 0.0)


def refused(ring: Keyring, key: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        ring.caller(key.encode())
    return caught.value.reason


def test_a_key_is_256_bits_and_in_no_file(path: Path) -> None:
    made, key = create_key(path, "batch", ("audit", "predict"), YEAR)
    assert re.fullmatch(r"mk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", key)
    secret = key.split("_", 2)[2]
    assert secret not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_keys(path) == (made,)
    caller = Keyring(path).caller(key.encode())
    assert (caller.id, caller.roles) == (made.id, {"predict", "audit"})


def test_a_key_ends(path: Path) -> None:
    made, key = create_key(path, "batch", ("predict",), timedelta(seconds=1))
    ring = Keyring(path)
    time.sleep(1.05)
    assert refused(ring, key) == "key: expired"
    assert made.state(datetime.now(UTC)) == "expired"


def test_a_rotated_key_goes_on_for_a_while_as_the_same_caller(path: Path) -> None:
    made, old = create_key(path, "batch", ("predict",), timedelta(days=90))
    ring = Keyring(path)
    again, new = rotate_key(path, made.id, timedelta(seconds=3))
    assert again.expires is not None
    assert again.expires - again.created == timedelta(days=90)
    assert ring.caller(old.encode()) == ring.caller(new.encode())
    time.sleep(3.05)
    assert refused(ring, old) == "key: expired"
    assert ring.caller(new.encode()).id == made.id


def test_a_rotation_without_overlap_ends_the_old_key_at_once(path: Path) -> None:
    made, old = create_key(path, "batch", ("predict",), None)
    rotate_key(path, made.id, timedelta(0))
    assert refused(Keyring(path), old) == "key: expired"


def test_a_rotation_prolongs_no_older_secret(path: Path) -> None:
    made, _ = create_key(path, "batch", ("predict",), timedelta(days=2))
    rotate_key(path, made.id, timedelta(hours=1))
    rotate_key(path, made.id, timedelta(days=1))
    first, second, _ = read_keys(path)
    assert first.expires is not None
    assert second.expires is not None
    assert first.expires - made.created < timedelta(hours=2)
    assert second.expires - made.created < timedelta(hours=25)


def test_a_revoked_key_ends_with_all_its_secrets(path: Path) -> None:
    made, old = create_key(path, "batch", ("predict",), None)
    _, new = rotate_key(path, made.id, timedelta(days=7))
    other, left = create_key(path, "other", ("predict",), None)
    ring = Keyring(path)
    revoke_key(path, made.id)
    assert [refused(ring, old), refused(ring, new)] == ["key: revoked"] * 2
    assert ring.caller(left.encode()).id == other.id
    with pytest.raises(BadInput, match="was revoked"):
        rotate_key(path, made.id, timedelta(0))


def test_what_is_not_there_cannot_be_changed(path: Path) -> None:
    create_key(path, "batch", ("predict",), None)
    with pytest.raises(BadInput, match="no key 000000000000"):
        revoke_key(path, "000000000000")
    with pytest.raises(BadInput, match="is that of the active key"):
        create_key(path, "batch", ("audit",), None)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101])
def test_a_name_is_one_line(path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be used"):
        create_key(path, name, ("predict",), None)
    assert not path.exists()


@pytest.mark.parametrize(
    "key",
    [
        "mk_",
        "mk_x",
        "mk_000000000000_",
        "mk_000000000000_" + "A" * 43,
        "mk_" + "é" * 40,
        "x" * 9000,
    ],
)
def test_what_is_no_key_is_refused(path: Path, key: str) -> None:
    create_key(path, "batch", ("predict",), None)
    assert refused(Keyring(path), key) == "key: unknown"


def test_a_secret_is_good_with_its_own_id_only(path: Path) -> None:
    _, first = create_key(path, "a", ("predict",), None)
    _, second = create_key(path, "b", ("audit",), None)
    mixed = first[:16] + second[16:]
    ring = Keyring(path)
    assert refused(ring, mixed) == "key: unknown"
    assert refused(ring, first[:-1]) == "key: unknown"
    assert refused(ring, first + "A") == "key: unknown"


def test_a_server_follows_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOOK_EVERY", 4.0)
    ring = Keyring(path)
    assert ring.empty
    made, key = create_key(path, "late", ("predict",), None)
    assert refused(ring, key) == "key: unknown"  # it looks once in a while, not at each request
    time.sleep(4.05)
    assert ring.caller(key.encode()).id == made.id
    assert not ring.empty


@pytest.mark.parametrize(
    "content",
    [
        "",
        "schema = 'keys/1'\n[[keys]]\nid = 'x'",
        "not TOML",
        "\x00",
        None,
    ],
)
def test_a_broken_file_keeps_the_last_good_keys_and_says_so(
    path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "modelkeel.serving")
    _, key = create_key(path, "batch", ("predict",), None)
    ring = Keyring(path)
    good = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_text(content, encoding="utf-8")
    for _ in range(3):
        assert ring.caller(key.encode()).roles == {"predict"}
    assert ring.problem is not None
    assert str(path) in ring.problem
    path.write_bytes(good)
    assert ring.caller(key.encode()).roles == {"predict"}
    assert ring.problem is None


def test_a_file_that_is_put_right_is_taken_up(path: Path) -> None:
    _, key = create_key(path, "batch", ("predict",), None)
    ring = Keyring(path)
    path.chmod(0o602)
    path.write_bytes(path.read_bytes().replace(b'["predict"]', b'["audit"]'))
    assert ring.caller(key.encode()).roles == {"predict"}
    assert "anybody may write to it" in str(ring.problem)
    time.sleep(0.05)
    path.chmod(0o600)
    assert ring.caller(key.encode()).roles == {"audit"}
    assert ring.problem is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('roles = ["predict"]', 'roles = ["root"]'), "keys.toml:8: keys.0.roles.0: Input should"),
        (('roles = ["predict"]', "roles = []"), "keys.0.roles"),
        (("sha256", "sha1"), "unknown key; did you mean 'sha256'?"),
        (("Z\n", "\n"), "with its zone"),
    ],
)
def test_a_server_does_not_start_with_a_broken_file(
    path: Path, change: tuple[str, str], said: str
) -> None:
    create_key(path, "batch", ("predict",), None)
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(BadInput, match=re.escape(said)):
        Keyring(path)


def test_a_file_that_anybody_may_write_is_refused(path: Path) -> None:
    create_key(path, "batch", ("predict",), None)
    path.chmod(0o666)
    with pytest.raises(BadInput, match="anybody may write") as caught:
        Keyring(path)
    assert caught.value.remedy == f"chmod 600 {path}"


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    create_key(path, "a", ("predict",), None)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    create_key(link, "b", ("predict",), None)
    assert link.is_symlink()
    assert [key.name for key in read_keys(path)] == ["a", "b"]


def make_one(path: Path, name: str) -> None:
    create_key(path, name, ("predict",), None)


def test_keys_made_at_the_same_time_are_all_there(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=make_one, args=(path, f"n{n}")) for n in range(8)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert {key.name for key in read_keys(path)} == {f"n{n}" for n in range(8)}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        create_key(tmp_path / "file" / "keys.toml", "a", ("predict",), None)


# ------------------------------------------------------------------------------- keel keys


def keel(path: Path, *arguments: str) -> tuple[str, str]:
    """Output and messages of `keel keys`."""
    done = CliRunner(env={"MODELKEEL_KEYS": str(path)}).invoke(app, ["keys", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.stdout, done.stderr


def test_the_command_prints_the_key_alone(path: Path) -> None:
    out, said = keel(path, "create", "--name", "batch", "--role", "predict", "--expires", "90d")
    assert Keyring(path).caller(out.strip().encode()).roles == {"predict"}
    assert "shown this once" in said
    assert out.strip() not in said


def test_the_command_in_json(path: Path) -> None:
    out, _ = keel(path, "create", "--name", "a", "--role", "audit", "--role", "predict", "--json")
    made = json.loads(out)
    assert made["roles"] == ["predict", "audit"]
    rotated = json.loads(keel(path, "rotate", made["id"], "--overlap", "12h", "--json")[0])
    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    listed = json.loads(keel(path, "list", "--json")[0])["keys"]
    assert [each["state"] for each in listed] == ["active", "active"]
    assert "key" not in listed[0]
    assert "sha256" not in listed[0]
    assert json.loads(keel(path, "revoke", made["id"], "--json")[0])["state"] == "revoked"


def test_the_list_is_a_table(path: Path) -> None:
    assert "keel keys create" in keel(path, "list")[0]
    keel(path, "create", "--name", "nightly scoring", "--role", "predict", "--expires", "never")
    lines = keel(path, "list")[0].splitlines()
    assert lines[0].split() == ["id", "name", "roles", "created", "ends", "state"]
    assert "nightly scoring" in lines[1]
    assert "never" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--name", "a", "--role", "root"), "'root' is no role"),
        (("create", "--name", "a", "--role", "audit", "--expires", "soon"), "no length of time"),
        (("create", "--name", "a", "--role", "audit", "--expires", "0d"), "ends before it begins"),
        (("rotate", "000000000000", "--overlap", "never"), "the overlap never ends"),
        (("revoke", "000000000000"), "no key 000000000000"),
    ],
)
def test_the_command_says_what_is_wrong(path: Path, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        keel(path, *arguments)


def test_the_file_is_the_projects(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("MODELKEEL_KEYS", raising=False)
    done = CliRunner().invoke(app, ["keys", "create", "--name", "a", "--role", "predict"])
    assert done.exit_code == 0
    assert read_keys(project.root / "secrets" / "keys.toml")[0].name == "a"


def test_the_roles_are_all_there() -> None:
    assert keys.ROLES == ("predict", "review", "operate", "audit")
