"""Profile and drift of two tables beside Evidently and beside bare Polars: cases for data.py.

All read the same two Parquet files, and judge each column: index of stability (PSI), distance of
Jensen and Shannon, largest gap of the distribution functions (KS) and missing share. Evidently runs
its DataDriftPreset, which picks one distance a column. NannyML joins where it imports.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve()
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelkeel" / "bench"
PEERS = {
    "evidently": ["evidently==0.7.*", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml"],
}
NUMBERS = [f"number_{each}" for each in range(10)]
TEXTS = [f"text_{each}" for each in range(10)]
ENV = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}


@dataclass(frozen=True)
class Case:
    """One process to measure."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=lambda: dict(ENV))


def cases(scratch: Path, *, quick: bool) -> list[Case]:
    """Write both tables to `scratch`; the processes to measure on them."""
    paths = [str(scratch / name) for name in ("before.parquet", "after.parquet")]
    rows = "100000" if quick else "1000000"
    # In a process of its own: a child's peak of memory begins with that of its parent.
    subprocess.run([sys.executable, str(HERE), "write", *paths, rows], check=True)
    tools = {"bare": sys.executable, "modelkeel": sys.executable, **_environments()}
    return [
        Case(f"drift/{tool}", [python, str(HERE), tool, *paths]) for tool, python in tools.items()
    ]


def _environments() -> dict[str, str]:
    """A Python with each peer that installs and imports."""
    found: dict[str, str] = {}
    uv = shutil.which("uv")
    for tool, packages in PEERS.items():
        folder = CACHE / tool
        python = str(folder / "bin" / "python")
        if uv and not (folder / "ready").exists():
            steps = (
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
                [uv, "pip", "install", "--quiet", "--python", python, *packages],
                [python, "-c", f"import {tool}"],
            )
            done = (subprocess.run(each, check=False, capture_output=True) for each in steps)
            if all(each.returncode == 0 for each in done):
                (folder / "ready").touch()
        if (folder / "ready").exists():
            found[tool] = python
    return found


def write(before: str, after: str, rows: str) -> None:
    """Numbers of many shapes and texts of 2 to 500 values; half of the columns have moved."""
    import numpy as np
    import polars as pl

    for path, moved in ((before, 0.0), (after, 0.1)):
        rng = np.random.default_rng(7 if moved else 3)
        columns: dict[str, pl.Series] = {}
        for at, name in enumerate(NUMBERS):
            values = rng.normal(moved * (at % 2), 1, int(rows))
            values = np.exp(values) if at % 3 == 0 else values.round(2) if at % 3 == 1 else values
            columns[name] = pl.Series(np.where(rng.random(int(rows)) < 0.02, np.nan, values))
        for at, name in enumerate(TEXTS):
            levels = (2, 5, 10, 20, 50, 100, 200, 500, 5, 10)[at]
            place = rng.integers(0, levels, int(rows)) ** (1 + moved * (at % 2))
            texts = pl.Series([f"{name} is {each}" for each in range(2 * levels)])
            columns[name] = texts.gather(pl.Series(place.astype(np.int64) % (2 * levels)))
        table = pl.DataFrame(columns).with_columns(pl.col(NUMBERS).fill_nan(None))
        table.write_parquet(path, row_group_size=250_000)


def modelkeel(before: str, after: str) -> str:
    """Both tables profiled, although the reference's profile is kept in use."""
    from modelkeel.data.profile import profile
    from modelkeel.data.quality.drifting import drift

    found = drift(profile(Path(before)), profile(Path(after)))
    return f"{len(found.columns)}-columns"


def bare(before: str, after: str) -> str:
    """The same figures with Polars and numpy, and nothing around them: the limit."""
    import numpy as np
    import polars as pl

    tables = [pl.read_parquet(path) for path in (before, after)]
    judged = 0
    for name in NUMBERS:
        sides = []
        for table in tables:
            values = np.sort(table[name].drop_nulls().to_numpy())
            at = np.round(np.linspace(0, 1, 101) * (len(values) - 1)).astype(int)
            points = np.unique(values[at])
            below, upto = (np.searchsorted(values, points, side) for side in ("left", "right"))
            sides.append((values, points, below / len(values), upto / len(values)))
            _ = values[at[::5]], values.mean(), values.std(), table[name].null_count()
        (a, points, *_), (b, others, *_) = sides
        cuts = points[np.linspace(0, len(points) - 1, 11).astype(int)[1:-1]]
        p, q = (
            np.diff(np.searchsorted(s, cuts, "right"), prepend=0, append=len(s)) for s in (a, b)
        )
        both = np.union1d(points, others)
        gaps = [np.searchsorted(s, both, "right") / len(s) for s in (a, b)]
        _ = np.abs(gaps[0] - gaps[1]).max()
        judged += _sizes(p / len(a), q / len(b))
    for name in TEXTS:
        counts = [table[name].drop_nulls().value_counts(sort=True, name="n") for table in tables]
        _ = [table[name].null_count() for table in tables]
        first, second = (dict(each.head(100).iter_rows()) for each in counts)
        names = sorted({*first, *second})
        shares = [np.array([side.get(each, 0) for each in names]) for side in (first, second)]
        judged += _sizes(*(each / tables[0].height for each in shares))
    return f"{judged}-columns"


def _sizes(p, q) -> int:  # type: ignore[no-untyped-def]
    import numpy as np

    p, q = p + 1e-6, q + 1e-6
    middle = (p + q) / 2
    _ = ((q - p) * np.log(q / p)).sum()
    _ = np.sqrt((p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2)
    return 1


def evidently(before: str, after: str) -> str:
    """The preset, with its result as a dictionary; no HTML."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    columns = DataDefinition(numerical_columns=NUMBERS, categorical_columns=TEXTS)
    old, new = (
        Dataset.from_pandas(pd.read_parquet(path), data_definition=columns)
        for path in (before, after)
    )
    found = Report([DataDriftPreset()]).run(new, old).dict()
    return f"{len(found['metrics']) - 1}-columns"


def nannyml(before: str, after: str) -> str:
    """Jensen and Shannon's distance of each column, in ten parts."""
    import nannyml as nml
    import pandas as pd

    names = [*NUMBERS, *TEXTS]
    drift = nml.UnivariateDriftCalculator(
        column_names=names,
        continuous_methods=["jensen_shannon"],
        categorical_methods=["jensen_shannon"],
        chunk_number=10,
    )
    drift.fit(pd.read_parquet(before))
    found = drift.calculate(pd.read_parquet(after)).to_df()
    return f"{len(names) if len(found) else 0}-columns"


if __name__ == "__main__":
    tool, *arguments = sys.argv[1:]
    if said := globals()[tool](*arguments):
        print(said)
