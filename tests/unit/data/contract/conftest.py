from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelkeel.data.contract import Contract, load_contract

HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: t\nname: T\nversion: 1.0.0\nstatus: active\n"


@pytest.fixture
def contract_of(tmp_path: Path) -> Callable[..., Contract]:
    """A contract of some properties, as YAML flow mappings, and of more keys."""

    def made(*properties: str, table: str = "", more: str = "") -> Contract:
        listed = "".join(f"      - {{{each}}}\n" for each in properties)
        path = tmp_path / "t.odcs.yaml"
        path.write_text(
            f"{HEAD}{more}schema:\n  - name: t\n{table}    properties:\n{listed}", encoding="utf-8"
        )
        return load_contract(path)

    return made
