"""A whole first run against a stand-in for uv: what each step does when it works and when not."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.scaffold import Reporter, new_project
from modelkeel.scaffold.first_run import example_request

QUESTIONS = """\
_subdirectory: template
owner_email: {type: str, default: ada@example.org}
"""
ANSWERS = "{{ _copier_answers | to_nice_yaml }}"
PYPROJECT = """\
[tool.modelkeel]
name = "tiny-model"
package = "tiny_model"
"""
# Takes the place of uv: it notes each call, writes what the real one would, and serves.
UV = """\
#!{python}
import http.server, json, os, sys
call = " ".join(sys.argv[1:])
with open("calls.txt", "a") as file:
    file.write(call + "\\n")
print("running", call, flush=True)
broken = os.environ.get("BROKEN", "none")
if call.startswith(broken):
    print("because of this")
    sys.exit(int(os.environ.get("CODE", "4")))
if call == "sync":
    open("uv.lock", "w").close()
if call.startswith("run dvc"):
    os.makedirs("reports")
    open("reports/metrics.json", "w").close()
if not call.startswith("run uvicorn"):
    sys.exit()
row = {{"rate": 1.5}}
media = {{"application/json": {{"examples": {{"one": {{"value": row}}}}}}}}
openapi = {{"paths": {{"/predict": {{"post": {{"requestBody": {{"content": media}}}}}}}}}}
class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(503 if broken == "ready" and self.path == "/ready" else 200, openapi)
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if broken == "predict":
            self.answer(500, {{"title": "no model"}})
        else:
            self.answer(200, {{"prediction_id": "01", "got": body}})
    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())
    def log_message(self, *arguments):
        pass
with open("server.pid", "w") as file:
    file.write(str(os.getpid()))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Server).serve_forever()
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tiny"
    (folder / "template").mkdir(parents=True)
    (folder / "copier.yml").write_text(QUESTIONS)
    (folder / "template" / "{{_copier_conf.answers_file}}.jinja").write_text(ANSWERS)
    (folder / "template" / "pyproject.toml").write_text(PYPROJECT)
    (folder / "template" / ".gitignore").write_text("calls.txt\nserver.pid\n")
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV.format(python=sys.executable))
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BROKEN", raising=False)
    return folder


def run(template: Path, dest: Path, *, json_output: bool = False) -> Any:
    report = Reporter(json_output=json_output)
    return new_project(dest, report=report, template=str(template), defaults=True, run=True)


def stopped(root: Path) -> bool:
    pid = int((root / "server.pid").read_text())
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_it_runs_everything_in_order_and_stops_the_server(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(template, tmp_path / "out")
    calls = (tmp_path / "out" / "calls.txt").read_text().splitlines()
    assert calls[:3] == ["sync", "run dvc repro", "run keel model promote --trial"]
    assert calls[3].startswith("run uvicorn tiny_model.serve:app --host 127.0.0.1 --port ")
    assert result.prediction["request"] == {"rate": 1.5}
    assert result.prediction["answer"] == {"prediction_id": "01", "got": {"rate": 1.5}}
    assert stopped(tmp_path / "out")
    git = ["git", "-C", str(tmp_path / "out")]
    assert subprocess.check_output([*git, "status", "--porcelain"]) == b""
    assert b"uv.lock" in subprocess.check_output([*git, "show", "--stat", "HEAD"])
    assert len(subprocess.check_output([*git, "log", "--oneline"]).splitlines()) == 2
    shown = capsys.readouterr()
    for told in ("prediction id  01", "evaluation.html", "mlflow ui", "/docs"):
        assert told in shown.out
    for told in ("Installing the environment (uv sync) ...", "done", " s  Running the pipeline"):
        assert told in shown.err


def test_json_is_one_object_on_stdout(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(template, tmp_path / "out", json_output=True)
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "ok"
    assert told["prediction"]["id"] == "01"
    assert [(step["name"], step["status"]) for step in told["steps"]] == [
        (name, "done")
        for name in (
            "render", "commit", "environment", "pipeline", "promote", "serve", "predict", "stop",
            "save",
        )
    ]  # fmt: skip
    assert told["steps"][2]["command"] == "uv sync"
    assert all(step["seconds"] >= 0 for step in told["steps"])


@pytest.mark.parametrize(
    ("broken", "told", "resume"),
    [
        ("sync", "`uv sync` ended with exit code 4", "uv sync && uv run dvc repro && uv run keel"),
        (
            "run dvc",
            "`uv run dvc repro` ended with",
            "uv run dvc repro && uv run keel model promote",
        ),
        ("run uvicorn", "ended with exit code 4 instead of serving", "uv run uvicorn tiny_model"),
        ("predict", 'answered /predict with status 500: {"title": "no model"}', "uv run uvicorn"),
    ],
)
def test_a_step_that_fails_is_told_and_the_repository_stays(
    broken: str,
    told: str,
    resume: str,
    template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BROKEN", broken)
    root = tmp_path / "out put"
    with pytest.raises(KeelError) as caught:
        run(template, root, json_output=True)
    assert told in str(caught.value)
    assert caught.value.remedy.startswith(f"mend that, then: cd '{root}' && {resume}")
    if broken != "predict":
        assert "because of this" in str(caught.value)
    else:
        assert stopped(root)
    assert (root / ".git").is_dir()
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "failed"
    assert answer["error"]["remedy"] == caught.value.remedy
    assert answer["steps"][-1]["status"] == "failed"


def test_gates_that_refuse(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "run keel")
    monkeypatch.setenv("CODE", "3")
    with pytest.raises(Refused, match="because of this"):
        run(template, tmp_path / "out")


def test_a_server_that_is_never_ready(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKEN", "ready")
    monkeypatch.setattr("modelkeel.scaffold.first_run.READY_SECONDS", 1.0)
    with pytest.raises(KeelError, match=r"was not ready after 1 s .* status 503"):
        run(template, tmp_path / "out")
    assert stopped(tmp_path / "out")


def test_sigterm_stops_the_server_too(template: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from modelkeel.scaffold import Reporter, new_project\n"
        "new_project(Path(sys.argv[1]), report=Reporter(), template=sys.argv[2], defaults=True,"
        " run=True)"
    )
    keel = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "out"), str(template)],
        env={**os.environ, "BROKEN": "ready"},
        stderr=subprocess.DEVNULL,
    )
    pid = tmp_path / "out" / "server.pid"
    for _ in range(600):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.05)
    keel.terminate()
    assert keel.wait(20) == 143
    assert stopped(tmp_path / "out")


def test_a_destination_that_is_not_empty(template: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    dest.mkdir()
    (dest / "mine.txt").write_text("mine\n")
    with pytest.raises(BadInput, match=r"is not empty: it has mine\.txt"):
        run(template, dest)
    with pytest.raises(BadInput, match="is a file"):
        run(template, dest / "mine.txt")
    assert [path.name for path in dest.iterdir()] == ["mine.txt"]


def test_an_empty_destination_is_kept(template: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    dest.mkdir()
    inode = dest.stat().st_ino
    new_project(dest, report=Reporter(), template=str(template), defaults=True)
    assert dest.stat().st_ino == inode
    assert (dest / "pyproject.toml").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "out", "tiny"]


def test_rendering_that_breaks_half_way_leaves_nothing(template: Path, tmp_path: Path) -> None:
    (template / "template" / "zz.txt.jinja").write_text("one\n{% if %}")
    with pytest.raises(KeelError, match=r"broken: template/zz\.txt\.jinja:2: "):
        run(template, tmp_path / "a" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "tiny"]


def test_a_template_that_would_run_commands_is_refused(template: Path, tmp_path: Path) -> None:
    (template / "copier.yml").write_text(QUESTIONS + "_tasks: ['touch ran']\n")
    with pytest.raises(BadInput, match="would run its own commands"):
        run(template, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"content": {"application/json": {"example": {"a": 1}}}},
        {"content": {"application/json": {"examples": {"x": {"value": {"a": 1}}}}}},
        {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Row"}}}},
        {
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"example": {"rows": [{"a": 1}]}},
                            {"$ref": "#/components/schemas/Row"},
                        ]
                    },
                    "examples": {"many": {"value": {"rows": []}}, "one": {"value": {"a": 1}}},
                }
            }
        },
    ],
)
def test_examples_are_found_in_every_form(body: dict[str, Any]) -> None:
    row = {"type": "object", "properties": {"a": {"examples": [1]}}}
    document = {
        "paths": {"/predict": {"post": {"requestBody": body}}},
        "components": {"schemas": {"Row": row}},
    }
    assert example_request(document) == {"a": 1}
    assert example_request({"paths": {}}) is None
