"""Who a request comes from."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from modelkeel.errors import BadInput, Refused
from modelkeel.serving import create_app, keyring
from modelkeel.serving.access import Access
from modelkeel.serving.callers import DEVELOPMENT, Caller, Unauthorized
from modelkeel.serving.keys import create_key
from modelkeel.serving.tokens import Oidc


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


@pytest.fixture
def key(path: Path) -> bytes:
    return create_key(path, "batch", ("predict",), None)[1].encode()


def refusal(access: Access, *headers: tuple[bytes, bytes]) -> Unauthorized:
    with pytest.raises(Unauthorized) as caught:
        access.known(headers)
    return caught.value


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer %b"),
        (b"authorization", b"bearer %b"),
        (b"authorization", b"BEARER  %b "),
        (b"x-api-key", b"%b"),
    ],
)
def test_a_key_is_taken_in_either_header(
    path: Path, key: bytes, header: tuple[bytes, bytes]
) -> None:
    access = Access(path, None, required=True)
    caller = access.known([(b"host", b"x"), (header[0], header[1] % key), (b"accept", b"*/*")])
    assert caller is not None
    assert caller.roles == {"predict"}


def test_the_answer_does_not_tell_what_is_wrong(path: Path, key: bytes) -> None:
    access = Access(path, None, required=True)
    problems = [
        refusal(access, (b"authorization", value))
        for value in (
            b"Bearer " + key[:-1] + b"!",
            b"Bearer mk_000000000000_" + key[16:],
            b"Bearer mk_",
            b"Bearer something else",
            b"Bearer eyJhbGciOiJSUzI1NiJ9.e30.x",
            b"Basic YTpi",
            b"\xff\xff",
            b"Bearer \xff",
        )
    ]
    problems.append(refusal(access, (b"authorization", b"Bearer " + key), (b"x-api-key", key)))
    problems.append(refusal(access, (b"x-api-key", key), (b"x-api-key", key)))
    assert len({(p.status, p.kind, p.detail, str(p.headers)) for p in problems}) == 1
    assert problems[0].status == 401
    assert problems[0].headers["www-authenticate"].startswith("Bearer ")
    assert len({p.reason for p in problems}) > 3  # the log does tell


def test_who_sends_nothing_is_told_what_to_send(path: Path, key: bytes) -> None:
    problem = refusal(Access(path, None, required=True), (b"host", b"x"))
    assert "X-API-Key" in problem.detail
    assert problem.headers["www-authenticate"] == 'Bearer realm="modelkeel"'
    assert key.decode() not in problem.detail


def test_in_development_everybody_may_until_there_is_a_key(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "LOOK_EVERY", 0.0)
    access = Access(path, None, required=False)
    assert access.open
    for headers in ([], [(b"authorization", b"Basic x")], [(b"x-api-key", b"mk_x")]):
        assert access.known(headers) is DEVELOPMENT
    key = create_key(path, "batch", ("audit",), None)[1].encode()
    assert not access.open
    assert refusal(access, (b"host", b"x")).status == 401
    caller = access.known([(b"x-api-key", key)])
    assert caller is not None
    assert caller.roles == {"audit"}


def test_in_development_an_issuer_closes_the_door_too(path: Path) -> None:
    access = Access(path, Oidc("https://issuer.example", "a"), required=False)
    assert not access.open
    assert refusal(access).status == 401


@pytest.mark.parametrize("there", [True, False])
def test_production_does_not_start_where_nobody_could_call(path: Path, there: bool) -> None:
    if there:
        path.write_text('schema = "keys/1"\n', encoding="utf-8")
    with pytest.raises(Refused, match="nobody may call") as caught:
        Access(path, None, required=True)
    assert "keel keys create" in caught.value.remedy
    with pytest.raises(Refused):
        Access(None, None, required=True)
    assert Access(None, Oidc("https://issuer.example", "a"), required=True).required


def test_a_broken_file_is_told_at_the_start(path: Path) -> None:
    path.write_text("schema = 1\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"keys\.toml:1: schema"):
        Access(path, None, required=False)


def test_who_may_read_what_was_recorded() -> None:
    assert Caller("a", frozenset({"predict"})).may_read("a")
    assert not Caller("a", frozenset({"predict"})).may_read("b")
    assert Caller("a", frozenset({"audit"})).may_read("b")
    assert Caller("a", frozenset({"review"})).may_read("b")
    assert not Caller("a", frozenset({"operate"})).may_read("b")


def test_an_unknown_id_takes_no_less_time_than_a_known_one(path: Path, key: bytes) -> None:
    access = Access(path, None, required=True)

    def seconds(sent: bytes) -> float:
        started = time.perf_counter()
        for _ in range(200):
            refusal(access, (b"x-api-key", sent))
        return time.perf_counter() - started

    known, unknown = key[:-4] + b"AAAA", b"mk_000000000000_" + key[16:]
    ratio = min(seconds(unknown) for _ in range(9)) / min(seconds(known) for _ in range(9))
    assert 0.3 < ratio < 3  # a busy machine measures badly


def test_keys_that_do_not_count_are_seen_from_outside(
    models: Path, tmp_path: Path, api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "LOOK_EVERY", 0.0)
    with TestClient(create_app(models), headers={"x-api-key": api_key}) as client:
        assert "\nmodelkeel_keys_refused 0.0\n" in client.get("/metrics").text
        file = tmp_path / "secrets/keys.toml"
        good = file.read_bytes()
        file.write_text("not TOML")
        assert "\nmodelkeel_keys_refused 1.0\n" in client.get("/metrics").text
        file.write_bytes(good)
        assert "\nmodelkeel_keys_refused 0.0\n" in client.get("/metrics").text
