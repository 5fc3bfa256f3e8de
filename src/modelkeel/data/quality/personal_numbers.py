"""Numbers that identify a person and carry a check digit, or a shape of their own."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import NamedTuple

_NIR = re.compile(r"[1278]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d{2}|2[AB])\d{8}")
_CF = re.compile(r"[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z]")
_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_DIGITS, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CF_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (*_ODD_DIGITS, *_ODD_LETTERS), strict=True)
)
_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_VIN = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def iban(text: str) -> bool:
    """ISO 13616: the letters as numbers, the remainder by 97 is 1."""
    plain = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", plain):
        return False
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def luhn(digits: str) -> bool:
    """ISO 7812: every second digit from the right is doubled, the sum ends in 0."""
    total = 0
    for place, each in enumerate(reversed(digits)):
        value = int(each) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(text: str) -> bool:
    """A payment card: the prefix and length of a network, and Luhn."""
    digits = re.sub(r"[ -]", "", text)
    network = (
        r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
        r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}"
    )
    return re.fullmatch(network, digits) is not None and luhn(digits)


def ssn(text: str) -> bool:
    """A United States social security number that may have been given out."""
    found = re.fullmatch(r"(\d{3})-?(\d{2})-?(\d{4})", text)
    if found is None:
        return False
    area, group, serial = found.groups()
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def german_tax(text: str) -> bool:
    """Steuer-ID: ISO 7064 MOD 11,10; one of its digits occurs two or three times."""
    if text[0] == "0":
        return False
    counts = sorted(text[:10].count(each) for each in set(text[:10]))
    if counts[-1] not in (2, 3) or counts[:-1] != [1] * (len(counts) - 1):
        return False
    product = 10
    for each in text[:10]:
        total = (int(each) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(text[10])


def spanish(text: str) -> bool:
    """DNI and NIE: the letter is the remainder by 23."""
    number = text[:-1].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    return _LETTERS[int(number) % 23] == text[-1]


def french(text: str) -> bool:
    """NIR: 97 minus the remainder by 97."""
    if not _NIR.fullmatch(text):
        return False
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[13:])


def italian(text: str) -> bool:
    """Codice fiscale: a letter as the check."""
    if not _CF.fullmatch(text):
        return False
    total = sum(
        int(each, 36) - (10 if each.isalpha() else 0) if place % 2 else _CF_ODD[each]
        for place, each in enumerate(text[:15])
    )
    return chr(ord("A") + total % 26) == text[15]


def belgian(text: str) -> bool:
    """Rijksregisternummer: a birth date, and 97 minus the remainder by 97."""
    number, check = text[:9], int(text[9:])
    if int(text[2:4]) > 12 or int(text[4:6]) > 31:
        return False
    return any(97 - int(before + number) % 97 == check for before in ("", "2"))


def polish(text: str) -> bool:
    """PESEL: a birth date, and weights."""
    month = int(text[2:4])
    if not _is_day(1900, text[:2], month % 20, text[4:6]):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return sum(int(a) * b for a, b in zip(text, weights, strict=True)) % 10 == 0


def swedish(text: str) -> bool:
    """Personnummer: a birth date, and Luhn."""
    digits = re.sub(r"\D", "", text)[-10:]
    return _is_day(1900, digits[:2], int(digits[2:4]), digits[4:6]) and luhn(digits)


def finnish(text: str) -> bool:
    """Henkilötunnus: the remainder by 31 as a character."""
    return _HETU[int(text[:6] + text[7:10]) % 31] == text[10]


def dutch(text: str) -> bool:
    """Burgerservicenummer: the test of eleven."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(int(a) * b for a, b in zip(text, weights, strict=True)) % 11 == 0


def swiss(text: str) -> bool:
    """AHV number: the check digit of EAN-13."""
    digits = text.replace(".", "")
    total = sum(int(each) * (3 if place % 2 else 1) for place, each in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == int(digits[12])


def vin(text: str) -> bool:
    """Vehicle identification number with its check digit."""
    values = [int(each) if each.isdecimal() else _VIN[each] for each in text]
    total = sum(a * b for a, b in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return text[8] == ("X" if total == 10 else str(total))


def _is_day(century: int, year: str, month: int, day: str) -> bool:
    try:
        dt.date(century + int(year), month, int(day))
    except ValueError:
        return False
    return True


class Number(NamedTuple):
    """An identity number: its shape, and its check."""

    pattern: str
    check: Callable[[str], bool]


NATIONAL: tuple[Number, ...] = (
    Number(r"^\d{11}$", german_tax),
    Number(r"^\d{11}$", polish),
    Number(
        r"^(?:\d{11}|\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2})$", lambda t: belgian(re.sub(r"\D", "", t))
    ),
    Number(r"^(?:\d{8}|[XYZ]\d{7})[A-Z]$", spanish),
    Number(
        r"^[1278]\d{4}[0-9AB]{2}\d{8}$|^[1278](?: \d{2}){2} [0-9AB]{2}(?: \d{3}){2} \d{2}$",
        lambda t: french(t.replace(" ", "")),
    ),
    Number(f"^{_CF.pattern}$", italian),
    Number(r"^(?:19|20)?\d{6}[-+]\d{4}$", swedish),
    Number(r"^\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]$", finnish),
    Number(r"^756\.?\d{4}\.?\d{4}\.?\d{2}$", swiss),
    Number(r"^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]$", lambda _: True),
)
"""Identity numbers found by value alone: DE, PL, BE, ES, FR, IT, SE, FI, CH, GB."""
