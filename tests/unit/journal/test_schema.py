"""The schema: the same however it came to be, upgraded with what is in it."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from modelkeel.errors import BadInput, KeelError
from modelkeel.journal.append import Appender
from modelkeel.journal.entry import Entry
from modelkeel.journal.schema import HEAD, revision_of, upgrade
from modelkeel.journal.standing import swap_standing
from modelkeel.journal.store import Journal
from modelkeel.journal.url import engine_of, shown
from modelkeel.journal.verify import verify

from .conftest import KINDS, Server, entries

FIRST = "0001"


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Tables, columns, keys and indexes."""
    found = sa.inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted(tuple(each["column_names"]) for each in found.get_unique_constraints(table)),
            sorted(
                (str(each["name"]), *each["column_names"], *map(str, _where(each)))
                for each in found.get_indexes(table)
            ),
        )
        for table in sorted(found.get_table_names())
    }


def _where(index: Any) -> list[Any]:
    """What a partial index is restricted to."""
    return [value for name, value in index.get("dialect_options", {}).items() if "where" in name]


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_made_at_once_or_step_by_step_it_is_the_same(
    url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    at_once = engine_of(url)
    upgrade(at_once)
    whole = shape(at_once)
    at_once.dispose()
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'other.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        server.clear()
    stepwise = engine_of(url)
    upgrade(stepwise, FIRST)
    assert revision_of(stepwise) == FIRST
    upgrade(stepwise)
    assert revision_of(stepwise) == HEAD
    assert shape(stepwise) == whole
    stepwise.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_an_upgrade_keeps_what_is_there(url: str) -> None:
    engine = engine_of(url)
    upgrade(engine, FIRST)
    appender = Appender(Journal(engine), "old")
    appender.append(entries(20))
    before = list(Journal(engine).reader().find())
    journal = Journal.open(url)
    assert revision_of(journal.engine) == HEAD
    assert list(journal.reader().find()) == before
    appender.append(entries(5))  # whoever wrote before goes on
    appender.close()
    swap_standing(journal.engine, "credit", 0, {}, "ada", "new")
    report = verify(journal.engine)
    assert report.intact
    assert report.records == 26
    engine.dispose()
    journal.engine.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_a_schema_of_a_newer_version_is_left_alone(url: str) -> None:
    journal = Journal.open(url)
    with journal.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(KeelError, match="has the schema 9999") as raised:
        Journal.open(url)
    assert raised.value.remedy is not None
    journal.engine.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_to_look_for_a_journal_makes_none(url: str) -> None:
    with pytest.raises(BadInput, match="there is no journal at"):
        Journal.open(url, make=False)
    engine = engine_of(url)
    assert not sa.inspect(engine).get_table_names()
    Journal.open(url).engine.dispose()
    Journal.open(url, make=False).engine.dispose()
    engine.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_many_processes_start_at_once(url: str) -> None:
    code = "import sys; from modelkeel.journal.store import Journal; Journal.open(sys.argv[1])"
    running = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    engine = engine_of(url)
    assert revision_of(engine) == HEAD
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "cannot be in memory"),
        ("sqlite:///:memory:", "cannot be in memory"),
        ("mysql://u:secret@h/d", "cannot be in mysql"),
        ("no url", "cannot be read"),
    ],
    indirect=False,
)
def test_where_a_journal_cannot_be(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        Journal.open(url)
    assert "secret" not in str(raised.value)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    url = f"postgresql://u:secret@/d?unix_sock={tmp_path / 'none'}"
    assert "secret" not in shown(url)
    with pytest.raises(KeelError, match=r"the journal at .* cannot be opened") as raised:
        Journal.open(url)
    assert "secret" not in str(raised.value)


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("x" * 5000)
    with pytest.raises(KeelError, match="file is not a database"):
        Journal.open(f"sqlite:///{tmp_path / 'journal.db'}")
    (tmp_path / "file").touch()
    with pytest.raises(KeelError, match="cannot be opened"):
        Journal.open(f"sqlite:///{tmp_path / 'file' / 'journal.db'}")


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_commit_waits_for_the_disk_where_the_server_would_not(url: str, postgres: Server) -> None:
    postgres.running.psql("ALTER DATABASE postgres SET synchronous_commit = off;")
    try:
        engine = engine_of(url)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
            connection.rollback()
            assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
        engine.dispose()
    finally:
        postgres.running.psql("ALTER DATABASE postgres RESET synchronous_commit;")


def test_a_commit_waits_for_the_disk_in_sqlite(journal: Journal) -> None:
    with journal.engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"


def test_an_id_is_there_once(journal: Journal) -> None:
    (entry,) = entries(1)
    journal.write([entry])
    again = Entry(entry.id, "event", 1, b"{}")
    with pytest.raises(KeelError, match="UNIQUE constraint failed"):
        journal.write([again])


def wrong_key(journal: Journal) -> None:
    journal.write(entries(1))


def newer_schema(journal: Journal) -> None:
    with journal.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))


@pytest.mark.parametrize("make", [wrong_key, newer_schema])
def test_a_journal_that_is_refused_is_let_go(tmp_path: Path, make: Callable[..., None]) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal.open(url, master=bytes(32))
    make(journal)
    journal.engine.dispose()
    with pytest.raises(KeelError) as caught:
        Journal.open(url, master=b"x" * 32)
    held = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not [each for each in held if str(tmp_path) in each]
    assert caught.value.remedy


def test_a_driver_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """`uv pip install` would be undone by the next `uv sync`."""
    monkeypatch.setitem(sys.modules, "pg8000", None)
    command = "uv add 'modelkeel[postgres]'"
    with pytest.raises(BadInput, match="driver is not installed") as raised:
        engine_of("postgresql://keel@db.example/journal")
    assert raised.value.remedy == f"install the extra: {command}"
    assert command in (Path(__file__).parents[3] / "docs/how-to/journal.md").read_text("utf-8")


PEER = "postgresql://keel:secret@localhost:{port}/journal?sslmode={mode}"


def tls_of(mode: str, roots: str = "") -> Any:
    """What pg8000 is told about TLS; None lets it take TLS where the server has it."""
    engine = engine_of(PEER.format(port=1, mode=mode) + roots)
    told: list[dict[str, Any]] = []
    sa.event.listen(engine, "do_connect", lambda *given: told.append(given[3]) or object())
    with suppress(Exception):
        engine.raw_connection()
    assert not told[0].keys() & {"sslmode", "sslrootcert"}
    return told[0]["ssl_context"]


def test_a_url_says_how_tls_is_used(certificate: Path) -> None:
    assert tls_of("disable") is False
    assert tls_of("prefer") is None
    unchecked, anybody = tls_of("require"), tls_of("require", f"&sslrootcert={certificate}")
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)
    assert (anybody.verify_mode, anybody.check_hostname) == (ssl.CERT_REQUIRED, False)
    signed, named = tls_of("verify-ca"), tls_of("verify-full", f"&sslrootcert={certificate}")
    assert (signed.verify_mode, signed.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert (named.verify_mode, named.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [each["subject"] for each in named.get_ca_certs()] == [((("commonName", "localhost"),),)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=always", "sslmode is 'always', expected disable, prefer, require"),
        ("sslmode=verify-full&sslrootcert=/no/such.pem", "/no/such.pem: cannot be read"),
        ("sslrootcert=/no/such.pem", "sslrootcert without sslmode"),
        ("connect_timeout=5&password=secret", "has connect_timeout, password, expected"),
    ],
)
def test_what_a_url_cannot_say_is_told(query: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        Journal.open(f"postgresql://keel:secret@db.example/journal?{query}")
    assert "secret" not in str(raised.value) + raised.value.remedy


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("require", "Server refuses SSL"),
        ("require", "is shaken by the hand"),
        ("verify-full", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_tls_with_a_server(certificate: Path, mode: str, said: str) -> None:
    """No PostgreSQL for tests has TLS; as far as the handshake this one does."""
    offers = b"N" if "refuses" in said else b"S"
    with socket.create_server(("localhost", 0)) as listening:
        listening.settimeout(10)
        serving = threading.Thread(target=shake, args=(listening, offers, certificate))
        serving.start()
        url = PEER.format(port=listening.getsockname()[1], mode=mode)
        with pytest.raises(KeelError, match=said) as raised:
            Journal.open(url)
        serving.join()
    assert "secret" not in str(raised.value)


def shake(listening: socket.socket, offers: bytes, certificate: Path) -> None:
    """Answer a request for TLS, and after the handshake with an error of PostgreSQL."""
    peer, _ = listening.accept()
    with peer:
        peer.recv(8)
        peer.sendall(offers)
        if offers == b"N":
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with suppress(OSError), context.wrap_socket(peer, server_side=True) as sealed:
            sealed.recv(1000)
            fields = b"SFATAL\0C28000\0Mis shaken by the hand\0\0"
            sealed.sendall(b"E" + (len(fields) + 4).to_bytes(4) + fields)
            sealed.recv(1000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost that nobody signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path
