"""A server of predictions follows the alias of a real MLflow server, by REST alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from promoting import release, train

from modelkeel.errors import KeelError, Refused
from modelkeel.governance.listing import list_models
from modelkeel.governance.rollback import rollback
from modelkeel.governance.standing import verify_champion
from modelkeel.model.keys import make_key, public_key_path
from modelkeel.model.training_log import connect
from modelkeel.project import Project
from modelkeel.serving.admission import Mode
from modelkeel.serving.follow import Follower
from modelkeel.serving.last_good import LastGood
from modelkeel.serving.loader import Loader
from modelkeel.serving.remote import Registry
from modelkeel.serving.state import State

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WITHOUT_MLFLOW = """
import sys
from pathlib import Path
from modelkeel.serving.remote import Registry
registry = Registry(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
choice = registry.look()
folder = registry.fetch(choice.champion)
heavy = {"mlflow", "filelock", "pandas", "polars", "sklearn", "yaml"} & set(sys.modules)
print(folder.name, choice.champion.version, sorted(heavy))
"""


@dataclass
class Server:
    """`mlflow server`."""

    url: str
    artifacts: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy2(empty_store, folder / "server.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'server.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    env = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    made = Server(f"http://127.0.0.1:{port}", folder / "artifacts", process)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(1800):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                opener.open(f"{made.url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield made
    finally:
        made.kill()


@pytest.fixture
def followed(ready: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of a name of its own at the server."""
    from dataclasses import replace

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    name = f"credit-{time.time_ns()}"
    file = ready.root / "pyproject.toml"
    file.write_text(file.read_text().replace(f'name = "{ready.name}"', f'name = "{name}"'))
    return replace(ready, name=name)


def follower_of(
    project: Project, server: Server, cache: Path, mode: Mode | None = None
) -> Follower:
    registry = Registry(server.url, project.name, cache, timeout=30)
    return Follower(
        State(None),
        registry.look,
        Loader(project, 100, mode or Mode(), (cache,), registry.fetch),
        last_good=LastGood(cache),
    )


def serving(follower: Follower) -> str | None:
    return follower.state.loaded().bundle.version


def test_the_alias_is_followed_and_nothing_bad_takes_over(
    followed: Project, server: Server, tmp_path: Path
) -> None:
    project, cache = followed, tmp_path / "cache"
    follower = follower_of(project, server, cache)
    follower.begin()
    assert follower.state.current is None, "nothing is registered yet"
    first = train(project, 0.001)
    release(project, trial=True)
    follower.check()
    assert (follower.state.problem, serving(follower)) == (None, "1")
    assert follower.state.loaded().trial
    assert follower.state.loaded().summary is not None

    second = train(project, 0.002)
    release(project, trial=True)
    follower.check()
    assert follower.state.loaded().bundle.digest == second.digest

    client = connect(project).MlflowClient()
    client.set_registered_model_alias(project.name, "champion", "1")
    follower.check()
    assert follower.state.loaded().bundle.digest == first.digest

    third = train(project, 0.003)
    release(project, trial=True)
    stored = [p for p in server.artifacts.rglob("model.onnx") if p.parent.name == "bundle"]
    onnx = next(p for p in stored if p.read_bytes() == (third.path / "model.onnx").read_bytes())
    whole = onnx.read_bytes()
    onnx.write_bytes(whole[:-1] + b"?")
    follower.check()
    assert follower.state.loaded().bundle.digest == first.digest
    assert "model.onnx was changed" in str(follower.state.problem)
    onnx.write_bytes(whole)
    other = follower_of(project, server, cache)
    other.begin()
    assert other.state.loaded().bundle.digest == third.digest

    client.delete_model_version_tag(project.name, "2", "bundle.sha256")
    client.set_registered_model_alias(project.name, "champion", "2")
    other.check()
    assert "has no tag bundle.sha256" in str(other.state.problem)
    assert other.state.loaded().bundle.digest == third.digest


def test_a_bundle_comes_without_mlflow(followed: Project, server: Server, tmp_path: Path) -> None:
    bundle = train(followed, 0.001)
    release(followed, trial=True)
    command = [sys.executable, "-c", WITHOUT_MLFLOW, server.url, followed.name, str(tmp_path / "c")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [bundle.digest[:12], "1", "[]"]


def test_a_champion_that_the_server_does_not_have_is_told(
    followed: Project, server: Server, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = followed
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    first = train(project, 0.001)
    release(project, key)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    train(project, 0.002)
    release(project, key)
    assert list_models(project).problems == ()
    said = (
        f"alias champion points to version 1, and the champion {first.digest[:12]} is not in this "
        "registry"
    )
    (note,) = rollback(project, "it declines everybody").notes
    assert said in note
    for problems in (list_models(project).problems, verify_champion(project).problems):
        (problem,) = problems
        assert said in problem
        assert "promote it with this registry" in problem
    with pytest.raises(KeelError, match=said) as refused:
        verify_champion(project, heal=True)
    assert "promote it with this registry" in refused.value.remedy
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert verify_champion(project, heal=True).problems == ()


def test_production_gets_summary_and_signature_from_the_registry(
    followed: Project, server: Server, tmp_path: Path
) -> None:
    private, public = tmp_path / "model.key", public_key_path(followed)
    make_key(private, public)
    train(followed, 0.001)
    release(followed, private)
    mode = Mode(production=True, public=public)
    follower = follower_of(followed, server, tmp_path / "cache", mode)
    follower.begin()
    loaded = follower.state.loaded()
    assert (loaded.bundle.version, loaded.trial) == ("1", False)
    train(followed, 0.002)
    release(followed, private)
    for path in server.artifacts.rglob("*.sig"):
        path.write_bytes(b"{}")
    follower.check()
    assert serving(follower) == "1"
    assert ".sig" in str(follower.state.problem)


def test_a_start_with_the_registry_away(followed: Project, server: Server, tmp_path: Path) -> None:
    train(followed, 0.001)
    release(followed, trial=True)
    cache = tmp_path / "cache"
    running = follower_of(followed, server, cache)
    running.begin()
    server.kill()
    running.check()
    assert (serving(running), "does not answer" in str(running.state.problem)) == ("1", True)
    again = follower_of(followed, server, cache)
    again.begin()
    assert serving(again) == "1"
    assert "the last known good model serves" in str(again.state.problem)
    with pytest.raises(KeelError, match="does not answer"):
        follower_of(followed, server, tmp_path / "empty").begin()


@pytest.mark.parametrize("uri", ["s3://models/1", "/srv/artifacts/1", "file:///srv/1"])
def test_artifacts_that_the_server_does_not_serve(uri: str) -> None:
    from modelkeel.serving.remote import _proxied

    with pytest.raises(Refused, match="expected that MLflow serves them") as caught:
        _proxied(uri)
    assert "--artifacts-destination" in caught.value.remedy
