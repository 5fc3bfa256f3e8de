"""Class labels of the rows: as the charter names them, and whether each one occurs."""

from __future__ import annotations

import polars as pl

from modelkeel.data.contract import as_label
from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.records.params import Train


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
    where = f"{project.source_names}: column {params.target}"
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


def require_target_of(settings: Train, target: pl.Series) -> None:
    """Check that the loss of a regression can learn the target.

    Raises:
        BadInput: a loss for counts or amounts, and a target below its range.
    """
    loss = settings.model.get("loss")
    least = {"poisson": "never negative", "gamma": "always positive"}
    values = target.cast(pl.Float64)
    low = values.min()
    if loss not in least or not isinstance(low, float):
        return
    if low < 0 or (loss == "gamma" and low == 0):
        raise BadInput(
            f"params.yaml: train.model.loss: {loss} needs a target that is {least[str(loss)]}; "
            f"{target.name} goes down to {low:g}",
            remedy="write loss: squared_error",
        )
