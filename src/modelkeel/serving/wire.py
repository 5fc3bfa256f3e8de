"""The wire format of /predict, made from the signature of a model.

A request is one row, an object with a member a feature, or many: {"rows": [row, ...]}. A value is
never an array, so a body whose `rows` is an array is many rows, even if a feature has that name.

Two ways lead through it. The fast one is msgspec on structs made from the signature. Whatever it
does not accept goes to the careful one, which is the definition: plain Python that finds every
problem and says where it is. It may also find none (3.0 for an integer). It reads text as the data
contract does where a feature has `normalise`; the fast one takes only what that leaves as it is.
Dates and timestamps come as text, and are days since 1970-01-01 from here on.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelkeel.data.contract.values import clean
from modelkeel.model.signature import FLOAT32_MAX, MOMENTS, Feature, Signature
from modelkeel.serving.problems import FieldProblem, ProblemError, invalid_input, pointer

MAX_LISTED = 100
_MAX_NAMES = 50
_INT64 = 2**63
_KINDS = {
    "number": "a number",
    "integer": "an integer",
    "category": "text",
    "boolean": "true or false",
    "date": "a date like 2024-01-31",
    "timestamp": "a timestamp like 2024-01-31T10:15:00Z",
}


@dataclass(frozen=True)
class Rows:
    """Decoded rows: one list of values a feature, in the order of the signature."""

    columns: list[list[Any]]
    count: int
    many: bool


class Wire:
    """Decodes and validates request bodies for one signature.

    Args:
        signature: what the model takes.
        max_rows: rows allowed in one request.
    """

    def __init__(self, signature: Signature, max_rows: int) -> None:
        self.signature = signature
        self.max_rows = max_rows
        row = row_struct(signature)
        many = msgspec.defstruct("Many", [("rows", list[row])], forbid_unknown_fields=True)  # type: ignore[valid-type]
        self._one = msgspec.json.Decoder(row)
        self._many: msgspec.json.Decoder[Any] = msgspec.json.Decoder(many)
        self._features = {feature.name: feature for feature in signature.features}
        self._nullable = [i for i, f in enumerate(signature.features) if f.nullable]
        kinds = [feature.kind for feature in signature.features]
        names = signature.feature_names
        self._numeric = [i for i, kind in enumerate(kinds) if kind != "category"]
        self._text = [i for i, kind in enumerate(kinds) if kind == "category"]
        self._quoted = [kind == "category" or kind in MOMENTS for kind in kinds]
        # Only these are read once more on the fast way: their type does not say all.
        self._read = [i for i, f in enumerate(signature.features) if _needs_reading(f)]
        self._numeric_names = [names[i] for i in self._numeric]
        self._text_names = [names[i] for i in self._text]

    def decode(self, body: bytes) -> Rows:
        """Rows of a request body.

        Raises:
            ProblemError: 422 with every problem found (at most 100 listed), 413 for too many rows.
        """
        rows = self._decode_fast(body)
        if rows is None:
            rows = self._decode_careful(body)
        if rows.count > self.max_rows:
            raise too_many_rows(rows.count, self.max_rows)
        return rows

    def inputs(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Arrays of shape (n, 1), equal to those of `Signature.inputs`, made in two blocks."""
        arrays: dict[str, NDArray[Any]] = {}
        if self._numeric:
            block = np.array([rows.columns[i] for i in self._numeric], dtype=np.float32)
            arrays.update(zip(self._numeric_names, block[..., None], strict=True))
        if self._text:
            texts = [rows.columns[i] for i in self._text]
            filled = [[value or "" for value in column] for column in texts]
            block = np.array(filled, dtype=object)
            arrays.update(zip(self._text_names, block[..., None], strict=True))
        return arrays

    def _decode_fast(self, body: bytes) -> Rows | None:
        """Rows, or None when the careful way has to look."""
        many = False
        try:
            try:
                structs = [self._one.decode(body)]
            except msgspec.ValidationError:
                structs = self._many.decode(body).rows
                many = True
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if not structs or b"\\" in body:
            return None
        columns = [list(column) for column in zip(*map(msgspec.structs.astuple, structs))]  # noqa: B905
        count = len(structs)
        # A key that appears twice is not seen by the decoder, but by its quotes: without escapes,
        # a body has two for each key and two for each text.
        quotes = 2 * count * (len(columns) + sum(self._quoted)) + (2 if many else 0)
        for i in self._nullable:
            column = columns[i]
            text = self._quoted[i]
            for row, value in enumerate(column):
                if value is None:
                    quotes -= 2 if text else 0
                elif value is msgspec.UNSET:
                    quotes -= 4 if text else 2
                    column[row] = None
        if body.count(b'"') != quotes:
            return None
        for i in self._read:
            feature = self.signature.features[i]
            read = [None if value is None else feature.read(value) for value in columns[i]]
            if any(
                new is None or feature.problem(new)
                for new, old in zip(read, columns[i], strict=True)
                if old is not None
            ):
                return None
            columns[i] = read
        return Rows(columns, count, many)

    def _decode_careful(self, body: bytes) -> Rows:
        document = _parse(body)
        if not isinstance(document, _Object):
            raise _invalid(
                "#",
                f"the body is {_type_name(document)}; send an object with one member for each "
                'feature, or {"rows": [...]} with a list of such objects',
            )
        rows, many, found = _rows_of(document)
        if many and len(rows) > self.max_rows:
            raise too_many_rows(len(rows), self.max_rows)
        problems = _Problems()
        if found:
            problems.add(*found)
        columns: list[list[Any]] = [[] for _ in self.signature.features]
        for at, row in enumerate(rows):
            where = ("rows", at) if many else ()
            shown = f"row {at}, " if many else ""
            values = self._check_row(row, where, shown, problems)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        if problems.listed:
            raise invalid_input(problems.listed, problems.hidden)
        return Rows(columns, len(rows), many)

    def _check_row(
        self, row: Any, where: tuple[str | int, ...], shown: str, problems: _Problems
    ) -> list[Any]:
        features = self.signature.features
        if not isinstance(row, _Object):
            problems.add(
                pointer(*where),
                f"{shown.rstrip(', ')} is {_type_name(row)}; send an object with one member for "
                "each feature",
            )
            return [None] * len(features)
        for name in row.repeated:
            problems.add(
                pointer(*where, name), f"{shown}field {_short(name)} appears twice; send it once"
            )
        for name in row.values:
            if name not in self._features:
                problems.add(pointer(*where, name), f"{shown}{self._unknown(name)}")
        values = []
        for feature in features:
            if feature.name in row.values:
                value, problem = _read_value(feature, row.values[feature.name])
                problem = problem or _value_problem(feature, value)
            elif feature.nullable:
                value, problem = None, ""
            else:
                value, problem = None, f"is missing; send {_asked(feature)}"
            if problem:
                problems.add(
                    pointer(*where, feature.name), f"{shown}field {feature.name} {problem}"
                )
            numeric = isinstance(value, int) and not isinstance(value, bool) and not problem
            values.append(float(value) if numeric else value)
        return values

    def _unknown(self, name: str) -> str:
        if name == "rows":
            return "field rows is no list; send a list of rows, or one row without it"
        names = list(self._features)
        folded = {known.casefold(): known for known in names}
        near = difflib.get_close_matches(name[:200].casefold(), list(folded), n=1)
        if near:
            return f"field {_short(name)} is unknown; did you mean {folded[near[0]]}?"
        return f"field {_short(name)} is unknown; the fields are {_listed(names)}"


def _needs_reading(feature: Feature) -> bool:
    if feature.kind in MOMENTS:
        return True
    return feature.kind == "category" and feature.categories is None and bool(feature.normalise)


def _read_value(feature: Feature, value: Any) -> tuple[Any, str]:
    """A value with its text read as the data contract reads it, and a problem if it is none."""
    moment = feature.kind in MOMENTS
    if not isinstance(value, str):
        # A number would pass for days; they are sent as text.
        sent = moment and value is not None and not isinstance(value, _NotJson)
        return value, f"is {_type_name(value)}; send {_asked(feature)}" if sent else ""
    if feature.normalise is None and not moment:
        return value, ""
    read = feature.read(value)
    if read is not None:
        return read, ""
    how = feature.normalise
    missing = how is not None and clean(value, how) is None
    if missing and feature.nullable:
        return None, ""
    gap = "; send null or leave it out when unknown" if feature.nullable else ""
    said = "stands for a missing value" if missing and value else f"is {_no_kind(feature, value)}"
    return value, f"{said}; send {_asked(feature)}{gap}"


def _no_kind(feature: Feature, value: str) -> str:
    if not value:
        return "empty text"
    if feature.kind in MOMENTS:
        return f"no {feature.kind}"
    return f"text that is no {'number' if feature.kind == 'number' else feature.kind}"


def row_struct(signature: Signature) -> type[msgspec.Struct]:
    """A msgspec struct for one row; its fields are in the order of the signature."""
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    rename = {}
    for index, feature in enumerate(signature.features):
        rename[f"f{index}"] = feature.name  # names of columns need be no identifiers
        kind = _field_type(feature)
        if feature.nullable:
            fields.append((f"f{index}", kind | None | msgspec.UnsetType, msgspec.UNSET))
        else:
            fields.append((f"f{index}", kind))
    return msgspec.defstruct(
        "Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False
    )


def _field_type(feature: Feature) -> Any:
    if feature.kind == "boolean":
        return bool
    if feature.kind == "category":
        if feature.categories is None:
            return Annotated[str, msgspec.Meta(min_length=1)]
        how = feature.normalise
        fixed = [each for each in feature.categories if how is None or clean(each, how) == each]
        # With no category that normalisation leaves alone, every text is for the careful way.
        return Literal[tuple(fixed or ["\0"])]
    if feature.kind in MOMENTS:
        return Annotated[str, msgspec.Meta(min_length=1)]
    low = -FLOAT32_MAX if feature.minimum is None else feature.minimum
    high = FLOAT32_MAX if feature.maximum is None else feature.maximum
    if feature.kind == "number":
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    whole = msgspec.Meta(ge=max(math.ceil(low), -_INT64), le=min(math.floor(high), _INT64 - 1))
    return Annotated[int, whole]


def too_many_rows(count: int, allowed: int) -> ProblemError:
    """The answer to more rows than allowed."""
    return ProblemError(
        413,
        "too-many-rows",
        "Too many rows",
        f"The request has {count} rows, {allowed} are allowed; send it in parts.",
    )


class _Object:
    """A JSON object that remembers which keys were repeated."""

    __slots__ = ("repeated", "values")

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.values = dict(pairs)
        self.repeated: list[str] = []
        if len(self.values) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen and name not in self.repeated:
                    self.repeated.append(name)
                seen.add(name)


class _NotJson:
    """NaN, Infinity or -Infinity, which JSON does not have."""


class _Problems:
    def __init__(self) -> None:
        self.listed: list[FieldProblem] = []
        self.hidden = 0

    def add(self, place: str, detail: str) -> None:
        if len(self.listed) < MAX_LISTED:
            self.listed.append(FieldProblem(place, detail))
        else:
            self.hidden += 1


def _parse(body: bytes) -> Any:
    if not body.strip():
        raise _invalid("#", "the body is empty; send a JSON object")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid(
            "#", f"the body is not UTF-8: byte {error.start} cannot be read; encode it as UTF-8"
        ) from None
    try:
        return json.loads(
            text, object_pairs_hook=_Object, parse_constant=lambda _: _NotJson(), parse_int=_integer
        )
    except json.JSONDecodeError as error:
        raise _invalid(
            "#",
            f"the body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
        ) from None
    except RecursionError:
        raise _invalid("#", "the body is nested too deeply; a row is a flat object") from None


def _integer(text: str) -> int | float:
    # Longer ones fit no feature, and Python refuses to convert them.
    return int(text) if len(text) < 400 else math.inf


def _rows_of(document: _Object) -> tuple[Sequence[Any], bool, tuple[str, str] | None]:
    """The rows, whether many were sent, and a problem with the envelope if there is one."""
    rows = document.values.get("rows")
    if not isinstance(rows, list):
        return [document], False, None
    others = [name for name in document.values if name != "rows"]
    if others:
        problem = (
            pointer(others[0]),
            f"field {_short(others[0])} stands beside rows; put every field inside the rows",
        )
        return rows, True, problem
    if document.repeated:
        return rows, True, (pointer("rows"), "rows appears twice; send it once")
    if not rows:
        return rows, True, (pointer("rows"), "rows is empty; send at least one row")
    return rows, True, None


def _value_problem(feature: Feature, value: Any) -> str:
    """What is wrong with a value and what to send; never the value itself."""
    unit = f" {feature.unit}" if feature.unit else ""
    gap = "; send null or leave it out when unknown" if feature.nullable else ""
    if isinstance(value, _NotJson):
        remedy = "send null or leave it out" if feature.nullable else f"send {_asked(feature)}"
        return f"is NaN or Infinity, which JSON does not have; {remedy}"
    if value is None:
        return "" if feature.nullable else f"is null; send {_asked(feature)}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "number": number,
        "integer": number,
        "category": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "date": number,
        "timestamp": number,
    }[feature.kind]
    if not fits:
        return f"is {_type_name(value)}; send {_asked(feature)}{gap}"
    if feature.kind == "boolean":
        return ""
    if feature.kind == "category":
        if value == "" and feature.categories is None:
            return f"is empty text; send some text{gap}"
        if feature.categories is not None:
            known = value in feature.categories
            return "" if known else f"is not one of {_listed(feature.categories)}{gap}"
        try:
            value.encode()
        except UnicodeEncodeError:
            return "holds half of a surrogate pair; send valid Unicode"
        return ""
    problem = feature.problem(value)
    if problem.startswith(("is below", "is above")):
        return f"{problem}{unit}; send {_asked(feature)}{gap}"
    if problem:
        return f"{problem}; send {_asked(feature)}{gap}"
    if feature.kind == "integer" and not -_INT64 <= value < _INT64:
        return f"is too large; send {_asked(feature)}"
    return ""


def _asked(feature: Feature) -> str:
    """What to send, in words: "a number from 1 to 72 months"."""
    if feature.kind == "category" and feature.categories is not None:
        return f"one of {_listed(feature.categories)}"
    words = _KINDS[feature.kind]
    shown = feature.bound if feature.kind in MOMENTS else _figure
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None:
        words += f" from {shown(low)} to {shown(high)}"
    elif low is not None:
        words += f" of at least {shown(low)}"
    elif high is not None:
        words += f" of at most {shown(high)}"
    return f"{words} {feature.unit}" if feature.unit else words


def _figure(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, _Object):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    return "NaN or Infinity" if isinstance(value, _NotJson) else "a number"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _short(name: str) -> str:
    # A lone surrogate is valid in JSON text but not in ours.
    clean = name.encode("utf-8", "replace").decode()
    return clean if len(clean) <= 60 else clean[:60] + "…"


def _invalid(place: str, detail: str) -> ProblemError:
    return invalid_input([FieldProblem(place, detail)])
