"""The system record: what the system does, to whom, where; and the risk tier that follows."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from modelkeel.records.answer import Answer
from modelkeel.records.base import CENTURY, Email, Record, Strict, Text

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
TIERS: tuple[Tier, ...] = ("minimal", "limited", "high")
Role = Literal["data_science", "data_engineering", "software", "domain", "risk"]

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
    purpose: Text = Field(min_length=10)
    owner: Email


class Use(Strict):
    """How its output is used."""

    output_use: OutputUse
    domain: Domain
    personal_data: Literal["none", "personal", "special"]
    jurisdictions: list[Jurisdiction] = Field(min_length=1)

    @property
    def about_people(self) -> bool:
        """Whether the output informs decisions about people, or takes them."""
        return self.output_use in ("informs_about_people", "decides_about_people")

    @property
    def profiling(self) -> bool:
        """Whether people are evaluated from their personal data (GDPR Art 4(4))."""
        return self.about_people and self.personal_data != "none"


class Classification(Strict):
    """What a person concluded about the law, beside the tier that is computed.

    `tier` may only differ from the computed one upwards, or with an approval of the kind
    `classification`. `prohibited` answers whether the use is a practice of Art 5 of Regulation
    (EU) 2024/1689. `art_6_3` claims that an Annex III use poses no significant risk.
    """

    tier: Tier | None = None
    prohibited: Answer[bool] | None = None
    art_6_3: bool = False
    reasoning: Answer[Text] | None = None
    approval: str | None = None


class People(Strict):
    """Whom the output concerns, and how it may go wrong for them."""

    affected: Answer[list[Text]]
    vulnerable: Answer[list[Text]]
    not_for: Answer[list[Text]]
    misuse: Answer[list[Text]]


class Overseer(Strict):
    """Who watches the system and what they may do."""

    role: Text
    training: Answer[Text]
    may: list[Literal["override", "stop"]] = Field(min_length=1)


class Oversight(Strict):
    """How people understand, override and stop the system (Art 14)."""

    overseers: list[Overseer] = Field(min_length=1)
    automation_bias: Answer[Text]
    stop: Answer[Text]
    safe_state: Text
    max_stop_seconds: int = Field(gt=0, le=CENTURY * 86_400)
    drill_every_days: int = Field(gt=0, le=CENTURY)
    contest: Answer[Text]


class Logging(Strict):
    """How long records of decisions are kept, and why (Art 12, 19, 26(6)); days."""

    retention_days: int = Field(ge=183, le=CENTURY)
    basis: Answer[Text]


class System(Record):
    """`governance/system.toml`. A minimal system needs the identity and the use, no more."""

    schema_: Literal["system/1"] = Field(alias="schema")
    identity: Identity
    use: Use
    classification: Classification = Classification()
    people: People | None = None
    oversight: Oversight | None = None
    logging: Logging | None = None
    hardware: Answer[Text] | None = None
    changes: Answer[list[Text]] | None = None
    roles: dict[Role, list[Email]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        for role, people in self.roles.items():
            if not people:
                raise ValueError(f"roles.{role} names nobody; leave the key out for the owner")
        return self

    def people_of(self, role: Role) -> list[Email]:
        """Who has a role: the owner where nobody is named."""
        return self.roles.get(role) or [self.identity.owner]

    @property
    def computed_tier(self) -> Tier:
        """The risk tier that follows from the use."""
        use = self.use
        if use.output_use == "safety_component":
            return "high"
        if use.about_people and use.domain in _HIGH_RISK_DOMAINS:
            return "high"
        if use.output_use != "interacts_with_people":
            return "minimal"
        # Annex III(1) names biometrics that sort people or read emotions, whatever is decided
        return "high" if use.domain == "biometrics" and "EU" in use.jurisdictions else "limited"

    @property
    def tier(self) -> Tier:
        """The risk tier: computed from the use, unless the classification says otherwise."""
        return self.classification.tier or self.computed_tier

    @property
    def tier_is_lowered(self) -> bool:
        """Whether the classification lies below what follows from the use."""
        return TIERS.index(self.tier) < TIERS.index(self.computed_tier)

    @property
    def tier_reason(self) -> str:
        """Why that tier, in one sentence."""
        use = self.use
        if self.tier != self.computed_tier:
            how = "lowered" if self.tier_is_lowered else "raised"
            return f"A person {how} it from {self.computed_tier} (classification.tier)."
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
