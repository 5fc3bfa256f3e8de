"""What a check found: the record, and the refusal when too much is broken."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelkeel.data.contract.model import Contract
from modelkeel.errors import Refused


@dataclass(frozen=True)
class Finding:
    """A value that breaks a rule. It is kept out of messages where the column is personal.

    `column` is several names, with commas, where a rule looks at several.
    """

    row: int
    column: str
    rule: str
    value: str | None


class Found(Protocol):
    """What `check` and `check_file` have in common."""

    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def quarantined(self) -> int: ...  # noqa: D102
    @property
    def share(self) -> float: ...  # noqa: D102
    @property
    def findings(self) -> list[Finding]: ...  # noqa: D102
    @property
    def broken(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def normalised(self) -> dict[str, dict[str, int]]: ...  # noqa: D102
    @property
    def newest(self) -> dt.datetime | None: ...  # noqa: D102


def quality(found: Found) -> dict[str, Any]:
    """The record of a check: rows, rows in quarantine, their share, counts by rule and column."""
    record: dict[str, Any] = {
        "rows": found.rows,
        "quarantined": found.quarantined,
        "share": found.share,
        "broken": found.broken,
        "normalised": found.normalised,
    }
    if found.newest is not None:
        record["newest"] = found.newest.isoformat()
    return record


def refuse_broken(
    found: Found,
    contract: Contract,
    max_share: float,
    source: Path | str,
    *,
    now: dt.datetime | None = None,
) -> None:
    """Stop when a table is too small, too large or too old, or too many rows break the contract.

    Args:
        found: the outcome of a check.
        contract: what was checked.
        max_share: share of the rows that may be in quarantine.
        source: where the rows came from, for the message.
        now: the time to measure freshness at; UTC.

    Raises:
        Refused: naming volume and freshness, or the first rows and what is wrong with each.
    """
    if table := _of_table(found, contract, now):
        raise Refused(
            f"{source}: breaks the contract {contract.path.name}: " + "; ".join(table),
            remedy="find out why the source changed, or correct the contract "
            "(quality: rowCount, slaProperties: freshness)",
        )
    if found.share <= max_share:
        return
    lines = [f"  {_line(each, contract)}" for each in found.findings[:5]]
    more = found.quarantined - len({each.row for each in found.findings[:5]})
    rest = f"\n  … and {more} rows more" if more > 0 else ""
    raise Refused(
        f"{source}: {found.quarantined} of {found.rows} rows break the contract "
        f"{contract.path.name} ({found.share:.2%}, allowed {max_share:.2%}):\n"
        + "\n".join(lines)
        + rest,
        remedy="mend the source, correct the contract, or raise "
        "contract.max_quarantine_share in governance/gates.toml",
    )


def _line(each: Finding, contract: Contract) -> str:
    known = {column.name: column.classification for column in contract.columns}
    open_value = each.value is not None and known.get(each.column) == "none"
    value = f" {each.value!r}" if open_value else ""
    return f"row {each.row}, column {each.column}:{value} {each.rule}"


def _of_table(found: Found, contract: Contract, now: dt.datetime | None) -> list[str]:
    said = []
    volume, fresh = contract.volume, contract.freshness
    if volume and volume.minimum is not None and found.rows < volume.minimum:
        said.append(f"volume: has {found.rows} rows, needs at least {volume.minimum}")
    if volume and volume.maximum is not None and found.rows > volume.maximum:
        said.append(f"volume: has {found.rows} rows, may have at most {volume.maximum}")
    if fresh:
        moment = (now or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
        if found.newest is None:
            said.append(f"freshness: column {fresh.column} has no value")
        elif moment - found.newest > fresh.at_most:
            age = moment - found.newest
            said.append(
                f"freshness: the newest {fresh.column} is {found.newest:%Y-%m-%d %H:%M}, "
                f"{_span(age)} ago; allowed are {_span(fresh.at_most)}"
            )
    return said


def _span(age: dt.timedelta) -> str:
    hours = age / dt.timedelta(hours=1)
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} hours"
