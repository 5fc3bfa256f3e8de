"""Rendering: our template beside one with the same questions and empty files, and one without any.

Each render is a process of its own, `copier copy --defaults`, of a plain folder. The three take
turns, so that what else the machine does falls on all of them; medians are compared. With them
takes turns `copier --version`: what a process needs before it renders.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
AIM = 1.5
ROUNDS, QUICK_ROUNDS = 11, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, not {ROUNDS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="render-") as scratch:
        found = measure(Path(scratch), QUICK_ROUNDS if options.quick else ROUNDS)
    print(json.dumps(found, indent=2)) if options.json else show(found)


def measure(scratch: Path, rounds: int) -> dict[str, Any]:
    """Medians in seconds, and what follows from them."""
    ours, empty, bare = scratch / "ours", scratch / "empty", scratch / "bare"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (ours, empty):
        for name in ("hooks", "template"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        for name in ("copier.yml", "constraints.txt"):
            shutil.copy2(ROOT / name, folder / name)
    for path in (empty / "template").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    (bare / "template").mkdir(parents=True)
    (bare / "copier.yml").write_text("_subdirectory: template\n", encoding="utf-8")

    taken: dict[str, list[float]] = {"ours": [], "empty": [], "bare": [], "start": []}
    out = scratch / "out"
    for _ in range(rounds + 1):
        for name in taken:
            shutil.rmtree(out, ignore_errors=True)
            arguments = ["copy", "--defaults", "--quiet", str(scratch / name), str(out)]
            taken[name].append(timed(["--version"] if name == "start" else arguments, scratch))
            if name == "ours":
                files = sum(path.is_file() for path in out.rglob("*"))
            if name == "empty" and files != sum(path.is_file() for path in out.rglob("*")):
                sys.exit("the empty template gave another number of files")
    # The first round fills the caches of the file system and does not count.
    medians = {name: statistics.median(each[1:]) for name, each in taken.items()}
    start = medians["start"]
    ratio = medians["ours"] / medians["empty"]
    ratios = {
        "render_vs_empty": ratio,
        "render_vs_empty_without_start": (medians["ours"] - start) / (medians["empty"] - start),
        "render_vs_bare": medians["ours"] / medians["bare"],
        "start_share": start / medians["ours"],
    }
    return {
        "rounds": rounds,
        "files": files,
        "steps": {name: round(each, 3) for name, each in medians.items()},
        "ratios": {name: round(each, 3) for name, each in ratios.items()},
        "aims": {"render_vs_empty": {"aim": AIM, "measured": round(ratio, 3), "met": ratio <= AIM}},
    }


def timed(arguments: list[str], cwd: Path) -> float:
    """Seconds of one `copier` process."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "copier", *arguments],
        cwd=cwd,
        env={**env, "COPIER_CACHE_DIR": str(cwd / "cache")},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        sys.exit(f"copier {arguments} ended with {done.returncode}\n{done.stderr}")
    return time.perf_counter() - begun


def show(found: Mapping[str, Any]) -> None:
    """Tables for a person."""
    titles = {
        "ours": "our template",
        "empty": "the same questions and names, empty files",
        "bare": "no questions, no files",
        "start": "copier --version",
    }
    console = Console()
    table = Table("what", "median, s", title=f"{found['files']} files, {found['rounds']} rounds")
    for name, seconds in found["steps"].items():
        table.add_row(titles[name], f"{seconds:.3f}")
    console.print(table)
    for name, ratio in found["ratios"].items():
        console.print(f"{name} {ratio:.3f}")
    aim = found["aims"]["render_vs_empty"]
    met = "met" if aim["met"] else "missed"
    console.print(f"aim: render_vs_empty at most {aim['aim']:g}, {met} with {aim['measured']:g}")


if __name__ == "__main__":
    main()
