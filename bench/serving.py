"""Our server beside its peers and beside the bare limit: same model, same rows, one at a time.

Each rotation starts every server in turn, so that what else the machine does falls on all alike.
`bench/serving.md` says what is measured and where the time goes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from serving_load import Found, Load, NotServingError, Running, cores, find_tools, wrk
from serving_models import ROWS, Subject, prepare
from serving_servers import LONE, NAMES, WITHOUT, Case, environments, scores_of, start_of

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelkeel" / "bench"
SHIPPED = ("credit", "bikes")
"""The tasks of the template."""
SUBJECTS = (*SHIPPED, "trees")
CLIENTS = (1, 16, 64)
MIDDLE = Load(16, 1)
"""Where the ratios are taken."""
ALONE = 5
"""Rows whose answers are also checked when asked one by one."""
TOLERANCE = 1e-4
"""How far a score may be from scikit-learn's, absolute and relative: float32 against float64."""
AIMS = {
    "all_guards_vs_limit": ("at least", 0.5),
    "all_guards_vs_fastapi": ("at least", 8.0),
    "all_guards_vs_bentoml": ("at least", 12.0),
    "p99_vs_limit": ("at most", 3.0),
    "start_seconds": ("at most", 2.0),
    "memory_mb": ("at most", 250.0),
    "soak_growth": ("at most", 0.05),
}


@dataclass
class Series:
    """What was found of one server in one case, a value a rotation."""

    subject: str
    workers: int
    server: str
    start: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    loads: dict[Load, list[Found]] = field(default_factory=dict)
    failed: set[Load] = field(default_factory=set)


Key = tuple[str, int, str]
"""Subject, workers, server."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how long."""

    subjects: tuple[str, ...]
    workers: tuple[int, ...]
    loads: tuple[Load, ...]
    servers: tuple[str, ...]
    without: tuple[str, ...]
    rotations: int
    seconds: float
    soak: float
    work: Path
    quick: bool = False


def main() -> None:
    plan, as_json = read_arguments()
    find_tools()
    found = measure(plan)
    print(json.dumps(found, indent=2)) if as_json else show(found)


def read_arguments() -> tuple[Plan, bool]:
    """The plan, and whether JSON is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 minutes: the ratios only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--work", type=Path, default=CACHE / "serving", help="kept between runs")
    parser.add_argument("--rotations", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each load")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS)
    parser.add_argument("--workers", nargs="+", type=int, choices=(1, 2))
    parser.add_argument("--servers", nargs="+", choices=NAMES)
    parser.add_argument("--no-guards", action="store_true", help="do not leave guards out in turn")
    options = parser.parse_args()
    quick = options.quick
    servers = options.servers or (
        ("limit", "ours", "fastapi", "bentoml", "bentoml, batched") if quick else NAMES
    )
    loads = (MIDDLE,) if quick else tuple(Load(c, r) for c in CLIENTS for r in (1, ROWS))
    plan = Plan(
        subjects=tuple(options.subjects or (("credit", "trees") if quick else SUBJECTS)),
        workers=tuple(options.workers or ((1,) if quick else (1, 2))),
        loads=loads,
        servers=tuple(servers),
        without=() if quick or options.no_guards or "ours" not in servers else WITHOUT,
        rotations=options.rotations,
        seconds=options.seconds,
        soak=options.soak,
        quick=quick,
        work=options.work.resolve(),
    )
    return plan, options.json


def measure(plan: Plan) -> dict[str, Any]:
    """Prepare, check every server's answers, rotate, compare."""
    plan.work.mkdir(parents=True, exist_ok=True)
    told(f"work folder {plan.work}")
    peers = dict.fromkeys(each.partition(",")[0] for each in plan.servers)
    pythons, missing = environments(plan.work, [each for each in peers if each not in LONE])
    skipped = [f"{name}: {why}" for name, why in missing.items()]
    subjects = [prepare(each, plan.work) for each in plan.subjects]
    with tempfile.TemporaryDirectory(prefix="run-", dir=plan.work) as scratch:
        cases = [
            Case(subject, workers, Path(scratch), pythons)
            for subject in subjects
            for workers in plan.workers
        ]
        series = checked(plan, cases, skipped)
        for rotation in range(plan.rotations):
            for case in cases:
                rotate(plan, case, series, skipped, rotation)
        soak = soaked(plan, cases[0]) if plan.soak else None
        steps = steps_of(cases[0]) if "ours" in plan.servers else None
        fsync = fsync_microseconds(Path(scratch))
    ratios = compare(series)
    figures = ratios | aimed_figures(series) | ({"soak_growth": soak["growth"]} if soak else {})
    return {
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": sys.version.split()[0],
            "fsync_us": fsync,
        },
        "plan": {**asdict(plan), "work": str(plan.work), "loads": [str(x) for x in plan.loads]},
        "measured": [row for each in series.values() for row in rows_of(each)],
        "skipped": skipped,
        "soak": soak,
        "steps_us_a_row": steps,
        "ratios": {name: rounded(value) for name, value in ratios.items()},
        "aims": judged(figures),
    }


def names_of(plan: Plan, case: Case) -> Iterator[str]:
    """The servers of a case; guards are left out where the ratios are taken only."""
    for name in plan.servers:
        if plan.quick and name not in LONE and case.subject.name != plan.subjects[0]:
            continue  # they take long to start
        if name in LONE or name.partition(",")[0] in case.pythons:
            yield name
        if name == "ours" and case.workers == 1:
            yield from (f"ours without {guard}" for guard in plan.without)


def checked(plan: Plan, cases: Iterable[Case], skipped: list[str]) -> dict[Key, Series]:
    """The servers that answer right. It also warms the disk and compiles what is imported."""
    series: dict[Key, Series] = {}
    for case in cases:
        for name in names_of(plan, case):
            key = (case.subject.name, case.workers, name)
            told(f"check {label(key)}")
            try:
                with running(case, name) as server:
                    check(case.subject, server)
            except NotServingError as error:
                skipped.append(f"{label(key)}: {error}")
            else:
                series[key] = Series(*key)
    return series


def check(subject: Subject, server: Running) -> None:
    """Ask for all rows together, and for some of them alone.

    Raises:
        NotServingError: an answer is an error, or not that of scikit-learn.
    """
    found: list[list[float]] = []
    for rows, bodies in server.server.bodies.items():
        for body in bodies[:ALONE]:
            status, answer = server.ask(rows, body)
            if status != 200:
                raise NotServingError(f"answers {status}: {answer[:300]!r}")
            found += scores_of(answer)
    expected = subject.expected[:ALONE] + subject.expected
    close = len(found) == len(expected) and all(
        len(a) == len(b)
        and all(math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for x, y in zip(a, b))  # noqa: B905
        for a, b in zip(found, expected, strict=True)
    )
    if not close:
        raise NotServingError(f"answers {found[:2]}, expected {expected[:2]}")


def rotate(
    plan: Plan, case: Case, series: dict[Key, Series], skipped: list[str], rotation: int
) -> None:
    """Start and load each server of a case once."""
    for name in names_of(plan, case):
        key = (case.subject.name, case.workers, name)
        if key not in series:
            continue
        one = series[key]
        told(f"rotation {rotation + 1}: {label(key)}")
        loads = (MIDDLE,) if "without" in name else plan.loads
        try:
            with running(case, name) as server:
                one.start.append(server.first_answer)
                wrk(server.server, MIDDLE, 1, case.scratch)  # all workers are up, caches are filled
                for load in loads:
                    if load in one.failed:
                        continue
                    found = wrk(server.server, load, plan.seconds, case.scratch)
                    if found.failed:
                        one.failed.add(load)
                        one.loads.pop(load, None)
                        skipped.append(f"{label(key)}, {load}: {found.failed} requests failed")
                    else:
                        one.loads.setdefault(load, []).append(found)
                one.memory.append(server.megabytes())
        except NotServingError as error:
            del series[key]
            skipped.append(f"{label(key)}: {error}")


def label(key: Key) -> str:
    """A case and server in words."""
    subject, workers, server = key
    return f"{subject}, {workers} worker{'s' if workers > 1 else ''}, {server}"


@contextmanager
def running(case: Case, name: str) -> Iterator[Running]:
    """A server, with an empty scratch folder, until it has been measured."""
    shutil.rmtree(case.scratch, ignore_errors=True)
    case.scratch.mkdir()
    core = cores()[0] if case.workers == 1 else None
    server = Running(start_of(name, case), case.scratch / "log", core=core)
    try:
        yield server
    finally:
        server.stop()


def soaked(plan: Plan, case: Case) -> dict[str, Any]:
    """Memory of our server under load for a long time, and how it grows."""
    told(f"soak, {plan.soak:.0f} s")
    samples: list[tuple[float, float]] = []
    with running(case, "ours") as server:
        wrk(server.server, MIDDLE, 1, case.scratch)
        results: list[Found] = []

        def load() -> None:
            results.append(wrk(server.server, MIDDLE, plan.soak, case.scratch))

        begun = time.perf_counter()
        thread = threading.Thread(target=load)
        thread.start()
        while thread.is_alive():
            samples.append((time.perf_counter() - begun, server.megabytes()))
            thread.join(max(0.5, plan.soak / 120))
    # What a server needs at first says nothing of a leak.
    late = [each for each in samples if each[0] >= plan.soak / 4]
    slope, _ = statistics.linear_regression(*zip(*late, strict=True))
    last = late[-1][0] - late[0][0]
    mean = statistics.fmean(mb for _, mb in late)
    return {
        "seconds": plan.soak,
        "found": asdict(results[0]) if results else None,
        "mb_per_minute": rounded(slope * 60),
        "growth": rounded(slope * last / mean),
        "samples": [(round(at, 1), round(mb, 1)) for at, mb in samples],
    }


def steps_of(case: Case) -> dict[str, dict[str, float]] | None:
    """Microseconds a row of each step of our server, by the rows of a batch."""
    told(f"steps, {case.subject.name}")
    shutil.rmtree(case.scratch, ignore_errors=True)
    case.scratch.mkdir()
    server = start_of("ours", case)
    key = server.headers["Authorization"].removeprefix("Bearer ")
    done = subprocess.run(
        [sys.executable, str(HERE / "serving_steps.py"), str(case.scratch)],
        env={**os.environ, **server.env, "BENCH_KEY": key},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        told(f"the steps could not be timed: {done.stderr[-500:]}")
        return None
    found = json.loads((case.scratch / "steps.json").read_text(encoding="utf-8"))
    return {rows: {step: rounded(us) for step, us in each.items()} for rows, each in found.items()}


def compare(series: Mapping[Key, Series]) -> dict[str, float]:
    """Ratios at one worker, 16 clients, one row: the worst of the shipped tasks, then each subject.

    Each is the median of the rotations' own ratios, since the servers of a rotation ran within
    minutes of each other. Of a peer's ways to be set up, the faster one counts.
    """
    ratios: dict[str, float] = {}
    for subject in dict.fromkeys(subject for subject, _, _ in series):
        at = {
            name: each
            for (of, workers, name), each in series.items()
            if of == subject and workers == 1 and each.loads.get(MIDDLE)
        }
        end = f"_{subject}"
        ours = at.get("ours")
        if ours is None:
            continue
        peers = [name for name in at if not name.startswith("ours")]
        found = {name: paired(ours, at[name], "per_second") for name in peers}
        for name, ratio in found.items():
            peer, batched, _ = name.partition(", ")
            key = f"all_guards_vs_{peer}{end}"
            ratios[key] = min(ratio, ratios.get(key, math.inf))
            if batched or f"{peer}, batched" in found:
                how = "batched" if batched else "unbatched"
                ratios[f"all_guards_vs_{peer}_{how}{end}"] = ratio
        if "limit" in at:
            ratios[f"p99_vs_limit{end}"] = paired(ours, at["limit"], "p99_ms")
        for name, each in at.items():
            if name.startswith("ours without"):
                guard = name.removeprefix("ours without ").replace(" ", "_")
                ratios[f"all_guards_vs_no_{guard}{end}"] = paired(ours, each, "per_second")
    return worst_shipped(ratios) | ratios


def worst_shipped(ratios: Mapping[str, float]) -> dict[str, float]:
    """Of each ratio the worst of the shipped tasks, without the name of one."""
    worst: dict[str, float] = {}
    for key, ratio in ratios.items():
        name, _, subject = key.rpartition("_")
        if subject in SHIPPED:
            choose = max if name.startswith("p99") else min
            worst[name] = choose(ratio, worst.get(name, ratio))
    return worst


def paired(ours: Series, other: Series, what: str) -> float:
    """Median over the rotations of our figure by theirs."""
    pairs = zip(ours.loads[MIDDLE], other.loads[MIDDLE], strict=True)
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)


def aimed_figures(series: Mapping[Key, Series]) -> dict[str, float]:
    """Start and memory of our server with one worker: the worst of the subjects."""
    ours = [
        each
        for (_, workers, name), each in series.items()
        if name == "ours" and workers == 1 and each.memory
    ]
    if not ours:
        return {}
    return {
        "start_seconds": max(statistics.median(each.start) for each in ours),
        "memory_mb": max(statistics.median(each.memory) for each in ours),
    }


def judged(figures: Mapping[str, float]) -> dict[str, Any]:
    """What was wanted of each figure, and whether it is so."""
    return {
        name: {
            "aim": f"{way} {aim:g}",
            "measured": rounded(figures[name]),
            "met": figures[name] <= aim if way == "at most" else figures[name] >= aim,
        }
        for name, (way, aim) in AIMS.items()
        if name in figures
    }


def rows_of(each: Series) -> Iterator[dict[str, Any]]:
    """Medians of a series, one a load."""
    for load, found in each.loads.items():
        yield {
            "subject": each.subject,
            "workers": each.workers,
            "server": each.server,
            "clients": load.clients,
            "rows": load.rows,
            "per_second": rounded(statistics.median(one.per_second for one in found)),
            "p50_ms": rounded(statistics.median(one.p50_ms for one in found)),
            "p99_ms": rounded(statistics.median(one.p99_ms for one in found)),
            "start_seconds": rounded(statistics.median(each.start)),
            "memory_mb": rounded(statistics.median(each.memory)),
            "all_per_second": [one.per_second for one in found],
        }


def fsync_microseconds(folder: Path) -> float:
    """Median time of a small write and fsync where journals are kept."""
    taken = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            begun = time.perf_counter()
            file.write(b"x" * 1000)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return round(statistics.median(taken) * 1e6, 1)


def rounded(value: float) -> float:
    """Three digits after the point below ten, one above."""
    return round(value, 3 if abs(value) < 10 else 1)


def told(line: str) -> None:
    """Say where it is, beside the result."""
    print(line, file=sys.stderr, flush=True)


def show(found: Mapping[str, Any]) -> None:
    """Tables for a person."""
    console = Console()
    head = ("server", "start, s", "MB", "req/s", "p50, ms", "p99, ms")
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found["measured"]:
        load = Load(row["clients"], row["rows"])
        groups.setdefault(f"{row['subject']}, {row['workers']} workers, {load}", []).append(row)
    for title, rows in groups.items():
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(
                row["server"],
                f"{row['start_seconds']:.2f}",
                f"{row['memory_mb']:.0f}",
                f"{row['per_second']:,.0f}",
                f"{row['p50_ms']:.2f}",
                f"{row['p99_ms']:.2f}",
            )
        console.print(table)
    if found["steps_us_a_row"]:
        table = Table("step", *found["steps_us_a_row"], title="ours, µs a row, by rows of a batch")
        for step in next(iter(found["steps_us_a_row"].values())):
            table.add_row(step, *(f"{each[step]:.1f}" for each in found["steps_us_a_row"].values()))
        console.print(table)
    for line in found["skipped"]:
        console.print(f"skipped {line}", markup=False)
    for name, ratio in found["ratios"].items():
        console.print(f"{name} {ratio:.3f}")
    if found["soak"]:
        console.print(f"soak: {found['soak']['mb_per_minute']} MB a minute")
    for name, aim in found["aims"].items():
        met = "met" if aim["met"] else "missed"
        console.print(f"aim: {name} {aim['aim']}, {met} with {aim['measured']:g}")
    machine = found["machine"]
    console.print(
        f"{machine['cores']} cores, load {machine['load']:.1f}, Python {machine['python']}, "
        f"fsync {machine['fsync_us']:.0f} µs"
    )


if __name__ == "__main__":
    main()
