"""How the journal and what was done to it are shown: text for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from modelkeel.errors import BadInput, Refused
from modelkeel.journal.erase import Erased
from modelkeel.journal.export import moment
from modelkeel.journal.outcomes import Taken
from modelkeel.journal.reader import Record
from modelkeel.journal.retention import Pruned, Retention
from modelkeel.journal.verify import Checked, Report

_PROOF = (
    "proves  no record was changed, moved, put in or taken out before the last one that a later "
    "segment or an anchor names, but for what was pruned"
)
_LIMIT = (
    "cannot  say whether records after that were cut off, whether a record was true when it was "
    "written, or, without an anchor, whether the whole database was written anew"
)
_UNPROVEN = (
    "cannot  say whether {} segments were pruned or taken out: whoever can write to the database "
    "can write such an event, and no anchor tells"
)


def report_text(report: Report) -> str:
    """What was checked, what is wrong, and what that proves."""
    lines = [
        f"{each.outcome:<7} {each.segment}  {each.records} records, {each.held} held"
        + "".join(f"\n        {line}" for line in (*each.problems, *_pruning(each)))
        for each in report.segments
    ]
    lines += [f"broken  {problem}" for problem in report.problems]
    anchors = f"{report.anchors} anchors{', signed' if report.signed else ', unsigned'}"
    loose = f"; nothing outside their segment holds {report.loose} of the records yet"
    lines.append(
        f"{report.records} records in {len(report.segments)} segments, "
        f"{anchors if report.anchors else 'no anchors'}{loose if report.loose else ''}"
    )
    limits = [_LIMIT, *([_UNPROVEN.format(report.unproven)] if report.unproven else [])]
    return "\n".join([*lines, _PROOF, *limits])


def _pruning(checked: Checked) -> list[str]:
    told = checked.pruning
    if told is None:
        return []
    how = "and an anchor says so" if told.anchored else "by its own event alone"
    return [f"pruned by {told.by} at {moment(told.at)[:19]}, {how}"]


def report_json(report: Report) -> str:
    """The same as JSON."""
    counts = {"intact": report.intact, "records": report.records, "loose": report.loose}
    counts["unproven"] = report.unproven
    return json.dumps(counts | asdict(report))


def refuse_broken(report: Report) -> None:
    """End with the first thing that is wrong, if anything is.

    Raises:
        Refused: the journal is not what was written.
    """
    if report.intact:
        return
    told = list(report.problems)
    for each in report.segments:
        told += [f"segment {each.segment}: {problem}" for problem in each.problems]
    raise Refused(
        f"the journal is not what was written: {told[0]}",
        remedy="keep a copy of database and anchors, find out who changed it, and restore a backup",
    )


def erased_text(done: Sequence[Erased]) -> str:
    """What was erased."""
    lines = []
    for each in done:
        what = "person" if each.erasure.what == "person" else "prediction"
        lines.append(
            f"erased: {what} {each.erasure.id}: {each.payloads} payloads of {each.records} records"
        )
    if not all(each.scrubbed for each in done):
        lines.append(
            "note: others read the database now, so its write-ahead log still has copies; they go "
            "with its next checkpoint, or run the command again with --again"
        )
    return "\n".join(lines) or "nothing to erase again"


def erased_json(done: Sequence[Erased]) -> str:
    """The same as JSON."""
    return json.dumps({"erased": [asdict(each) for each in done]})


def pruned_text(done: Pruned, keep: Retention, *, dry: bool) -> str:
    """What went, or would go."""
    payloads, records = _days(keep.payloads), _days(keep.records)
    if keep.payloads is None and keep.records is not None:
        payloads = "as long as their records"
    lines = [f"payloads kept {payloads}, records of decisions {records}"]
    lines.append(
        f"{'would go' if dry else 'gone'}: {done.payloads} payloads, {done.days} keys of days; "
        f"{done.segments} segments with {done.records} records; {done.people} people"
    )
    if done.waiting:
        lines.append(f"{done.waiting} records are old enough, the rest of their segment is not")
    if not done.scrubbed:
        lines.append("note: the database was in use; copies go with its next checkpoint")
    return "\n".join(lines)


def pruned_json(done: Pruned, keep: Retention, *, dry: bool) -> str:
    """The same as JSON."""
    return json.dumps({"dry_run": dry, "kept_days": asdict(keep), **asdict(done)})


def taken_text(done: Taken) -> str:
    """How many outcomes were taken, and each bad row."""
    lines = [each.text for each in done.bad]
    if done.refused > len(done.bad):
        lines.append(f"and {done.refused - len(done.bad)} bad rows more")
    lines.append(
        f"{done.written} outcomes recorded ({done.corrected} corrections), {done.known} were there "
        f"already, {done.refused} rows not taken"
    )
    return "\n".join(lines)


def taken_json(done: Taken) -> str:
    """The same as JSON."""
    return json.dumps(asdict(done))


def refuse_bad_rows(done: Taken, source: str) -> None:
    """End with the first row that was not taken, if there is one.

    Raises:
        BadInput: naming row and column.
    """
    if done.bad:
        raise BadInput(
            f"{source}: {done.refused} rows were not taken; the first: {done.bad[0].text}",
            remedy="mend them and bring the table in again; what is there already stays as it is",
        )


def records_text(found: Sequence[Record]) -> str:
    """Records, one a line."""
    return "\n".join(_line(record) for record in found) or "no such record"


def records_json(found: Sequence[Record]) -> str:
    """The same as JSON, without payloads."""
    return json.dumps({"records": [_plain(record) for record in found]}, ensure_ascii=False)


def _line(record: Record) -> str:
    said = record.said
    if record.kind == "event":
        rest = {key: value for key, value in said.items() if key != "event"}
        told = f"{said.get('event')} {json.dumps(rest, ensure_ascii=False)}"
    else:
        keys = ("prediction", "decision", "reasons", "outcome", "observed_at", "by")
        told = ", ".join(f"{key} {said[key]}" for key in keys if said.get(key) is not None)
        told += f", about {record.ref}" if record.ref else ""
    return f"{moment(record.at)[:23]}  {record.id}  {record.kind:<11} {told}"


def _plain(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "kind": record.kind,
        "at": moment(record.at),
        "ref": record.ref,
        "person": record.subject,
        "said": record.said,
        "segment": record.segment,
        "seq": record.seq,
        "hash": record.hash.hex(),
    }


def _days(days: int | None) -> str:
    return "for good" if days is None else f"{days} days"
