"""Tokens: of a library's issuer, and of one here that rotates its keys and misbehaves."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import oidc_provider_mock
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modelkeel.errors import BadInput
from modelkeel.serving import tokens
from modelkeel.serving.access import Access
from modelkeel.serving.callers import Caller, Unauthorized
from modelkeel.serving.keys import create_key
from modelkeel.serving.tokens import Oidc

AUDIENCE = "credit-risk"
RSA_KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
MAKERS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: RSA_KEYS[0],
    "PS256": lambda: RSA_KEYS[0],
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class Clock:
    """Stands in the place of the module `time`; both clocks can be set."""

    def __init__(self) -> None:
        self.steady = 1000.0
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return self.steady


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tokens, "time", made)
    return made


class Issuer:
    """An OpenID Connect issuer as far as a resource server sees one: discovery, keys, tokens."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.keys: dict[str, tuple[str, Any]] = {}
        self.more: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.says: dict[str, Any] = {}
        self.content: bytes | None = None
        self.slow = 0.0
        self.rotate("first")
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                time.sleep(issuer.slow)
                body = issuer.content or json.dumps(issuer.answer(self.path)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def answer(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **self.says}
        return {"keys": [*map(self.jwk, self.keys), *self.more]}

    def jwk(self, kid: str) -> dict[str, Any]:
        algorithm, key = self.keys[kid]
        made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        return {**made, "kid": kid, "use": "sig"}

    def rotate(self, kid: str, algorithm: str = "RS256", key: Any = None) -> None:
        self.keys = {kid: (algorithm, key or MAKERS[algorithm]())}

    def token(self, headers: dict[str, Any] | None = None, **claims: Any) -> bytes:
        kid, (algorithm, key) = next(iter(self.keys.items()))
        now = int(time.time())
        payload = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "someone@example.com",
            "iat": now,
            "exp": now + 300,
            "roles": ["predict"],
            **claims,
        }
        sent = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(sent, key, algorithm, headers={"kid": kid, **(headers or {})}).encode()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


def verify(oidc: Oidc, *sent: bytes) -> list[Caller | str]:
    """Who sent each, or why not, one after the other in one event loop."""

    async def all_of_them() -> list[Caller | str]:
        found: list[Caller | str] = []
        for token in sent:
            try:
                found.append(await oidc.verify(token))
            except Unauthorized as problem:
                found.append(problem.reason)
        return found

    return asyncio.run(all_of_them())


def unsigned(header: object, payload: object) -> bytes:
    parts = [
        base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (header, payload)
    ]
    return b".".join([*parts, b""])


# ----------------------------------------------------------------- an issuer that is a library's


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


def log_in(provider: str, subject: str, client: str) -> bytes:
    """Log in as a browser does (authorization code flow); the token."""
    back = "http://localhost/back"
    asked = {
        "client_id": client,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "openid profile",
    }
    sent = httpx2.post(f"{provider}/oauth2/authorize", params=asked, data={"sub": subject})
    code = parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]
    got = httpx2.post(
        f"{provider}/oauth2/token",
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": back},
        auth=(client, "any secret"),
    )
    return str(got.json()["id_token"]).encode()


def test_a_person_who_logs_in_at_an_issuer_is_known(provider: str) -> None:
    claims = {"name": "Ada", "roles": ["review", "audit", "janitor"]}
    httpx2.put(f"{provider}/users/ada", json=claims).raise_for_status()
    token = log_in(provider, "ada", AUDIENCE)
    access = Access(None, Oidc(provider, AUDIENCE), required=True)
    headers = [(b"authorization", b"Bearer " + token)]
    assert access.known(headers) is None
    caller = asyncio.run(access.identify(headers))
    assert caller.roles == {"review", "audit"}
    assert caller.id.startswith("oidc:")
    assert "ada" not in caller.id
    assert access.known(headers) == caller


def test_a_token_of_that_issuer_for_another_service_is_refused(provider: str) -> None:
    token = log_in(provider, "ada", "another-service")
    assert verify(Oidc(provider, AUDIENCE), token) == ["token: InvalidAudienceError"]


# ----------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("algorithm", MAKERS)
def test_signatures_of_key_pairs_are_taken(issuer: Issuer, algorithm: str) -> None:
    issuer.rotate("k", algorithm)
    (caller,) = verify(Oidc(issuer.url, AUDIENCE), issuer.token())
    assert isinstance(caller, Caller)
    assert caller.roles == {"predict"}


def test_the_same_person_is_the_same_caller_and_nobody_else(issuer: Issuer) -> None:
    first, again, other = verify(
        Oidc(issuer.url, AUDIENCE), issuer.token(), issuer.token(jti="2"), issuer.token(sub="b")
    )
    assert first == again
    assert isinstance(first, Caller)
    assert isinstance(other, Caller)
    assert first.id != other.id
    assert len(first.id) == len("oidc:") + 16


def test_a_token_signed_by_another_key_is_refused(issuer: Issuer) -> None:
    oidc = Oidc(issuer.url, AUDIENCE)
    good = issuer.token()
    issuer.keys["first"] = ("RS256", RSA_KEYS[1])
    forged = issuer.token()
    issuer.keys["first"] = ("RS256", RSA_KEYS[0])
    assert verify(oidc, good, forged)[1] == "token: InvalidSignatureError"


def test_a_secret_that_is_public_signs_nothing(issuer: Issuer) -> None:
    """The public key used as the secret of HS256: the classic of algorithm confusion."""
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    start = unsigned({"alg": "HS256", "kid": "first"}, claims).rstrip(b".")
    pem = RSA_KEYS[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = base64.urlsafe_b64encode(hmac.digest(pem, start, "sha256")).rstrip(b"=")
    forged = start + b"." + signature
    none = unsigned({"alg": "none", "kid": "first"}, claims)
    assert verify(Oidc(issuer.url, AUDIENCE), forged, none) == ["token: algorithm not allowed"] * 2


def test_a_symmetric_key_among_the_issuers_is_not_used(issuer: Issuer) -> None:
    secret = b"s" * 64
    k = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    issuer.more.append({"kty": "oct", "kid": "shared", "k": k, "alg": "HS512"})
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    token = jwt.encode(claims, secret, "HS512", headers={"kid": "shared"}).encode()
    assert verify(Oidc(issuer.url, AUDIENCE), token) == ["token: algorithm not allowed"]


def test_a_key_is_used_for_its_own_algorithm_only(issuer: Issuer) -> None:
    oidc = Oidc(issuer.url, AUDIENCE)
    issuer.more.append({**issuer.jwk("first"), "kid": "ps", "alg": "PS256"})
    assert verify(oidc, issuer.token({"kid": "ps"})) == ["token: not the algorithm of its key"]


def test_a_key_for_encryption_or_too_short_is_not_used(issuer: Issuer) -> None:
    issuer.more.append({**issuer.jwk("first"), "kid": "enc", "use": "enc"})
    oidc = Oidc(issuer.url, AUDIENCE)
    assert verify(oidc, issuer.token({"kid": "enc"})) == [
        "token: signed by no known key of the issuer"
    ]
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 on purpose
    issuer.rotate("weak", key=weak)
    assert verify(Oidc(issuer.url, AUDIENCE), issuer.token()) == ["token: InvalidKeyError"]


def test_a_token_without_key_id_is_taken_where_there_is_one_key(issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    token = jwt.encode(claims, RSA_KEYS[0], "RS256").encode()
    assert isinstance(verify(Oidc(issuer.url, AUDIENCE), token)[0], Caller)
    issuer.keys["second"] = ("RS256", RSA_KEYS[1])
    assert isinstance(verify(Oidc(issuer.url, AUDIENCE), token)[0], str)


# --------------------------------------------------------------------------------- claims

NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60}, "ExpiredSignatureError"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"exp": "soon"}, "DecodeError"),
        ({"nbf": NOW + 86_400}, "ImmatureSignatureError"),
        ({"iat": NOW + 86_400}, "ImmatureSignatureError"),
        ({"iss": "http://127.0.0.1:1"}, "InvalidIssuerError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"aud": "another"}, "InvalidAudienceError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"aud": []}, "MissingRequiredClaimError"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"sub": 7}, "InvalidSubjectError"),
    ],
)
def test_claims_are_checked(issuer: Issuer, claims: dict[str, Any], reason: str) -> None:
    if "iss" in claims and claims["iss"] is None:
        token = jwt.encode(
            {"aud": AUDIENCE, "sub": "a", "exp": NOW + 86_400},
            RSA_KEYS[0],
            headers={"kid": "first"},
            algorithm="RS256",
        ).encode()
    else:
        token = issuer.token(**claims)
    assert verify(Oidc(issuer.url, AUDIENCE), token) == [f"token: {reason}"]


@pytest.mark.parametrize("seconds", [10**30, 10**400])
def test_a_token_that_ends_in_an_absurd_time_is_no_fault(issuer: Issuer, seconds: int) -> None:
    assert isinstance(verify(Oidc(issuer.url, AUDIENCE), issuer.token(exp=seconds))[0], Caller)


def test_clocks_may_differ_a_little(issuer: Issuer) -> None:
    token = issuer.token(exp=int(time.time()) - 10, nbf=int(time.time()) + 10)
    assert isinstance(verify(Oidc(issuer.url, AUDIENCE), token)[0], Caller)


@pytest.mark.parametrize(
    ("claim", "claims", "roles"),
    [
        ("roles", {"roles": ["predict", "audit"]}, {"predict", "audit"}),
        ("roles", {"roles": "predict"}, {"predict"}),
        ("scope", {"scope": "openid predict review"}, {"predict", "review"}),
        ("realm_access.roles", {"realm_access": {"roles": ["operate", "x"]}}, {"operate"}),
        ("https://bank.example/roles", {"https://bank.example/roles": ["audit"]}, {"audit"}),
        ("roles", {"roles": None}, set()),
        ("roles", {"roles": {"predict": True}}, set()),
        ("roles", {"roles": [["predict"], 7, None]}, set()),
        ("roles.a.b", {"roles": ["predict"]}, set()),
    ],
)
def test_roles_are_where_the_claim_says(
    issuer: Issuer, claim: str, claims: dict[str, Any], roles: set[str]
) -> None:
    (caller,) = verify(Oidc(issuer.url, AUDIENCE, claim), issuer.token(**claims))
    assert isinstance(caller, Caller)
    assert caller.roles == roles


@pytest.mark.parametrize(
    "token",
    [
        b"x",
        b"a.b.c",
        b"." * 50,
        b"\xff\xfe.\xff.\xff",
        unsigned([], {}),
        unsigned({"alg": "RS256", "kid": 7}, {}),
        unsigned({"alg": ["RS256"], "kid": "first"}, {}),
        unsigned({"alg": "RS256", "kid": "first"}, []),
        unsigned({"alg": "RS256", "kid": "first", "typ": "logout+jwt"}, {}),
        unsigned({"alg": "RS256", "kid": "first", "crit": ["x"], "x": 1}, {}),
        unsigned({"alg": "RS256", "kid": "first", "b64": False, "crit": ["b64"]}, {}),
        b"[" * 5000 + b"." + b"[" * 5000 + b".",
        base64.urlsafe_b64encode(b'{"a":' * 2000).rstrip(b"=") + b".e30.",
        b"a" * 20_000,
    ],
)
def test_what_is_no_token_is_refused(issuer: Issuer, token: bytes) -> None:
    assert verify(Oidc(issuer.url, AUDIENCE), token)[0].startswith("token: ")  # type: ignore[union-attr]


# ----------------------------------------------------------------------------- the issuer's keys


def test_keys_are_asked_for_once_and_again_for_a_new_one(issuer: Issuer, clock: Clock) -> None:
    oidc = Oidc(issuer.url, AUDIENCE)

    async def run() -> None:
        await oidc.verify(issuer.token())
        await oidc.verify(issuer.token(jti="2"))
        clock.steady += 29
        assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]
        issuer.rotate("second", "ES256")
        with pytest.raises(Unauthorized):  # asked a moment ago
            await oidc.verify(issuer.token())
        assert len(issuer.asked) == 2
        clock.steady += 1
        found = await asyncio.gather(*(oidc.verify(issuer.token(jti=str(n))) for n in range(20)))
        assert len(set(found)) == 1
        assert len(issuer.asked) == 4

    asyncio.run(run())


def test_made_up_keys_do_not_make_the_server_ask(issuer: Issuer) -> None:
    oidc = Oidc(issuer.url, AUDIENCE)
    made_up = [issuer.token({"kid": f"k{n}"}) for n in range(30)]
    assert not any(isinstance(each, Caller) for each in verify(oidc, *made_up))
    assert issuer.asked.count("/jwks") == 1


def test_the_place_of_the_keys_may_be_given(issuer: Issuer) -> None:
    oidc = Oidc(issuer.url, AUDIENCE, keys_url=f"{issuer.url}/keys")
    assert isinstance(verify(oidc, issuer.token())[0], Caller)
    assert issuer.asked == ["/keys"]


def test_old_keys_are_asked_for_again_in_the_background(issuer: Issuer, clock: Clock) -> None:
    oidc = Oidc(issuer.url, AUDIENCE)
    old = issuer.token()

    async def run() -> None:
        await oidc.verify(old)
        issuer.rotate("second", key=RSA_KEYS[1])
        clock.steady += tokens.KEYS_AGE + 1
        await oidc.verify(old)  # not kept waiting
        assert oidc._asking is not None
        await oidc._asking
        with pytest.raises(Unauthorized):  # the issuer has withdrawn its key
            await oidc.verify(old)

    asyncio.run(run())


def test_a_token_is_verified_again_once_in_a_while(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "KEYS_AGE", 0.0)
    oidc = Oidc(issuer.url, AUDIENCE)
    token = issuer.token()
    verify(oidc, token)
    assert oidc.known(token) is None


def test_while_the_issuer_is_away_its_known_keys_go_on(
    issuer: Issuer, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "modelkeel.serving")
    oidc = Oidc(issuer.url, AUDIENCE, refresh_every=0)
    verify(oidc, issuer.token())
    issuer.stop()
    assert isinstance(verify(oidc, issuer.token(jti="new"))[0], Caller)
    issuer.rotate("second", key=RSA_KEYS[1])
    assert verify(oidc, issuer.token()) == ["token: signed by no known key of the issuer"]
    said = caplog.text + capsys.readouterr().out
    assert "issuer's keys not to be had" in said
    assert "ConnectError" in said


@pytest.mark.parametrize(
    ("says", "content"),
    [
        ({"issuer": "http://127.0.0.1:1"}, None),
        ({"jwks_uri": None}, None),
        ({"jwks_uri": "file:///etc/passwd"}, None),
        ({}, b"no JSON"),
        ({}, b"[]"),
        ({}, b'{"keys": 7}'),
        ({}, b"{" + b" " * 2_000_000 + b"}"),
    ],
)
def test_an_issuer_that_answers_nonsense_is_not_believed(
    issuer: Issuer, says: dict[str, Any], content: bytes | None
) -> None:
    issuer.says, issuer.content = says, content
    oidc = Oidc(issuer.url, AUDIENCE)
    assert verify(oidc, issuer.token()) == ["token: signed by no known key of the issuer"]


def test_an_issuer_that_hangs_keeps_nobody_waiting_for_long(issuer: Issuer) -> None:
    issuer.slow = 6.0
    started = time.monotonic()
    oidc = Oidc(issuer.url, AUDIENCE, timeout=0.2)
    assert isinstance(verify(oidc, issuer.token())[0], str)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("url", ["http://issuer.example", "issuer.example", "ftp://127.0.0.1", ""])
def test_an_issuer_without_https_is_not_taken(url: str) -> None:
    with pytest.raises(BadInput, match="expected https"):
        Oidc(url, AUDIENCE)


# ------------------------------------------------------------------------------ memory


def test_a_verified_token_is_known_until_it_ends(issuer: Issuer, clock: Clock) -> None:
    oidc = Oidc(issuer.url, AUDIENCE)
    token = issuer.token()
    assert oidc.known(token) is None
    verify(oidc, token)
    assert oidc.known(token) is not None
    assert oidc.known(token + b"x") is None
    clock.ahead = 301
    assert oidc.known(token) is None


def test_verified_tokens_are_bounded(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_VERIFIED", 3)
    oidc = Oidc(issuer.url, AUDIENCE)
    sent = [issuer.token(jti=str(n)) for n in range(5)]
    verify(oidc, *sent)
    assert [oidc.known(token) is not None for token in sent] == [False, False, True, True, True]


def test_keys_and_tokens_are_taken_side_by_side(issuer: Issuer, tmp_path: Path) -> None:
    _, key = create_key(tmp_path / "keys.toml", "a", ("audit",), None)
    access = Access(tmp_path / "keys.toml", Oidc(issuer.url, AUDIENCE), required=True)

    async def run() -> None:
        by_key = await access.identify([(b"x-api-key", key.encode())])
        by_token = await access.identify([(b"authorization", b"bearer " + issuer.token())])
        assert (by_key.roles, by_token.roles) == ({"audit"}, {"predict"})

    asyncio.run(run())
