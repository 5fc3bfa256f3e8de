"""Contract checks beside their peers and beside bare Polars, each in a process of its own.

What is compared is CPU seconds (user and system, imports included), so that what else runs on the
machine matters less, and the peak of memory. `bench/drift.py` adds its cases if it is there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from contract_cases import CHOICES, CODE, CODES, FLOATS, LISTED, LONGEST, NOTE, SHORTEST, WHOLE
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelkeel" / "bench"
PEERS = {
    "dataframely": ("dataframely", ["dataframely", "polars"]),
    "pandera_polars_lazy": ("pandera", ["pandera[polars,pandas]", "polars", "pyarrow"]),
    "pandera_polars": ("pandera", ["pandera[polars,pandas]", "polars", "pyarrow"]),
    "pandera_pandas": ("pandera", ["pandera[polars,pandas]", "polars", "pyarrow"]),
    "pointblank": ("pointblank", ["pointblank", "polars"]),
    "great_expectations": ("great-expectations", ["great-expectations", "pyarrow"]),
}
"""Tool, and the environment and packages it needs."""
AIMS = {
    "contract_vs_bare": ("at most", 1.5),
    "contract_vs_best_peer": ("at least", 1.0),
    "drift_vs_bare": ("at most", 1.5),
    "drift_vs_evidently": ("at least", 20.0),
    "memory_gb": ("at most", 1.0),
}
GROUP = 250_000


@dataclass(frozen=True)
class Case:
    """One process to measure: `name` is GROUP/TOOL, as `contract 1000000/bare`."""

    name: str
    command: list[str]
    env: Mapping[str, str]


@dataclass(frozen=True)
class Taken:
    """What a process took: CPU seconds, peak memory in MB, and the last word it printed."""

    cpu: float
    mb: float
    said: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200,000 rows only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--no-peers", action="store_true", help="only ours and bare Polars")
    options = parser.parse_args()
    if options.write:
        path, rows, *broken = options.write
        write_table(Path(path), int(rows), broken=bool(broken))
        return
    with tempfile.TemporaryDirectory(prefix="data-") as scratch:
        found = measure(Path(scratch), quick=options.quick, peers=not options.no_peers)
    print(json.dumps(found, indent=2)) if options.json else show(found)


def measure(scratch: Path, *, quick: bool, peers: bool = True) -> dict[str, Any]:
    """Run every case and compare."""
    pythons, skipped = environments() if peers else ({}, [])
    contract = scratch / "table.odcs.yaml"
    contract.write_text(contract_text(), encoding="utf-8")
    taken: dict[str, Taken] = {}
    sizes = [200_000] if quick else [1_000_000, 10_000_000]
    for rows, broken in [*((rows, False) for rows in sizes), (sizes[0], True)]:
        path = scratch / "table.parquet"
        # In a process of its own: a child's peak of memory begins with that of its parent.
        writing = [sys.executable, str(HERE / "data.py"), "--write", str(path), str(rows)]
        subprocess.run([*writing, *(["broken"] if broken else [])], check=True)
        group = f"contract {rows}{' broken' if broken else ''}"
        for case in contract_cases(group, path, contract, pythons):
            taken[case.name] = run(case, scratch)
            if taken[case.name].said != ("broken" if broken else "holds"):
                skipped.append(f"{case.name}: {taken[case.name].said}")
                del taken[case.name]
        path.unlink()
    for case in drift_cases(scratch, quick=quick):
        taken[case.name] = run(case, scratch)
    ratios = compare(taken, sizes)
    return {
        "rows": sizes,
        "steps": {name: asdict(each) for name, each in taken.items()},
        "skipped": skipped,
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "aims": judged(ratios),
    }


def contract_cases(
    group: str, table: Path, contract: Path, pythons: Mapping[str, Path]
) -> Iterable[Case]:
    """The check by each tool; ours and the limit first."""
    env = {"PANDERA_VALIDATION_DEPTH": "SCHEMA_AND_DATA", "GX_ANALYTICS_ENABLED": "false"}
    tools = {"bare": Path(sys.executable), "modelkeel": Path(sys.executable), **pythons}
    for tool, python in tools.items():
        script = str(HERE / "contract_cases.py")
        yield Case(f"{group}/{tool}", [str(python), script, tool, str(table), str(contract)], env)


def drift_cases(scratch: Path, *, quick: bool) -> list[Case]:
    """The cases of bench/drift.py, named `drift/modelkeel`, `drift/bare`, `drift/evidently`."""
    if not (HERE / "drift.py").is_file():
        return []
    spec = importlib.util.spec_from_file_location("drift", HERE / "drift.py")
    assert spec is not None
    assert spec.loader is not None
    drift = importlib.util.module_from_spec(spec)
    sys.modules["drift"] = drift
    spec.loader.exec_module(drift)
    return [
        Case(each.name, list(each.command), dict(each.env))
        for each in drift.cases(scratch, quick=quick)
    ]


def run(case: Case, cwd: Path) -> Taken:
    """One process, measured by the kernel."""
    with (cwd / "out").open("w+") as out:
        process = subprocess.Popen(
            case.command,
            cwd=cwd,
            env={**os.environ, **case.env},
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        words = out.read().split()
    said = words[-1] if words and not process.returncode else f"ended with {process.returncode}"
    return Taken(round(used.ru_utime + used.ru_stime, 3), round(used.ru_maxrss / 1024), said)


def compare(taken: Mapping[str, Taken], sizes: list[int]) -> dict[str, float]:
    """Ratios of CPU seconds: the worst of the sizes for each that has an aim."""
    ratios: dict[str, float] = {}
    against_bare, against_peer = [], []
    for group in dict.fromkeys(name.split("/")[0] for name in taken if "contract" in name):
        cpu = {n.split("/")[1]: t.cpu for n, t in taken.items() if n.startswith(f"{group}/")}
        if "modelkeel" not in cpu:
            continue
        short = group.removeprefix("contract ").replace(" ", "_")
        peers = [each for tool, each in cpu.items() if tool not in ("modelkeel", "bare")]
        ratios[f"contract_vs_bare_{short}"] = cpu["modelkeel"] / cpu["bare"]
        if peers:
            ratios[f"contract_vs_best_peer_{short}"] = min(peers) / cpu["modelkeel"]
        if "broken" not in group:
            against_bare.append(ratios[f"contract_vs_bare_{short}"])
            against_peer += [ratios[f"contract_vs_best_peer_{short}"]] if peers else []
    if against_bare:
        ratios["contract_vs_bare"] = max(against_bare)
    if against_peer:
        ratios["contract_vs_best_peer"] = min(against_peer)
    ours, bare, evidently = (
        taken.get(f"drift/{tool}") for tool in ("modelkeel", "bare", "evidently")
    )
    if ours and bare:
        ratios["drift_vs_bare"] = ours.cpu / bare.cpu
    if ours and evidently:
        ratios["drift_vs_evidently"] = evidently.cpu / ours.cpu
    largest = taken.get(f"contract {sizes[-1]}/modelkeel")
    if largest:
        ratios["memory_gb"] = largest.mb / 1024
    return ratios


def judged(ratios: Mapping[str, float]) -> dict[str, Any]:
    """What was wanted of each ratio, and whether it is so."""
    return {
        name: {
            "aim": f"{way} {aim:g}",
            "measured": round(ratios[name], 3),
            "met": ratios[name] <= aim if way == "at most" else ratios[name] >= aim,
        }
        for name, (way, aim) in AIMS.items()
        if name in ratios
    }


def environments() -> tuple[dict[str, Path], list[str]]:
    """A Python with each peer, made by uv in a folder of the cache; and what could not be."""
    found: dict[str, Path] = {}
    skipped: list[str] = []
    uv = shutil.which("uv")
    for tool, (name, packages) in PEERS.items():
        folder = CACHE / name
        python = folder / "bin" / "python"
        if uv and not (folder / "ready").exists():
            steps = (
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
                [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
            )
            if all(subprocess.run(each, check=False).returncode == 0 for each in steps):
                (folder / "ready").touch()
        if (folder / "ready").exists():
            found[tool] = python
        else:
            skipped.append(f"{tool}: could not be installed")
    return found, skipped


def write_table(path: Path, rows: int, *, broken: bool) -> None:
    """Rows that hold the contract, or with one cell in a hundred of each column broken."""

    def noise(seed: int) -> pl.Expr:
        return pl.col("_row").hash(seed=seed)

    def listed(seed: int) -> pl.Expr:
        place = (noise(seed) % len(LISTED)).cast(pl.Int64)
        return place.replace_strict(dict(enumerate(LISTED)), return_dtype=pl.String)

    table = pl.LazyFrame({"_row": pl.int_range(1, rows + 1, eager=True)})
    columns = {"id": pl.col("_row").shuffle(seed=1)}
    for seed, name in enumerate(FLOATS):
        columns[name] = (noise(seed) % 1_000_000) / 10_000
    for seed, name in enumerate(WHOLE, 20):
        columns[name] = (noise(seed) % 1000).cast(pl.Int64)
    for seed, name in enumerate(CHOICES, 40):
        columns[name] = listed(seed)
    for seed, name in enumerate(CODES, 60):
        columns[name] = "A" + (noise(seed) % 9_000_000 + 1_000_000).cast(pl.String)
    columns[NOTE] = "a note on row " + (noise(80) % 100_000).cast(pl.String)
    if broken:
        wrong: dict[str, Any] = dict.fromkeys(FLOATS | WHOLE, -1) | dict.fromkeys(CHOICES, "x")
        wrong |= dict.fromkeys(CODES, "12") | {NOTE: None, "id": 1}
        for seed, (name, value) in enumerate(wrong.items(), 100):
            hit = pl.when(noise(seed) % 100 == 0)
            columns[name] = hit.then(pl.lit(value)).otherwise(columns[name])
    table.with_columns(**columns).sink_parquet(path, row_group_size=GROUP)


def contract_text() -> str:
    """The contract in ODCS, with the rules that contract_cases.py gives the others."""
    ranges = {"id": ("integer", "minimum: 0")}
    ranges |= {name: ("number", f"minimum: 0, maximum: {most}") for name, most in FLOATS.items()}
    ranges |= {name: ("integer", f"minimum: 0, maximum: {most}") for name, most in WHOLE.items()}
    ranges |= dict.fromkeys(CODES, ("string", f"pattern: '{CODE}'"))
    ranges |= {NOTE: ("string", f"minLength: {SHORTEST}, maxLength: {LONGEST}")}
    lines = ["apiVersion: v3.2.0", "kind: DataContract", "id: bench", "version: 1.0.0"]
    lines += ["status: active", "schema:", "  - name: bench", "    properties:"]
    for name, (kind, options) in ranges.items():
        lines.append(
            f"      - {{name: {name}, logicalType: {kind}, required: true, "
            f"unique: {str(name == 'id').lower()}, logicalTypeOptions: {{{options}}}}}"
        )
    values = ", ".join(f"{{value: {each}}}" for each in LISTED)
    lines += [
        f"      - {{name: {name}, logicalType: string, required: true, enum: [{values}]}}"
        for name in CHOICES
    ]
    return "\n".join(lines) + "\n"


def show(found: Mapping[str, Any]) -> None:
    """Tables for a person."""
    console = Console()
    table = Table("case", "CPU s", "MB")
    for name, each in found["steps"].items():
        table.add_row(name, f"{each['cpu']:.2f}", f"{each['mb']:.0f}")
    console.print(table)
    for line in found["skipped"]:
        console.print(f"skipped {line}")
    for name, ratio in found["ratios"].items():
        console.print(f"{name} {ratio:.3f}")
    for name, aim in found["aims"].items():
        met = "met" if aim["met"] else "missed"
        console.print(f"aim: {name} {aim['aim']}, {met} with {aim['measured']:g}")


if __name__ == "__main__":
    main()
