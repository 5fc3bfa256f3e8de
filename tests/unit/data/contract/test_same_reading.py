"""A text is read the same in Polars, where models learn, and in Python, where they serve."""

from __future__ import annotations

import datetime as dt
import math

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelkeel.data.contract.model import KINDS, Column, Kind, Normalise
from modelkeel.data.contract.normalise import DTYPES, optimistic, reading
from modelkeel.data.contract.values import clean, read_value

FORMATS = (
    "%d.%m.%Y",
    "%m/%d/%y",
    "%Y%m%d",
    "%d %b %Y",
    "%d %B %Y",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M%z",
    "%d%m%y",
    "%H:%M %d.%m.%Y",
    "%Y/%m/%d %H:%M:%S",
)
DIGITS = st.text("0123456789+-.,eE '\u00a0kg%", max_size=12)
DATES = st.text("0123456789-/.:TZ +JanuryFebMch", max_size=26)
SHAPES = ("{:%d.%m.%Y}", "{:%m/%d/%y}", "{:%Y%m%d}", "{:%d %b %Y}", "{:%Y-%m-%dT%H:%M}Z")
SHAPES += ("{:%Y-%m-%d}", "{:%H:%M %d.%m.%Y}", "{:%d%m%y}", "{0.day}.{0.month}.{0.year}")
SHAPES += ("{}", "{}+05:30", "{:%Y-%m-%dT%H:%M:%S.%f}")
MOMENTS = st.datetimes(dt.datetime(1000, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001
REAL = st.builds(lambda when, shape: shape.format(when), MOMENTS, st.sampled_from(SHAPES))
FIGURES = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(repr),
    st.integers(0, 10**9).map(lambda n: f"{n:,}"),
    st.integers(0, 10**9).map(lambda n: f"{n:,}".replace(",", " ") + " kg"),
    st.decimals(-1000, 1000, places=2).map(lambda n: str(n).replace(".", ",") + "g"),
)
WORDS = st.sampled_from(["yes", "NO", "True", "1", "0", "Ja", "nein", "NA", " n/a ", "m", "M"])
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=8), DIGITS, DATES, REAL, FIGURES, WORDS
)
HOW = st.builds(
    Normalise,
    trim=st.booleans(),
    missing=st.sampled_from([(), ("NA", "n/a"), ("0",)]),
    case=st.sampled_from([None, "lower", "upper"]),
    synonyms=st.sampled_from([{}, {"m": "male", "M": "1"}, {"yes": ""}]),
    decimal=st.sampled_from([None, ","]),
    thousands=st.sampled_from([None, "'", " "]),
    unit_factors=st.sampled_from([{}, {"kg": 1.0, "g": 0.001, "%": 0.01, "KG": 1.0}]),
    date_formats=st.lists(st.sampled_from(FORMATS), max_size=3).map(tuple),
    true=st.sampled_from([(), ("Ja",)]),
    false=st.sampled_from([(), ("Nein",)]),
)


@settings(max_examples=400)
@given(st.lists(TEXTS, min_size=1, max_size=20), st.sampled_from(KINDS), HOW)
@example(
    ["1,5", "1.5", "1'000,5 kg", "12 g"],
    "number",
    Normalise(decimal=",", thousands="'", unit_factors={"kg": 1.0, "g": 0.001}),
)
@example(["31.02.2024", "1.2.24", "01.02.2024"], "date", Normalise(date_formats=("%d.%m.%Y",)))
@example(["2024-02-30", "2024-01-01T24:00", "2024-01-01T10:11+14:00"], "timestamp", Normalise())
@example(["01/02/69", "01/02/70"], "date", Normalise(date_formats=("%m/%d/%y",)))
def test_both_read_the_same(texts: list[str], kind: Kind, how: Normalise) -> None:
    column = Column("a", kind, required=False, normalise=how)
    found = in_polars(column, texts)
    expected = [read_value(text, kind, how) for text in texts]
    assert [_key(each) for each in found["value"]] == [_key(each) for each in expected]
    assert found["given"].to_list() == [clean(text, how) is not None for text in texts]


@settings(max_examples=200)
@given(st.lists(TEXTS, min_size=1, max_size=20), st.sampled_from(["number", "integer"]), HOW)
def test_the_cheap_reading_is_right_where_it_reads_all(
    texts: list[str], kind: Kind, how: Normalise
) -> None:
    how = Normalise(
        trim=how.trim, missing=how.missing, case=how.case, unit_factors=how.unit_factors
    )
    column = Column("a", kind, required=False, normalise=how)
    cheap = optimistic(column, pl.String())
    if cheap is None:
        return
    values = pl.DataFrame({"a": texts}).select(cheap)["a"]
    for text, value in zip(texts, values, strict=True):
        if value is not None:
            assert read_value(text, kind, how) == value


def test_changes_are_counted(  # what is counted is what the contract declares
) -> None:
    how = Normalise(true=("ja",), false=("nein",))
    found = in_polars(Column("a", "boolean", required=False, normalise=how), ["ja", "Nein", "x"])
    assert found["changed"].to_list() == [True, True, False]
    how = Normalise(date_formats=("%d.%m.%Y", "%Y-%m-%d"))
    dates = Column("a", "date", required=False, normalise=how)
    assert in_polars(dates, ["1.2.2024", "2024-02-01", "x"])["changed"].to_list() == [
        True,
        False,
        False,
    ]


def in_polars(column: Column, texts: list[str]) -> pl.DataFrame:
    read = reading(column, pl.String())
    assert read.text is not None
    assert read.changed is not None
    table = pl.DataFrame({"a": texts}, schema={"a": pl.String})
    found = table.with_columns(read.text.alias("a\0text")).select(
        value=read.value, given=read.given, changed=read.changed
    )
    assert found.schema["value"] == DTYPES[column.kind]
    return found


def _key(value: object) -> tuple[str, str]:
    if isinstance(value, float):
        return ("float", repr(math.copysign(abs(value), value) + 0.0))
    return (type(value).__name__, str(value))
