"""The columns of a table by their role, read into arrays; what cannot be is named by its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.sources import ROW
from modelkeel.errors import BadInput
from modelkeel.records.base import MOST

_NAMED = 3


@dataclass(frozen=True)
class Columns:
    """A table, what to call it, and the names of its columns by role."""

    frame: pl.DataFrame
    shown: str
    roles: Mapping[str, str]

    def has(self, role: str) -> bool:
        """Whether the table has that column."""
        return role in self.roles

    def unique(self, role: str) -> None:
        """Refuse values that are missing or stand twice.

        Raises:
            BadInput: with the rows.
        """
        values = self._values(role)
        self._refuse(role, values.is_null(), "is empty", "give each decision an id of its own")
        first = values.is_first_distinct()
        again = values.filter(~first)
        if again.len():
            twice = again[0]
            rows = self.frame[ROW].filter(values == twice).to_list()
            raise BadInput(
                f"{self._at(role)}: {twice!r} stands in the rows {_listed(rows)}; "
                f"ids that stand twice: {again.n_unique()}",
                remedy="export each decision once",
            )

    def choices(
        self, role: str, allowed: Sequence[str], *, empty: bool = False
    ) -> NDArray[np.int64]:
        """The position of each value in `allowed`; -1 where it is empty.

        Raises:
            BadInput: another value, or an empty one that has to be there.
        """
        values = _texts(self._values(role))
        if not empty:
            self._refuse(role, values.is_null(), "is empty", f"write one of {list(allowed)}")
        places = {name: place for place, name in enumerate(allowed)}
        unknown = values.is_not_null() & ~values.is_in(list(allowed))
        if unknown.any():
            value = values.filter(unknown)[0]
            self._refuse(
                role, unknown, f"is {value!r}", f"known are: {', '.join(map(repr, allowed))}"
            )
        codes = values.replace_strict(places, default=-1, return_dtype=pl.Int64)
        return np.asarray(codes.fill_null(-1).to_numpy(), dtype=np.int64)

    def numbers(
        self,
        role: str,
        *,
        empty: bool = False,
        low: Any = None,
        high: Any = None,
        above: bool = False,
    ) -> NDArray[np.float64]:
        """The values as numbers, NaN where empty; `above` leaves `low` itself out.

        Raises:
            BadInput: no number, one beyond any amount or out of range, or an empty value that
                has to be there.
        """
        values = self._values(role)
        if not empty:
            self._refuse(role, values.is_null(), "is empty", "write a number")
        number = values.cast(pl.Float64, strict=False)
        wrong = values.is_not_null() & (number.is_null() | ~number.is_finite())
        if wrong.any():
            value = values.filter(wrong)[0]
            self._refuse(role, wrong, f"is {str(value)!r}, no number", "write it as 12.5")
        beyond = number.abs() > MOST
        if beyond.any():
            value = number.filter(beyond)[0]
            self._refuse(role, beyond, f"is {value:g}, beyond {MOST:g}", "write it as it was")
        found = np.asarray(number.fill_null(float("nan")).to_numpy(), dtype=np.float64)
        with np.errstate(invalid="ignore"):
            outside = np.zeros(len(found), dtype=np.bool_)
            if low is not None:
                outside |= (found <= low) if above else (found < low)
            if high is not None:
                outside |= found > high
        if outside.any():
            least = "" if low is None else f"{'above' if above else 'at least'} {low:g}"
            most = "" if high is None else f"at most {high:g}"
            self._refuse(
                role,
                pl.Series(outside),
                f"is {found[outside][0]:g}",
                f"it has to be {' and '.join(filter(None, [least, most]))}",
            )
        return found

    def times(self, role: str, now: datetime) -> NDArray[np.datetime64]:
        """The values as moments in UTC.

        Raises:
            BadInput: missing, no time, or later than `now`.
        """
        values = self._values(role)
        self._refuse(role, values.is_null(), "is empty", "write when it was decided")
        if values.dtype in (pl.Date, pl.Datetime):  # of years that Python's own do not know
            year = values.dt.year()
            beyond = ~year.is_between(2, 9998)  # a time zone may add a day
            if beyond.any():
                said = f"is in the year {year.filter(beyond)[0]}"
                self._refuse(role, beyond, said, "write a day of years 2 to 9998")
        moments = [_moment(value) for value in values.to_list()]
        wrong = pl.Series([moment is None for moment in moments], dtype=pl.Boolean)
        if wrong.any():
            value = values.filter(wrong)[0]
            self._refuse(
                role, wrong, f"is {str(value)!r}, no time", "write ISO 8601: 2026-11-24T09:30:00Z"
            )
        found = np.asarray(moments, dtype="datetime64[us]")
        late = found > np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
        if late.any():
            self._refuse(
                role,
                pl.Series(late),
                f"is {found[late][0].astype('datetime64[s]')}, in the future",
                "correct the clock or the time zone of the export",
            )
        return found

    def filled(self, role: str, needed: NDArray[np.bool_], remedy: str) -> None:
        """Refuse empty values in rows that need one.

        Raises:
            BadInput: with the rows.
        """
        self._refuse(role, self._values(role).is_null() & pl.Series(needed), "is empty", remedy)

    def _values(self, role: str) -> pl.Series:
        return self.frame[self.roles[role]]

    def _at(self, role: str) -> str:
        return f"{self.shown}: column {self.roles[role]!r}"

    def _refuse(self, role: str, wrong: pl.Series, said: str, remedy: str) -> None:
        if not wrong.any():
            return
        rows = self.frame[ROW].filter(wrong).to_list()
        raise BadInput(
            f"{self._at(role)}: row {rows[0]} {said}"
            + (f"; {len(rows)} rows in all: {_listed(rows)}" if len(rows) > 1 else ""),
            remedy=remedy,
        )


def _listed(rows: Sequence[int]) -> str:
    shown = ", ".join(str(row) for row in rows[:_NAMED])
    return f"{shown} …" if len(rows) > _NAMED else shown


def _texts(values: pl.Series) -> pl.Series:
    """As text; a whole number has no decimals, and true is `true`."""
    if values.dtype.is_float():
        whole = values.cast(pl.Int64, strict=False)
        if (whole.cast(pl.Float64) == values).fill_null(value=True).all():
            values = whole
    return values.cast(pl.String)


def _moment(value: Any) -> datetime | None:
    """A moment in UTC without its zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        except OverflowError:  # in UTC it is before the year 1 or after 9999
            return None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    return None
