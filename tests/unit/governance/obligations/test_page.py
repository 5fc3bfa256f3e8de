"""The page of the catalogue has every entry, and its tables hold together."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from modelkeel.governance.obligations.catalogue import Obligation, load_catalogue

DOCS = Path(__file__).resolve().parents[4] / "docs"


@pytest.fixture(scope="module")
def page() -> str:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    text = (DOCS / "reference" / "obligations.md").read_text(encoding="utf-8")
    shown: str = hooks.on_page_markdown(text)
    return shown


@pytest.mark.parametrize("entry", load_catalogue(), ids=lambda each: each.id)
def test_each_entry_has_a_row(page: str, entry: Obligation) -> None:
    (row,) = [
        line for line in page.splitlines() if re.match(rf"\| {re.escape(entry.id)}[ <]", line)
    ]
    voluntary = entry.status == "voluntary"
    assert row.count("|") == 4
    assert entry.title in row
    assert voluntary or entry.status.replace("_", " ") in row
    assert all(f"`{gate}`" in row for gate in entry.needs.gates)


def test_dates_are_shown_by_annex(page: str) -> None:
    (row,) = [line for line in page.splitlines() if line.startswith("| AIA-9<")]
    assert "Annex III 2027-12-02<br>Annex I 2028-08-02<br>pending" in row
