"""The servers beside each other: how each is installed, started, asked and understood."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from serving_load import Server
from serving_models import ROWS, Subject

from modelkeel.serving.keys import create_key

HERE = Path(__file__).resolve().parent
WITHOUT = (
    "auth",
    "validation",
    "journal",
    "encryption",
    "reasons",
    "metrics",
    "rate limit",
    "request log",
)
"""The guards of our server that are left out one at a time."""
PEERS = {
    "bentoml": ["bentoml", "pandas"],
    # Its workers ask for a loop before there is one, which newer versions of uvloop refuse.
    "mlserver": ["mlserver", "mlserver-sklearn", "pandas", "uvloop<0.22"],
    "litserve": ["litserve", "pandas"],
    "mlflow": ["mlflow"],
}
"""Environment of a peer, and the packages it needs beside scikit-learn."""
LONE = ("limit", "ours", "fastapi")
"""Servers that run in the environment of this benchmark."""
NAMES = (
    *LONE,
    "bentoml",
    "bentoml, batched",
    "mlserver",
    "litserve",
    "litserve, batched",
    "mlflow",
)
"""All servers with everything on, in the order they are measured."""

ONE_MANY = ("/predict", "/many")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """What a server is started for."""

    subject: Subject
    workers: int
    scratch: Path
    pythons: Mapping[str, Path]

    def server(
        self,
        name: str,
        command: Sequence[str | Path],
        path: str | tuple[str, str],
        wrap: Callable[[list[Row]], Any],
        *,
        port: int,
        headers: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Server:
        """A server for this case.

        Args:
            name: its name in the tables.
            command: what starts it.
            path: of the route that predicts, or of the ones for one row and for many.
            wrap: makes of rows what is sent.
            port: where it listens.
            headers: of each request, beside the content type.
            env: variables, beside those that all servers get.
        """
        rows = self.subject.rows
        paths = (path, path) if isinstance(path, str) else path

        def body(part: list[Row]) -> bytes:
            return json.dumps(wrap(part), separators=(",", ":")).encode()

        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        shared = {"BENCH_SUBJECT": str(self.subject.folder), "BENCH_WORKERS": str(self.workers)}
        return Server(
            name=name,
            command=command,
            env={**threads, **shared, **(env or {})},
            port=port,
            paths=dict(zip((1, ROWS), paths, strict=True)),
            headers={"Content-Type": "application/json", **(headers or {})},
            bodies={1: [body([row]) for row in rows], ROWS: [body(rows)]},
        )


def start_of(name: str, case: Case) -> Server:
    """The server of a name: one of `NAMES`, or `ours without GUARD`."""
    peer, _, how = name.partition(", ")
    if name.startswith("ours"):
        return _ours(case, name.removeprefix("ours").removeprefix(" without "))
    makers = {
        "limit": _limit,
        "fastapi": _fastapi,
        "bentoml": _bentoml,
        "mlserver": _mlserver,
        "litserve": _litserve,
        "mlflow": _mlflow,
    }
    return makers[peer](case, name, "1" if how == "batched" else "0")


def scores_of(answer: bytes) -> list[list[float]]:
    """The scores in an answer of any of the servers: one list a row."""
    told = json.loads(answer)
    if isinstance(told, dict) and "outputs" in told:  # MLServer
        (output,) = told["outputs"]
        width = output["shape"][1] if len(output["shape"]) > 1 else 1
        flat = output["data"]
        return [flat[at : at + width] for at in range(0, len(flat), width)]
    if isinstance(told, dict) and "prediction_id" in told:  # ours, one row
        told = [told]
    elif isinstance(told, dict):
        told = told.get("scores", told.get("predictions"))
    return [_score(each) for each in told]


def _score(row: Any) -> list[float]:
    if isinstance(row, dict):  # ours
        probabilities = row.get("probabilities")
        return list(probabilities.values()) if probabilities else [row["prediction"]]
    return row if isinstance(row, list) else [row]


def one_or_rows(part: list[Row]) -> Any:
    """A row as it is, or many below `rows`."""
    return part[0] if len(part) == 1 else {"rows": part}


def as_rows(part: list[Row]) -> Any:
    """Always below `rows`."""
    return {"rows": part}


def _uvicorn(app: str, case: Case, port: int) -> list[str | Path]:
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", app, "--app-dir", HERE]
    command += ["--port", str(port), "--workers", str(case.workers)]
    return [*command, "--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]


def _ours(case: Case, without: str) -> Server:
    """Our server by `keel serve`; what no setting switches off, serving_ours.py takes out."""
    scratch, port = case.scratch, free_port()
    headers: dict[str, str] = {}
    env = {
        "BENCH_WITHOUT": without,
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        "MODELKEEL_RUNTIME": str(scratch / "runtime"),
        "MODELKEEL_RATE_PER_MINUTE": "100000000",  # counted as any, and never reached
        "MODELKEEL_DAILY_QUOTA": "1000000000",
        "MODELKEEL_JOURNAL": f"sqlite:///{scratch / 'journal.db'}",
        "MODELKEEL_ANCHOR": str(scratch / "anchors.jsonl"),
        "MODELKEEL_JOURNAL_KEY": base64.b64encode(b"k" * 32).decode(),
        "MODELKEEL_KEYS": str(scratch / "keys.toml"),
    }
    if without == "auth":
        del env["MODELKEEL_KEYS"]
    else:
        _, key = create_key(scratch / "keys.toml", "bench", ("predict",), None)
        headers["Authorization"] = f"Bearer {key}"
    if without == "rate limit":
        env |= {"MODELKEEL_RATE_PER_MINUTE": "0", "MODELKEEL_DAILY_QUOTA": "0"}
    if without == "journal":
        del env["MODELKEEL_JOURNAL"]
    if without == "encryption":
        del env["MODELKEEL_JOURNAL_KEY"]
    command = [sys.executable, "-m", "modelkeel.cli", "serve", "--app", "serving_ours:app"]
    command += ["--port", str(port), "--workers", str(case.workers), "--drain", "0"]
    name = f"ours without {without}" if without else "ours"
    return case.server(name, command, "/predict", one_or_rows, port=port, headers=headers, env=env)


def _limit(case: Case, name: str, _: str) -> Server:
    port = free_port()
    return case.server(
        name, _uvicorn("serving_limit:app", case, port), ONE_MANY, one_or_rows, port=port
    )


def _fastapi(case: Case, name: str, _: str) -> Server:
    port = free_port()
    return case.server(
        name, _uvicorn("serving_naive:app", case, port), ONE_MANY, one_or_rows, port=port
    )


def _bentoml(case: Case, name: str, batched: str) -> Server:
    port = free_port()
    bento = case.pythons["bentoml"].parent / "bentoml"
    command = [bento, "serve", "serving_bentoml:Model", "--working-dir", HERE]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    env = {
        **_first_on_path(case.pythons["bentoml"]),
        "BENCH_BATCHED": batched,
        "BENTOML_HOME": str(case.scratch / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "1",
    }
    return case.server(name, command, "/predict", as_rows, port=port, env=env)


def _litserve(case: Case, name: str, batched: str) -> Server:
    port = free_port()
    command = [case.pythons["litserve"], HERE / "serving_litserve.py"]
    env = {"BENCH_BATCHED": batched, "BENCH_PORT": str(port), "LIT_DISABLE_ANALYTICS": "1"}
    return case.server(name, command, "/predict", as_rows, port=port, env=env)


def _mlserver(case: Case, name: str, _: str) -> Server:
    """Its runtime for scikit-learn; one worker means in the server's own process."""
    folder = case.scratch / "mlserver"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    port = free_port()
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0 if case.workers == 1 else case.workers,
        "debug": False,
    }
    model = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(case.subject.folder / "model.joblib"), "content_type": "pd"},
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    texts = case.subject.texts
    output = "predict_proba" if case.subject.classes else "predict"

    def wrap(part: list[Row]) -> Any:
        inputs = []
        for each in part[0]:
            column = {"name": each, "shape": [len(part)], "data": [row[each] for row in part]}
            kind = {"datatype": "FP64"}
            if each in texts:
                kind = {"datatype": "BYTES", "parameters": {"content_type": "str"}}  # type: ignore[dict-item]
            inputs.append({**column, **kind})
        return {"inputs": inputs, "outputs": [{"name": output}]}

    command = [case.pythons["mlserver"].parent / "mlserver", "start", folder]
    env = _first_on_path(case.pythons["mlserver"])
    return case.server(name, command, "/v2/models/model/infer", wrap, port=port, env=env)


def _mlflow(case: Case, name: str, _: str) -> Server:
    port = free_port()
    command = [case.pythons["mlflow"].parent / "mlflow", "models", "serve"]
    command += ["--model-uri", case.subject.folder / "mlflow", "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(case.workers)]

    def wrap(part: list[Row]) -> Any:
        data = [list(row.values()) for row in part]
        return {"dataframe_split": {"columns": list(part[0]), "data": data}}

    env = _first_on_path(case.pythons["mlflow"]) | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    return case.server(name, command, "/invocations", wrap, port=port, env=env)


def environments(work: Path, wanted: Sequence[str]) -> tuple[dict[str, Path], dict[str, str]]:
    """A Python with each peer, made by uv in the work folder; and why others are missing."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    uv = shutil.which("uv")
    for name in wanted:
        folder = work / f"venv-{name}"
        python = folder / "bin" / "python"
        if not uv:
            missing[name] = "uv was not found"
            continue
        packages = [*PEERS[name], f"scikit-learn=={version('scikit-learn')}", "joblib"]
        ready = folder / "ready"
        if not ready.is_file() or ready.read_text(encoding="utf-8") != str(packages):
            steps = (
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
                [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
            )
            for step in steps:
                done = subprocess.run(step, check=False, capture_output=True, encoding="utf-8")
                if done.returncode:
                    missing[name] = f"could not be installed: {done.stderr.strip()[-300:]}"
                    break
            else:
                ready.write_text(str(packages), encoding="utf-8")
        if name not in missing:
            found[name] = python
    return found, missing


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _first_on_path(python: Path) -> dict[str, str]:
    """PATH with an environment first: some servers start others of their own."""
    return {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": ""}
