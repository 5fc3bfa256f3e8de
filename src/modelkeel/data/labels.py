"""Class labels of the rows: as the charter names them, and whether each one occurs."""

from __future__ import annotations

import polars as pl

from modelkeel.data.contract import as_label
from modelkeel.errors import BadInput
from modelkeel.project import Project


def labels(frame: pl.DataFrame, target: str) -> list[str]:
    """The classes of the rows as text, as the charter names them."""
    return [as_label(value) for value in frame[target].to_list()]


def require_classes(frame: pl.DataFrame, project: Project) -> None:
    """Check that the rows have every class of the charter, often enough for each fold.

    Raises:
        BadInput: a class is missing or too rare, or one occurs that the charter does not name.
    """
    params, asked = project.params, project.charter.outcome.classes
    found = labels(frame, params.target)
    counts = {name: found.count(name) for name in sorted(set(found) | set(asked))}
    where = f"{project.source_path}: column {params.target}"
    unknown = [name for name in counts if name not in asked]
    if unknown:
        raise BadInput(
            f"{where}: class {unknown[0]!r} is not in charter.toml (outcome.classes)",
            remedy="describe the class in the charter, or mend the source",
        )
    least = 2 * params.train.folds
    for name in asked:
        if counts[name] < least:
            times = f"occurs in {counts[name]} rows" if counts[name] else "never occurs"
            raise BadInput(
                f"{where}: class {name!r} ({asked[name]}) {times}; training needs {least} rows",
                remedy="export rows of every class, or lower train.folds in params.yaml",
            )
