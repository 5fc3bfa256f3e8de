"""The data contract: an ODCS 3.2 document, compiled to Polars and checked row by row.

Names are imported when they are asked for: serving needs `values` and no Polars.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelkeel.data.contract.checking import Checked, Outcome, check, check_file
    from modelkeel.data.contract.comparing import (
        Change,
        Diff,
        contract_at,
        diff,
        diff_against,
        refuse_breaking,
    )
    from modelkeel.data.contract.model import (
        CLASSIFICATIONS,
        KINDS,
        Column,
        Contract,
        Freshness,
        Kind,
        Normalise,
        Rule,
        Volume,
    )
    from modelkeel.data.contract.odcs import dump_contract, load_contract, parse_contract
    from modelkeel.data.contract.show import Finding, quality, refuse_broken
    from modelkeel.data.contract.values import as_label

_HOME = {
    "checking": ("Checked", "Outcome", "check", "check_file"),
    "comparing": ("Change", "Diff", "contract_at", "diff", "diff_against", "refuse_breaking"),
    "model": (
        "CLASSIFICATIONS",
        "KINDS",
        "Column",
        "Contract",
        "Freshness",
        "Kind",
        "Normalise",
        "Rule",
        "Volume",
    ),
    "odcs": ("dump_contract", "load_contract", "parse_contract"),
    "show": ("Finding", "quality", "refuse_broken"),
    "values": ("as_label",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "CLASSIFICATIONS",
    "KINDS",
    "Change",
    "Checked",
    "Column",
    "Contract",
    "Diff",
    "Finding",
    "Freshness",
    "Kind",
    "Normalise",
    "Outcome",
    "Rule",
    "Volume",
    "as_label",
    "check",
    "check_file",
    "contract_at",
    "diff",
    "diff_against",
    "dump_contract",
    "load_contract",
    "parse_contract",
    "quality",
    "refuse_breaking",
    "refuse_broken",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value
