"""Which documents a project needs: one table, read by the renderer and the gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelkeel.project import Project
from modelkeel.records.system import Domain, Jurisdiction, OutputUse, System, Tier

PersonalData = Literal["none", "personal", "special"]

_ABOUT_PEOPLE: tuple[OutputUse, ...] = ("informs_about_people", "decides_about_people")


@dataclass(frozen=True)
class When:
    """What has to hold of a system; a key left empty holds for all."""

    tiers: tuple[Tier, ...] = ()
    uses: tuple[OutputUse, ...] = ()
    domains: tuple[Domain, ...] = ()
    places: tuple[Jurisdiction, ...] = ()
    data: tuple[PersonalData, ...] = ()
    profiling: bool = False

    def holds(self, system: System) -> bool:
        """Whether all of it holds."""
        use = system.use
        return (
            (not self.tiers or system.tier in self.tiers)
            and (not self.uses or use.output_use in self.uses)
            and (not self.domains or use.domain in self.domains)
            and (not self.places or bool(set(self.places) & set(use.jurisdictions)))
            and (not self.data or use.personal_data in self.data)
            and (not self.profiling or use.profiling)
        )


@dataclass(frozen=True)
class Document:
    """A document: its file, what it is called, what it answers, and when it is called for.

    Attributes:
        file: name in docs/governance; `*` stands for the name of the data contract.
        any_of: it is needed where one of these holds.
    """

    file: str
    title: str
    answers: str
    any_of: tuple[When, ...] = (When(),)

    @property
    def template(self) -> str:
        """Name of its template."""
        return self.file.replace("-*", "") + ".jinja"

    def needed(self, system: System) -> bool:
        """Whether a system needs it."""
        return any(each.holds(system) for each in self.any_of)


_HIGH = When(tiers=("high",))
_HIGH_EU = When(tiers=("high",), places=("EU",))
_GDPR: tuple[Jurisdiction, ...] = ("EU", "UK")
_PERSONAL: tuple[PersonalData, ...] = ("personal", "special")

DOCUMENTS: tuple[Document, ...] = (
    Document(
        "model-card.md", "Model card", "What the model is for, how well it does, and for whom"
    ),
    Document("data-card-*.md", "Data card", "Where the data comes from, what it holds and lacks"),
    Document("*.croissant.json", "Dataset metadata", "The data card for machines (Croissant 1.1)"),
    Document(
        "technical-documentation.md",
        "Technical documentation",
        "The points of Annex IV of Regulation (EU) 2024/1689, one by one",
        (_HIGH_EU,),
    ),
    Document(
        "instructions-for-use.md",
        "Instructions for use",
        "What those who use the system have to know (Art 13(3))",
        (When(tiers=("high",), places=("EU", "US")),),
    ),
    Document(
        "risk-management.md",
        "Risk management",
        "What may go wrong, what holds it down, and what is left (Art 9)",
        (When(tiers=("limited", "high")),),
    ),
    Document(
        "human-oversight.md",
        "Human oversight",
        "Who watches, overrides and stops the system (Art 14)",
        (_HIGH,),
    ),
    Document(
        "post-market-plan.md",
        "Post-market monitoring plan",
        "What is watched once the system is in use (Art 72)",
        (_HIGH_EU,),
    ),
    Document(
        "fria.md",
        "Fundamental rights impact assessment",
        "Whom the use may harm and what is done about it (Art 27(1))",
        (
            # Art 27(1) names bodies under public law, private public services, and deployers of
            # Annex III point 5(b) and (c); it leaves out critical infrastructure.
            When(
                tiers=("high",),
                places=("EU",),
                uses=_ABOUT_PEOPLE,
                domains=(
                    "biometrics",
                    "credit",
                    "education",
                    "employment",
                    "health",
                    "insurance",
                    "justice",
                    "public_services",
                ),
            ),
            When(
                tiers=("high",),
                places=("EU",),
                uses=("interacts_with_people",),
                domains=("biometrics", "education", "employment", "health", "justice"),
            ),
        ),
    ),
    Document(
        "dpia.md",
        "Data protection impact assessment",
        "Why personal data is needed, what may go wrong, what is done (GDPR Art 35(7))",
        (When(profiling=True, places=_GDPR), When(data=("special",), places=_GDPR)),
    ),
    Document(
        "ropa.md",
        "Record of processing activities",
        "Who processes which personal data, and why (GDPR Art 30(1))",
        (When(data=_PERSONAL, places=_GDPR),),
    ),
    Document(
        "ropa.csv",
        "Record of processing activities, as a table",
        "The same, one row a purpose, for the organisation's own register",
        (When(data=_PERSONAL, places=_GDPR),),
    ),
    Document(
        "notice-affected-person.md",
        "Notice to the people concerned",
        "What people are told before and after a decision",
        (
            When(tiers=("high",), uses=_ABOUT_PEOPLE),
            When(profiling=True),
        ),
    ),
    Document(
        "transparency-notice.md",
        "Transparency notice",
        "What people are told who interact with the system (Art 50)",
        (When(uses=("interacts_with_people",)),),
    ),
    Document(
        "value-report.md",
        "Value report",
        "What the system is worth, against what was promised",
        (When(tiers=("limited", "high")),),
    ),
    Document(
        "responsibilities.md",
        "Responsibilities",
        "Who does what, and who decides",
        (When(tiers=("limited", "high")),),
    ),
    Document(
        "obligations.md", "Obligations", "The duties that apply, since when and by which source"
    ),
    Document("index.md", "Governance documents", "All documents, and what they still lack"),
)


def contract_name(project: Project) -> str:
    """The name of the data contract in names of documents."""
    return project.contract_path.name.split(".")[0]


def needed(project: Project) -> Iterator[tuple[str, Document]]:
    """The documents that a project needs, by file name, in the order in which they are listed."""
    for document in DOCUMENTS:
        if document.needed(project.system):
            yield document.file.replace("*", contract_name(project)), document
