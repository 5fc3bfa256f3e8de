"""Opening the journal of a project for a command, and writing its ends down."""

from __future__ import annotations

import time
from pathlib import Path

from modelkeel.errors import BadInput
from modelkeel.journal.anchor import Anchor, load_key
from modelkeel.journal.place import (
    anchor_of,
    folder_of,
    in_production,
    journal_url,
    make_folder,
    master_key,
)
from modelkeel.journal.segments import heads
from modelkeel.journal.store import Journal
from modelkeel.project import Project


def journal_of(project: Project, *, keys: bool = True, make: bool = False) -> Journal:
    """The journal of a project, open.

    Args:
        project: the project.
        keys: whether to open it with the master key, which sealed payloads and people need.
        make: whether to make it, and its master key, where there is none: a server whose journal
            was moved would go on with the new one.

    Raises:
        BadInput: the mode, the key, the anchor or the URL cannot be used, or there is no journal.
        Refused: the master key is not the journal's.
        KeelError: the database cannot be reached.
    """
    root = project.root
    personal = project.system.use.personal_data != "none"
    production = in_production()
    master = master_key(root, production=production, personal=personal, make=make) if keys else None
    url, anchor = str(journal_url(root)), anchor_of(root)
    journal = Journal.open(url, master=master, anchor=anchor, patience=None, make=make)
    make_folder(folder_of(root))  # for the list of erasures and anchors, wherever it is
    return journal


def anchor_now(journal: Journal, to: Path | None, key: Path | None) -> tuple[Path, int]:
    """Write the ends of all chains down; the file, and how many there are.

    Args:
        journal: the journal.
        to: the file; the journal's own when left out.
        key: PEM file of the Ed25519 private key that signs it; the journal's own when left out.

    Raises:
        BadInput: the file cannot be written, or the key not be read.
    """
    own = journal.anchor or Anchor(Path("anchors.jsonl"))
    anchor = Anchor(to or own.path, load_key(key) if key else own.key)
    with journal.engine.connect() as connection:
        ends = heads(connection)
    try:
        anchor.add(ends, time.time_ns() // 1000)
    except OSError as error:
        raise BadInput(
            f"{anchor.path}: cannot be written: {error.strerror}", remedy="give --to FILE"
        ) from None
    return anchor.path, len(ends)
