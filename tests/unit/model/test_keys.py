"""Keys are made once, in a safe place; a wrong one is told apart by name."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from modelkeel.errors import BadInput
from modelkeel.model.keys import key_id, load_private, load_public, make_key

PKCS8 = PrivateFormat.PKCS8
PLAIN = NoEncryption()


def test_a_pair_belongs_together_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    private, public = tmp_path / "safe/model.key", tmp_path / "keys/model.pub"
    make_key(private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert key_id(load_private(private).public_key()) == key_id(load_public(public))
    assert sorted(each.name for each in tmp_path.rglob("*.*")) == ["model.key", "model.pub"]


@pytest.mark.parametrize("there", ["model.key", "model.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("old")
    with pytest.raises(BadInput, match=f"{there}: is there already"):
        make_key(tmp_path / "model.key", tmp_path / "model.pub")
    assert (tmp_path / there).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "model.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="is there already"):
        make_key(tmp_path / "model.key", tmp_path / "model.pub")


def test_no_private_key_in_a_work_tree_unless_ignored(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    public = tmp_path / "governance/keys/model.pub"
    with pytest.raises(BadInput, match="lies in a git work tree") as caught:
        make_key(tmp_path / "new/model.key", public)
    assert ".gitignore" in caught.value.remedy
    assert not public.exists()
    (tmp_path / "way").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="lies in a git work tree"):
        make_key(tmp_path / "way/model.key", public)
    (tmp_path / ".gitignore").write_text("*.key\n")
    make_key(tmp_path / "new/model.key", public)
    assert public.is_file()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        make_key(tmp_path / "file/model.key", tmp_path / "model.pub")
    with pytest.raises(BadInput, match="cannot be written"):
        make_key(tmp_path / "model.key", tmp_path / "file/model.pub")
    assert not (tmp_path / "model.key").exists()


def test_files_that_are_no_private_key(tmp_path: Path) -> None:
    p256 = ec.generate_private_key(ec.SECP256R1())
    cases = {
        "is a public key": p256.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "is encrypted": p256.private_bytes(Encoding.PEM, PKCS8, BestAvailableEncryption(b"x")),
        "expected EC P-256": ec.generate_private_key(ec.SECP384R1()).private_bytes(
            Encoding.PEM, PKCS8, PLAIN
        ),
        "of another kind": rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.PEM, PKCS8, PLAIN
        ),
        "another kind": ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PKCS8, PLAIN
        ),
        "is no private key": b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
        "no private key in PEM": b"\x00\xff",
    }
    path = tmp_path / "model.key"
    for said, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(BadInput, match=rf"model\.key: .*{said}"):
            load_private(path)
    with pytest.raises(BadInput, match="cannot be read") as caught:
        load_private(tmp_path / "nowhere.key")
    assert "keel model keygen" in caught.value.remedy


def test_files_that_are_no_public_key(tmp_path: Path) -> None:
    p256 = ec.generate_private_key(ec.SECP256R1())
    p521 = ec.generate_private_key(ec.SECP521R1()).public_key()
    cases = {
        "is a private key": p256.private_bytes(Encoding.PEM, PKCS8, PLAIN),
        "expected EC P-256": p521.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "is no public key in PEM": b"ssh-ed25519 AAAA",
    }
    path = tmp_path / "model.pub"
    for said, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(BadInput, match=rf"model\.pub: .*{said}"):
            load_public(path)
    with pytest.raises(BadInput, match="cannot be read"):
        load_public(tmp_path)
