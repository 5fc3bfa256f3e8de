"""One decision with all that belongs to it, for an auditor or whoever it is about."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from modelkeel.errors import BadInput
from modelkeel.journal.export import cell, moment, payloads_of
from modelkeel.journal.reader import Record
from modelkeel.journal.sealed import is_sealed
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records, segments
from modelkeel.journal.verify import follows, payload_holds

_SHOWN = ("model", "version", "digest", "prediction", "probabilities", "decision", "reasons")
"""Members of a body that have a line of their own."""


@dataclass(frozen=True)
class Later:
    """What was recorded about a decision later: an outcome, a review, an explanation."""

    kind: str
    id: str
    at: str
    said: dict[str, Any]
    payload: dict[str, Any] | None = None


@dataclass(frozen=True)
class Case:
    """One decision, rebuilt from its record.

    Attributes:
        id: of the prediction.
        at: when, ISO 8601 in UTC, by the writer's clock.
        said: the record's body: model, digest, prediction, decision, reason codes, caller, …
        reasons: the text of each reason code; None where it is not known what was told.
        person: the random number of whom it is about.
        inputs: what the model saw; None where that is not readable.
        contributions: what each input contributed, where reasons were told.
        readable: why inputs are there or not.
        later: what was recorded about it later, the oldest first.
        segment: the chain that the record stands in.
        seq: its place there.
        hash: its hash.
        holds: whether record and payload are what that hash and the one before say.
    """

    id: str
    at: str
    said: dict[str, Any]
    reasons: dict[str, str | None]
    person: str | None
    inputs: dict[str, Any] | None
    contributions: dict[str, float] | None
    readable: str
    later: list[Later] = field(default_factory=list)
    segment: str = ""
    seq: int = 0
    hash: str = ""
    holds: bool = True

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2)

    def to_text(self) -> str:
        """For people."""
        said = self.said
        lines = [
            f"prediction   {self.id}",
            f"at           {self.at}",
            f"model        {said.get('model')} version {said.get('version')}",
            f"digest       {said.get('digest')}",
            f"prediction   {said.get('prediction')}",
        ]
        lines += [f"  p({name})  {p:.6g}" for name, p in (said.get("probabilities") or {}).items()]
        if said.get("decision") is not None:
            lines.append(f"decision     {said['decision']}")
        lines += [f"reason       {code}{_told(text)}" for code, text in self.reasons.items()]
        lines += [f"{k:<12} {cell(v)}" for k, v in said.items() if k not in _SHOWN]
        if self.person:
            lines.append(f"person       {self.person}")
        lines.append(f"inputs       {self.readable}")
        shares = self.contributions or {}
        for name, value in (self.inputs or {}).items():
            share = f"   contributed {shares[name]:+.6g}" if name in shares else ""
            lines.append(f"  {name} = {value}{share}")
        for each in self.later:
            told = ", ".join(f"{key} {cell(value)}" for key, value in each.said.items())
            lines.append(f"{each.kind:<12} {each.at}: {told}")
        state = "holds" if self.holds else "DOES NOT HOLD: record or payload was changed"
        lines += [f"record       {self.seq} of segment {self.segment}", f"hash         {self.hash}"]
        lines.append(f"chain        {state}")
        return "\n".join(lines)


def rebuild(journal: Journal, prediction: str) -> Case:
    """One decision with all that belongs to it, but for what only its model knows.

    Raises:
        BadInput: there is no such prediction.
    """
    record = journal.reader().get(prediction)
    if record is None or record.kind != "prediction":
        raise BadInput(
            f"{prediction}: the journal has no prediction with this id",
            remedy="list them with `keel journal find --kind prediction`",
        )
    about = journal.reader().about(prediction)
    holds = _holds(journal.engine, record)
    payloads = payloads_of(journal, [record, *about] if holds else about)
    seen, rest = (payloads[0], payloads[1:]) if holds else (None, payloads)
    said = record.said
    inputs = (seen or {}).get("inputs", said.get("inputs"))
    return Case(
        id=record.id,
        at=moment(record.at),
        said={key: value for key, value in said.items() if key != "inputs"},
        reasons=dict.fromkeys(said.get("reasons") or []),
        person=record.subject,
        inputs=inputs,
        contributions=_by_name(seen or {}),
        readable=_readable(journal, record, inputs, holds),
        later=[
            Later(each.kind, each.id, moment(each.at), each.said, payload)
            for each, payload in zip(about, rest, strict=True)
        ],
        segment=record.segment,
        seq=record.seq,
        hash=record.hash.hex(),
        holds=holds,
    )


def _told(text: str | None) -> str:
    return f": {text}" if text is not None else " (its text is not known without the model)"


def _by_name(seen: dict[str, Any]) -> dict[str, float] | None:
    shares = seen.get("contributions")
    return None if shares is None else dict(zip(seen["inputs"], shares, strict=True))


def _readable(journal: Journal, record: Record, inputs: Any, holds: bool) -> str:
    if inputs is not None:
        return "as the model saw them"
    if not holds:
        return "not read: record or payload was changed"
    if record.payload_digest is None:
        return "none were recorded"
    if record.payload is not None and is_sealed(record.payload) and journal.keystore is None:
        return "sealed, and the journal was opened without its master key"
    return "gone: erased, or their time is over"


def _holds(engine: sa.Engine, record: Record) -> bool:
    """Whether a record and its payload are what its hash says, after the one before it."""
    c = records.c
    with engine.connect() as connection:
        before = connection.scalar(
            sa.select(c.hash).where(c.segment == record.segment, c.seq == record.seq - 1)
            if record.seq > 1
            else sa.select(segments.c.genesis).where(segments.c.id == record.segment)
        )
    return before is not None and follows(record, bytes(before)) and payload_holds(record)
