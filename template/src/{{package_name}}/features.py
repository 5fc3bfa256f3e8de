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


def preprocessing(features: Features, *, scale: bool = False) -> ColumnTransformer:
    """Numbers as they are, or scaled for a linear model; categories one-hot."""
    # Imported here: the prepare stage trains nothing and starts faster without.
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = make_pipeline(SimpleImputer(), StandardScaler()) if scale else "passthrough"
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numeric", numeric, features.numeric), ("categorical", one_hot, features.categorical)]
    )


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
