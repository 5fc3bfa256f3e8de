"""An incident: what happened, when it was known, and the clocks that the law starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from modelkeel.records.answer import Answer
from modelkeel.records.base import Email, Record, Text

_FIRST, _LAST = 2000, 2400  # an API key may run for 99,999 days


def _with_zone(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("give the time with its zone, such as 2026-11-24T09:30:00Z")
    if not _FIRST <= value.year <= _LAST:  # a slip, and at the ends of the calendar UTC overflows
        raise ValueError(f"the year {value.year} is not one of {_FIRST} to {_LAST}")
    return value.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_with_zone)]
Harm = Literal[
    "death",
    "serious_health",
    "critical_infrastructure",
    "widespread",
    "fundamental_rights",
    "property_or_environment",
    "personal_data_breach",
    "none",
]

# Art 73(2)-(4) of Regulation (EU) 2024/1689; Art 33(1) of Regulation (EU) 2016/679.
_CLOCKS: dict[Harm, timedelta] = {
    "death": timedelta(days=10),
    "serious_health": timedelta(days=15),
    "critical_infrastructure": timedelta(days=2),
    "widespread": timedelta(days=2),
    "fundamental_rights": timedelta(days=15),
    "property_or_environment": timedelta(days=15),
    "personal_data_breach": timedelta(hours=72),
}


class Incident(Record):
    """`governance/incidents/DATE-NAME.toml`.

    `reported` is when the last authority that has to know was told.
    """

    schema_: Literal["incident/1"] = Field(alias="schema")
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Text = Field(min_length=10)
    harm: list[Harm] = Field(min_length=1)
    happened: Moment
    known: Moment
    model_digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    description: Text = Field(min_length=10)
    cause: Answer[Text]
    measures: Answer[list[Text]]
    owner: Email
    reported: Moment | None = None
    closed: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.known < self.happened:
            raise ValueError("known: nobody knows of it before it has happened")
        for name, moment in (("reported", self.reported), ("closed", self.closed)):
            if moment is not None and moment < self.known:
                raise ValueError(f"{name}: lies before it was known")
        return self

    def after(self, now: datetime) -> list[str]:
        """The keys whose time has not come yet; all of them tell of what was."""
        times = ("happened", "known", "reported", "closed")
        return [name for name in times if (at := getattr(self, name)) is not None and at > now]

    @property
    def deadline(self) -> datetime | None:
        """When the authority must have the first report: the shortest clock that runs."""
        clocks = [_CLOCKS[each] for each in self.harm if each in _CLOCKS]
        return self.known + min(clocks) if clocks else None
