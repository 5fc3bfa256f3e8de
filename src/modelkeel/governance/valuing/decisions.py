"""Decisions and outcomes: checked row by row, and priced by the charter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.contract import load_contract
from modelkeel.errors import BadInput
from modelkeel.governance.valuing.columns import Columns
from modelkeel.governance.valuing.roles import find_columns
from modelkeel.model.evaluation.payoff import value_of_error
from modelkeel.project import Project
from modelkeel.records.charter import Charter

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Decisions:
    """Checked decisions; all arrays are (n,), amounts in the charter's unit.

    Attributes:
        frame: the columns of the table, as they are.
        time: when, in UTC.
        outcome: the number of its class, or the actual value of a regression; NaN while it is not
            in the table.
        value: of what was done; NaN while it is not known.
        hangs: whether that hangs on the outcome.
        difference: what the model's choice pays less that of the baseline, of the same outcome;
            NaN while it is not known, 0 where they do the same.
        difference_hangs: whether that hangs on the outcome.
        differs: whether model and baseline act differently.
        action: what was done; None for a regression.
        model_action: what the model would have done, if the table says so.
        model_arm: whether the row was drawn to follow the model; None where nothing was drawn.
        drawn: whether the row says which arm it was drawn to.
        weight: one over the probability of the arm that it got.
        weighted: whether the table gives probabilities.
        predicted, actual: of a regression.
        group: a number for each group of decisions that belong together, as `split.by` of the
            parameters has them; None where they do not, or the table does not say.
    """

    frame: pl.DataFrame
    time: NDArray[np.datetime64]
    outcome: Floats
    value: Floats
    hangs: Flags
    difference: Floats
    difference_hangs: Flags
    differs: Flags
    action: NDArray[np.str_] | None
    model_action: NDArray[np.str_] | None
    model_arm: Flags | None
    drawn: Flags
    weight: Floats
    weighted: bool
    predicted: Floats | None = None
    actual: Floats | None = None
    group: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.time)

    @property
    def outcome_known(self) -> Flags:
        """Whether the outcome stands in the table."""
        return ~np.isnan(self.outcome)

    def where(self, mask: Flags) -> Decisions:
        """Some of the decisions."""
        parts: dict[str, Any] = {
            name: part[mask] if isinstance(part, np.ndarray) else part
            for name, part in vars(self).items()
        }
        return Decisions(**{**parts, "frame": self.frame.filter(pl.Series(mask))})


def read_decisions(
    project: Project, table: Path, columns: Mapping[str, str], now: datetime
) -> Decisions:
    """Read, check and price a table of decisions.

    Args:
        project: the project; its charter prices what was done.
        table: CSV, TSV, Excel, JSON lines or Parquet.
        columns: names of columns that differ from the default ones, by role.
        now: no decision is later.

    Raises:
        BadInput: the file is no table, lacks a column, or has a row that cannot be.
    """
    charter = project.charter
    found = find_columns(charter, table, columns)
    times = found.times("time", now)
    found.unique("decision")
    if charter.task == "regression":
        priced = _forecasts(project, found, times)
    else:
        priced = _actions(charter, found, times)
    return replace(priced, group=_group(found.frame, project.params.split.by))


def _actions(charter: Charter, found: Columns, times: NDArray[np.datetime64]) -> Decisions:
    actions, outcomes, table = charter.payoff_matrix()
    amounts = np.asarray(table)
    taken = found.choices("action", actions)
    outcome = found.choices("outcome", outcomes, empty=True)
    known = outcome >= 0
    policy = np.full(len(taken), actions.index(charter.baseline.policy))
    baseline = found.choices("baseline_action", actions) if found.has("baseline_action") else policy
    model = found.choices("model_action", actions) if found.has("model_action") else taken
    arm, drawn = _arm(found)
    _refuse_unfit(charter, found, arm, model != baseline)
    if arm is not None and not found.has("model_action"):
        # the model's choice is only seen where it was followed
        model = np.where(arm, taken, baseline)
    hangs = np.ptp(amounts, axis=1)[taken] != 0
    paid = amounts[taken, np.maximum(outcome, 0)]
    gap = amounts[model] - amounts[baseline]
    gap_hangs = np.ptp(gap, axis=1) != 0
    chosen = gap[np.arange(len(gap)), np.maximum(outcome, 0)]
    named = np.asarray(actions)
    return Decisions(
        frame=found.frame,
        time=times,
        outcome=np.where(known, outcome, np.nan),
        value=np.where(known | ~hangs, paid, np.nan),
        hangs=hangs,
        difference=np.where(known | ~gap_hangs, chosen, np.nan),
        difference_hangs=gap_hangs,
        differs=model != baseline,
        action=named[taken],
        model_action=named[model] if found.has("model_action") else None,
        model_arm=arm,
        drawn=drawn,
        weight=_weight(found),
        weighted=found.has("probability"),
    )


def _forecasts(project: Project, found: Columns, times: NDArray[np.datetime64]) -> Decisions:
    over, under = project.charter.over_under()
    predicted, baseline = found.numbers("predicted"), found.numbers("baseline")
    column = load_contract(project.contract_path).column(project.charter.outcome.label)
    actual = found.numbers("actual", empty=True, low=column.minimum, high=column.maximum)
    with_model = value_of_error(actual, predicted, over, under)
    without = value_of_error(actual, baseline, over, under)
    arm, drawn = _arm(found)
    _refuse_unfit(project.charter, found, arm, predicted != baseline)
    return Decisions(
        frame=found.frame,
        time=times,
        outcome=actual,
        value=with_model if arm is None else np.where(arm, with_model, without),
        hangs=np.ones(len(actual), dtype=np.bool_),
        difference=np.where(predicted == baseline, 0.0, with_model - without),
        difference_hangs=predicted != baseline,
        differs=predicted != baseline,
        action=None,
        model_action=None,
        model_arm=arm,
        drawn=drawn,
        weight=_weight(found),
        weighted=found.has("probability"),
        predicted=predicted,
        actual=actual,
    )


def _arm(found: Columns) -> tuple[Flags | None, Flags]:
    """Whether each row follows the model, and whether it says so; None where nothing was drawn."""
    rows = found.frame.height
    if not found.has("arm"):
        return None, np.zeros(rows, dtype=np.bool_)
    arm = found.choices("arm", ["model", "baseline"], empty=True)
    if not (arm == 1).any():
        return None, np.zeros(rows, dtype=np.bool_)
    return np.asarray(arm == 0), np.asarray(arm >= 0)


def _refuse_unfit(charter: Charter, found: Columns, arm: Flags | None, differs: Flags) -> None:
    """Arms that the charter's design does not draw, or that are missing where it does.

    Raises:
        BadInput: with the rows.
    """
    if arm is None:
        return
    design = charter.control.design
    if design == "replay":
        raise BadInput(
            f"{found.shown}: has decisions of both arms, and control.design in charter.toml is "
            "'replay'",
            remedy="write how the arms were drawn: control_arm or disagreement, with its share",
        )
    compared = np.ones(len(arm), dtype=np.bool_)
    if design == "disagreement":
        if charter.task == "classification" and not found.has("model_action"):
            raise BadInput(
                f"{found.shown}: lacks the column of the model_action, so it does not say where "
                "model and baseline differ",
                remedy="export what the model would have done, in both arms",
            )
        compared = differs
    found.filled("arm", compared, "write the arm that was drawn: model or baseline")
    if found.has("probability"):
        found.filled("probability", compared, "write the probability of the arm that was drawn")


def _weight(found: Columns) -> Floats:
    if not found.has("probability"):
        return np.ones(found.frame.height)
    chance = found.numbers("probability", empty=True, low=0.0, high=1.0, above=True)
    return np.asarray(1 / np.where(np.isnan(chance), 1.0, chance))


def _group(frame: pl.DataFrame, by: list[str]) -> NDArray[np.int64] | None:
    if not by or not set(by) <= set(frame.columns):
        return None
    parts = [pl.col(name).cast(pl.String).fill_null("\0") for name in by]
    ranks = frame.select(pl.concat_str(parts, separator="\x1f").rank("dense")).to_series()
    return np.asarray(ranks.to_numpy(), dtype=np.int64)


def midnight(moment: datetime) -> np.datetime64:
    """A moment as the arrays hold it."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
