"""The signature of a model: its inputs, one by one, and its classes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelkeel.data.contract.model import Normalise
from modelkeel.data.contract.values import clean, days, from_days, read_value
from modelkeel.errors import BadInput
from modelkeel.model.pattern import matcher
from modelkeel.model.rules import RowRule, UncheckedRule
from modelkeel.project import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["number", "integer", "category", "boolean", "date", "timestamp"]
Value = bool | int | float | str | None

FLOAT32_MAX = 3.4028234663852886e38
MOMENTS = ("date", "timestamp")
"""Kinds that are sent as text and seen by the model as days since 1970-01-01."""


class Feature(BaseModel):
    """One input of the model.

    `minimum` and `maximum` are inclusive and in `unit`; those of a date or timestamp are days since
    1970-01-01. `example` is a value a caller could send; when left out it is taken from the
    categories or from the middle of the range. `normalise` is how the data contract reads text of
    this column; None where text is taken as it is. `min_length`, `max_length` (in characters) and
    `pattern` (see `pattern`) are of text without categories, once it is normalised.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None
    min_length: int | None = Field(default=None, ge=0)
    max_length: int | None = Field(default=None, ge=0)
    pattern: str | None = None
    nullable: bool = False
    description: str = ""
    unit: str = ""
    example: Value = None
    normalise: Normalise | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_example(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("example") is None:
            return {**data, "example": _example(data)}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Feature:
        ranged = self.kind in ("number", "integer", *MOMENTS)
        if not ranged and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"feature {self.name}: a {self.kind} has no range")
        for bound in (self.minimum, self.maximum):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"feature {self.name}: a bound must be finite; leave it out")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"feature {self.name}: minimum is above maximum")
        if self.kind == "category":
            if self.categories is not None and not self.categories:
                raise ValueError(f"feature {self.name}: the list of categories is empty")
            if self.categories is not None and "" in self.categories:
                raise ValueError(f'feature {self.name}: "" stands for missing, it is no category')
            if self.categories is not None and len(set(self.categories)) < len(self.categories):
                raise ValueError(f"feature {self.name}: a category appears twice")
        elif self.categories is not None:
            raise ValueError(f"feature {self.name}: a {self.kind} has no categories")
        if self.shaped:
            self._check_shape()
        problem = self.problem(self.example)
        if problem:
            raise ValueError(f"feature {self.name}: the example {problem}")
        return self

    def _check_shape(self) -> None:
        if self.kind != "category" or self.categories is not None:
            raise ValueError(f"feature {self.name}: lengths and patterns are of text alone")
        low, high = self.min_length, self.max_length
        if low is not None and high is not None and low > high:
            raise ValueError(f"feature {self.name}: min_length is above max_length")
        if self.pattern is not None:
            try:
                matcher(self.pattern)
            except ValueError as error:
                raise ValueError(f"feature {self.name}: the pattern has {error}") from None

    @property
    def shaped(self) -> bool:
        """Whether text has to be of some length or pattern."""
        return any(each is not None for each in (self.min_length, self.max_length, self.pattern))

    def problem(self, value: Value) -> str:
        """What is wrong with `value` for this feature, or "" when nothing is."""
        if value is None:
            return "" if self.nullable else "is null, and the feature is not nullable"
        if self.kind == "category":
            if not isinstance(value, str):
                return "is not text"
            if self.categories is not None and value not in self.categories:
                return "is not one of the categories"
            return self._shape_problem(value) if self.shaped else ""
        if self.kind == "boolean":
            return "" if isinstance(value, bool) else "is not true or false"
        if self.kind in MOMENTS and isinstance(value, str):
            read = self.read(value)
            if read is None:
                return f"is not a {self.kind}"
            value = read
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "is not a number"
        if not abs(value) <= FLOAT32_MAX:
            return "is not a finite number that fits 32 bits"
        if self.kind == "integer" and isinstance(value, float) and not value.is_integer():
            return "is not an integer"
        if self.minimum is not None and value < self.minimum:
            return f"is below the minimum {self.bound(self.minimum)}"
        if self.maximum is not None and value > self.maximum:
            return f"is above the maximum {self.bound(self.maximum)}"
        return ""

    def _shape_problem(self, text: str) -> str:
        if self.min_length is not None and len(text) < self.min_length:
            return f"is shorter than {self.min_length} characters"
        if self.max_length is not None and len(text) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if self.pattern is not None and not matcher(self.pattern)(text):
            return f"does not match {self.pattern}"
        return ""

    def read(self, text: str) -> Value:
        """What a text stands for, as the data contract reads it; None if missing or unreadable.

        Dates and timestamps become days since 1970-01-01; ISO 8601 is always understood.
        """
        how = self.normalise or Normalise()
        if self.kind == "category":
            return clean(text, how)
        value = read_value(text, self.kind, how)
        if self.kind not in MOMENTS:
            return value if isinstance(value, bool | int | float | str) else None
        if value is None and how.date_formats and (cleaned := clean(text, how)) is not None:
            value = read_value(cleaned, self.kind, Normalise())
        return days(value) if isinstance(value, dt.date) else None

    def bound(self, value: float) -> str:
        """A bound in words: a number, or a date."""
        return from_days(value, self.kind == "date") if self.kind in MOMENTS else f"{value:g}"


class Signature(BaseModel):
    """What a model takes and gives.

    `classes` is in the order of the model's probabilities. `rules` are conditions across features
    that each row has to hold; `unchecked_rules` are those that only the data contract checks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    task: Task
    target: str = Field(min_length=1)
    classes: list[str] = Field(default_factory=list)
    features: list[Feature] = Field(min_length=1)
    rules: list[RowRule] = Field(default_factory=list)
    unchecked_rules: list[UncheckedRule] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Signature:
        names = self.feature_names
        for rule in self.rules:
            if unknown := [name for name in rule.columns if name not in names]:
                raise ValueError(f"rule {rule.name}: {unknown[0]} is no feature")
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"a feature appears twice: {', '.join(twice)}")
        if self.task == "classification" and len(set(self.classes)) < 2:
            raise ValueError("a classification needs at least two classes")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class appears twice")
        if self.task == "regression" and self.classes:
            raise ValueError("a regression has no classes")
        return self

    @property
    def feature_names(self) -> list[str]:
        """Names of the features, in order."""
        return [feature.name for feature in self.features]

    def inputs(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """One array of shape (n, 1) a feature, as the model takes them.

        number, integer, boolean: float32, NaN for None. date, timestamp: the same, of days since
        1970-01-01 or of text. category: object (str), "" for None. Columns that are no feature
        are ignored.

        Raises:
            BadInput: a feature's column is missing, is of another length than the first, or
                holds a value of the wrong type.
        """
        import numpy as np

        arrays: dict[str, NDArray[Any]] = {}
        length = -1
        for feature in self.features:
            try:
                column = columns[feature.name]
            except KeyError:
                raise BadInput(
                    f"column {feature.name} is missing",
                    remedy=f"give one column for each feature: {', '.join(self.feature_names)}",
                ) from None
            if length < 0:
                length = len(column)
            elif len(column) != length:
                raise BadInput(
                    f"column {feature.name} has {len(column)} values, "
                    f"column {self.features[0].name} has {length}",
                    remedy="give columns of one length",
                )
            try:
                if feature.kind == "category":
                    array = _text(np, column)
                elif feature.kind in MOMENTS:
                    array = np.asarray([_days(each, feature) for each in column], np.float32)
                else:
                    array = np.asarray(column, dtype=np.float32)
            except (TypeError, ValueError, OverflowError) as error:
                raise BadInput(
                    f"column {feature.name} holds a value that is no {feature.kind}",
                    remedy="convert the column, with None for missing values",
                ) from error
            arrays[feature.name] = array.reshape(length, 1)
        return arrays


def _text(np: Any, column: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(column), dtype=object)
    for row, value in enumerate(column):
        if value is None:
            array[row] = ""
        elif isinstance(value, str):
            array[row] = str(value)
        else:
            raise TypeError("not text")
    return array  # type: ignore[no-any-return]


def _days(value: object, feature: Feature) -> float | None:
    """A moment as days since 1970-01-01.

    Raises:
        ValueError: a text is none.
    """
    if isinstance(value, str):
        read = feature.read(value)
        if not isinstance(read, float):
            raise ValueError("no moment")
        return read
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, dt.date):
        return days(value)
    return None if value is None else float(value)  # type: ignore[arg-type]


def _example(data: Mapping[str, Any]) -> Value:
    """An example made of a feature's own definition; None when the definition is not usable."""
    kind = data.get("kind")
    if data.get("nullable") and ("example" in data or data.get("pattern") is not None):
        return None
    if kind == "category":
        categories = data.get("categories")
        if isinstance(categories, list) and categories:
            return str(categories[0])
        least, most = data.get("min_length"), data.get("max_length")
        longer = "text" + "t" * (least - 4 if isinstance(least, int) else 0)
        return longer[: most if isinstance(most, int) else None]
    if kind == "boolean":
        return True
    low, high = data.get("minimum"), data.get("maximum")
    if not all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return None
    if low is not None and high is not None:
        middle = (low + high) / 2
    else:
        middle = low if low is not None else high if high is not None else 0.0
    if kind in MOMENTS:
        return from_days(middle, kind == "date") if -354285 < middle < 2932896 else None
    if kind == "integer":
        floor = math.floor(middle) if math.isfinite(middle) else 0
        return floor if low is None or floor >= low else floor + 1
    return float(middle)
