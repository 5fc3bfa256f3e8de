"""What the training data looks like, column by column: all that later drift checks compare."""

from __future__ import annotations

from typing import Any

import polars as pl

BINS = 20


def profile(frame: pl.DataFrame) -> dict[str, Any]:
    """Count, missing share, and quantiles (numbers) or shares of the values (others) by column.

    Args:
        frame: typed rows.

    Returns:
        {"rows": n, "columns": {name: {"kind", "missing", "quantiles" | "shares"}}}; quantiles
        are the 0, 1/20, … 1 quantiles.
    """
    columns: dict[str, Any] = {}
    for name, dtype in frame.schema.items():
        values = frame[name].drop_nulls()
        entry: dict[str, Any] = {"missing": frame[name].null_count() / max(frame.height, 1)}
        if dtype.is_numeric():
            steps = [values.quantile(i / BINS, "nearest") for i in range(BINS + 1)]
            entry |= {
                "kind": "numeric",
                "quantiles": [None if s is None else float(s) for s in steps],
            }
        else:
            counts = values.cast(pl.String).value_counts(sort=True, name="n")
            shares = {str(v): n / max(values.len(), 1) for v, n in counts.iter_rows()}
            entry |= {"kind": "categorical", "shares": dict(sorted(shares.items()))}
        columns[name] = entry
    return {"rows": frame.height, "columns": columns}
