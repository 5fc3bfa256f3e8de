"""Turns a fitted scikit-learn pipeline into ONNX, and proves that both answer the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from modelkeel.data.contract import Column, Contract, Normalise
from modelkeel.data.contract.values import date_formats, days
from modelkeel.data.profile import profile
from modelkeel.errors import Refused
from modelkeel.model.pattern import matcher
from modelkeel.model.rules import UncheckedRule
from modelkeel.model.scorer import Scorer
from modelkeel.model.served_rules import holding_examples, served_rules
from modelkeel.model.signature import Feature, Kind, Signature

if TYPE_CHECKING:
    from modelkeel.project import Project

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference, relative to the spread of the scores, between scikit-learn and ONNX."""

LOG_LINK = ("poisson", "gamma")
"""Losses whose scikit-learn models predict the logarithm; skl2onnx leaves the exponential out."""

_KINDS: dict[str, Kind] = {
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
_RANGED = ("number", "integer", "date", "timestamp")
_DAY = 86_400_000_000
"""Microseconds of a day."""


def signature_of(
    project: Project, contract: Contract, classes: list[str], rows: pl.DataFrame
) -> Signature:
    """The model's signature: features from params.yaml, their meaning from the contract.

    The example of a feature is the median or most frequent value of the rows, so that the
    documentation of the API shows plausible values and nobody's own. Rules across features and
    patterns that serving cannot check as Polars does are listed in `unchecked_rules`.
    """
    params = project.params
    features, unchecked = [], []
    for name in params.features.names:
        column = contract.column(name)
        kind = "category" if name in params.features.categorical else _KINDS[column.kind]
        shape = _shape(column, kind)
        if column.pattern is not None and (reason := _unreadable(column.pattern)):
            shape["pattern"] = None
            unchecked.append(UncheckedRule(name=f"{name}: pattern", reason=f"it has {reason}"))
        features.append(
            Feature(
                name=name,
                kind=kind,
                minimum=_least(column) if kind in _RANGED else None,
                maximum=_most(column) if kind in _RANGED else None,
                categories=list(column.categories)
                if kind == "category" and column.categories
                else None,
                **shape,
                nullable=not column.required,
                description=column.description,
                unit=column.unit,
                example=_typical(rows[name].cast(pl.String) if kind == "category" else rows[name]),
                normalise=_normalise(column, kind),
            )
        )
    rules, told = served_rules(contract, features, rows)
    examples = holding_examples(rules, features, rows)
    return Signature(
        name=project.name,
        task=project.task,
        target=params.target,
        classes=classes,
        features=[
            each.model_copy(update={"example": _written(examples[each.name])})
            if each.name in examples
            else each
            for each in features
        ],
        rules=rules,
        unchecked_rules=[*unchecked, *told],
    )


def _shape(column: Column, kind: Kind) -> dict[str, Any]:
    """Lengths and pattern of text; where there are categories, those say enough."""
    if kind != "category" or column.kind != "string" or column.categories:
        return {}
    return {
        "min_length": column.min_length,
        "max_length": column.max_length,
        "pattern": column.pattern,
    }


def _unreadable(pattern: str) -> str:
    """What in a pattern only Polars understands, or ""."""
    try:
        matcher(pattern)
    except ValueError as error:
        return str(error)
    return ""


def _normalise(column: Column, kind: Kind) -> Normalise | None:
    """What serving has to know to read text as the contract does; None if nothing."""
    if kind == "category":
        return column.normalise if column.kind == "string" else None
    how = replace(column.normalise, date_formats=date_formats(column.normalise, column.format))
    return how if how != Normalise() else None


def _least(column: Column) -> float | None:
    bound = column.minimum
    if bound is None and column.above is not None:
        # Serving knows inclusive bounds: the next number that the model can tell apart.
        above = _number(column.above)
        return float(np.nextafter(np.float32(above), np.float32(np.inf)))
    return None if bound is None else _number(bound)


def _most(column: Column) -> float | None:
    bound = column.maximum
    if bound is None and column.below is not None:
        below = _number(column.below)
        return float(np.nextafter(np.float32(below), np.float32(-np.inf)))
    return None if bound is None else _number(bound)


def _number(bound: float | dt.date) -> float:
    return days(bound) if isinstance(bound, dt.date) else bound


def _typical(values: pl.Series) -> Any:
    known = values.drop_nulls()
    if known.is_empty():
        return None
    if known.dtype.is_numeric() or known.dtype.is_temporal():
        return _written(known.sort()[known.len() // 2])
    return known.mode().sort()[0]


def _written(value: Any) -> Any:
    """A typed value as a caller sends it."""
    if isinstance(value, dt.date):
        return value.isoformat() + ("Z" if isinstance(value, dt.datetime) else "")
    return value


def model_inputs(frame: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """The features as the model sees them: numbers as float32, categories as text, "" if missing.

    Dates and timestamps are days since 1970-01-01. scikit-learn trains on exactly what ONNX
    Runtime is given later, so there is no skew.
    """
    return frame.select(
        pl.col(f.name).cast(pl.String).fill_null("")
        if f.kind == "category"
        else _figure(frame, f).cast(pl.Float32).fill_null(float("nan"))
        for f in signature.features
    )


def _figure(frame: pl.DataFrame, feature: Feature) -> pl.Expr:
    column, dtype = pl.col(feature.name), frame.schema[feature.name]
    if dtype == pl.Date:
        return column.to_physical()
    if isinstance(dtype, pl.Datetime):
        return column.dt.cast_time_unit("us").to_physical().cast(pl.Float64) / _DAY
    return column


def training_profile(frame: pl.DataFrame, signature: Signature) -> dict[str, Any]:
    """What training rows look like, for `profile.json`: categories by name, of whatever type.

    Args:
        frame: typed rows with the features.
        signature: the features.
    """
    named = [f.name for f in signature.features if f.kind == "category"]
    rows = frame.select(signature.feature_names)
    return profile(rows.with_columns(pl.col(named).cast(pl.String)))


def export_onnx(estimator: Any, signature: Signature, path: Path, sample: pl.DataFrame) -> None:
    """Write a fitted estimator as ONNX with one input a feature, and compare the two.

    Args:
        estimator: a fitted scikit-learn pipeline over `model_inputs`.
        signature: its inputs.
        path: the file to write.
        sample: rows to compare on, as `model_inputs` gives them.

    Raises:
        Refused: the exported model answers differently from the estimator.
    """
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = [
        (f.name, (StringTensorType if f.kind == "category" else FloatTensorType)([None, 1]))
        for f in signature.features
    ]
    options = {"zipmap": False} if signature.task == "classification" else None
    graph = to_onnx(estimator, initial_types=types, options=options, target_opset=OPSET)
    _restore_names(graph, signature.feature_names)
    if getattr(estimator[-1], "loss", None) in LOG_LINK:
        _append_exp(graph)
    path.write_bytes(graph.SerializeToString())

    predict = estimator.predict_proba if signature.task == "classification" else estimator.predict
    expected = np.asarray(predict(sample), dtype=np.float64)
    found = Scorer(path, signature).predict(
        {name: sample[name].to_list() for name in sample.columns}
    )
    spread = 1.0 if signature.task == "classification" else max(float(np.std(expected)), 1e-12)
    worst = float(np.max(np.abs(found - expected.reshape(found.shape)))) / spread
    if not worst <= TOLERANCE:
        path.unlink()
        raise Refused(
            f"{path.name}: differs from the trained model by {worst:.2g}, allowed {TOLERANCE:g}",
            remedy="use an estimator that skl2onnx converts exactly, or report the difference",
        )


def _restore_names(graph: Any, names: list[str]) -> None:
    """Name the inputs as the features are named; skl2onnx leaves letters and digits only."""
    inner, inputs = graph.graph, [entry.name for entry in graph.graph.input]
    taken = {name for node in inner.node for name in node.output}
    taken |= {entry.name for entry in inner.initializer}
    new = {name: f"inner:{name}" for name in taken & set(names)}
    new |= dict(zip(inputs, names, strict=True))
    for node in inner.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for entry in (*inner.input, *inner.output, *inner.initializer):
        entry.name = new.get(entry.name, entry.name)


def _append_exp(graph: Any) -> None:
    """Put an exponential behind the one output of an ONNX model."""
    from onnx import helper

    output = graph.graph.output[0]
    raw = f"{output.name}_log"
    for node in graph.graph.node:
        node.output[:] = [raw if name == output.name else name for name in node.output]
    graph.graph.node.append(helper.make_node("Exp", [raw], [output.name]))
