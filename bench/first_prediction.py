"""From command to answered prediction: what each step takes, and how much of it is imports.

A copy of this checkout in a scratch folder stands for a fresh clone, with an empty HOME. In it runs
`uv run keel new ../credit-risk --defaults --run`, first with an empty cache of uv (cold; left out
by --quick), then with a full one (warm). In the repository that came out of it each stage is timed
and its imports counted, and the commands that a developer repeats are timed.

Times never make it fail; a stage that imports what it must not does, with exit code 1.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "ingest": "sources",
    "validate": "validate",
    "prepare": "features",
    "train": "train",
    "evaluate": "evaluate",
    "bundle": "bundle",
}
MAY_TRAIN = {"train", "promote"}
TRAINING_STACK = {"mlflow", "onnx", "pandas", "scipy", "skl2onnx", "sklearn"}
AIMS = {"warm_seconds": 90.0, "noop_repro_seconds": 3.0, "help_seconds": 0.3}
REPEATS = 5
_OUTER = ("COPIER_", "GIT_", "MLFLOW_", "NOX", "PYTHON", "VIRTUAL_ENV", "XDG_")
_PROJECT = ("UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_FROZEN", "UV_LOCKED", "UV_NO_SYNC")
_LEFT_OUT = (".venv", ".nox", ".cache", "__pycache__", "uv.lock", "*_cache", "mlruns", "site")
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")

Environment = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the cold run")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-prediction-") as scratch:
        found = measure(Path(scratch), quick=options.quick)
    print(json.dumps(found, indent=2)) if options.json else show(found)
    if found["imports"]["forbidden"]:
        sys.exit("error: a stage that does not train imports the training stack, see `forbidden`")


def measure(scratch: Path, *, quick: bool) -> dict[str, Any]:
    """All that is measured, in seconds."""
    clone, env = scratch / "modelkeel", environment(scratch / "home")
    ignored = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(ROOT, clone, ignore=ignored, symlinks=True)
    steps: dict[str, dict[str, float]] = {}
    if quick:
        prime(clone, scratch / "primed", env)
    else:
        env["UV_CACHE_DIR"] = str(scratch / "cache")
        steps["cold"] = first_prediction(clone, scratch / "cold", env)
        shutil.rmtree(clone / ".venv")
        (clone / "uv.lock").unlink()
    steps["warm"] = first_prediction(clone, scratch / "warm", env)
    repo = scratch / "warm"
    noop = median(["uv", "run", "dvc", "repro"], repo, env)
    keel = str(scripts(repo) / "keel")
    shown = median([keel, "--help"], repo, env)
    again, by_stage = stage_times(repo, env)
    steps["again"] = {**by_stage, "total": again}
    imports = imports_of_all(repo, env)
    measured = {
        "warm_seconds": steps["warm"]["total"],
        "noop_repro_seconds": noop,
        "help_seconds": shown,
    }
    ratios = {
        "noop_repro_vs_full": noop / again,
        "imports_share": imports["seconds"] / imports["wall"],
        "pipeline_share": steps["warm"]["pipeline"] / steps["warm"]["total"],
    }
    if "cold" in steps:
        ratios["warm_vs_cold"] = steps["warm"]["total"] / steps["cold"]["total"]
    return {
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version[:6]},
        "steps": rounded(steps),
        "imports": rounded(imports),
        "ratios": rounded(ratios),
        "aims": {
            name: {"aim": aim, "measured": round(measured[name], 2), "met": measured[name] < aim}
            for name, aim in AIMS.items()
        },
    }


def environment(home: Path) -> Environment:
    """That of a person who has uv and git, and nothing at home but uv's cache."""
    uv = find_uv()
    cache = run([uv, "cache", "dir"], ROOT, dict(os.environ)).stdout.strip()
    home.mkdir()
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_OUTER) and key not in _PROJECT
    }
    outer = str(Path(sys.executable).parent)
    folders = [f for f in env["PATH"].split(os.pathsep) if f != outer]
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    return {
        **env,
        "HOME": str(home),
        "PATH": os.pathsep.join([str(Path(uv).parent), *folders]),
        "PYTHONUNBUFFERED": "1",  # a stage's first line is seen when it is written
        "UV_CACHE_DIR": cache,
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": str(python),
    }


def find_uv() -> str:
    """Path of uv: the one on PATH, or that of its package."""
    if on_path := shutil.which("uv"):
        return on_path
    try:
        return str(importlib.import_module("uv").find_uv_bin())
    except ImportError:
        sys.exit("error: uv was not found\nremedy: pip install uv")


def run(
    command: list[str], cwd: Path, env: Environment, *, quiet: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is shown when it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=env, check=False, capture_output=True, encoding="utf-8"
    )
    if done.returncode and quiet:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def prime(clone: Path, folder: Path, env: Environment) -> None:
    """Fill the cache of uv with all that a first run installs."""
    run(["uv", "run", "keel", "new", str(folder), "--defaults"], clone, env)
    run(["uv", "sync"], folder, env)
    shutil.rmtree(folder)
    shutil.rmtree(clone / ".venv")
    (clone / "uv.lock").unlink()


def first_prediction(clone: Path, dest: Path, env: Environment) -> dict[str, float]:
    """Seconds of each step of `keel new --run`, `command` being the installation of keel."""
    begun = time.perf_counter()
    command = ["uv", "run", "keel", "new", str(dest), "--defaults", "--run", "--json"]
    told = json.loads(run(command, clone, env).stdout)
    total = time.perf_counter() - begun
    if not told["prediction"]["id"]:
        sys.exit("no prediction was answered")
    steps = {step["name"]: float(step["seconds"]) for step in told["steps"]}
    return {"command": total - sum(steps.values()), **steps, "total": total}


def stage_times(repo: Path, env: Environment) -> tuple[float, dict[str, float]]:
    """Seconds of a forced `dvc repro`, and of each stage in it."""
    begun = time.perf_counter()
    marks: list[tuple[str, float]] = [("dvc starts", begun)]
    with subprocess.Popen(
        ["uv", "run", "dvc", "repro", "--force"],
        cwd=repo,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        marks += [
            (found[1], time.perf_counter())
            for line in process.stdout
            if (found := re.search(r"Running stage '(\w+)'", line))
        ]
    if process.returncode:
        sys.exit("a forced `dvc repro` failed")
    end = time.perf_counter()
    ends = [at for _, at in marks[1:]] + [end]
    return end - begun, {name: stop - at for (name, at), stop in zip(marks, ends, strict=True)}


def imports_of_all(repo: Path, env: Environment) -> dict[str, Any]:
    """Seconds that each stage, and the promotion, spends in imports, and what it may not import."""
    commands = {name: ["-m", f"credit_risk.{module}"] for name, module in MODULES.items()}
    commands["promote"] = ["-m", "modelkeel.cli", "model", "promote"]
    stages: dict[str, dict[str, float]] = {}
    forbidden: dict[str, list[str]] = {}
    slowest: dict[str, dict[str, float]] = {}
    for name, arguments in commands.items():
        if name == "promote":  # the gates ask DVC, which has to know what was run past it
            run([str(scripts(repo) / "dvc"), "commit", "--force", "--quiet"], repo, env)
        begun = time.perf_counter()
        done = run([str(scripts(repo) / "python"), "-X", "importtime", *arguments], repo, env)
        wall = time.perf_counter() - begun
        found = _IMPORT.findall(done.stderr)
        own = {"imports": sum(int(each) for each, _ in found) / 1e6, "wall": wall}
        stages[name] = {**own, "share": own["imports"] / wall}
        slowest[name] = by_package(found)
        packages = {module.partition(".")[0] for _, module in found}
        if name not in MAY_TRAIN and packages & TRAINING_STACK:
            forbidden[name] = sorted(packages & TRAINING_STACK)
    seconds, wall = (sum(each[key] for each in stages.values()) for key in ("imports", "wall"))
    return {
        "stages": stages,
        "slowest": slowest,
        "forbidden": forbidden,
        "seconds": seconds,
        "wall": wall,
    }


def by_package(found: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Seconds of the three packages that take longest to import."""
    total: dict[str, float] = {}
    for micros, module in found:
        package = module.partition(".")[0]
        total[package] = total.get(package, 0.0) + int(micros) / 1e6
    return dict(sorted(total.items(), key=lambda each: -each[1])[:3])


def median(command: list[str], cwd: Path, env: Environment) -> float:
    """Seconds of a command, the median of five after one that does not count."""
    taken = []
    for _ in range(REPEATS + 1):
        begun = time.perf_counter()
        run(command, cwd, env)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def scripts(repo: Path) -> Path:
    """Where the repository's own environment has its commands."""
    return repo / ".venv" / ("Scripts" if sys.platform == "win32" else "bin")


def rounded(value: Any) -> Any:
    """The same with numbers of three digits after the point."""
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def show(found: Mapping[str, Any]) -> None:
    """Tables for a person."""
    console = Console()
    steps = found["steps"]
    runs = [name for name in ("cold", "warm") if name in steps]
    table = Table("step", *(f"{name}, s" for name in runs), title="uv run keel new --run")
    for step in steps["warm"]:
        table.add_row(step, *(f"{steps[name][step]:.2f}" for name in runs))
    console.print(table)
    table = Table("stage", "s", "imports, s", "share", "slowest to import", title="dvc repro")
    imports = found["imports"]
    for step, seconds in steps["again"].items():
        own = imports["stages"].get(step)
        table.add_row(step, f"{seconds:.2f}", *(_import_cells(own, imports["slowest"].get(step))))
    own = imports["stages"]["promote"]
    cells = _import_cells(own, imports["slowest"]["promote"])
    table.add_row("promote", f"{own['wall']:.2f}", *cells)
    console.print(table)
    table = Table("aim", "at most", "measured", "", title="Aims")
    for name, each in found["aims"].items():
        met = "met" if each["met"] else "missed"
        table.add_row(name, f"{each['aim']:g}", f"{each['measured']:g}", met)
    console.print(table)
    for name, ratio in found["ratios"].items():
        console.print(f"{name} {ratio:.3f}")
    for stage, packages in imports["forbidden"].items():
        console.print(f"{stage} imports {', '.join(packages)}")
    machine = found["machine"]
    console.print(f"{machine['cores']} cores, load {machine['load']:.1f}, {machine['python']}")


def _import_cells(
    own: Mapping[str, float] | None, slowest: Mapping[str, float] | None
) -> list[str]:
    if own is None or slowest is None:
        return ["", "", ""]
    worst = ", ".join(f"{name} {seconds:.2f}" for name, seconds in slowest.items())
    return [f"{own['imports']:.2f}", f"{own['share']:.0%}", worst]


if __name__ == "__main__":
    main()
