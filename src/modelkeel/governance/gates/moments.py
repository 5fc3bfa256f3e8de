"""When something was measured, and how long ago that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modelkeel.errors import Refused

_APART = timedelta(days=1)
"""How far the clocks of two machines may lie apart."""


def moment_of(text: object, where: str) -> datetime:
    """A time as a record has it, in UTC.

    Raises:
        Refused: it is no time with a zone.
    """
    try:
        found = datetime.fromisoformat(str(text))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused(f"{where}: {text!r} is no time with a zone", remedy="make it again")


def age_of(text: object, now: datetime, where: str) -> timedelta:
    """How long ago a time of a record is.

    Raises:
        Refused: it is no time with a zone, or lies in the future.
    """
    age = now - moment_of(text, where)
    if age < -_APART:
        raise Refused(f"{where}: {text} lies in the future", remedy="make it again")
    return age
