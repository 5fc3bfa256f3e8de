"""What became of held-out rows that were disturbed and scored again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["noise", "missing", "common"]

NOISE = 0.05
"""Standard deviation of the noise, as a share of that of the column."""
DRAWS = 5


@dataclass(frozen=True)
class Disturbed:
    """What became of the rows when they were disturbed in one way.

    Attributes:
        kind: noise added to numbers; a value gone missing; a category replaced by the most common.
        column: the one that was disturbed; None for all numbers at once.
        flips: share of the rows whose decision changed, or that got no score.
        change: mean distance of the scores: of probabilities, half the sum of their differences;
            of values, in standard deviations of the target.
        failed: share of the rows that got no finite score; they are left out of `change`.
        problem: what the model said when it failed as a whole.
    """

    kind: Kind
    column: str | None
    flips: float
    change: float
    failed: float
    problem: str = ""

    def numbers(self) -> dict[str, Any]:
        """The sizes, as a part of the record."""
        return {"flips": self.flips, "change": self.change, "failed": self.failed}


@dataclass(frozen=True)
class Robustness:
    """All that was tried.

    Attributes:
        measure: what the gate looks at: `flips` of decisions, or `change` of values.
        rows: how many were disturbed.
        noise: of all numbers at once; None without numbers.
        columns: by column and kind.
    """

    measure: Literal["flips", "change"]
    rows: int
    noise: Disturbed | None
    columns: tuple[Disturbed, ...]

    @property
    def missing(self) -> Disturbed | None:
        """The missing value that matters most; None where no value may be missing."""
        gone = [each for each in self.columns if each.kind == "missing"]
        return max(gone, key=lambda each: (each.failed, self.size(each)), default=None)

    @property
    def failures(self) -> list[Disturbed]:
        """What left rows without a score."""
        every = [self.noise, *self.columns] if self.noise else self.columns
        return [each for each in every if each and each.failed]

    def size(self, found: Disturbed) -> float:
        """The measure of one disturbance."""
        return found.flips if self.measure == "flips" else found.change

    def numbers(self) -> dict[str, Any]:
        """The record: nested, numbers or text at the leaves."""
        columns: dict[str, dict[str, Any]] = {}
        for each in self.columns:
            columns.setdefault(str(each.column), {})[each.kind] = each.numbers()
        worst = self.missing
        return {
            "measure": self.measure,
            "rows": self.rows,
            "draws": DRAWS,
            "spread": NOISE,
            "noise": self.noise.numbers() if self.noise else None,
            "missing": {"column": worst.column, **worst.numbers()} if worst else None,
            "columns": columns,
            "failures": {
                f"{each.kind} {each.column or 'all numbers'}": each.problem or "no finite score"
                for each in self.failures
            },
        }
