"""Our verifier and the package model-signing say the same of the same signature."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from model_signing import hashing, signing, verifying

from modelkeel.errors import BadInput, Refused
from modelkeel.model.envelope import PAYLOAD_TYPE
from modelkeel.model.keys import key_id, load_private
from modelkeel.model.lineage import Lineage
from modelkeel.model.manifest import verify, write_manifest
from modelkeel.model.signing import (
    make_key,
    sign_bundle,
    sign_statement,
    signature_path,
    verify_bundle_signature,
    verify_envelope,
)

THEIR_ERRORS = (ValueError, IndexError, InvalidSignature)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "model.key", tmp_path / "model.pub"
    make_key(private, public)
    return private, public


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a manifest; what is in its files does not matter to a signature."""
    path = tmp_path / "champion" / "0123456789ab"
    (path / "more").mkdir(parents=True)
    names = ("model.onnx", "signature.json", "decision.json", "profile.json", "golden.json")
    for name in (*names, "more/é.json"):
        (path / name).write_text(f'"{name}"', encoding="utf-8")
    write_manifest(path, "credit", Lineage())
    return path


@pytest.fixture
def signed(folder: Path, keys: tuple[Path, Path]) -> Path:
    sign_bundle(folder, keys[0], signature_path(folder))
    return signature_path(folder)


def ours(folder: Path, public: Path, signature: Path) -> None:
    verify_bundle_signature(folder, public, signature)


def theirs(folder: Path, public: Path, signature: Path) -> None:
    config = verifying.Config().use_elliptic_key_verifier(public_key=public)
    config.verify(folder, signature)


def sign_by_hand(key: Path, statement: dict[str, Any], media_type: str) -> dict[str, Any]:
    """A signature file as the format describes it, made without the package."""
    envelope = sign_statement(statement, key)
    return {
        "mediaType": media_type,
        "verificationMaterial": {
            "publicKey": {"hint": key_id(load_private(key).public_key())},
            "tlogEntries": [],
        },
        "dsseEnvelope": envelope,
    }


def statement_of(signature: Path) -> dict[str, Any]:
    envelope = json.loads(signature.read_text())["dsseEnvelope"]
    statement: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return statement


def test_both_verify_what_the_package_signed(
    folder: Path, keys: tuple[Path, Path], signed: Path
) -> None:
    found = verify_bundle_signature(folder, keys[1], signed)
    assert found["manifest.json"] == verify(folder).digest
    assert set(found) == {*verify(folder).manifest.files, "manifest.json"}
    theirs(folder, keys[1], signed)
    assert sorted(each.name for each in folder.parent.iterdir()) == [folder.name, signed.name]


def test_both_verify_what_the_package_signs_by_default(
    folder: Path, keys: tuple[Path, Path]
) -> None:
    path = signature_path(folder)
    signing.Config().use_elliptic_key_signer(private_key=keys[0]).sign(folder, path)
    ours(folder, keys[1], path)
    theirs(folder, keys[1], path)


def test_both_verify_an_envelope_of_ours(
    folder: Path, keys: tuple[Path, Path], signed: Path
) -> None:
    value = json.loads(signed.read_text())
    again = sign_by_hand(keys[0], statement_of(signed), value["mediaType"])
    signed.write_text(json.dumps(again))
    ours(folder, keys[1], signed)
    theirs(folder, keys[1], signed)


def append_byte(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")


def change_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text() + " ")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (append_byte, r"model\.onnx was changed after it was signed: SHA-256 found"),
        (change_manifest, r"manifest\.json was changed after it was signed"),
        (lambda folder: (folder / "extra.json").write_text("{}"), r"extra\.json is not signed"),
        (lambda folder: (folder / "golden.json").unlink(), r"golden\.json is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), r"manifest\.json is missing"),
        (
            lambda folder: (folder / "golden.json").rename(folder / "other.json"),
            r"golden\.json is missing",
        ),
        (
            lambda folder: (folder / "link.json").symlink_to(folder / "golden.json"),
            r"link\.json is a symbolic link",
        ),
    ],
)
def test_both_refuse_a_changed_folder(
    folder: Path,
    keys: tuple[Path, Path],
    signed: Path,
    tamper: Callable[[Path], object],
    said: str,
) -> None:
    tamper(folder)
    with pytest.raises(Refused, match=said) as caught:
        ours(folder, keys[1], signed)
    assert "keel model promote" in caught.value.remedy or "build the bundle" in caught.value.remedy
    with pytest.raises(ValueError, match=r"[Mm]ismatch|symlink"):
        theirs(folder, keys[1], signed)


def test_a_file_of_git_is_no_exception(folder: Path, keys: tuple[Path, Path], signed: Path) -> None:
    (folder / ".gitattributes").write_text("* binary")
    with pytest.raises(Refused, match=r"\.gitattributes is not signed"):
        ours(folder, keys[1], signed)


def test_a_signature_that_leaves_files_out_is_refused(
    folder: Path, keys: tuple[Path, Path]
) -> None:
    path = signature_path(folder)
    without = hashing.Config().set_ignored_paths(paths=["model.onnx"])
    config = signing.Config().use_elliptic_key_signer(private_key=keys[0])
    config.set_hashing_config(without).sign(folder, path)
    with pytest.raises(Refused, match=r"model\.onnx is not signed"):
        ours(folder, keys[1], path)


def test_both_refuse_another_key(folder: Path, tmp_path: Path, signed: Path) -> None:
    make_key(tmp_path / "other.key", tmp_path / "other.pub")
    with pytest.raises(Refused, match="was made with the key"):
        ours(folder, tmp_path / "other.pub", signed)
    with pytest.raises(ValueError, match="Key mismatch"):
        theirs(folder, tmp_path / "other.pub", signed)


def test_both_refuse_another_key_that_names_itself_ours(
    folder: Path, keys: tuple[Path, Path], tmp_path: Path, signed: Path
) -> None:
    make_key(tmp_path / "other.key", tmp_path / "other.pub")
    value = json.loads(signed.read_text())
    forged = sign_by_hand(tmp_path / "other.key", statement_of(signed), value["mediaType"])
    forged["verificationMaterial"] = value["verificationMaterial"]
    signed.write_text(json.dumps(forged))
    with pytest.raises(Refused, match="does not verify"):
        ours(folder, keys[1], signed)
    with pytest.raises(THEIR_ERRORS):
        theirs(folder, keys[1], signed)


def with_envelope(value: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {**value, "dsseEnvelope": {**value["dsseEnvelope"], **change}}


def changed_payload(value: dict[str, Any]) -> dict[str, Any]:
    payload = base64.b64decode(value["dsseEnvelope"]["payload"]).replace(b"golden", b"silver")
    return with_envelope(value, payload=base64.b64encode(payload).decode())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: with_envelope(value, payloadType="text/plain"), "holds 'text/plain'"),
        (changed_payload, "does not verify"),
        (lambda value: {**value, "mediaType": "x"}, "is a 'x', expected"),
        (lambda value: with_envelope(value, signatures=[]), "no DSSE envelope"),
        (lambda value: with_envelope(value, payload="*"), "no DSSE envelope"),
    ],
)
def test_both_refuse_a_changed_signature(
    folder: Path,
    keys: tuple[Path, Path],
    signed: Path,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    said: str,
) -> None:
    signed.write_text(json.dumps(change(json.loads(signed.read_text()))))
    with pytest.raises(Refused, match=said):
        ours(folder, keys[1], signed)
    with pytest.raises(THEIR_ERRORS):
        theirs(folder, keys[1], signed)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"mediaType": 1}', "\x00"])
def test_a_file_that_is_no_signature(
    folder: Path, keys: tuple[Path, Path], signed: Path, text: str
) -> None:
    signed.write_text(text)
    with pytest.raises(Refused, match="is no signature by a key"):
        ours(folder, keys[1], signed)
    signed.unlink()
    with pytest.raises(Refused, match=r"\.sig: no such file"):
        ours(folder, keys[1], signed)


def change_statement(signed: Path, key: Path, **change: Any) -> None:
    """Sign something else with the right key."""
    value = json.loads(signed.read_text())
    statement = {**statement_of(signed), **change}
    signed.write_text(json.dumps(sign_by_hand(key, statement, value["mediaType"])))


def test_a_sound_signature_of_something_else(
    folder: Path, keys: tuple[Path, Path], signed: Path
) -> None:
    before = signed.read_text()
    predicate = statement_of(signed)["predicate"]
    listed = predicate["resources"]
    how = predicate["serialization"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"predicateType": "https://slsa.dev/provenance/v1"}, "states 'https://slsa.dev"),
        ({"_type": "other"}, "no in-toto statement"),
        ({"predicate": {**predicate, "resources": listed[1:]}}, "do not add up"),
        ({"predicate": {**predicate, "resources": [*listed, listed[0]]}}, "do not add up"),
        ({"predicate": {"resources": listed}}, "lists no SHA-256"),
        (
            {"predicate": {**predicate, "serialization": {**how, "method": "shards"}}},
            "lists no SHA-256",
        ),
        ({"subject": []}, "lists no SHA-256"),
    ]
    for change, said in cases:
        signed.write_text(before)
        change_statement(signed, keys[0], **change)
        with pytest.raises(Refused, match=said):
            ours(folder, keys[1], signed)


def test_nothing_is_left_when_signing_fails(folder: Path, keys: tuple[Path, Path]) -> None:
    (folder / "link").symlink_to("/")
    with pytest.raises(Refused, match="symbolic link"):
        sign_bundle(folder, keys[0], signature_path(folder))
    with pytest.raises(BadInput, match="is a public key"):
        sign_bundle(folder, keys[1], signature_path(folder))
    assert list(folder.parent.iterdir()) == [folder]


def test_an_envelope_comes_back_as_it_was(keys: tuple[Path, Path], tmp_path: Path) -> None:
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicate": {"né": [1, None]}}
    envelope = sign_statement(statement, keys[0])
    assert envelope["payloadType"] == PAYLOAD_TYPE
    assert verify_envelope(envelope, keys[1]) == statement
    make_key(tmp_path / "b.key", tmp_path / "b.pub")
    with pytest.raises(Refused, match="the envelope does not verify"):
        verify_envelope(envelope, tmp_path / "b.pub")
    with pytest.raises(BadInput, match="is a private key"):
        verify_envelope(envelope, keys[0])


def test_what_is_signed_is_the_encoding_that_dsse_names(keys: tuple[Path, Path]) -> None:
    """Written out once by hand: type and payload, each after its length in bytes."""
    statement = {"_type": "https://in-toto.io/Statement/v1"}
    envelope = sign_statement(statement, keys[0])
    payload = base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    load_private(keys[0]).public_key().verify(signature, signed, ec.ECDSA(SHA256()))


def test_verifying_needs_no_package_but_cryptography(
    folder: Path, keys: tuple[Path, Path], signed: Path
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from modelkeel.model.signing import verify_bundle_signature\n"
        "assert 'cryptography' not in sys.modules\n"
        "verify_bundle_signature(*map(Path, sys.argv[1:]))\n"
        "assert not {'model_signing', 'sigstore', 'requests'} & set(sys.modules)\n"
    )
    paths = [str(each) for each in (folder, keys[1], signed)]
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
