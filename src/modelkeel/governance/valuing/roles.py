"""The table of decisions and outcomes, and what its columns are called.

One row a decision. Columns are found by name, or named in `columns`:

    decision         id, each once
    time             when it was decided, ISO 8601; UTC where no zone is given
    action           what was done (classification)
    outcome          what happened, empty while it is not known (classification)
    predicted        what the model forecast (regression)
    actual           what happened, empty while it is not known (regression)
    baseline         what today's way would have forecast (regression)
    arm              `model` or `baseline`, as drawn (optional)
    model_action     what the model would have done (optional)
    baseline_action  what today's way would have done; the charter's policy where left out
    probability      with which the row got the arm that it got (optional)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from modelkeel.data.sources import ROW, read_source
from modelkeel.errors import BadInput
from modelkeel.governance.valuing.columns import Columns
from modelkeel.records.charter import Charter
from modelkeel.records.sources import Source, kind_of

NAMES: dict[str, tuple[str, ...]] = {
    "decision": ("decision_id", "decision", "id"),
    "time": ("time", "decided_at", "timestamp", "date"),
    "action": ("action", "action_taken"),
    "outcome": ("outcome",),
    "predicted": ("predicted", "prediction"),
    "actual": ("actual", "outcome"),
    "baseline": ("baseline", "baseline_prediction"),
    "arm": ("arm",),
    "model_action": ("model_action",),
    "baseline_action": ("baseline_action",),
    "probability": ("probability", "propensity"),
}
"""The names that each column is looked for by; the target's own name counts as the outcome's."""
NEEDED = {
    "classification": ("decision", "time", "action", "outcome"),
    "regression": ("decision", "time", "predicted", "actual", "baseline"),
}
OPTIONAL = {
    "classification": ("arm", "model_action", "baseline_action", "probability"),
    "regression": ("arm", "probability"),
}


def find_columns(charter: Charter, table: Path, columns: Mapping[str, str]) -> Columns:
    """Read a table, and find its columns by role, given or by their default names.

    Raises:
        BadInput: it is no table, or lacks a column.
    """
    frame, shown = _read(table), table.name
    needed, optional = NEEDED[charter.task], OPTIONAL[charter.task]
    if unknown := sorted(set(columns) - {*needed, *optional}):
        raise BadInput(
            f"no column has the role {unknown[0]!r}",
            remedy=f"the roles of a {charter.task} are: {', '.join([*needed, *optional])}",
        )
    roles = {}
    for role in (*needed, *optional):
        label = (charter.outcome.label,) if role in ("outcome", "actual") else ()
        names = (columns[role],) if role in columns else (*NAMES[role], *label)
        name = next((each for each in names if each in frame.columns), None)
        if name is None and (role in needed or role in columns):
            present = ", ".join(each for each in frame.columns if each != ROW)
            raise BadInput(
                f"{shown}: lacks the column of the {role} ({' or '.join(names)}); "
                f"it has: {present}",
                remedy=f"export it, or name it with --column {role}=NAME",
            )
        if name is not None:
            roles[role] = name
    return Columns(frame, shown, roles)


def _read(table: Path) -> pl.DataFrame:
    if not table.is_file():
        what = "is a folder" if table.is_dir() else "no such file"
        raise BadInput(f"{table}: {what}", remedy="give the path of a table of decisions")
    kind = kind_of(table.name)
    if kind is None:
        raise BadInput(
            f"{table.name}: its ending tells no kind of table",
            remedy="give it as .csv, .tsv, .xlsx, .jsonl or .parquet",
        )
    frame = read_source(Source(name="decisions", kind=kind, path=table.name), table.parent)
    return frame.with_columns(pl.col(pl.String).str.strip_chars().replace("", None))
