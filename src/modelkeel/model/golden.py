"""Golden rows: inputs kept with the model to prove that it still answers the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from modelkeel.data.contract.values import days
from modelkeel.errors import BadInput, Refused
from modelkeel.model.files import REBUILD, first_problem
from modelkeel.model.signature import MOMENTS, Signature

if TYPE_CHECKING:
    import polars as pl

    from modelkeel.model.scorer import Scorer

TOLERANCE = 1e-6


class Golden(BaseModel):
    """`golden.json`: rows with the scores the model gave when the bundle was written."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    columns: dict[str, list[bool | int | float | str | None]]
    scores: list[float] | list[list[float]]

    @model_validator(mode="after")
    def _even(self) -> Golden:
        if len({len(row) for row in self.scores if isinstance(row, list)}) > 1:
            raise ValueError("scores must be rows of one length")
        return self


def golden_rows(
    frame: pl.DataFrame, signature: Signature, count: int, *, seed: int = 0
) -> dict[str, list[Any]]:
    """Rows made of real values, each column drawn on its own, so that no row is a person's.

    Args:
        frame: rows with the features.
        signature: the features.
        count: how many rows.
        seed: of the draw.

    Returns:
        Columns of plain values; None where a value is missing.
    """
    columns: dict[str, list[Any]] = {}
    for number, feature in enumerate(signature.features):
        column = frame[feature.name]
        if feature.kind == "category":
            column = column.cast(str)  # as `model_inputs` writes them: true, not True
        drawn = column.sample(count, with_replacement=True, seed=seed + number).to_list()
        if feature.kind == "category":
            columns[feature.name] = [v or None for v in drawn]
        elif feature.kind == "integer":
            columns[feature.name] = [None if v is None or v != v else int(v) for v in drawn]
        elif feature.kind == "boolean":
            columns[feature.name] = [None if v is None or v != v else bool(v) for v in drawn]
        elif feature.kind in MOMENTS:
            columns[feature.name] = [
                None if v is None or v != v else days(v) if isinstance(v, date) else float(v)
                for v in drawn
            ]
        else:
            columns[feature.name] = [None if v is None or v != v else float(v) for v in drawn]
    return columns


def golden_of(
    columns: Mapping[str, Sequence[Any]], signature: Signature, scorer: Scorer
) -> dict[str, Any]:
    """What `golden.json` holds: the rows as plain JSON values, and their scores.

    Raises:
        BadInput: there are no rows, a column is missing, or a value breaks the signature.
        Refused: the model gives no finite score on a row.
    """
    import numpy as np  # not at the top: the command reads manifests without it

    values = _plain_columns(columns, signature)
    scores = scorer.predict(values)
    rows = np.flatnonzero(~np.isfinite(scores).reshape(len(scores), -1).all(axis=1))
    if len(rows):
        raise Refused(
            f"the model gives no finite score on golden row {rows[0]}",
            remedy="check how the model treats missing values before it is converted",
        )
    return {"columns": values, "scores": scores.tolist()}


def parse_golden(content: bytes) -> Golden:
    """The rows and scores in the bytes of `golden.json`.

    Raises:
        Refused: it holds something else.
    """
    try:
        return Golden.model_validate(json.loads(content))
    except ValidationError as error:
        raise Refused(f"golden.json: {first_problem(error)}", remedy=REBUILD) from error
    except ValueError as error:
        raise Refused("golden.json is not JSON", remedy=REBUILD) from error


def replay_golden(scorer: Scorer, golden: Golden, path: Path, tolerance: float = TOLERANCE) -> None:
    """Score the rows again and compare; `path` is the file, for the message.

    Raises:
        Refused: a score is further off than the tolerance, absolute and relative.
    """
    import numpy as np

    expected = np.asarray(golden.scores, dtype=np.float64)
    try:
        found = scorer.predict(golden.columns)
    except BadInput as error:
        raise Refused(f"{path}: {error}", remedy=REBUILD) from error
    if found.shape != expected.shape or not len(found):
        raise Refused(
            f"{path}: scores found of shape {found.shape}, expected {expected.shape}",
            remedy=REBUILD,
        )
    close = np.isclose(found, expected, rtol=tolerance, atol=tolerance)
    if not close.all():
        row = int(np.flatnonzero(~close.reshape(len(close), -1).all(axis=1))[0])
        raise Refused(
            f"{path}: row {row} scores {found[row].tolist()}, expected {expected[row].tolist()} "
            f"within {tolerance:g}",
            remedy="serve with the versions the bundle was built with, or build it again",
        )


def worst_difference(scorer: Scorer, golden: Golden) -> float:
    """The largest difference between a score now and the one kept."""
    import numpy as np

    expected = np.asarray(golden.scores, dtype=np.float64)
    return float(np.abs(scorer.predict(golden.columns) - expected).max())


def _plain_columns(
    columns: Mapping[str, Sequence[Any]], signature: Signature
) -> dict[str, list[Any]]:
    """Plain JSON values of the signature's columns: NaN as null, numpy scalars as Python's."""
    values: dict[str, list[Any]] = {}
    for feature in signature.features:
        if feature.name not in columns:
            raise BadInput(
                f"golden rows: column {feature.name} is missing",
                remedy=f"give {', '.join(signature.feature_names)}",
            )
        values[feature.name] = [_plain(value) for value in columns[feature.name]]
        for row, value in enumerate(values[feature.name]):
            problem = "" if value is None else feature.problem(value)
            if problem:
                raise BadInput(
                    f"golden rows: row {row}, column {feature.name}: the value {problem}",
                    remedy="take golden rows from data that keeps the contract",
                )
    if not next(iter(values.values())):
        raise BadInput("golden rows: there are none", remedy="give at least one row")
    return values


def _plain(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and plain != plain else plain
