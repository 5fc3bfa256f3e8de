"""Reads the tables that params.yaml declares, whatever they are and however large.

Values of text formats stay text; Parquet, SQL, Excel and JSON keep the types that they have.
"""

from modelkeel.data.sources.columns import ROW, SOURCE, require_columns
from modelkeel.data.sources.ingest import (
    Ingested,
    Input,
    current_digests,
    gather,
    ingest,
    input_digests,
)
from modelkeel.data.sources.landed import Landed, land
from modelkeel.data.sources.table import read_csv, read_source

__all__ = [
    "ROW",
    "SOURCE",
    "Ingested",
    "Input",
    "Landed",
    "current_digests",
    "gather",
    "ingest",
    "input_digests",
    "land",
    "read_csv",
    "read_source",
    "require_columns",
]
