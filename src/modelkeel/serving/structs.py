"""The fast way's types: msgspec structs made from the signature of a model."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec

from modelkeel.data.contract.values import clean
from modelkeel.model.signature import FLOAT32_MAX, MOMENTS, Feature, Signature

_INT64 = 2**63


def row_struct(signature: Signature) -> type[msgspec.Struct]:
    """A msgspec struct for one row; its fields are in the order of the signature."""
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    rename = {}
    for index, feature in enumerate(signature.features):
        rename[f"f{index}"] = feature.name  # names of columns need be no identifiers
        kind = _field_type(feature)
        if feature.nullable:
            fields.append((f"f{index}", kind | None | msgspec.UnsetType, msgspec.UNSET))
        else:
            fields.append((f"f{index}", kind))
    return msgspec.defstruct(
        "Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False
    )


def _field_type(feature: Feature) -> Any:
    if feature.kind == "boolean":
        return bool
    if feature.kind == "category":
        if feature.categories is None:
            return Annotated[str, msgspec.Meta(min_length=1)]
        how = feature.normalise
        fixed = [each for each in feature.categories if how is None or clean(each, how) == each]
        # With no category that normalisation leaves alone, every text is for the careful way.
        return Literal[tuple(fixed or ["\0"])]
    if feature.kind in MOMENTS:
        return Annotated[str, msgspec.Meta(min_length=1)]
    low = -FLOAT32_MAX if feature.minimum is None else feature.minimum
    high = FLOAT32_MAX if feature.maximum is None else feature.maximum
    if feature.kind == "number":
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    whole = msgspec.Meta(ge=max(math.ceil(low), -_INT64), le=min(math.floor(high), _INT64 - 1))
    return Annotated[int, whole]
