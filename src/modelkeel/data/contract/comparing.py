"""What changed between two versions of a contract, and whether it breaks anybody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from modelkeel.data.contract.model import CLASSIFICATIONS, Bound, Column, Contract
from modelkeel.errors import BadInput, Refused

Effect = Literal["breaking", "compatible"]


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        effect: breaking if rows that held may hold no longer, or if readers lose a promise: the
            column, its type, unit or meaning, that it is never missing, that it is unique.
        where: the column, or the part of the contract.
        what: the change in words.
    """

    effect: Effect
    where: str
    what: str


@dataclass(frozen=True)
class Diff:
    """The changes between two versions of a contract."""

    path: Path
    old_version: str
    new_version: str
    changes: tuple[Change, ...]

    @property
    def breaking(self) -> list[Change]:
        """The changes that break rows or readers."""
        return [change for change in self.changes if change.effect == "breaking"]

    @property
    def announced(self) -> bool:
        """Whether the first number of the version was raised, as a breaking change asks for."""
        return _major(self.new_version) > _major(self.old_version)

    def to_text(self) -> str:
        """The changes for a person, the breaking ones first."""
        if not self.changes:
            return f"{self.path.name}: no change"
        ordered = sorted(self.changes, key=lambda change: change.effect)
        lines = [f"  {change.effect}: {change.where}: {change.what}" for change in ordered]
        count = (
            f"{len(self.breaking)} breaking, {len(self.changes) - len(self.breaking)} compatible"
        )
        version = f"version {self.old_version} to {self.new_version}"
        return "\n".join([f"{self.path.name}: {count} ({version})", *lines])

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(
            {
                "contract": self.path.name,
                "versions": [self.old_version, self.new_version],
                "breaking": bool(self.breaking),
                "announced": self.announced,
                "changes": [asdict(change) for change in self.changes],
            }
        )


def diff(old: Contract, new: Contract) -> Diff:
    """What changed from one contract to another."""
    return Diff(new.path, old.version, new.version, tuple(_changes(old, new)))


def diff_against(path: Path, ref: str) -> Diff:
    """What changed in a contract since a revision of git; nothing if it is new since.

    Raises:
        BadInput: one of the two cannot be read, or git knows no such revision.
    """
    from modelkeel.data.contract.odcs import load_contract

    new = load_contract(path)
    old = contract_at(path, ref)
    return diff(old, new) if old is not None else Diff(path, "none", new.version, ())


def contract_at(path: Path, ref: str) -> Contract | None:
    """The contract as it was at a revision of git; None if it was not there.

    Raises:
        BadInput: git is missing, knows no such revision, or the contract there cannot be read.
    """
    from modelkeel.data.contract.odcs import parse_contract

    if ref.startswith("-") or not _git(
        path, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"
    ):
        raise BadInput(
            f"git knows no revision {ref!r} of {path}",
            remedy="name a branch, a tag or a commit; in a pull request fetch its base first",
        )
    listed = _git(path, "ls-tree", "--name-only", ref, "--", path.name)
    if not listed:
        return None
    shown = Path(f"{ref}:{path}")
    return parse_contract(_git(path, "show", f"{ref}:./{path.name}"), shown)


def refuse_breaking(found: Diff) -> None:
    """Stop when a contract breaks rows or readers and its version does not say so.

    Raises:
        Refused: naming the breaking changes.
    """
    if not found.breaking or found.announced:
        return
    named = "\n".join(f"  {change.where}: {change.what}" for change in found.breaking)
    raise Refused(
        f"{found.path}: {len(found.breaking)} changes break the contract of version "
        f"{found.old_version}:\n{named}",
        remedy=f"take them back, or agree with the readers and raise `version` to "
        f"{_major(found.old_version) + 1}.0.0",
    )


def _git(path: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=path.parent, check=False, capture_output=True
        )
    except OSError:
        raise BadInput("git cannot be started", remedy="install git") from None
    return done.stdout if done.returncode == 0 else b""


def _major(version: str) -> int:
    first = version.removeprefix("v").split(".")[0]
    return int(first) if first.isdecimal() else 0


def _changes(old: Contract, new: Contract) -> Iterator[Change]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in before:
        if name not in after:
            yield Change("breaking", name, "was removed")
    for name, column in after.items():
        if name in before:
            yield from _of_column(before[name], column)
        else:
            # A table without the column is refused, whether or not values may be missing.
            yield Change("breaking", name, f"was added ({column.kind}); tables now need it")
    if old.key != new.key:
        yield Change("breaking", "key", f"is {_names(new.key)}, was {_names(old.key)}")
    yield from _of_rules(old, new)
    yield from _of_table(old, new)
    for part in ("owner", "description", "limitations", "name", "status", "table"):
        if getattr(old, part) != getattr(new, part):
            yield Change("compatible", part, "was reworded")


def _of_column(old: Column, new: Column) -> Iterator[Change]:
    name = new.name
    for part, what in (("kind", "type"), ("unit", "unit"), ("pattern", "pattern")):
        was, now = getattr(old, part), getattr(new, part)
        if was != now:
            loosened = part == "pattern" and now is None
            effect: Effect = "compatible" if loosened else "breaking"
            yield Change(effect, name, f"{what} is {now or 'none'}, was {was or 'none'}")
    if old.required != new.required:
        what = "must have a value now" if new.required else "may be missing now"
        yield Change("breaking", name, what)
    if old.unique != new.unique:
        yield Change("breaking", name, "is unique now" if new.unique else "may repeat now")
    if old.kind == new.kind:
        yield from _of_bounds(old, new)
    yield from _of_categories(old, new)
    if (old.normalise, old.format) != (new.normalise, new.format):
        yield Change("breaking", name, "is read differently (normalisation or format)")
    if old.pseudonymise != new.pseudonymise:
        what = "is replaced by a pseudonym" if new.pseudonymise else "is no longer a pseudonym"
        yield Change("breaking", name, what)
    if old.classification != new.classification:
        rank = CLASSIFICATIONS.index
        less = rank(new.classification) < rank(old.classification)
        what = f"classification is {new.classification}, was {old.classification}"
        yield Change("breaking" if less else "compatible", name, what)
    if (old.description, old.labels) != (new.description, new.labels):
        yield Change("compatible", name, "was described differently")


def _of_bounds(old: Column, new: Column) -> Iterator[Change]:
    def tighter_low(was: Any, now: Any) -> bool:
        return now is not None and (was is None or now > was)

    def tighter_high(was: Any, now: Any) -> bool:
        return now is not None and (was is None or now < was)

    parts: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
        ("minimum", "minimum", tighter_low),
        ("above", "exclusiveMinimum", tighter_low),
        ("min_length", "minLength", tighter_low),
        ("maximum", "maximum", tighter_high),
        ("below", "exclusiveMaximum", tighter_high),
        ("max_length", "maxLength", tighter_high),
    )
    for part, what, tighter in parts:
        was, now = getattr(old, part), getattr(new, part)
        if was != now:
            effect: Effect = "breaking" if tighter(was, now) else "compatible"
            yield Change(effect, new.name, f"{what} is {_bound(now)}, was {_bound(was)}")


def _of_categories(old: Column, new: Column) -> Iterator[Change]:
    was, now = old.categories, new.categories
    if was is None or now is None:
        if was is not now:
            what = "takes any value now" if now is None else "takes listed values only now"
            yield Change("compatible" if now is None else "breaking", new.name, what)
        return
    if gone := [each for each in was if each not in now]:
        yield Change("breaking", new.name, f"no longer takes {', '.join(gone)}")
    if more := [each for each in now if each not in was]:
        yield Change("compatible", new.name, f"takes {', '.join(more)} too")


def _of_rules(old: Contract, new: Contract) -> Iterator[Change]:
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    for name in before:
        if name not in after:
            yield Change("compatible", f"rule {name}", "was removed")
    for name, rule in after.items():
        if name not in before:
            yield Change("breaking", f"rule {name}", f"was added: {rule.condition}")
        elif rule.condition != before[name].condition:
            what = f"is {rule.condition}, was {before[name].condition}"
            yield Change("breaking", f"rule {name}", what)


def _of_table(old: Contract, new: Contract) -> Iterator[Change]:
    if old.volume != new.volume:
        was, now = old.volume, new.volume
        low = ((was and was.minimum) or 0, (now and now.minimum) or 0)
        high = (was.maximum if was else None, now.maximum if now else None)
        capped = high[1] is not None and (high[0] is None or high[1] < high[0])
        effect: Effect = "breaking" if low[1] > low[0] or capped else "compatible"
        yield Change(effect, "volume", "other numbers of rows are allowed")
    if old.freshness != new.freshness:
        fresh, stale = new.freshness, old.freshness
        looser = fresh is None or (
            stale is not None and stale.column == fresh.column and stale.at_most < fresh.at_most
        )
        what = f"may be {fresh.at_most} old in {fresh.column}" if fresh else "is no longer asked"
        yield Change("compatible" if looser else "breaking", "freshness", what)


def _names(key: tuple[str, ...]) -> str:
    return ", ".join(key) or "none"


def _bound(value: Bound | None) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
