"""Pseudonyms: keyed digests in the place of values that identify a person.

HMAC-SHA256 cut to 128 bits. Without the key nobody can try out names to find theirs; with it the
same value always gets the same pseudonym, so that rows of one person still belong together. They
stay personal data: who has the key can find the person.

A number and its text are the same value, 7, 7.0 and "7", as a source may turn one into the other;
"007" is another one.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from collections.abc import Sequence
from functools import partial

import polars as pl

from modelkeel.data.contract.model import Column, Contract, Normalise
from modelkeel.data.contract.values import clean
from modelkeel.errors import BadInput
from modelkeel.project import Project

KEY_VARIABLE = "MODELKEEL_PSEUDONYM_KEY"
LENGTH = 32
"""Hexadecimal digits of a pseudonym."""
_LEAST_KEY = 16


def pseudonymise(
    frame: pl.LazyFrame, columns: Sequence[str | Column], key: bytes | None = None
) -> pl.LazyFrame:
    """Replace the values of columns, batch by batch; missing ones stay missing.

    White space at both ends and the way an accent is encoded make no difference.

    Args:
        frame: the rows, not read yet.
        columns: which to replace; they become text, and one that is not there is passed by. Those
            given as the contract describes them are normalised as it says before.
        key: the secret; from the environment variable MODELKEEL_PSEUDONYM_KEY when left out.

    Raises:
        BadInput: there is no key, or it is shorter than 16 bytes.
    """
    secret = pseudonym_key(key)
    present = frame.collect_schema()
    how = dict(
        (each.name, each.normalise) if isinstance(each, Column) else (each, Normalise())
        for each in columns
    )
    return frame.with_columns(
        _as_text(name, present[name]).map_batches(
            partial(_replaced, how=normalise, key=secret), pl.String, is_elementwise=True
        )
        for name, normalise in how.items()
        if name in present
    )


def refuse_pseudonymous_features(project: Project, contract: Contract) -> None:
    """Stop where the model would be given pseudonyms: a caller of the API sends clear values.

    Raises:
        BadInput: naming the column.
    """
    params = project.params
    used = [*params.features.numeric, *params.features.categorical, params.target]
    for column in contract.columns:
        if column.pseudonymise and column.name in used:
            role = "the target" if column.name == params.target else "a feature"
            raise BadInput(
                f"{contract.path}: {column.name}: is replaced by a pseudonym, and params.yaml "
                f"makes it {role}",
                remedy="take it out of features in params.yaml (it may group rows in split.by), or "
                "`pseudonymise` out of the contract",
            )


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if not dtype.is_float():
        return column.cast(pl.String)
    whole = column.is_finite() & (column == column.round()) & (column.abs() < 2**53)
    number = column.cast(pl.Int64, strict=False).cast(pl.String)
    return pl.when(whole).then(number).otherwise(column.cast(pl.String)).alias(name)


def _replaced(values: pl.Series, how: Normalise, key: bytes) -> pl.Series:
    each = values.unique().drop_nulls()
    new = pl.Series([_digest(value, how, key) for value in each], dtype=pl.String)
    if each.is_empty():
        return values.cast(pl.String)
    return values.replace_strict(each, new, default=None, return_dtype=pl.String)


def _digest(value: str, how: Normalise, key: bytes) -> str | None:
    text = clean(value.strip(), how)
    if text is None:
        return None
    return hmac.digest(key, unicodedata.normalize("NFC", text).encode(), "sha256").hex()[:LENGTH]


def pseudonym_key(given: bytes | None = None) -> bytes:
    """The secret of the pseudonyms: as given, else from the environment.

    Raises:
        BadInput: there is none, or it is shorter than 16 bytes.
    """
    key = (
        os.environ.get(KEY_VARIABLE, "").encode("utf-8", "surrogateescape")
        if given is None
        else given
    )
    if len(key) < _LEAST_KEY:
        found = f"has {len(key)} bytes" if key else "is not set"
        raise BadInput(
            f"the contract asks for pseudonyms, and the variable {KEY_VARIABLE} {found}",
            remedy=f"set {KEY_VARIABLE} to a secret of at least {_LEAST_KEY} bytes, the same "
            'every time: python -c "import secrets; print(secrets.token_hex(32))"',
        )
    return key
