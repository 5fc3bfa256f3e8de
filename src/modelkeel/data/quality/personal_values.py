"""What the values of a column look like: each test gives the share of values that pass."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from modelkeel.data.quality import personal_numbers as numbers
from modelkeel.data.quality.given_names import GIVEN

EMAIL = r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9\p{L}-]+(?:\.[A-Za-z0-9\p{L}-]+)*\.\p{L}{2,}"
_IBAN = r"^[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9 -]{11,38}$"
_CARD = r"^\d{4}(?:[ -]?\d{4}){3}$|^\d{13,16}$|^\d{4}[ -]\d{6}[ -]\d{4,5}$"
_PHONE = (
    r"^(?:\+|00)[1-9](?:[\s()./-]{0,2}\d){7,14}(?:\s?(?:x|ext\.?)\s?\d+)?$"
    r"|^(?:\+?1[-. ])?\(?\d{3}\)[-. ]?\d{3}[-. ]\d{4}(?:\s?(?:x|ext\.?)\s?\d+)?$"
    r"|^(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}(?:\s?(?:x|ext\.?)\s?\d+)?$"
    r"|^\(0\d{1,5}\)[\s/-]?\d[\d\s/-]{4,}$|^0\d(?:[ .]\d{2}){4}$|^0\d{2,4} ?/ ?\d[\d -]{4,}$"
)
_NO_PHONE = r"^\+?\d+\.\d+$|^(?:19|20)\d{2}[-./ ]"
_NAMED_PHONE = r"^[+(]?\d(?:[\s()./-]{0,2}\d){6,14}(?:\s?(?:x|ext\.?)\s?\d+)?$"
_STREET = (
    r"(?i)^\d+[a-z]?(?:[-/]\d+)?,?\s+(?:[\p{L}\d.'\x{2019}-]+\s+){1,5}(?:street|st|road|rd|avenue|"
    r"ave|av|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|square|sq|terrace|ter|parkway|"
    r"pkwy|highway|hwy|circle|cir|close|crescent|cres|trail|trl|grove|gardens)\b"
    r"|^\p{L}[\p{L}.'\x{2019} -]*(?:stra(?:ß|ss)e|str\.?|weg|platz|allee|gasse|damm|ufer|straat|"
    r"laan|gracht|plein|gatan|vägen|vej|gade)\s+\d+"
    r"|^\d+,?\s+(?:bis\s+|ter\s+)?(?:rue|avenue|boulevard|bd|chemin|impasse|allée|place|quai|"
    r"route|cours)\s+\p{L}"
    r"|^(?:calle|c/|avenida|avda\.?|plaza|paseo|carrera|camino|via|viale|piazza|corso|rua)\s+"
    r"\p{L}.*\d"
    r"|^p\.?\s?o\.?\s?box\s+\d+|^postfach\s+\d+"
)
_LETTERS = r"^\p{L}[\p{L}\p{M}'\x{2019}.,() -]{0,70}$"
_DATE = (
    r"^\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}(?:\D|$)|^(?:19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d$"
    r"|^(?:\d{1,2}\.?[ -])?\p{L}{3,9}\.?[ -](?:\d{1,2}, ?)?\d{2,4}$"
)
_DIGEST = r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$"
_CODE = r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{3,39}$"
_URL = r"^(?:https?://|www\.)\S+\.\S+$"
_TITLE = re.compile(
    r"(?:^|,\s*)(?:mr|mrs|ms|miss|master|dr|prof|herr|frau|hr|fr|mme|mlle|sr|sra|don|dona|sig)\.?\s+"
)


@dataclass(frozen=True)
class Values:
    """A sample of the different values of a column, as text.

    Attributes:
        text: trimmed, none empty, none twice.
        temporal: whether they are dates or timestamps by type.
        often: whether few values repeat in many rows, as classes do.
    """

    text: pl.Series
    temporal: bool
    often: bool

    def share(self, pattern: str, check: Callable[[str], bool] | None = None) -> float:
        """The share of values that match, and pass the check."""
        fits = self.text.str.contains(pattern)
        if check is not None and fits.any():
            return sum(map(check, self.text.filter(fits).to_list())) / self.text.len()
        return float(fits.mean() or 0.0)  # type: ignore[arg-type]


def emails(values: Values) -> float:
    """E-mail addresses, in a sentence too."""
    return values.share(EMAIL)


def ibans(values: Values) -> float:
    """Account numbers by ISO 13616."""
    return values.share(_IBAN, numbers.iban)


def cards(values: Values) -> float:
    """Card numbers that pass Luhn."""
    return values.share(_CARD, numbers.card)


def ssns(values: Values) -> float:
    """Social security numbers, written with hyphens."""
    return values.share(r"^\d{3}-\d{2}-\d{4}$", numbers.ssn)


def nationals(values: Values) -> float:
    """Identity numbers of one country."""
    return max(values.share(each.pattern, each.check) for each in numbers.NATIONAL)


def phones(values: Values) -> float:
    """Phone numbers by their shape: an international prefix, or groups of digits."""
    fits = values.text.str.contains(_PHONE) & ~values.text.str.contains(_NO_PHONE)
    return float(fits.mean() or 0.0)  # type: ignore[arg-type]


def ips(values: Values) -> float:
    """IP addresses; versions such as 1.2.3.4 have small numbers only."""

    def is_ip(text: str) -> bool:
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            return False
        return found.version == 6 or max(map(int, text.split("."))) >= 30

    return values.share(
        r"^\d{1,3}(?:\.\d{1,3}){3}$|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$", is_ip
    )


def addresses(values: Values) -> float:
    """Streets with a number, as several countries write them."""
    return values.share(_STREET)


def people(values: Values, *, alone: bool) -> float:
    """Names of people: a title, or a frequent given name where one stands.

    Args:
        values: of the column.
        alone: the column's name says nothing of people, so that one word is not enough.
    """

    def is_name(text: str) -> bool:
        folded = unicodedata.normalize("NFKD", text.lower())
        low = "".join(each for each in folded if not unicodedata.combining(each))
        if _TITLE.search(low):
            return True
        first = low.partition(",")[2] or low
        tokens = re.findall(r"[a-z][a-z'-]*", first)
        if not tokens or len(tokens) > 5 or (alone and len(re.findall(r"[a-z'-]+", low)) < 2):
            return False
        # "Rosa canina" is a rose; "anna schmidt" is written in lower case throughout.
        capital = all(each[0].isupper() for each in text.split() if len(each) > 3)
        if not capital and (alone or text[0].isupper()):
            return False
        return tokens[0] in GIVEN

    return values.share(_LETTERS, is_name)


def urls(values: Values) -> float:
    """Web addresses."""
    return values.share(_URL)


def devices(values: Values) -> float:
    """Vehicle identification numbers with a check digit, or MAC addresses."""
    vins = values.share(r"^[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}$", numbers.vin)
    return max(vins, values.share(r"^(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$"))


def fitting(kind: str, values: Values) -> float:
    """The share of values that can be what the column's name says."""
    if kind in ("birth", "event"):
        return 1.0 if values.temporal else values.share(_DATE)
    if values.temporal:
        return 0.0
    digest = values.share(_DIGEST)
    return max(digest, _fitting(kind, values))


def _fitting(kind: str, values: Values) -> float:
    match kind:
        case "email":
            return emails(values)
        case "phone":
            return values.share(_NAMED_PHONE)
        case "name":
            return 0.0 if values.often else values.share(_LETTERS)
        case "address":
            written = values.share(r"\p{L}{2}.*\s.*\d|\d.*\s.*\p{L}{2}")
            return max(addresses(values), 0.0 if values.often else written)
        case "street":
            return addresses(values) if values.often else values.share(r"\p{L}{3}")
        case "ssn":
            return values.share(r"^\d{3}-?\d{2}-?\d{4}$", numbers.ssn)
        case "card":
            return values.share(r"^[\dxX*](?:[ -]?[\dxX*]){12,18}$")
        case "ip":
            return values.share(
                r"^\d{1,3}(?:\.\d{1,3}){3}$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$"
            )
        case "national" | "bank":
            if values.often or values.share(r"^[+-]?\d*[.,]\d+$") > 0.1:
                return 0.0
            return values.share(_CODE, _has_digits(5))
        case "plate":
            return (
                0.0
                if values.often
                else values.share(r"^[\p{L}\d][\p{L}\d -]{3,10}$", _has_digits(1))
            )
        case "user":
            return 0.0 if values.often else values.share(r"^[\p{L}_@]\S{1,63}$")
        case "url":
            return urls(values)
        case "device" | "licence":
            return 0.0 if values.often else values.share(_CODE, _has_digits(3))
        case "place":
            return values.share(r"\p{L}{2}|^\d{3,6}(?:-\d{4})?$")
        case _:
            return 0.0 if values.often else 1.0


def _has_digits(least: int) -> Callable[[str], bool]:
    return lambda text: sum(each.isdigit() for each in text) >= least
