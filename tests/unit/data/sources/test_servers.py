"""A real PostgreSQL and a real S3 endpoint, started here on loopback."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelkeel.data.sources import Landed, sql
from modelkeel.errors import BadInput, KeelError

from .conftest import rows

pytestmark = pytest.mark.integration
Read = Callable[..., Landed]
Run = Callable[[str], str]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL for this Python")
    # Started by root, the server runs as another user, who must reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-"))
    folder.chmod(0o711)
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs SQL; the sales of 1000 minutes are there."""
    postgres.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    postgres.psql(
        "CREATE TABLE sales AS SELECT n::bigint AS id, (n * 1.25)::numeric(10, 2) AS amount, "
        "timestamptz '2024-01-01 00:00Z' + (n / 3) * interval '1 minute' AS at, "
        "date '2024-01-01' AS day, 'ä' || n AS name, n % 2 = 0 AS even, "
        "jsonb_build_object('n', n) AS more, NULL::text AS nothing, "
        "('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid AS key "
        "FROM generate_series(1, 1000) n"
    )
    monkeypatch.setenv("KEEL_TEST_DB", postgres.get_uri())
    return postgres.psql


SALES = {"kind": "sql", "url": "${KEEL_TEST_DB}", "table": "public.sales"}


@pytest.mark.usefixtures("database")
def test_postgres_keeps_its_types(read: Read) -> None:
    landed = read(**SALES)
    assert landed.rows == 1000
    assert rows(landed)[2] == (
        3,
        3,
        "3.75",
        dt.datetime(2024, 1, 1, 0, 1, tzinfo=dt.UTC),
        dt.date(2024, 1, 1),
        "ä3",
        False,
        '{"n": 3}',
        None,
        "00000000-0000-0000-0000-000000000003",
    )


@pytest.mark.parametrize(
    ("watermark", "last"),
    [("at", "2024-01-01 05:33:00+00:00"), ("id", 1000), ("amount", "1250.00")],
)
def test_postgres_from_a_watermark_on(
    read: Read, database: Run, watermark: str, last: object
) -> None:
    settings = {
        "kind": "sql",
        "url": "${KEEL_TEST_DB}",
        "query": "SELECT id, at, amount FROM sales WHERE name LIKE '%ä%';",
        "watermark": watermark,
    }
    landed = read(**settings)
    assert (landed.rows, landed.watermark) == (1000, last)
    database("DELETE FROM sales WHERE id = 1")
    database(
        "INSERT INTO sales SELECT id + 1000, amount + 1250, at + interval '1 day', day, name "
        "FROM sales WHERE id <= 10"
    )
    again = read(**settings)
    assert sorted(row[1] for row in rows(again)) == [*range(1, 1001), *range(1002, 1011)]
    assert again.watermark != last
    assert rows(read(**settings)) == rows(again)


def test_postgres_stops_half_way_and_goes_on(
    read: Read, database: Run, postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database("INSERT INTO sales SELECT n, 1, now() FROM generate_series(1001, 600000) n")
    real, seen = sql._frame, []

    def stops(batch: Any) -> pl.DataFrame:
        seen.append(batch)
        if len(seen) == 2:
            database(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND query LIKE 'COPY%'"
            )
        return real(batch)

    settings = {"kind": "sql", "url": "${KEEL_TEST_DB}", "table": "sales", "watermark": "id"}
    with monkeypatch.context() as patch:
        patch.setattr(sql, "_frame", stops)
        with pytest.raises(BadInput, match=r"\$\{KEEL_TEST_DB\}: ") as found:
            read(**settings)
    assert postgres.get_uri() not in str(found.value)
    assert [row[1] for row in rows(read(**settings))] == list(range(1, 600_001))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**SALES, "table": "clients"}, r'relation "clients" does not exist'),
        ({"kind": "sql", "url": "${KEEL_TEST_DB}", "query": "SELEC 1"}, r"syntax error"),
        (
            {"kind": "sql", "url": "${KEEL_TEST_DB}", "query": "SELECT 1/(id-500) x FROM sales"},
            "division by zero",
        ),
        (
            {"kind": "sql", "url": "${KEEL_TEST_DB}", "query": "SELECT id, id FROM sales"},
            "repeats the header",
        ),
        ({**SALES, "url": "postgresql://127.0.0.1:1/none"}, "refused"),
    ],
)
def test_what_postgres_refuses(read: Read, settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said) as found:
        read(**settings)
    assert "Traceback" not in str(found.value)
    assert found.value.remedy


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The endpoint, known by the environment alone; an empty bucket `bank` is there."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "keel-test",
        "AWS_SECRET_ACCESS_KEY": "keel-test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bank")
    yield client
    for each in client.list_objects_v2(Bucket="bank").get("Contents", []):
        client.delete_object(Bucket="bank", Key=each["Key"])
    client.delete_bucket(Bucket="bank")


def test_a_file_of_s3(read: Read, s3: Any, tmp_path: Path, s3_server: str) -> None:
    pl.DataFrame({"n": [1, 2]}).write_parquet(tmp_path / "t.parquet")
    s3.upload_file(str(tmp_path / "t.parquet"), "bank", "in/t.parquet")
    s3.put_object(Bucket="bank", Key="in/t.csv", Body="größe;b\n1,5;x\n".encode())
    assert rows(read(path="s3://bank/in/t.parquet")) == [(1, 1), (2, 2)]
    landed = read(path="s3://bank/in/t.csv", options={"endpoint_url": s3_server})
    assert rows(landed) == [(1, "1,5", "x")]
    assert landed.size == len("größe;b\n1,5;x\n".encode())


def test_what_s3_refuses(read: Read, s3: Any) -> None:
    s3.put_object(Bucket="bank", Key="t.parquet", Body=b"PAR1 cut off")
    with pytest.raises(BadInput, match=r"s3://bank/t.parquet: is no whole Parquet file"):
        read(path="s3://bank/t.parquet")
    with pytest.raises(BadInput, match=r"s3://bank/none.csv: no such file"):
        read(path="s3://bank/none.csv")
    with pytest.raises(KeelError, match=r"s3://bank/other.csv: cannot be read") as found:
        read(path="s3://bank/other.csv", options={"endpoint_url": "http://127.0.0.1:1"})
    assert found.value.exit_code == 1


def test_dvc_pushes_and_pulls(s3: Any, s3_server: str, tmp_path: Path) -> None:
    def run(folder: Path, *command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    dvc = (sys.executable, "-m", "dvc")
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    (one / "raw.parquet").write_bytes(b"rows" * 1000)
    (one / "models").mkdir()
    (one / "models" / "a").write_text("a")
    run(one, "git", "init", "-q")
    run(one, *dvc, "init", "-q")
    run(one, *dvc, "remote", "add", "-d", "store", "s3://bank/dvc")
    run(one, *dvc, "remote", "modify", "store", "endpointurl", s3_server)
    run(one, *dvc, "add", "-q", "raw.parquet", "models")
    run(one, *dvc, "push", "-q")
    run(one, "git", "add", "-A")
    run(one, "git", "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "data")
    assert s3.list_objects_v2(Bucket="bank", Prefix="dvc/")["KeyCount"] == 3
    run(tmp_path, "git", "clone", "-q", str(one), str(other))
    assert not (other / "raw.parquet").exists()
    run(other, *dvc, "pull", "-q")
    assert (other / "raw.parquet").read_bytes() == b"rows" * 1000
    assert (other / "models" / "a").read_text() == "a"
