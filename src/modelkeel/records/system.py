"""The system record: what the system does, to whom, where; and the risk tier that follows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modelkeel.records.base import Email, Record, Strict

OutputUse = Literal[
    "internal",
    "informs_about_people",
    "decides_about_people",
    "interacts_with_people",
    "safety_component",
]
Domain = Literal[
    "none",
    "credit",
    "insurance",
    "employment",
    "education",
    "health",
    "public_services",
    "biometrics",
    "critical_infrastructure",
    "justice",
    "other",
]
Jurisdiction = Literal["EU", "UK", "US", "CA", "other"]
Tier = Literal["minimal", "limited", "high"]

# Areas of Annex III of Regulation (EU) 2024/1689.
_HIGH_RISK_DOMAINS = frozenset(
    {
        "credit",
        "insurance",
        "employment",
        "education",
        "health",
        "public_services",
        "biometrics",
        "critical_infrastructure",
        "justice",
    }
)


class Identity(Strict):
    """What the system is and is for."""

    name: str
    purpose: str = Field(min_length=10)
    owner: Email


class Use(Strict):
    """How its output is used."""

    output_use: OutputUse
    domain: Domain
    personal_data: Literal["none", "personal", "special"]
    jurisdictions: list[Jurisdiction] = Field(min_length=1)


class System(Record):
    """`governance/system.toml`."""

    schema_: Literal["system/1"] = Field(alias="schema")
    identity: Identity
    use: Use

    @property
    def tier(self) -> Tier:
        """The risk tier, computed from the answers and never asked."""
        use = self.use
        about_people = use.output_use in ("informs_about_people", "decides_about_people")
        if use.output_use == "safety_component":
            return "high"
        if about_people and use.domain in _HIGH_RISK_DOMAINS:
            return "high"
        return "limited" if use.output_use == "interacts_with_people" else "minimal"

    @property
    def tier_reason(self) -> str:
        """Why that tier, in one sentence."""
        use = self.use
        if self.tier == "high" and use.output_use == "safety_component":
            return "The output is a safety component."
        if self.tier == "high":
            law = "Annex III of Regulation (EU) 2024/1689" if "EU" in use.jurisdictions else "law"
            return (
                f"The output {use.output_use.replace('_', ' ')} in the area "
                f"{use.domain.replace('_', ' ')}, where {law} may name the use as high-risk."
            )
        if self.tier == "limited":
            return "People interact with the output, so they have to be told."
        return "The output decides nothing about people in a regulated area."
