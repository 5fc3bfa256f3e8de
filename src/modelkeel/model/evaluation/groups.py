"""What groups of people get from a model, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelkeel.model.evaluation.result import Estimate


@dataclass(frozen=True)
class Share:
    """A share, or a mean, in one group; not assessed where it is of too few rows."""

    n: int
    found: Estimate
    assessed: bool


@dataclass(frozen=True)
class Gap:
    """Two groups compared: the lowest and the highest of those that were assessed."""

    lowest: str
    highest: str
    found: Estimate

    def numbers(self) -> dict[str, Any]:
        """The gap as a leaf of the record."""
        return {**self.found.numbers(), "lowest": self.lowest, "highest": self.highest}


@dataclass(frozen=True)
class Measured:
    """One measure of all groups: their values, and how far the outermost lie apart.

    `gap` is a ratio or a difference; None where fewer than two groups were assessed.
    """

    groups: dict[str, Share]
    gap: Gap | None

    def numbers(self) -> dict[str, Any]:
        """The measure as a part of the record."""
        return {
            "gap": self.gap.numbers() if self.gap else None,
            "groups": {
                name: {**share.found.numbers(), "n": share.n, "assessed": int(share.assessed)}
                for name, share in self.groups.items()
            },
        }


@dataclass(frozen=True)
class Fairness:
    """The groups of one column.

    Attributes:
        column: a slice of params.yaml.
        n: rows by group.
        selection: by action, the share of each group that gets it; the gap is the ratio of the
            lowest to the highest.
        opportunity: by action, the share that gets it of those for whom it turned out to be the
            best; the gap is the difference.
        error: of a regression, the mean absolute error; the gap is the ratio.
        lean: of a regression, the mean of forecast minus outcome, in standard deviations of the
            target; the gap is the difference.
    """

    column: str
    n: dict[str, int]
    selection: dict[str, Measured] = field(default_factory=dict)
    opportunity: dict[str, Measured] = field(default_factory=dict)
    error: Measured | None = None
    lean: Measured | None = None

    def numbers(self) -> dict[str, Any]:
        """The column as a part of the record."""
        record: dict[str, Any] = {"n": self.n}
        if self.error is not None and self.lean is not None:
            return {**record, "error": self.error.numbers(), "lean": self.lean.numbers()}
        record["selection"] = {name: each.numbers() for name, each in self.selection.items()}
        record["opportunity"] = {name: each.numbers() for name, each in self.opportunity.items()}
        return record
