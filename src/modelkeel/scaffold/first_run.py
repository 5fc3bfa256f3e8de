"""The first run of a generated repository: environment, pipeline, promotion, one prediction."""

from __future__ import annotations

import http.client
import json
import shlex
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from modelkeel.scaffold.commands import Command, ending_on_sigterm, find_uv, run, show, started
from modelkeel.scaffold.report import Live, Reporter

READY_SECONDS = 90.0
_STEPS = (
    ("environment", "Installing the environment", ("sync",)),
    ("pipeline", "Running the pipeline", ("run", "dvc", "repro")),
    (
        "promote",
        "Passing the gates and promoting",
        ("run", "keel", "model", "promote", "--trial"),
    ),
)


def first_run(root: Path, package: str, report: Reporter) -> dict[str, Any]:
    """Take a fresh repository to its first prediction.

    Args:
        root: the repository.
        package: its Python package.
        report: told of each step.

    Returns:
        The prediction: url, request, answer and id.

    Raises:
        KeelError: a step failed; the repository stays as that step left it.
    """
    uv = find_uv()
    with ending_on_sigterm():
        for at, (name, title, arguments) in enumerate(_STEPS):
            command = (uv, *arguments)
            with report.step(name, title, show(command)) as live:
                run(command, root, live.line, _resume(root, [step[2] for step in _STEPS[at:]]))
        return _serve_once(uv, root, package, report)


def _serve_once(uv: str, root: Path, package: str, report: Reporter) -> dict[str, Any]:
    port = free_port()
    serve = ("run", "uvicorn", f"{package}.serve:app")
    command = (uv, *serve, "--host", "127.0.0.1", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    resume = _resume(root, [serve])
    relay = Relay()
    with started(command, root, relay.line) as server:
        with report.step("serve", "Starting the server", show(command)) as live:
            relay.to(live)
            wait_until_ready(server, url, resume, READY_SECONDS)
        with report.step("predict", "Asking for a prediction", f"POST {url}/predict") as live:
            relay.to(live)
            prediction = predict_once(server, url, resume)
        relay.to(None)
        with report.step("stop", "Stopping the server"):
            server.stop()
    return prediction


class Relay:
    """Hands a server's lines to whichever step is shown."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def to(self, live: Live | None) -> None:
        """Show lines there from now on."""
        self._live = live

    def line(self, text: str) -> None:
        """Show one line."""
        live = self._live
        if live is not None:
            live.line(text)


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(server: Command, url: str, remedy: str, seconds: float) -> None:
    """Return once `/ready` answers 200.

    Raises:
        KeelError: the server ended, or was not ready in time.
    """
    deadline = time.monotonic() + seconds
    pause, said = 0.05, "no answer"
    while time.monotonic() < deadline:
        code = server.process.poll()
        if code is not None:
            server.wait()
            raise server.failure(f"ended with exit code {code} instead of serving", remedy)
        try:
            status, body = ask(f"{url}/ready", timeout=5)
        except OSError as error:
            said = str(getattr(error, "reason", error))
        else:
            if status == 200:
                return
            said = f"status {status}, {body[:500].decode('utf-8', 'replace')}"
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    raise server.failure(f"was not ready after {seconds:.0f} s (/ready: {said})", remedy)


def predict_once(server: Command, url: str, remedy: str) -> dict[str, Any]:
    """Send the example of the API's own description to `/predict`.

    Raises:
        KeelError: there is no example, or the answer is no prediction.
    """

    def get(path: str, body: Any = None) -> Any:
        try:
            status, raw = ask(f"{url}{path}", body=body)
            answer = json.loads(raw)
        except (OSError, ValueError) as error:
            raise server.failure(f"gave no answer at {path} ({error})", remedy) from None
        if status != 200:
            told = json.dumps(answer, ensure_ascii=False)
            raise server.failure(f"answered {path} with status {status}: {told}", remedy)
        return answer

    request = example_request(get("/openapi.json"))
    if request is None:
        raise server.failure("describes no example for /predict in /openapi.json", remedy)
    answer = get("/predict", request)
    identity = answer.get("prediction_id") if isinstance(answer, dict) else None
    if not identity:
        told = json.dumps(answer, ensure_ascii=False)[:500]
        raise server.failure(f"answered /predict without a prediction id: {told}", remedy)
    return {"url": f"{url}/predict", "request": request, "answer": answer, "id": identity}


def example_request(openapi: dict[str, Any]) -> Any:
    """The example of a request to /predict in an OpenAPI document, one row; None without one."""

    def resolve(node: Any) -> Any:
        for _ in range(20):  # a reference may lead to another
            if not isinstance(node, dict) or "$ref" not in node:
                break
            target: Any = openapi
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target.get(part, {}) if isinstance(target, dict) else {}
            node = target
        return node

    def of_schema(schema: Any) -> Any:
        schema = resolve(schema)
        if not isinstance(schema, dict):
            return None
        if "example" in schema:
            return schema["example"]
        if schema.get("examples"):
            return schema["examples"][0]
        for option in schema.get("oneOf") or schema.get("anyOf") or []:
            found = of_schema(option)
            if found is not None:
                return found
        members = {key: of_schema(value) for key, value in schema.get("properties", {}).items()}
        return {key: value for key, value in members.items() if value is not None} or None

    operation = openapi.get("paths", {}).get("/predict", {}).get("post", {})
    content = resolve(operation.get("requestBody", {})).get("content", {})
    media = content.get("application/json", {})
    examples: list[Any] = [media["example"]] if "example" in media else []
    examples += [resolve(named).get("value") for named in media.get("examples", {}).values()]
    examples.append(of_schema(media.get("schema", {})))
    known = [example for example in examples if isinstance(example, dict)]
    return next((example for example in known if "rows" not in example), next(iter(known), None))


def ask(url: str, *, body: Any = None, timeout: float = 30) -> tuple[int, bytes]:
    """Status and body of a request to this machine, past any proxy.

    Raises:
        OSError: nothing answers.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as response:
            return int(response.status), response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error


def _resume(root: Path, steps: list[tuple[str, ...]]) -> str:
    commands = [show(("uv", *step)) for step in steps]
    return "mend that, then: " + " && ".join([f"cd {shlex.quote(str(root))}", *commands])
