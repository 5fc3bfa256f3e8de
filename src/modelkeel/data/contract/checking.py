"""Checks a table against its contract: in memory, or in a file of any size."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from modelkeel.data.contract.model import ROW, Contract
from modelkeel.data.contract.plan import RAW, Plan, Suspects, any_broken
from modelkeel.data.contract.rules import RowRule
from modelkeel.data.contract.show import Finding, quality, refuse_broken
from modelkeel.data.contract.write import written_whole
from modelkeel.errors import BadInput

__all__ = ["Checked", "Finding", "Outcome", "check", "check_file", "quality", "refuse_broken"]

_MAX_FINDINGS = 20


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        rows: rows that were checked.
        quarantined: rows that break a rule.
        findings: what is wrong with the first of them.
        broken: number of rows by "column: rule".
        normalised: by column, how many values were changed and how many could not be read.
        newest: newest value of the column whose freshness is declared; UTC.
    """

    rows: int
    quarantined: int = 0
    findings: list[Finding] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    normalised: dict[str, dict[str, int]] = field(default_factory=dict)
    newest: dt.datetime | None = None

    @property
    def share(self) -> float:
        """Share of the rows in quarantine."""
        return self.quarantined / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Checked:
    """The outcome of a check in memory: typed rows that hold, rows that do not, and why."""

    valid: pl.DataFrame
    quarantine: pl.DataFrame
    findings: list[Finding]
    broken: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    normalised: dict[str, dict[str, int]] = field(default_factory=dict)
    newest: dt.datetime | None = None

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return self.quarantine.height

    @property
    def share(self) -> float:
        """Share of the rows in quarantine."""
        return self.quarantined / self.rows if self.rows else 0.0


def check(frame: pl.DataFrame, contract: Contract) -> Checked:
    """Type the rows of a table and split them by whether they hold the contract.

    Args:
        frame: columns as text or of any type, with `_row` if the source has row numbers.
        contract: what they have to hold.

    Returns:
        Valid rows typed as the contract says, and the others as given with `_reason`.

    Raises:
        BadInput: a column of the contract is missing.
    """
    plan = Plan(frame.lazy(), contract)
    rows, proof, suspects = plan.prove("in-memory")
    flagged, rules = plan.flagged(suspects, "in-memory")
    flagged = flagged.collect(engine="in-memory").lazy()
    counts = _counts(flagged, rules, suspects, "in-memory")
    valid = _valid(flagged, plan, rules).collect(engine="in-memory")
    quarantine = _quarantine(flagged, plan, rules).collect(engine="in-memory")
    broken, normalised = _reported(counts, rules)
    findings = _findings(quarantine.head(_MAX_FINDINGS), rules)
    return Checked(
        valid, quarantine.drop(_masks(rules)), findings, broken, rows, normalised, _newest(proof)
    )


def check_file(
    raw: Path,
    contract: Contract,
    *,
    valid: Path | None = None,
    quarantine: Path | None = None,
    accept: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Check a Parquet file of any size, in bounded memory.

    Args:
        raw: the rows, as text or typed, with `_row`.
        contract: what they have to hold.
        valid: file to write the rows that hold to, typed as the contract says; none if None.
        quarantine: file to write the others to, as given with `_reason`; none if None.
        accept: called when the quarantine is written and `valid` is not; what it raises stops it.

    Raises:
        BadInput: the file is missing or no whole Parquet file, a column is missing, or there is
            no room to write.
    """
    if not raw.is_file():
        raise BadInput(f"{raw}: no such file", remedy="run the ingest stage first")
    # Polars reads row groups ahead of what it works on; a few of a wide table fill a gigabyte.
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "1")
    try:
        return _check_file(raw, contract, valid, quarantine, accept)
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f"{raw}: cannot be read: {str(error).strip().splitlines()[0]}",
            remedy="run the ingest stage again (`dvc repro -f ingest`)",
        ) from None
    except OSError as error:
        raise BadInput(
            f"{error.filename or raw}: {error.strerror or str(error).splitlines()[0]}",
            remedy="make room on the disk or mend the permissions, and run it again",
        ) from None


def _check_file(
    raw: Path,
    contract: Contract,
    valid: Path | None,
    quarantine: Path | None,
    accept: Callable[[Outcome], None] | None,
) -> Outcome:
    plan = Plan(pl.scan_parquet(raw), contract)
    rows, proof, suspects = plan.prove("streaming")
    flagged, rules = plan.flagged(suspects, "streaming")
    counts = {"quarantined": 0}
    if suspects:
        counts = _counts(flagged, rules, suspects, "streaming")
    broken, normalised = _reported(counts, rules)
    # Rules that no row breaks need no column in what is written.
    hit = [at for at in range(len(rules)) if counts[f"\0broken{at}"]]
    findings: list[Finding] = []
    if counts["quarantined"]:
        # The first of them mostly stand near the top: look there before reading the whole table.
        few = min(counts["quarantined"], _MAX_FINDINGS)
        near = flagged.head(3 * few * rows // counts["quarantined"])
        first = _first(_quarantine(near, plan, rules, hit))
        bad = _quarantine(flagged, plan, rules, hit)
        findings = _findings(first if first.height >= few else _first(bad), rules)
        if quarantine is not None:
            written_whole(bad.drop(_masks(rules)), quarantine)
    elif quarantine is not None:
        written_whole(_quarantine(flagged, plan, rules).drop(_masks(rules)).head(0), quarantine)
    outcome = Outcome(rows, counts["quarantined"], findings, broken, normalised, _newest(proof))
    if accept is not None:
        accept(outcome)
    if valid is not None:
        written_whole(_valid(flagged, plan, rules, hit), valid)
    return outcome


def _valid(
    flagged: pl.LazyFrame, plan: Plan, rules: list[RowRule], hit: list[int] | None = None
) -> pl.LazyFrame:
    held = flagged.filter(~any_broken(rules, hit)) if rules and hit != [] else flagged
    return held.select(*plan.extra, *plan.contract.names)


def _quarantine(
    flagged: pl.LazyFrame, plan: Plan, rules: list[RowRule], hit: list[int] | None = None
) -> pl.LazyFrame:
    """The rows that break a rule, as given, with the reason and the masks."""
    names = plan.contract.names
    said = [
        pl.when(pl.col(f"\0broken{at}")).then(pl.lit(rule.name)) for at, rule in enumerate(rules)
    ]
    reason = pl.concat_str(said, separator="; ", ignore_nulls=True) if said else pl.lit("")
    return flagged.filter(any_broken(rules, hit)).select(
        *plan.extra,
        *(pl.col(name + RAW).alias(name) for name in names),
        reason.alias("_reason"),
        *_masks(rules),
    )


def _masks(rules: list[RowRule]) -> list[str]:
    return [f"\0broken{at}" for at in range(len(rules))]


def _counts(
    flagged: pl.LazyFrame, rules: list[RowRule], suspects: Suspects, engine: str
) -> dict[str, int]:
    """Rows by rule, rows that break any, and values changed by column."""
    asked = [pl.col(_masks(rules)).sum()] if rules else []
    present = set(flagged.collect_schema())
    changed = [f"{n}\0changed" for n in sorted(suspects.columns) if f"{n}\0changed" in present]
    asked += [pl.col(name).sum() for name in changed]
    asked.append(any_broken(rules).sum().alias("quarantined"))
    found: dict[str, Any] = flagged.select(asked).collect(engine=engine).row(0, named=True)  # type: ignore[call-overload]
    return {name: int(value or 0) for name, value in found.items()}


def _reported(
    counts: dict[str, int], rules: list[RowRule]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    broken = {
        rule.name: counts[f"\0broken{at}"]
        for at, rule in enumerate(rules)
        if counts[f"\0broken{at}"]
    }
    normalised: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        if name.endswith("\0changed") and count:
            normalised[name.removesuffix("\0changed")] = {"changed": count, "unreadable": 0}
    for at, rule in enumerate(rules):
        if rule.said.startswith("is no ") and counts[f"\0broken{at}"]:
            entry = normalised.setdefault(rule.columns[0], {"changed": 0, "unreadable": 0})
            entry["unreadable"] = counts[f"\0broken{at}"]
    return broken, normalised


def _first(bad: pl.LazyFrame) -> pl.DataFrame:
    return bad.head(_MAX_FINDINGS).collect()


def _findings(first: pl.DataFrame, rules: list[RowRule]) -> list[Finding]:
    """What is wrong with the first rows, in their order."""
    findings = []
    for row in first.iter_rows(named=True):
        for at, rule in enumerate(rules):
            if row[f"\0broken{at}"]:
                value = row[rule.columns[0]] if len(rule.columns) == 1 else None
                shown = None if value is None else str(value)
                findings.append(Finding(row[ROW], ", ".join(rule.columns), rule.said, shown))
    return findings[:_MAX_FINDINGS]


def _newest(proof: pl.DataFrame) -> dt.datetime | None:
    value = proof["newest"][0] if "newest" in proof.columns else None
    if value is None or isinstance(value, dt.datetime):
        return value
    return dt.datetime.combine(value, dt.time())
