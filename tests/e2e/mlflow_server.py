"""A real MLflow server on loopback, with its store in PostgreSQL and its artifacts in S3."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from generated import free_port

PATIENCE = 180  # seconds until a server counts as not starting
BUCKET = "models"


@contextmanager
def postgres_store() -> Iterator[str]:
    """The URI of a new PostgreSQL database."""
    pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL for this Python")
    # Started by root, the server runs as another user, who must reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="keel-mlflow-"))
    folder.chmod(0o711)
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        # pg8000 names the socket itself where libpq's URLs name its folder.
        socket = re.sub(r"^.*\bhost=([^&]+).*$", r"\1/.s.PGSQL.5432", server.get_uri())
        yield f"postgresql+pg8000://postgres:@/postgres?unix_sock={socket}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def s3_store() -> Iterator[dict[str, str]]:
    """An S3 endpoint with the bucket, as the variables that name it."""
    import boto3

    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    secrets = {
        "AWS_ACCESS_KEY_ID": "keel-test",
        "AWS_SECRET_ACCESS_KEY": "keel-test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    endpoint = f"http://{host}:{port}"
    try:
        boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="keel-test",
            aws_secret_access_key="keel-test",
            region_name="us-east-1",
        ).create_bucket(Bucket=BUCKET)
        yield {**secrets, "AWS_ENDPOINT_URL": endpoint, "MLFLOW_S3_ENDPOINT_URL": endpoint}
    finally:
        server.stop()


@contextmanager
def mlflow_server(store: str, artifacts: str, env: dict[str, str], log: Path) -> Iterator[str]:
    """The address of a server, which is stopped in the end."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", store, "--artifacts-destination", artifacts),
    ]
    outer = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, env=outer | env, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                    process.wait(15)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"MLflow did not start\n{log.read_text(encoding='utf-8')[-3000:]}")
