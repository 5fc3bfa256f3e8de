"""Prepare: choose the columns and hold out rows; and how columns become numbers for a model.

What a column goes through before the model is part of the exported graph, so that training and
serving cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from modelkeel.data.split import hold_out
from modelkeel.errors import run_stage
from modelkeel.project import load_project
from modelkeel.records.params import Features

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

MAX_LEVELS = 50
"""How many values of a text column are told apart, the most frequent ones."""
MAX_INPUTS = 1000
"""How many numbers all text columns together may become."""


def preprocessing(
    features: Features, rows: pl.DataFrame, *, scale: bool = False
) -> ColumnTransformer:
    """Numbers as they are, or scaled for a linear model; the frequent categories one-hot.

    Args:
        features: the columns.
        rows: what is trained on, as `model_inputs` gives it.
        scale: fill in missing numbers and scale all.
    """
    # Imported here: the prepare stage trains nothing and starts faster without.
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = make_pipeline(SimpleImputer(), StandardScaler()) if scale else "passthrough"
    most = max(2, min(MAX_LEVELS, MAX_INPUTS // max(1, len(features.categorical))))
    levels = [frequent(rows[name], most) for name in features.categorical]
    one_hot = OneHotEncoder(categories=levels, handle_unknown="ignore", sparse_output=False)
    parts = [("numeric", numeric, features.numeric), ("categorical", one_hot, features.categorical)]
    return ColumnTransformer([part for part in parts if part[2]])


def frequent(column: pl.Series, most: int) -> list[str]:
    """The values that occur most, in order of the alphabet."""
    counts = column.alias("value").value_counts().sort("count", "value", descending=[True, False])
    return sorted(counts["value"].head(most).to_list())


def main() -> None:
    """Write data/train.parquet and data/test.parquet."""
    project = load_project()
    params = project.params
    columns = [*params.needed, params.target]
    rows = pl.read_parquet(project.data_dir / "valid.parquet").select(columns)
    stratify = params.target if project.task == "classification" else None
    train, test = hold_out(rows, params.split, stratify=stratify)
    train.write_parquet(project.data_dir / "train.parquet")
    test.write_parquet(project.data_dir / "test.parquet")
    print(f"{train.height} rows to train on, {test.height} held out")


if __name__ == "__main__":
    run_stage(main)
