"""Explanations that are made later, from what the journal has."""

from __future__ import annotations

from pathlib import Path

from modelkeel.governance.explaining import Explained, explain_pending
from modelkeel.journal.events import new_entry
from modelkeel.journal.store import Journal
from modelkeel.project import Project


def test_sealed_inputs_without_the_master_key_are_told(project: Project, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    entries = [new_entry("prediction", {"digest": "ab" * 32}) for _ in range(2)]
    entries[0].payload = b'{"inputs":{}}'
    sealed = Journal.open(url, master=bytes(32))
    sealed.write(entries)
    assert explain_pending(project, sealed) == Explained(gone=2)  # their model is not here
    assert explain_pending(project, Journal.open(url)) == Explained(gone=1, sealed=1)
