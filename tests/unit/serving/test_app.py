from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.testclient import TestClient
from openapi_spec_validator import validate
from pydantic import BaseModel, field_validator
from starlette.requests import Request

from modelkeel.errors import Refused
from modelkeel.model.bundle import Bundle
from modelkeel.project import Project
from modelkeel.serving import create_app
from modelkeel.serving.state import StartRefused

from .credit_records import CHARTER, SYSTEM


class Note(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 5:
            raise ValueError(f"too long: {value}")
        return value


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "governance").mkdir(exist_ok=True)
    (tmp_path / "charter.toml").write_text(CHARTER)
    (tmp_path / "governance/system.toml").write_text(SYSTEM)
    return Project(tmp_path, "credit-risk", "credit_risk", "classification")


@pytest.fixture
def extended(models: Path) -> Iterator[TestClient]:
    router = APIRouter()
    app_state: list[str] = []

    @router.get("/broken")
    async def broken() -> None:
        raise ValueError("secret 4711")

    @router.get("/gone")
    async def gone() -> None:
        raise HTTPException(410, "Moved to the archive.")

    @router.post("/notes/{number}")
    async def notes(number: int, note: Note) -> str:
        return f"{number}{note.text}{app_state}"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app_state.append("started")
        yield
        app_state.clear()

    @router.post("/whole")
    async def whole(request: Request) -> int:
        return len(await request.body())

    @router.post("/parts")
    async def parts(request: Request) -> int:
        return sum([len(part) async for part in request.stream()])

    app = create_app(
        models,
        title="Ours",
        description="Hello",
        routers=[router],
        lifespan=lifespan,
        max_bytes=10_000,
    )
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/whole", "/parts", "/notes/1"])
@pytest.mark.parametrize("declared", [True, False])
def test_own_routes_have_the_bound_of_bytes_too(
    extended: TestClient, path: str, declared: bool
) -> None:
    taken = 0

    def parts(count: int) -> Iterator[bytes]:
        nonlocal taken
        for _ in range(count):
            taken += 1
            yield b"x" * 1000

    for count in (10, 11):
        headers = {"content-type": "application/json"}
        if declared:
            headers["content-length"] = f"{count}000"
        answer = extended.post(path, content=parts(count), headers=headers)
        assert (answer.status_code == 413) == (count > 10), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.json()["type"] == "urn:modelkeel:problem:body-too-large"
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


@pytest.mark.anyio
async def test_an_own_route_reads_no_further_than_the_bound(models: Path) -> None:
    router = APIRouter()

    @router.post("/stubborn")
    async def stubborn(request: Request) -> int:
        for _ in range(3):
            with contextlib.suppress(Exception):
                await request.body()
        return 1

    app = create_app(models, routers=[router], max_bytes=1000)
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 600
        return {"type": "http.request", "body": b" " * 600, "more_body": sent < 60_000}

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/stubborn",
        "raw_path": b"/stubborn",
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    assert sent == 1200


def test_live_and_ready(models: Path, credit: Bundle) -> None:
    client = TestClient(create_app(models))
    assert client.get("/live").json() == {"status": "live"}
    assert client.get("/ready").json() == {
        "status": "ready",
        "model": {"name": "credit-risk", "version": "3", "digest": credit.digest},
        "trial": False,
        "journal": "off",
    }


def test_a_project_serves_its_champion_and_tells_about_it(
    project: Project, models: Path, credit: Bundle
) -> None:
    app = create_app(project)
    info = TestClient(app).get("/model").json()
    assert app.title == "credit-risk"
    assert app.description == "Approve or decline a credit application."
    assert info["version"] == "3"
    assert info["digest"] == credit.digest
    assert info["run_id"] == "run-1"
    assert info["task"] == "classification"
    assert info["classes"] == ["0", "1"]
    assert info["decision"] == {"kind": "payoff", "actions": ["approve", "decline"]}
    assert info["owner"] == "owner@example.com"
    assert info["tier"] == "high"
    assert info["trained_from"]["code_commit"] == "c0ffee"
    assert info["trained_from"]["data"] == {"data/train.parquet": "ab12"}
    age = info["features"][0]
    assert (age["name"], age["kind"], age["minimum"], age["unit"]) == (
        "age",
        "integer",
        18,
        "years",
    )
    assert info["features"][2]["categories"] == ["own", "rent", "free"]


def test_without_a_champion_it_lives_and_says_what_to_do(project: Project) -> None:
    client = TestClient(create_app(project))
    assert client.get("/live").status_code == 200
    for response in (
        client.get("/ready"),
        client.get("/model"),
        client.post("/predict", json={}),
    ):
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert "keel model promote" in response.json()["detail"]
    document = client.get("/openapi.json").json()
    validate(document)
    assert "200" not in document["paths"]["/predict"]["post"]["responses"]


def test_a_mounted_bundle_is_served(demand: Bundle) -> None:
    info = TestClient(create_app(str(demand.path), expected_digest=demand.digest)).get("/model")
    assert info.json()["owner"] is None
    assert info.json()["decision"] == {"kind": "value", "actions": []}


def test_a_changed_champion_is_refused(models: Path) -> None:
    bundle = next((models / "champion").iterdir())
    with (bundle / "profile.json").open("a") as file:
        file.write(" ")
    with pytest.raises(Refused, match=r"profile\.json was changed: SHA-256 found") as caught:
        create_app(models)
    assert isinstance(caught.value, SystemExit)


def test_another_bundle_than_the_approved_is_refused(models: Path, demand: Bundle) -> None:
    with pytest.raises(StartRefused, match="expected " + "0" * 64):
        create_app(demand.path, expected_digest="0" * 64)
    with pytest.raises(StartRefused, match="not the bundle that was approved"):
        create_app(models, expected_digest="0" * 64)
    bundle = next((models / "champion").iterdir())
    shutil.rmtree(bundle)
    shutil.copytree(demand.path, bundle)
    with pytest.raises(StartRefused, match="not the bundle that was approved"):
        create_app(models)


def test_a_folder_without_a_bundle_or_a_broken_record_is_refused(
    tmp_path: Path, project: Project, models: Path
) -> None:
    with pytest.raises(StartRefused, match="holds no bundle"):
        create_app(tmp_path / "nowhere")
    wrong = Project(tmp_path, "credit-risk", "credit_risk", "regression")
    with pytest.raises(StartRefused, match="is for classification, the project for regression"):
        create_app(wrong)
    (tmp_path / "charter.toml").write_text(CHARTER.replace("owner@example.com", "nobody"))
    with pytest.raises(StartRefused, match=r"charter\.toml"):
        create_app(Project(tmp_path, "credit-risk", "credit_risk", "classification"))


def test_uvicorn_ends_with_one_line(models: Path, tmp_path: Path) -> None:
    bundle = next((models / "champion").iterdir())
    (bundle / "golden.json").write_text("{}")
    (tmp_path / "service.py").write_text(
        "from modelkeel.serving import create_app\napp = create_app('models')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "service:app", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("error: models/champion/")
    assert "golden.json was changed" in line
    assert "remedy: " in line


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/predict", 405), ("DELETE", "/model", 405)],
)
def test_other_errors_are_problems_too(
    extended: TestClient, method: str, path: str, status: int
) -> None:
    response = extended.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    value = response.json()
    assert value["status"] == status
    assert value["instance"].removeprefix("urn:uuid:") == response.headers["x-request-id"]
    if status == 405:
        assert response.headers["allow"] in value["detail"]


def test_own_routes_get_problems_without_values(
    extended: TestClient, log_lines: Callable[[], list[str]]
) -> None:
    broken = extended.get("/broken")
    assert broken.status_code == 500
    assert broken.headers["content-type"] == "application/problem+json"
    assert broken.json()["type"] == "urn:modelkeel:problem:internal-error"
    assert "4711" not in broken.text
    gone = extended.get("/gone")
    assert (gone.status_code, gone.json()["detail"]) == (410, "Moved to the archive.")
    wrong = extended.post("/notes/4711x", json={"text": "4711 4711"})
    assert wrong.status_code == 422
    assert "4711" not in wrong.text
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["#", "#/text"]
    no_json = extended.post("/notes/1", content='{"text":')
    assert [error["pointer"] for error in no_json.json()["errors"]] == ["#"]
    assert extended.post("/notes/1", json={"text": "a"}).json() == "1a['started']"
    assert extended.head("/nothing").content == b""
    lines = [json.loads(line) for line in log_lines()]
    assert "4711" not in json.dumps(lines)
    assert lines[0]["fault"] == "ValueError"
    assert "test_app.py" in lines[0]["frames"][-1]
    assert [line["route"] for line in lines[:3]] == ["/broken", "/gone", "/notes/{number}"]


def test_a_caller_that_goes_before_its_body_is_there(
    extended: TestClient, log_lines: Callable[[], list[str]]
) -> None:
    path = "/predict"
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "root_path": "",
        "scheme": "http", "query_string": b"", "http_version": "1.1", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2), "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(extended.app(scope, receive, send))  # type: ignore[arg-type]
    (line,) = (json.loads(line) for line in log_lines())
    assert (line["route"], line["status"], line["gone"]) == (path, 0, True)
    assert sent == []


def test_the_route_of_the_description_is_told(
    extended: TestClient, log_lines: Callable[[], list[str]]
) -> None:
    extended.get("/openapi.json")
    assert [json.loads(line)["route"] for line in log_lines()] == ["/openapi.json"]


def test_openapi_is_valid_and_written_from_the_signature(extended: TestClient) -> None:
    document = extended.get("/openapi.json").json()
    validate(document)
    operation = document["paths"]["/predict"]["post"]
    assert set(operation["responses"]) == {
        *("200", "401", "403", "408", "413", "415", "422", "429", "503", "default"),
    }
    row = document["components"]["schemas"]["Row"]
    assert row["required"] == ["age", "credit amount", "housing"]
    assert row["additionalProperties"] is False
    properties = row["properties"]
    assert properties["age"] == {
        "type": "integer",
        "format": "int64",
        "minimum": 18,
        "maximum": 100,
        "description": "Unit: years.",
        "x-unit": "years",
        "examples": [35],
    }
    assert properties["housing"]["enum"] == ["own", "rent", "free"]
    assert properties["savings"]["enum"] == ["little", "rich", None]
    assert properties["income"]["type"] == ["number", "null"]
    assert properties["income"]["description"].startswith("A month, before tax.")
    notes = document["paths"]["/notes/{number}"]["post"]["responses"]["422"]
    assert notes["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
    assert "HTTPValidationError" not in json.dumps(document)


def test_the_examples_of_the_document_are_true(models: Path, demand: Bundle) -> None:
    for source in (models, demand.path):
        client = TestClient(create_app(source))
        document = client.get("/openapi.json").json()
        validate(document)
        operation = document["paths"]["/predict"]["post"]
        answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
        for name, example in operation["requestBody"]["content"]["application/json"][
            "examples"
        ].items():
            answer = client.post("/predict", json=example["value"])
            assert answer.status_code == 200, answer.text
            assert _shape(answer.json()) == _shape(answers[name]["value"])


def test_the_documentation_needs_nothing_from_outside(models: Path) -> None:
    client = TestClient(create_app(models))
    page = client.get("/docs")
    assert page.status_code == 200
    found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(found) == 3
    for address in found:
        assert address.startswith("/docs/assets/")
        assert client.get(address).status_code == 200
    assert "http" not in page.text
    assert '"validatorUrl": null' in page.text


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return type(value)
