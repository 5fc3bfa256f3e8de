"""The record of processing activities as a table: GDPR Art 30(1)(a) to (g)."""

from __future__ import annotations

import csv
import io
import re

from modelkeel.governance.documents.ledger import Ledger

COLUMNS = (
    "activity",
    "controller",
    "data_protection_officer",
    "purpose",
    "data_subjects",
    "categories_of_data",
    "legal_basis",
    "recipients",
    "transfers",
    "retention",
    "security",
    "source",
)


def ropa_csv(ledger: Ledger) -> str:
    """One row a purpose; what is missing says so."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    privacy = ledger.value("privacy")
    system = ledger.sources.record("system")
    purposes = privacy.processing.purposes if privacy else [system.identity.purpose]
    for purpose in purposes:
        row = [
            system.identity.name,
            ledger.cell("privacy.processing.controller"),
            ledger.cell("privacy.processing.protection_officer"),
            purpose,
            ledger.cell("privacy.processing.subjects"),
            categories_of_data(ledger),
            ledger.cell("privacy.processing.legal_basis"),
            ledger.cell("privacy.processing.recipients"),
            ledger.cell("privacy.processing.transfers"),
            retention(ledger),
            ledger.cell("privacy.processing.security"),
            "governance/privacy.toml",
        ]
        writer.writerow([_plain(each) for each in row])
    return out.getvalue()


def categories_of_data(ledger: Ledger) -> str:
    """The columns that the contract classifies as being about people."""
    contract = ledger.sources.contract
    found = [
        f"{each.name} ({each.classification})"
        for each in contract.columns
        if each.classification != "none"
    ]
    said = ", ".join(found) or "none"
    return f"{len(contract.columns)} columns of each case; classified as about people: {said}"


def retention(ledger: Ledger) -> str:
    """How long each kind of data is kept."""
    privacy = ledger.value("privacy")
    if privacy is None:
        return ledger.cell("privacy.retention")
    return "; ".join(
        f"{each.data}: {ledger.cell(f'privacy.retention.{at}.days')}"
        + (" days" if isinstance(each.days, int) else "")
        for at, each in enumerate(privacy.retention)
    )


def _plain(shown: str) -> str:
    """Markdown as plain text; a cell that a spreadsheet would compute is kept from it."""
    flat = shown.replace("**", "").replace("`", "").replace("\\|", "|").replace("<br>", " ")
    flat = flat.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("• ", "")
    flat = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", flat)
    return f"'{flat}" if flat.startswith(("=", "+", "-", "@")) else flat
