"""Tables that have what real ones have, and a repository to put them in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelkeel.project import Project

README = """# credit

```console
curl -s http://127.0.0.1:8000/predict -H 'content-type: application/json' -d '
{"amount": 1}'
```
"""
DVC = """stages: {}
plots:
  - ROC curve:
      x: false_positive_rate
  - Calibration:
      x: model_predicted
"""


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout


@pytest.fixture
def saved(project: Project) -> Project:
    """The small project with all that speaks of its table, in git."""
    for name, text in {
        "README.md": README,
        "dvc.yaml": DVC,
        "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n- The first model on the example.\n",
        "tests/behaviour/test_credit.py": "",
        "src/credit/train.py": "regression LogisticRegression",
        ".gitignore": "/models/\n",
    }.items():
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(project.root, "init", "-q")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "first")
    return project


@pytest.fixture
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[pl.DataFrame, str], str]:
    folder = tmp_path_factory.mktemp("tables")

    def to(frame: pl.DataFrame, name: str = "table.csv") -> str:
        path = folder / name
        if name.endswith(".parquet"):
            frame.write_parquet(path)
        else:
            frame.write_csv(path)
        return str(path)

    return to


@pytest.fixture
def customers() -> pl.DataFrame:
    """600 customers with an id, names, dates, a leak, a twin, missing values and a constant."""
    rng, rows = np.random.default_rng(5), 600
    income, age = rng.lognormal(10, 0.5, rows), rng.integers(18, 80, rows)
    city = rng.choice(["Köln", "köln", "Bonn ", "Mainz"], rows)
    buys = np.log(income) - 10 + (city == "Mainz") + rng.normal(size=rows) * 0.5 > 0.3
    days = np.datetime64("2020-01-01") + rng.integers(0, 900, rows)
    return pl.DataFrame(
        {
            "Nr.": np.arange(rows) + 1,
            "E-Mail": [f"p{each}@example.org" for each in range(rows)],
            "Einkommen (€)": [f"{each:.2f}".replace(".", ",") for each in income],
            "income USD": income * 1.1,
            "Stadt": [None if each % 10 == 0 else city[each] for each in range(rows)],
            "seit": [str(each) for each in days],
            "age": age,
            "const": ["x"] * rows,
            "contract": ["signed" if each else "none" for each in buys],
            "Kauft?": ["yes" if each else "no" for each in buys],
        }
    )
