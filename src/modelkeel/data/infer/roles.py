"""What each column is to the model: a feature, kept for audits, a group, or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from modelkeel.data.contract import Column
from modelkeel.data.infer import names
from modelkeel.data.infer.power import LEVELS, SAMPLE, parts_of, power, same
from modelkeel.data.quality.personal import PersonalFinding

Role = Literal["target", "numeric", "categorical", "audit", "group", "left out"]

LEAK, NEAR_LEAK = 0.99, 0.94  # of `power`: an AUC of 0.995 and of 0.97
_LEAST_KNOWN = 20
_COVERED = 0.5  # share of the rows that the frequent levels of a text have to cover


@dataclass(frozen=True)
class Concluded:
    """A column, its role and why, and what is doubted."""

    column: Column
    role: Role
    why: str = ""
    doubts: list[str] = field(default_factory=list)
    missing: int = 0
    distinct: int = 0


def roles_of(
    frame: pl.DataFrame,
    columns: Mapping[str, Column],
    target: str,
    *,
    classes: bool,
    doubts: Mapping[str, list[str]],
    group: str | None = None,
    personal: Iterable[PersonalFinding] = (),
) -> list[Concluded]:
    """The role of each column of the contract.

    Args:
        frame: typed rows in which the target is known.
        columns: kind and normalisation by name.
        target: its name.
        classes: whether the target is a class.
        doubts: what reading the columns left open, by name.
        group: the column whose rows belong together, if the caller knows.
        personal: what a scan of the same rows found.
    """
    findings = {each.column: each for each in personal}
    found: list[Concluded] = []
    sample = frame.sample(min(frame.height, SAMPLE), seed=0)
    for name, described in columns.items():
        values, column = frame[name], described
        if name in findings:
            column = replace(described, classification="personal")
        open_ = list(doubts.get(name, []))
        concluded = Concluded(
            column, "target", "", open_, values.null_count(), values.drop_nulls().n_unique()
        )
        if name == target:
            found.append(concluded)
            continue
        if name == group:
            found.append(replace(concluded, role="group", why="its rows belong together"))
            continue
        concluded = _alone(concluded, values, findings.get(name))
        if concluded.role in ("numeric", "categorical"):
            said = power(sample[name], sample[target], classes=classes)
            if said >= LEAK:
                concluded = replace(
                    concluded,
                    role="left out",
                    why="gives the target away",
                    doubts=[
                        *concluded.doubts,
                        (
                            "alone it gives the target away: is it known only afterwards? "
                            "Kept out; add it to features in params.yaml if it is known before"
                        ),
                    ],
                )
            elif said >= NEAR_LEAK:
                concluded.doubts.append(
                    "alone it tells the target very well: is it known before the decision?"
                )
        found.append(concluded)
    return _without_parts(_without_twins(found, sample), sample, target, classes=classes)


def _alone(given: Concluded, values: pl.Series, personal: PersonalFinding | None) -> Concluded:
    """The role of a column by its own name and values."""
    column, name = given.column, given.column.name
    known = values.drop_nulls()
    share = given.distinct / max(known.len(), 1)

    def out(why: str, *doubt: str, classification: str = column.classification) -> Concluded:
        marked = replace(column, classification=classification)  # type: ignore[arg-type]
        return replace(
            given, column=marked, role="left out", why=why, doubts=[*given.doubts, *doubt]
        )

    if not given.distinct:
        return out("has no values")
    if personal is not None and personal.direct:
        doubts = ["is it about a person? Taken for personal data and kept out of the model"]
        return out(
            f"personal: {personal.what}",
            *(doubts if personal.by == "name" else []),
            classification="personal",
        )
    if attribute := names.sensitive(name):
        what, classification = attribute
        return replace(
            given,
            column=replace(column, classification=classification),
            role="audit",
            why=f"sensitive: {what}",
            doubts=[
                *given.doubts,
                (
                    f"a sensitive attribute of people ({what})? The model is judged by it "
                    "and does not see it; move it to features in params.yaml if that is not so"
                ),
            ],
        )
    if given.distinct == 1:
        return out("constant")
    if known.len() < _LEAST_KNOWN:
        return out(f"only {known.len()} values")
    if column.kind in ("string", "integer") and share > 0.95 and known.len() >= _LEAST_KNOWN:
        numbered = column.kind == "integer" and _counts_up(known)
        if names.is_id(name) or numbered or (names.is_numbering(name) and share == 1):
            unique = replace(column, unique=share == 1 and not given.missing)
            return replace(out("identifies the row"), column=unique)
    if names.is_id(name) and column.kind in ("string", "integer"):
        if given.distinct >= _LEAST_KNOWN and share <= 0.95:
            return replace(given, role="group", why="identifies what several rows belong to")
        if column.kind == "integer" and given.distinct <= LEVELS:
            given.doubts.append("a number that identifies: taken as a category")
            return replace(given, column=replace(column, kind="string"), role="categorical")
    if column.kind == "string":
        return _text(given, known, share, out)
    if column.kind == "integer" and int(known.abs().max() or 0) > 2**24:  # type: ignore[arg-type]
        given.doubts.append("wide whole numbers lose their last digits in the model (32 bits)")
    if column.kind in ("date", "timestamp"):
        given.doubts.append("a date as a feature: is it known before the decision?")
    return replace(given, role="numeric")


def _text(
    given: Concluded, known: pl.Series, share: float, out: Callable[..., Concluded]
) -> Concluded:
    if given.distinct <= LEVELS and not (share > 0.5 and known.len() > 2 * _LEAST_KNOWN):
        return replace(given, role="categorical")
    length = known.str.len_chars().mean()
    spaces = known.str.count_matches(r"\s").mean()
    if isinstance(spaces, float) and isinstance(length, float) and spaces > 3 and length > 25:
        return out("free text", "free text: the model takes no sentences; classify it beforehand")
    if share == 1 and known.len() >= _LEAST_KNOWN:
        unique = replace(given.column, unique=not given.missing)
        return replace(out("each row has its own"), column=unique)
    top = known.alias("value").value_counts(sort=True)["count"].head(LEVELS).sum() / known.len()
    if top < _COVERED:
        return out(
            f"{given.distinct} different texts",
            f"{given.distinct} different texts, the {LEVELS} most frequent cover {top:.0%} of "
            "the rows: too scattered to learn from",
        )
    given.doubts.append(
        f"{given.distinct} different texts: the model tells the {LEVELS} most frequent apart "
        f"({top:.0%} of the rows), the others are one"
    )
    return replace(given, role="categorical")


def _counts_up(known: pl.Series) -> bool:
    """Whether whole numbers count the rows, in whatever order."""
    low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
    return known.n_unique() == known.len() and high - low < 1.5 * known.len()


def _without_twins(found: list[Concluded], sample: pl.DataFrame) -> list[Concluded]:
    by_name = {each.column.name: each for each in found}
    used = {n: sample[n] for n, each in by_name.items() if each.role in ("numeric", "categorical")}
    for first, second in same(used):
        if by_name[second].role == "left out" or by_name[first].role == "left out":
            continue
        by_name[second] = replace(
            by_name[second],
            role="left out",
            why=f"says the same as {first}",
            doubts=[
                *by_name[second].doubts,
                f"nearly a duplicate of {first!r}: one of the two is enough",
            ],
        )
    return list(by_name.values())


def _without_parts(
    found: list[Concluded], sample: pl.DataFrame, target: str, *, classes: bool
) -> list[Concluded]:
    """Take out numbers that add up to the target."""
    if classes:
        return found
    used = {e.column.name: sample[e.column.name] for e in found if e.role == "numeric"}
    parts = parts_of(sample[target], used)
    doubt = (
        f"{' and '.join(parts)} add up to the target: known only afterwards? Kept out; add them "
        "to features in params.yaml if they are known before"
    )
    return [
        replace(each, role="left out", why="part of the target", doubts=[*each.doubts, doubt])
        if each.column.name in parts
        else each
        for each in found
    ]
