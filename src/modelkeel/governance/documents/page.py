"""What a template of a document may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from modelkeel.data.digest import sha256_file
from modelkeel.governance.documents import measured, words
from modelkeel.governance.documents.decided import decided
from modelkeel.governance.documents.ledger import MISSING, Ledger, link
from modelkeel.governance.documents.sources import (
    CHECKS,
    EVALUATION,
    QUALITY,
    RECORDS,
    VALUE,
    Statement,
)
from modelkeel.governance.documents.standing import Standing, standing
from modelkeel.governance.documents.which import Document
from modelkeel.governance.roles import Responsibility, responsibilities
from modelkeel.project import Project
from modelkeel.records.approvals import Kind

DECLARATION = "docs/eu-declaration-of-conformity"
PHOTOGRAPHS = "docs/governance/photographs"
PIPELINE = "run `uv run dvc repro`"
TO_VALUE = "uv run keel charter value TABLE"


@dataclass(frozen=True)
class Page:
    """The records and measurements of a project, in Markdown, for one document.

    Attributes:
        ledger: answers, and what was missing among them.
        documents: all that the project needs, by file name.
        figures: names of the figures that are drawn.
    """

    ledger: Ledger
    documents: dict[str, Document]
    figures: tuple[str, ...] = ()

    @property
    def project(self) -> Project:
        """The project."""
        return self.ledger.sources.project

    def record(self, name: str) -> Any:
        """A record as it was read; None where there is none."""
        return self.ledger.sources.record(name)

    def field(self, key: str) -> str:
        """An answer as a paragraph or list."""
        return self.ledger.field(key)

    def cell(self, key: str) -> str:
        """An answer inside a table or a sentence."""
        return self.ledger.cell(key)

    def brief(self, key: str) -> str:
        """An answer that another document gives in full: only the mark where it is missing."""
        shown = self.ledger.cell(key)
        return MISSING if shown.startswith(MISSING) else shown

    def missing(self, key: str, what: str, remedy: str = PIPELINE) -> str:
        """Something that no record puts off and yet is not there."""
        return self.ledger.missing(key, what, remedy)

    def excuse(self, key: str, why: str) -> str:
        """A question that does not arise."""
        return self.ledger.excuse(key, why)

    def doc(self, file: str, label: str = "") -> str:
        """A link to another document; only its name where the project does not need it."""
        found = self.documents.get(file)
        name = label or (found.title if found else file)
        return f"[{name}]({file})" if found else f"{name} (not called for)"

    def link(self, path: str) -> str:
        """A link to a file of the project."""
        return link(path)

    @property
    def data_card(self) -> str:
        """File name of the data card."""
        return next(name for name in self.documents if name.startswith("data-card-"))

    @property
    def croissant(self) -> str:
        """File name of the data card for machines."""
        return next(name for name in self.documents if name.endswith(".croissant.json"))

    @property
    def contract(self) -> Any:
        """The data contract."""
        return self.ledger.sources.contract

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """What `evaluate` measured."""
        return self.ledger.sources.json(EVALUATION)

    @property
    def quality(self) -> dict[str, Any] | None:
        """What `validate` found."""
        return self.ledger.sources.json(QUALITY)

    @property
    def checks(self) -> dict[str, Any] | None:
        """What was found of leakage, overlap and labels."""
        return self.ledger.sources.json(CHECKS)

    @property
    def worth(self) -> dict[str, Any] | None:
        """What live decisions were found to be worth by the charter in force."""
        found = self.ledger.sources.json(VALUE)
        charter = self.project.root / RECORDS["charter"]
        return found if found and found.get("charter") == sha256_file(charter) else None

    def not_valued(self) -> str:
        """Why `worth` has nothing to say."""
        if self.ledger.sources.json(VALUE) is None:
            return f"not measured; `{TO_VALUE}` does, once decisions have outcomes"
        what = f"{VALUE} was judged by another charter.toml"
        return self.ledger.missing(VALUE, what, f"run `{TO_VALUE}`")

    @property
    def lock(self) -> dict[str, Any] | None:
        """The obligations that apply."""
        return self.ledger.sources.lock

    @property
    def snapshot(self) -> dict[str, Any] | None:
        """What the newest ingest that was kept has read."""
        return self.ledger.sources.snapshot

    @property
    def statements(self) -> list[Statement]:
        """What machines stated about the bundle."""
        return self.ledger.sources.statements

    def evidence(self, name: str) -> str:
        """A link to a file about the bundle; nothing if there is none."""
        found = self.ledger.sources.evidence(name)
        return link(found) if found else ""

    def approved(self, kind: Kind, name: str, remedy: str) -> str:
        """Who approved a thing; whether the signature is theirs, the gates tell."""
        key = f"approval {kind} {name}"
        found = decided(self.ledger.sources, kind, name)
        if found is None:
            return self.ledger.missing(key, "nobody approved it", remedy)
        last = found.approval
        who = f"{words.cell(last.by.email)} ({words.cell(last.by.role)}) on {last.given}"
        if found.holds:
            return f"{who}, until {last.expires}: {link(found.file)}"
        flaw = words.cell(found.flaw)
        if last.decision == "reject":
            what = f"rejected by {who}" + (f" ({flaw})" if flaw else "")
        else:
            what = f"the approval by {who} does not count: {flaw}"
        return self.ledger.missing(key, what, remedy)

    def days(self, key: str) -> str:
        """A time in days."""
        shown = self.ledger.cell(key)
        return f"{shown} days" if isinstance(self.ledger.value(key), int) else shown

    def declaration(self) -> str:
        """A link to the EU declaration of conformity, or that it is missing."""
        duties = (self.lock or {}).get("duty", [])
        since = next((each["applies_from"] for each in duties if each["id"] == "AIA-43"), None)
        return self._placed(DECLARATION, "the EU declaration of conformity", since)

    def photographs(self) -> str:
        """Links to photographs or drawings of the product, or that they are missing."""
        return self._placed(PHOTOGRAPHS, "photographs or drawings of the product")

    def _placed(self, place: str, what: str, since: date | None = None) -> str:
        """Links to files that people put at a place, whatever their kind."""
        root = self.project.root
        names = [path.relative_to(root).as_posix() for path in sorted(root.glob(f"{place}.*"))]
        if not names:
            return self.ledger.missing(place, what, f"add {place}.pdf", since)
        for name in names:
            self.ledger.sources.use(name)
        return ", ".join(link(name) for name in names)

    def evidence_of(self, duty: dict[str, Any]) -> str:
        """Records, gates and documents in which evidence for a duty is found."""
        found = [f"`{each}`" for each in duty.get("records", [])]
        found += duty.get("gates", [])
        for pattern in duty.get("documents", []):
            files = [name for name in self.documents if fnmatchcase(name, pattern)]
            found += [self.doc(name) for name in files] or [f"`{pattern}` (not written by keel)"]
        return ", ".join(found)

    def duties(self) -> list[Responsibility]:
        """Who does what."""
        return responsibilities(self.record("system"))

    @property
    def digest(self) -> str | None:
        """Digest of the bundle that the measurements belong to."""
        return self.ledger.sources.digest

    def monthly(self, gain: Any) -> Any:
        """A gain per decision at the volume of the charter."""
        volume = self.record("charter").decision.volume_per_month
        return gain * volume if isinstance(gain, int | float) else gain

    def scores(self) -> list[measured.Score]:
        """Measures of the model."""
        found = self.evaluation
        return measured.scores(found, self.record("charter")) if found else []

    def parts(self) -> list[measured.Part]:
        """Groups that the model was judged on."""
        return list(measured.parts(self.evaluation or {}))

    def ranges(self) -> list[measured.Range]:
        """How far apart groups are in the share of the favourable action."""
        return measured.ranges(self.evaluation or {}, self.favourable)

    @property
    def favourable(self) -> str | None:
        """The action that people wish for, as gates.toml names it."""
        found: str | None = self.record("gates").fairness.favourable
        return found

    def primary(self) -> str:
        """What the measure by group is called."""
        return measured.primary_label(self.evaluation or {})

    def gate(self, name: str) -> Standing | None:
        """A gate, and how it stands by the committed measurements."""
        return standing(self.ledger, name)

    def payoffs(self) -> list[tuple[str, str, float, str]]:
        """What each action is worth with each outcome, in words, and who says so."""
        charter = self.record("charter")
        if not charter.outcome.classes:
            each = {"over": "too much", "under": "too little"}
            return [
                (f"each unit {each[row.action]}", "", row.amount, row.source)
                for row in charter.value.payoff
            ]
        names = charter.outcome.classes
        return [
            (row.action, names[row.outcome], row.amount, row.source) for row in charter.value.payoff
        ]

    def assumed(self) -> list[str]:
        """The payoffs that are assumptions."""
        return [
            words.cell(f"{action} when {outcome}" if outcome else action)
            for row, (action, outcome, _, _) in zip(
                self.record("charter").value.payoff, self.payoffs(), strict=True
            )
            if row.assumed
        ]

    def by_gate(self, names: Iterable[str]) -> list[Standing]:
        """Those of some gates that exist."""
        return [found for name in names if (found := self.gate(name))]
