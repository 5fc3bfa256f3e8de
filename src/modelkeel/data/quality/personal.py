"""Finds personal data that the contract does not declare, by the names and values of columns.

Rules and check digits are written here: phonenumbers must be told the country of a number without
prefix, which a table rarely says; python-stdnum is LGPL; Presidio brings a language model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from modelkeel.data.contract import Column, Contract
from modelkeel.data.quality import personal_names as names
from modelkeel.data.quality import personal_values as look
from modelkeel.data.quality.personal_values import Values
from modelkeel.data.quality.pseudonyms import refuse_pseudonymous_features
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project

ROWS, VALUES = 10_000, 2_000
"""How many rows are looked at, spread evenly, and how many different values of a column."""
_SLICES = 20
_NAMED = 0.5
_FEW = 10  # different values that may be classes


@dataclass(frozen=True)
class _Test:
    """A look at values: the share of them and the number that have to pass."""

    what: str
    share: Callable[[Values], float]
    at_least: float
    least: int = 3


_TESTS = (
    _Test(names.KINDS["email"], look.emails, 0.05),
    _Test(names.KINDS["bank"], look.ibans, 0.1),
    _Test(names.KINDS["card"], look.cards, 0.5, 5),
    _Test(names.KINDS["ssn"], look.ssns, 0.5),
    _Test(names.KINDS["national"], look.nationals, 0.6, 5),
    _Test(names.KINDS["phone"], look.phones, 0.3),
    _Test(names.KINDS["ip"], look.ips, 0.5),
    _Test(names.KINDS["address"], look.addresses, 0.3),
    _Test(names.KINDS["name"], lambda values: look.people(values, alone=True), 0.4, 5),
)
_HEALTH_TESTS = (
    _Test(names.HEALTH_KINDS["url"], look.urls, 0.5),
    _Test(names.HEALTH_KINDS["device"], look.devices, 0.5),
)
_INDIRECT = {"place", "event", "record"}


@dataclass(frozen=True)
class PersonalFinding:
    """Personal data in a column; never a value.

    Attributes:
        column: its name.
        what: what was found.
        by: whether the values alone say it, or the column's name and the values bear it out.
        share: of the different values looked at.
        direct: whether it names a person, unlike the dates and places that HIPAA counts too.
    """

    column: str
    what: str
    by: Literal["name", "values"]
    share: float
    direct: bool = True

    def to_text(self) -> str:
        """What was found, for a message."""
        if self.by == "name":
            return f"its name says {self.what}, and its values can be that"
        return f"{self.share:.0%} of its values look like {self.what}"


def scan(
    data: pl.LazyFrame | pl.DataFrame | Path,
    contract: Contract | None = None,
    *,
    health: bool = False,
    cleared: Iterable[str] = (),
) -> list[PersonalFinding]:
    """Look for personal data in columns that are not declared as such.

    The same data gives the same findings: 10 000 rows, evenly spread, and of them 2 000 different
    values a column.

    Args:
        data: rows as they were ingested; a path is that of a Parquet file.
        contract: columns that it calls personal or special are passed by.
        health: look for all that HIPAA's safe harbour names (45 CFR 164.514(b)(2)).
        cleared: columns that a person looked at and found to be about nobody.
    """
    known = {each.name: each for each in contract.columns} if contract else {}
    passed = {name for name, each in known.items() if each.classification != "none"}
    passed |= set(cleared)
    rows = _sample(pl.scan_parquet(data, glob=False) if isinstance(data, Path) else data)
    found = []
    for column in rows.iter_columns():
        if column.name.startswith("_") or column.name in passed:
            continue
        values = _values(column, known.get(column.name))
        if values is not None and (finding := _look(column.name, values, health=health)):
            found.append(finding)
    return found


def refuse_undeclared(findings: Iterable[PersonalFinding], contract: Contract) -> None:
    """Stop where personal data is called none, or is not in the contract.

    Raises:
        Refused: naming each column, what was found and what to do.
    """
    known = {each.name: each.classification for each in contract.columns}
    lines = []
    for each in findings:
        if each.column not in known:
            lines.append(f"  column {each.column} is not in the contract: {each.to_text()}")
        elif known[each.column] == "none":
            lines.append(f"  column {each.column} is classified none: {each.to_text()}")
    if lines:
        raise Refused(
            f"{contract.path}: personal data is not declared:\n" + "\n".join(lines),
            remedy="write `classification: personal` (or special) for each in the contract, with "
            "`pseudonymise` if only equality matters, or leave the column out of the export; if "
            "it is about nobody, name it in personal.cleared of governance/gates.toml",
        )


def refuse_personal(project: Project, contract: Contract, data: Path | None = None) -> None:
    """Scan what was ingested, by all of HIPAA's identifiers where the domain is health.

    Args:
        project: its domain, features and `data/raw.parquet`.
        contract: of the table.
        data: the Parquet file, if it is another.

    Raises:
        BadInput: a pseudonym is a feature or the target, or nothing was ingested.
        Refused: personal data is not declared.
    """
    refuse_pseudonymous_features(project, contract)
    path = data or project.data_dir / "raw.parquet"
    if not path.is_file():
        raise BadInput(f"{path}: is not there", remedy="run `uv run dvc repro ingest`")
    refuse_undeclared(_scan(project, contract, path), contract)


def scanned(project: Project, contract: Contract) -> dict[str, Any]:
    """What the scan of data/raw.parquet found, for the record that gates read.

    Returns:
        `columns`: how many there are; `undeclared`: column to what it looks like, where the
        contract does not say so.
    """
    path = project.data_dir / "raw.parquet"
    names = pl.read_parquet_schema(path)
    return {
        "columns": sum(not name.startswith("_") for name in names),
        "undeclared": {each.column: each.to_text() for each in _scan(project, contract, path)},
    }


def _scan(project: Project, contract: Contract, path: Path) -> list[PersonalFinding]:
    health = project.system.use.domain == "health"
    return scan(path, contract, health=health, cleared=project.gates.personal.cleared)


def _look(name: str, values: Values, *, health: bool) -> PersonalFinding | None:
    total = values.text.len()
    for kind in names.kinds_of(name, health=health):
        share = look.fitting(kind, values)
        if share >= _NAMED:
            what = names.KINDS.get(kind) or names.HEALTH_KINDS[kind]
            return PersonalFinding(name, what, "name", share, direct=kind not in _INDIRECT)
    if values.temporal:
        return None
    if names.may_be_people(name):
        share = look.people(values, alone=False)
        if share >= 0.2 and share * total >= 3:
            return PersonalFinding(name, names.KINDS["name"], "name", share)
    for test in (*_TESTS, *(_HEALTH_TESTS if health else ())):
        share = test.share(values)
        # Of very few values all may pass by chance, or all may be what they seem.
        if share >= test.at_least and round(share * total) >= min(test.least, max(total, 1)):
            return PersonalFinding(name, test.what, "values", share)
    if health and names.is_age(name):
        share = values.share(r"^(?:9\d|1[0-2]\d)(?:\.\d+)?$")
        if share:
            return PersonalFinding(name, "ages above 89", "name", share, direct=False)
    return None


def _sample(data: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
    frame = data.lazy()
    height = int(frame.select(pl.len()).collect(engine="streaming").item())
    if height <= ROWS:
        return frame.collect()
    size = ROWS // _SLICES
    starts = [(height - size) * place // (_SLICES - 1) for place in range(_SLICES)]
    return pl.concat(pl.collect_all([frame.slice(start, size) for start in starts]))


def _values(column: pl.Series, described: Column | None) -> Values | None:
    """The different values of a column; None where it cannot hold any of what is looked for."""
    kind = column.dtype
    if kind.is_float():
        whole = column.is_finite() & (column == column.round()) & (column.abs() < 2**53)
        if not whole.all():
            return None
        column = column.cast(pl.Int64)
    elif not (kind.is_integer() or kind.is_decimal() or kind.is_temporal()) and kind not in (
        pl.String,
        pl.Categorical,
        pl.Enum,
    ):
        return None
    text = column.drop_nulls().cast(pl.String).str.strip_chars()
    missing = ["", *(described.normalise.missing if described else ())]
    text = text.filter(~text.is_in(missing))
    different = text.unique(maintain_order=True)
    if different.is_empty():
        return None
    few = different.len() <= _FEW and different.len() < 0.5 * text.len()
    step = -(-different.len() // VALUES)
    return Values(different.gather_every(step), kind.is_temporal(), few)
