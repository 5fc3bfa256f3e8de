"""One contract check by one tool, in a process of its own; bench/data.py runs it.

    python contract_cases.py TOOL TABLE CONTRACT

All tools hold the same rules: ten numbers with ranges, one of them a unique id, seven texts from a
list, two with a pattern, one with a length, and no value missing. Each prints whether they hold.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

LISTED = ["red", "green", "blue", "black", "white", "grey", "pink", "brown"]
FLOATS = {f"n{number}": 100 for number in range(1, 6)}
WHOLE = {f"n{number}": 1000 for number in range(6, 10)}
CHOICES = [f"c{number}" for number in range(1, 8)]
CODES, CODE = ["t1", "t2"], "^[A-Z][0-9]{7}$"
NOTE, SHORTEST, LONGEST = "t3", 1, 40
ALL = ["id", *FLOATS, *WHOLE, *CHOICES, *CODES, NOTE]


def modelkeel(table: str, contract: str) -> bool:
    from modelkeel.data.contract import check_file, load_contract

    return not check_file(Path(table), load_contract(Path(contract))).broken


def bare(table: str, _: str) -> bool:
    """The limit: counts of broken rows by rule in one lazy pass, and nothing else."""
    import polars as pl

    col = pl.col
    asked = [col(name).null_count().alias(f"{name} null") for name in ALL]
    asked += [(col("id") < 0).sum().alias("low"), (pl.len() - col("id").n_unique()).alias("twice")]
    asked += [
        (~col(name).is_between(0, most)).sum().alias(f"{name} range")
        for name, most in (FLOATS | WHOLE).items()
    ]
    asked += [(~col(name).is_in(LISTED)).sum().alias(f"{name} listed") for name in CHOICES]
    asked += [(~col(name).str.contains(CODE)).sum().alias(f"{name} code") for name in CODES]
    length = col(NOTE).str.len_chars()
    asked.append((~length.is_between(SHORTEST, LONGEST)).sum().alias("length"))
    counts = pl.scan_parquet(table).select(asked).collect(engine="streaming")
    return not any(counts.row(0))


def dataframely(table: str, _: str) -> bool:
    import dataframely as dy
    import polars as pl

    columns = {"id": dy.Int64(min=0, unique=True)}
    columns |= {name: dy.Float64(min=0, max=most) for name, most in FLOATS.items()}
    columns |= {name: dy.Int64(min=0, max=most) for name, most in WHOLE.items()}
    columns |= {name: dy.String(check=lambda each: each.is_in(LISTED)) for name in CHOICES}
    columns |= {name: dy.String(regex=CODE) for name in CODES}
    columns |= {NOTE: dy.String(min_length=SHORTEST, max_length=LONGEST)}
    schema = type("Table", (dy.Schema,), columns)
    if schema.is_valid(pl.scan_parquet(table)):
        return True
    # As ours does: which rules are broken how often, and the rows apart.
    _, failure = schema.filter(pl.read_parquet(table))
    return not failure.counts()


def _pandera(pa: object, number: object, whole: object, text: object) -> object:
    column, check = pa.Column, pa.Check  # type: ignore[attr-defined]
    columns = {"id": column(whole, check.ge(0), unique=True)}
    columns |= {name: column(number, check.in_range(0, most)) for name, most in FLOATS.items()}
    columns |= {name: column(whole, check.in_range(0, most)) for name, most in WHOLE.items()}
    columns |= {name: column(text, check.isin(LISTED)) for name in CHOICES}
    columns |= {name: column(text, check.str_matches(CODE)) for name in CODES}
    columns |= {NOTE: column(text, check.str_length(SHORTEST, LONGEST))}
    return pa.DataFrameSchema(columns)  # type: ignore[attr-defined]


def _holds(validate: Callable[[], object]) -> bool:
    from pandera.errors import SchemaErrors

    try:
        validate()
    except SchemaErrors:
        return False
    return True


def pandera_polars_lazy(table: str, _: str) -> bool:
    import pandera.polars as pa
    import polars as pl

    schema = _pandera(pa, pl.Float64, pl.Int64, pl.String)
    return _holds(lambda: schema.validate(pl.scan_parquet(table), lazy=True).collect())  # type: ignore[attr-defined]


def pandera_polars(table: str, _: str) -> bool:
    import pandera.polars as pa
    import polars as pl

    schema = _pandera(pa, pl.Float64, pl.Int64, pl.String)
    return _holds(lambda: schema.validate(pl.read_parquet(table), lazy=True))  # type: ignore[attr-defined]


def pandera_pandas(table: str, _: str) -> bool:
    import pandas as pd
    import pandera.pandas as pa

    schema = _pandera(pa, "float64", "int64", None)
    return _holds(lambda: schema.validate(pd.read_parquet(table), lazy=True))  # type: ignore[attr-defined]


def pointblank(table: str, _: str) -> bool:
    import pointblank as pb
    import polars as pl

    length = pl.col(NOTE).str.len_chars()
    asked = (
        pb.Validate(pl.read_parquet(table))
        .col_vals_not_null(columns=ALL)
        .col_vals_ge(columns="id", value=0)
        .rows_distinct(columns_subset="id")
        .col_vals_between(columns=list(FLOATS), left=0, right=100)
        .col_vals_between(columns=list(WHOLE), left=0, right=1000)
        .col_vals_in_set(columns=CHOICES, set=LISTED)
        .col_vals_regex(columns=CODES, pattern=CODE)
        .col_vals_expr(expr=length.is_between(SHORTEST, LONGEST))
    )
    return bool(asked.interrogate(collect_extracts=False).all_passed())


def great_expectations(table: str, _: str) -> bool:
    import great_expectations as gx
    import pandas as pd
    from great_expectations import expectations as gxe

    asked = [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ALL]
    asked += [gxe.ExpectColumnValuesToBeUnique(column="id")]
    asked += [gxe.ExpectColumnValuesToBeBetween(column="id", min_value=0)]
    asked += [
        gxe.ExpectColumnValuesToBeBetween(column=name, min_value=0, max_value=most)
        for name, most in (FLOATS | WHOLE).items()
    ]
    asked += [gxe.ExpectColumnValuesToBeInSet(column=name, value_set=LISTED) for name in CHOICES]
    asked += [gxe.ExpectColumnValuesToMatchRegex(column=name, regex=CODE) for name in CODES]
    bounds = {"min_value": SHORTEST, "max_value": LONGEST}
    asked += [gxe.ExpectColumnValueLengthsToBeBetween(column=NOTE, **bounds)]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("table")
    whole = asset.add_batch_definition_whole_dataframe("whole")
    batch = whole.get_batch(batch_parameters={"dataframe": pd.read_parquet(table)})
    suite = gx.ExpectationSuite(name="suite", expectations=asked)
    return bool(batch.validate(suite, result_format="BOOLEAN_ONLY").success)


if __name__ == "__main__":
    tool, *arguments = sys.argv[1:]
    print("holds" if globals()[tool](*arguments) else "broken")
