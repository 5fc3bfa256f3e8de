"""What lies in a repository that no template of ours made: data, notebooks, training, models."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SKIPPED = {
    ".git", ".hg", ".svn", ".dvc", ".venv", "venv", "env", ".tox", ".nox", "node_modules",
    "__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".cache",
    ".idea", "mlruns", "mlartifacts", "site-packages", "build", "dist",
}  # fmt: skip
_DATA = {
    ".csv", ".tsv", ".parquet", ".xlsx", ".xls", ".feather", ".arrow", ".jsonl", ".ndjson",
    ".sas7bdat", ".dta", ".sav", ".sqlite", ".db", ".npz", ".npy", ".avro", ".orc",
}  # fmt: skip
_RUNS_CODE = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill"}
_MODELS = {
    *_RUNS_CODE, ".onnx", ".cbm", ".bst", ".keras", ".safetensors", ".skops", ".pmml", ".ubj",
}  # fmt: skip
_LIBRARIES = (
    "sklearn", "torch", "tensorflow", "keras", "xgboost", "lightgbm", "catboost", "statsmodels",
    "prophet", "jax", "flax", "fastai", "pytorch_lightning", "lightning", "transformers", "pyspark",
)  # fmt: skip
_IMPORT = re.compile(rf"^\s*(?:import|from)\s+({'|'.join(_LIBRARIES)})\b", re.MULTILINE)
_FIT = re.compile(r"\.(?:fit|train|fit_transform|partial_fit)\s*\(")
_CLASSES = re.compile(
    r"\b\w*Classifier\b|\bLogisticRegression\b|\bpredict_proba\b|\broc_auc_score\b|"
    r"\baccuracy_score\b|\bf1_score\b|\bCrossEntropyLoss\b|\bclassification_report\b|\bSVC\b"
)
_NUMBERS = re.compile(
    r"\b\w*Regressor\b|\bLinearRegression\b|\bRidge\b|\bLasso\b|\bmean_squared_error\b|"
    r"\bmean_absolute_error\b|\bmean_absolute_percentage_error\b|\bMSELoss\b|\bSVR\b|\br2_score\b"
)
_TARGETS = (
    "target", "label", "class", "outcome", "y", "churn", "default", "risk", "fraud", "survived",
    "response", "approved", "price", "amount", "demand", "sales", "value", "score", "cnt",
)  # fmt: skip
_MOST_FILES = 100_000
_MOST_BYTES = 5_000_000


@dataclass
class Survey:
    """Paths below a project, and what they seem to be.

    Attributes:
        data: tables, and what DVC points to.
        notebooks: all.
        training: code that fits a model, with the libraries it imports.
        models: stored models.
        unsafe: those of them that run code when they are loaded.
        targets: columns that look like what is predicted, as "file: column".
        task: what the code and the targets speak for, "" when they do not.
        task_why: what the task was guessed from.
        warnings: what could not be read.
    """

    data: list[str] = field(default_factory=list)
    notebooks: list[str] = field(default_factory=list)
    training: dict[str, list[str]] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    task: str = ""
    task_why: str = ""
    warnings: list[str] = field(default_factory=list)


def survey(root: Path) -> Survey:
    """Look at all files of a project; nothing is executed, no link is followed."""
    found = Survey()
    votes: Counter[str] = Counter()
    targets: list[tuple[str, str, str]] = []
    for path in _files(root, found):
        name, suffix = path.relative_to(root).as_posix(), path.suffix.lower()
        if suffix == ".dvc" or suffix in _DATA or (suffix in (".h5", ".hdf5") and not _model(name)):
            found.data.append(name)
            if suffix in (".csv", ".tsv"):
                targets += [(name, *each) for each in _target_columns(path)]
        elif suffix in _MODELS or suffix in (".h5", ".hdf5"):
            found.models.append(name)
            if suffix in _RUNS_CODE:
                found.unsafe.append(name)
        elif suffix in (".py", ".ipynb"):
            _read_code(path, name, found, votes)
    found.targets = [f"{name}: {column}" for name, column, _ in targets]
    _judge(found, votes, targets)
    return found


def walk(root: Path) -> Iterator[Path]:
    """All files of a project outside environments, caches and repositories inside it."""
    for folder, inner, names in os.walk(root):
        here = Path(folder)
        inner[:] = sorted(
            name
            for name in inner
            if name not in _SKIPPED
            and not (here / name / ".git").exists()
            and not (here / name / "pyvenv.cfg").is_file()
        )
        yield from (here / name for name in sorted(names))


def _files(root: Path, found: Survey) -> Iterator[Path]:
    for number, path in enumerate(walk(root)):
        if number >= _MOST_FILES:
            found.warnings.append(f"only the first {_MOST_FILES} files were looked at")
            return
        if path.is_file() and not path.is_symlink():
            yield path


def _model(name: str) -> bool:
    return any(word in name.lower() for word in ("model", "weight", "checkpoint"))


def _read_code(path: Path, name: str, found: Survey, votes: Counter[str]) -> None:
    notebook = path.suffix.lower() == ".ipynb"
    if notebook:
        found.notebooks.append(name)
    try:
        if path.stat().st_size > _MOST_BYTES:
            found.warnings.append(f"{name} is large and was not read")
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        code = _cells(text) if notebook else text
    except (OSError, ValueError, AttributeError, TypeError):
        found.warnings.append(f"{name} could not be read")
        return
    libraries = sorted(set(_IMPORT.findall(code)))
    if libraries and (_FIT.search(code) or "backward(" in code):
        found.training[name] = libraries
    if libraries or _FIT.search(code):
        votes["classification"] += len(_CLASSES.findall(code))
        votes["regression"] += len(_NUMBERS.findall(code))


def _cells(text: str) -> str:
    cells = json.loads(text).get("cells", [])
    return "\n".join(
        "".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "code"
    )


def _target_columns(path: Path) -> list[tuple[str, str]]:
    """Columns whose name says target, and whether their first values are classes or numbers."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            head = file.read(65536)
        dialect = csv.Sniffer().sniff(head.splitlines()[0], delimiters=",;\t|")
        rows = list(csv.reader(head.splitlines()[:300], dialect))
    except (OSError, csv.Error, IndexError):
        return []
    names = [name.strip() for name in rows[0]]
    kinds: list[tuple[str, str]] = []
    for wanted in _TARGETS:
        for at, name in enumerate(names):
            if name.lower() == wanted:
                values = {row[at].strip() for row in rows[1:-1] if len(row) > at}
                few = 1 < len(values) <= 12 and len(rows) > 2 * len(values)
                kinds.append((name, "classification" if few or _texts(values) else "regression"))
    return kinds[:2]


def _texts(values: set[str]) -> bool:
    def number(value: str) -> bool:
        try:
            float(value.replace(",", "."))
        except ValueError:
            return not value
        return True

    return bool(values) and not any(map(number, values - {""}))


def _judge(found: Survey, votes: Counter[str], targets: list[tuple[str, str, str]]) -> None:
    (first, most), *rest = [*votes.most_common(), ("", 0)]
    if most and most > rest[0][1]:
        found.task, found.task_why = first, f"{most} names of {first} in the code"
    elif targets:
        name, column, found.task = targets[0]
        found.task_why = f"column {column!r} of {name}"
