"""How columns of text are read."""

import polars as pl
import pytest

from modelkeel.data.contract import Column, Contract, check
from modelkeel.data.infer.texts import Reading, texts_of
from modelkeel.data.infer.words import as_words, read_texts


def read(*values: str, comma: bool = False) -> Reading:
    return read_texts(texts_of(pl.Series(list(values))), comma=comma)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", " 2", "+3", "-4"], "integer"),
        (["1.0", "2."], "integer"),
        (["1.5", ".5", "1e-3"], "number"),
        (["0", "1"], "integer"),
        (["yes", "no"], "boolean"),
        (["Ja", "nein", "ja"], "boolean"),
        (["2020-01-31"], "date"),
        (["20200131", "20211231"], "date"),
        (["2020-01-31T10:00:00Z", "2020-01-31 10:00"], "timestamp"),
        (["31.12.2020 10:30", "1.1.2021 00:00"], "timestamp"),
        (["007", "123"], "string"),
        (["12345678901234567890123", "1"], "string"),
        (["red", "green"], "string"),
        (["-", "?"], "string"),
    ],
)
def test_kinds(values: list[str], kind: str) -> None:
    assert read(*values).kind == kind


@pytest.mark.parametrize(
    ("values", "numbers", "decimal", "thousands"),
    [
        (["1,5", "2,25", "3"], [1.5, 2.25, 3], ",", None),
        (["0,040", "0,123"], [0.04, 0.123], ",", None),
        (["1.234,5", "2", "12.345.678,9"], [1234.5, 2, 12345678.9], ",", "."),
        (["1,234.5", "12"], [1234.5, 12], None, ","),
        (["1 234,5", "1\u202f000"], [1234.5, 1000], ",", " "),
        (["1'234.5", "1"], [1234.5, 1], None, "'"),
    ],
)
def test_numbers_of_other_countries(
    values: list[str], numbers: list[float], decimal: str | None, thousands: str | None
) -> None:
    found = read(*values)
    assert (found.normalise.decimal, found.normalise.thousands) == (decimal, thousands)
    assert typed(values, found) == numbers


def typed(values: list[str], how: Reading) -> list[object]:
    """The values as the contract reads them."""
    contract = Contract(
        path=None,  # type: ignore[arg-type]
        columns=(Column("x", how.kind, required=False, normalise=how.normalise),),
    )
    return check(pl.DataFrame({"x": values}), contract).valid["x"].to_list()


def test_a_comma_that_could_be_either_is_doubted_or_goes_with_the_others() -> None:
    either = ["1,234", "2,345"]
    assert typed(either, read(*either)) == [1234, 2345]
    assert "decimal comma" in read(*either).doubts[0]
    sure = read(*either, comma=True)
    assert typed(either, sure) == [1.234, 2.345]
    assert not sure.doubts


def test_units() -> None:
    assert typed(["2 kg", "500 g"], read("2 kg", "500 g")) == [2.0, 0.5]
    assert typed(["12%", "3,5 %"], read("12%", "3,5 %")) == [12.0, 3.5]
    assert read("2 kg", "5 EUR").kind == "string"


@pytest.mark.parametrize(
    ("values", "formats", "doubted"),
    [
        (["01/02/2020", "03/04/2021"], ("%d/%m/%Y",), True),
        (["01/02/2020", "13/04/2021"], ("%d/%m/%Y",), False),
        (["01/13/2020", "03/04/2021"], ("%m/%d/%Y",), False),
        (["31.12.2020", "1.1.2021"], ("%d.%m.%Y",), False),
        (["3 Jan 2020", "14 feb 2021"], ("%d %b %Y",), False),
        (["31.12.2020", "2021-01-01"], ("%Y-%m-%d", "%d.%m.%Y"), True),
    ],
)
def test_dates(values: list[str], formats: tuple[str, ...], doubted: bool) -> None:
    found = read(*values)
    assert (found.kind, found.normalise.date_formats) == ("date", formats)
    assert bool(found.doubts) == doubted
    assert None not in typed(values, found)


def test_values_that_do_not_fit_are_missing_while_they_are_few() -> None:
    numbers = [str(each) for each in range(40)]
    found = read(*numbers, "unknown", "?", "N/A")
    assert found.kind == "integer"
    assert set(found.normalise.missing) == {"unknown", "?", "N/A"}
    assert "'unknown'" in found.doubts[0]
    assert read("1", "2", "a", "b").kind == "string"


def test_na_is_a_word_among_words_of_two_letters() -> None:
    assert read("NA", "DE", "FR", "US", "IT").normalise.missing == ()
    assert read("NA", "red", "green").normalise.missing == ("NA",)


def test_spellings_come_together() -> None:
    values = ["Full time", "full-time", "FULL TIME", "part time", "n/a"]
    found = read(*values)
    read_values = typed(values, found)
    assert len(set(read_values[:3])) == 1
    assert read_values[4] is None
    assert found.doubts


def test_yes_and_no_stay_words_as_classes() -> None:
    values = ["Yes", "y", "no", "N", "yes"]
    found = as_words(texts_of(pl.Series(values)))
    assert found.kind == "string"
    yes, also, no, never, again = typed(values, found)
    assert yes == also == again
    assert no == never != yes
