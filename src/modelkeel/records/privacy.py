"""The privacy record: the processing of personal data, as GDPR Art 30 and 35 ask for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelkeel.records.answer import Answer
from modelkeel.records.base import CENTURY, Email, Record, Strict, Text, distinct


class Processing(Strict):
    """Why personal data is processed, for whom, on which basis (Art 6, 9, 30(1))."""

    controller: Answer[Text]
    protection_officer: Answer[Email]
    purposes: list[Text] = Field(min_length=1)
    subjects: Answer[list[Text]]
    legal_basis: Answer[Text]
    special_basis: Answer[Text] | None = None
    recipients: Answer[list[Text]]
    transfers: Answer[Text]
    security: Answer[list[Text]]


class Retention(Strict):
    """How long a kind of data is kept, in days, and why."""

    data: Text
    days: Answer[Annotated[int, Field(ge=0, le=CENTURY)]]
    basis: Answer[Text]


class Rights(Strict):
    """How people get what Art 13 to 22 give them."""

    information: Answer[Text]
    access: Answer[Text]
    erasure: Answer[Text]
    contest: Answer[Text]


class Assessment(Strict):
    """The data protection impact assessment (Art 35(7), (2), (9))."""

    necessity: Answer[Text]
    proportionality: Answer[Text]
    consultation: Answer[Text]
    officer_advice: Answer[Text]
    approval: str | None = None


class BiasTesting(Strict):
    """The use of special categories to find bias (Art 4a of Regulation (EU) 2024/1689)."""

    why_no_substitute: Answer[Text]
    deletion: Answer[Text]


class Privacy(Record):
    """`governance/privacy.toml`; there when the data describes people."""

    schema_: Literal["privacy/1"] = Field(alias="schema")
    processing: Processing
    retention: Annotated[list[Retention], distinct("data")] = Field(min_length=1)
    rights: Rights
    assessment: Assessment | None = None
    bias_testing: BiasTesting | None = None
