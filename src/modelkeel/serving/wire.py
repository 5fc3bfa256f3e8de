"""The wire format of /predict, made from the signature of a model.

A request is one row, an object with a member a feature, or many: {"rows": [row, ...]}, or one row a
line (NDJSON). A value is never an array, so a body whose `rows` is an array is many rows, even if a
feature has that name. `subjects` beside `rows` says whom each row is about.

Two ways lead through it. The fast one is msgspec on structs made from the signature. Whatever it
does not accept goes to the careful one, which is the definition. Where a feature has `normalise`,
the fast one takes only text that reading leaves as it is. Dates and timestamps come as text, and
are days since 1970-01-01 from here on.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET
from msgspec.structs import astuple
from numpy.typing import NDArray

from modelkeel.model.rules import compile_rule
from modelkeel.model.signature import MOMENTS, Feature, Signature
from modelkeel.serving.careful import Careful, Rows, columns_of, sound_subject, too_many_rows
from modelkeel.serving.structs import row_struct


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
        many = msgspec.defstruct(
            "Many",
            [
                ("rows", list[row]),  # type: ignore[valid-type]
                ("subjects", list[str] | msgspec.UnsetType, UNSET),
            ],
            forbid_unknown_fields=True,
        )
        self._one = msgspec.json.Decoder(row)
        self._many: msgspec.json.Decoder[Any] = msgspec.json.Decoder(many)
        self._careful = Careful(signature, max_rows)
        self._nullable = [i for i, f in enumerate(signature.features) if f.nullable]
        kinds = [feature.kind for feature in signature.features]
        names = signature.feature_names
        self._numeric = [i for i, kind in enumerate(kinds) if kind != "category"]
        self._text = [i for i, kind in enumerate(kinds) if kind == "category"]
        self._quoted = [kind == "category" or kind in MOMENTS for kind in kinds]
        self._quotes_a_row = 2 * (len(kinds) + sum(self._quoted))
        # Only these are read once more on the fast way: their type does not say all.
        self._read = [i for i, f in enumerate(signature.features) if _needs_reading(f)]
        self._rules = [compile_rule(rule, names) for rule in signature.rules]
        self._numeric_names = [names[i] for i in self._numeric]
        self._text_names = [names[i] for i in self._text]

    def decode(self, body: bytes) -> Rows:
        """Rows of a JSON body.

        Raises:
            ProblemError: 422 with every problem found (at most 100 listed), 413 for too many rows.
        """
        rows = self._decode_fast(body)
        if rows is None:
            rows = self._careful.decode(body)
        if rows.count > self.max_rows:
            raise too_many_rows(rows.count, self.max_rows)
        return rows

    def decode_lines(self, body: bytes) -> Rows:
        """Rows of an NDJSON body, one a line.

        Raises:
            ProblemError: 422 with every problem found (at most 100 listed), 413 for too many rows.
        """
        rows = self._decode_lines_fast(body)
        if rows is None:
            rows = self._careful.decode_lines([line for line in body.splitlines() if line.strip()])
        if rows.count > self.max_rows:
            raise too_many_rows(rows.count, self.max_rows)
        return rows

    def inputs(self, columns: list[list[Any]]) -> dict[str, NDArray[Any]]:
        """Arrays of shape (n, 1), equal to those of `Signature.inputs`, made in two blocks."""
        arrays: dict[str, NDArray[Any]] = {}
        if self._numeric:
            block = _block([columns[i] for i in self._numeric], np.float32)
            arrays.update(zip(self._numeric_names, block, strict=True))
        if self._text:
            texts = [[value or "" for value in columns[i]] for i in self._text]
            arrays.update(zip(self._text_names, _block(texts, object), strict=True))
        return arrays

    def _decode_fast(self, body: bytes) -> Rows | None:
        """Rows, or None when the careful way has to look."""
        many, subjects = False, None
        try:
            try:
                structs = [self._one.decode(body)]
            except msgspec.ValidationError:
                envelope = self._many.decode(body)
                structs, many = envelope.rows, True
                if envelope.subjects is not UNSET:
                    subjects = envelope.subjects
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if subjects is not None and (
            len(subjects) != len(structs) or not all(map(sound_subject, subjects))
        ):
            return None
        quotes = 2 if many else 0
        quotes += 2 + 2 * len(subjects) if subjects is not None else 0
        return self._rows(structs, body, quotes, many=many, subjects=subjects)

    def _decode_lines_fast(self, body: bytes) -> Rows | None:
        try:
            structs = self._one.decode_lines(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        return self._rows(structs, body, 0, many=True)

    def _rows(
        self,
        structs: list[Any],
        body: bytes,
        quotes: int,
        *,
        many: bool,
        subjects: list[str] | None = None,
    ) -> Rows | None:
        """Values of decoded rows; `quotes` are those of the body around the rows."""
        if not structs or b"\\" in body:
            return None
        rows = [list(astuple(each)) for each in structs]
        # A key that appears twice is not seen by the decoder, but by its quotes: without escapes,
        # a body has two for each key and two for each text.
        quotes += len(rows) * self._quotes_a_row
        for row in rows:
            if self._nullable:
                quotes -= self._missing(row)
            if self._read and not self._read_again(row):
                return None
        if body.count(b'"') != quotes:
            return None
        if self._rules:
            columns = columns_of(rows)
            for broken in self._rules:
                if any(broken(columns, at) for at in range(len(rows))):
                    return None
        return Rows(rows, many, subjects)

    def _missing(self, row: list[Any]) -> int:
        """Quotes that a row lacks for values that are null or left out; those become None."""
        lacking = 0
        for i in self._nullable:
            value = row[i]
            if value is None:
                lacking += 2 if self._quoted[i] else 0
            elif value is UNSET:
                lacking += 4 if self._quoted[i] else 2
                row[i] = None
        return lacking

    def _read_again(self, row: list[Any]) -> bool:
        """Read what the type of a value does not say all of; False for what has to be looked at."""
        for i in self._read:
            value = row[i]
            if value is None or value is UNSET:
                continue
            feature = self.signature.features[i]
            read = feature.read(value)
            if read is None or feature.problem(read):
                return False
            row[i] = read
        return True


def _block(columns: list[list[Any]], dtype: Any) -> NDArray[Any]:
    """Columns as an array of shape (columns, rows, 1)."""
    if len(columns[0]) == 1:  # numpy reads one flat list faster than many short ones
        return np.array([each[0] for each in columns], dtype=dtype).reshape(-1, 1, 1)
    return np.array(columns, dtype=dtype)[..., None]


def _needs_reading(feature: Feature) -> bool:
    if feature.kind in MOMENTS:
        return True
    if feature.kind != "category" or feature.categories is not None:
        return False
    return feature.shaped or feature.normalise is not None
