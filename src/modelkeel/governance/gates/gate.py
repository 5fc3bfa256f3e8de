"""A gate: a check with a name that measures, compares, and may say no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from modelkeel.errors import BadInput, KeelError
from modelkeel.records.system import TIERS, Tier

if TYPE_CHECKING:
    from modelkeel.governance.gates.case import Case

Stage = Literal["pull_request", "train", "release", "start_up", "live"]
STAGES: tuple[Stage, ...] = ("pull_request", "train", "release", "start_up", "live")
BEFORE_RELEASE: tuple[Stage, ...] = ("train", "release")
"""The stages whose gates a promotion asks."""
# What checks raise on evidence of another shape than machines write.
_BROKEN = (ValueError, TypeError, ArithmeticError, AttributeError, IndexError)
_AGAIN = "make again the evidence that this gate reads; if it still fails, report a bug of keel"
Outcome = Literal["pass", "warn", "fail", "not_assessed", "waived", "not_applicable"]


class NotMeasured(BadInput):
    """What a gate reads is not there. Such a gate is not assessed, which is never a pass.

    Args:
        what: what is missing.
        remedy: the command or step that makes it.
    """

    def __init__(self, what: str, remedy: str = "run `uv run dvc repro`") -> None:
        super().__init__(what, remedy=remedy)


@dataclass(frozen=True)
class Verdict:
    """A comparison: whether it holds, both sides in words, and whether it only just holds.

    `assessed` is False where nothing was there to compare with, which a repository may begin with.
    """

    holds: bool
    measured: str
    asked: str
    warn: bool = False
    remedy: str | None = None  # a better one than the gate's own
    assessed: bool = True


@dataclass(frozen=True)
class GateResult:
    """What a gate measured against what was asked; `assessed` as the verdict had it."""

    id: str
    title: str
    stages: tuple[Stage, ...]
    outcome: Outcome
    measured: str
    asked: str
    remedy: str
    maps: tuple[str, ...] = ()
    assessed: bool = True

    @property
    def blocks(self) -> bool:
        """Whether it keeps a candidate from being released."""
        return self.outcome in ("fail", "not_assessed")


@dataclass(frozen=True)
class Gate:
    """A check, when it is due, and what it is evidence for.

    Attributes:
        id: how it is called in messages, waivers and `maps` of others.
        stages: when it is due.
        check: measures and compares; raises `NotMeasured` or KeyError if it cannot. What it reads
            is broken if it raises BadInput, Refused, or an error of Python's; this fails it.
        remedy: what to do when it fails.
        maps: articles and items that its result is evidence for: `AIA 15(1)`, `MTS M5`.
        tiers: the risk tiers that ask for it.
        applies: why it does not apply to a case, or None if it does.
        trial: whether a model that is only tried out needs it too.
        waivable: whether a signed waiver may stand in for a pass.
    """

    id: str
    title: str
    stages: tuple[Stage, ...]
    check: Callable[[Case], Verdict]
    remedy: str
    maps: tuple[str, ...]
    tiers: tuple[Tier, ...] = TIERS
    applies: Callable[[Case], str | None] = lambda _: None
    trial: bool = True
    waivable: bool = True

    def run(self, case: Case) -> GateResult:
        """Judge a case; what is broken or missing is a result, not an exception."""
        try:
            if reason := self._inapplicable(case):
                return self._result("not_applicable", reason, "nothing", "")
            found = self.check(case)
        except NotMeasured as missing:
            return self._result("not_assessed", str(missing), "a measurement", missing.remedy)
        except KeyError as key:
            remedy = "run `uv run dvc repro`"
            return self._result("not_assessed", f"no measurement {key}", "a measurement", remedy)
        except KeelError as error:
            remedy = error.remedy or self.remedy
            asked = "a readable record" if isinstance(error, BadInput) else "what was approved"
            return self._waived(case, self._result("fail", str(error), asked, remedy))
        except _BROKEN as error:
            said = f"{type(error).__name__}: {error}"
            return self._waived(case, self._result("fail", said, "sound evidence", _AGAIN))
        outcome: Outcome = "fail" if not found.holds else "warn" if found.warn else "pass"
        remedy = found.remedy or self.remedy
        result = self._result(outcome, found.measured, found.asked, remedy, found.assessed)
        return self._waived(case, result)

    def _inapplicable(self, case: Case) -> str | None:
        if case.tier not in self.tiers:
            return f"not asked of the tier {case.tier}"
        return self.applies(case)

    def _waived(self, case: Case, result: GateResult) -> GateResult:
        """A failure that a signed, unexpired waiver names is shown as waived."""
        if result.outcome != "fail" or not self.waivable:
            return result
        waiver = case.waiver_of(self.id)
        if waiver is None:
            return result
        measured = f"{result.measured}; waived until {waiver.expires} by {waiver.by.email}"
        return self._result("waived", measured, result.asked, result.remedy)

    def _result(
        self, outcome: Outcome, measured: str, asked: str, remedy: str, assessed: bool = True
    ) -> GateResult:
        return GateResult(
            self.id, self.title, self.stages, outcome, measured, asked, remedy, self.maps, assessed
        )
