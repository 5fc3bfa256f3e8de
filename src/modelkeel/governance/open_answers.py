"""Answers of a record that are still open: work to do, and evidence that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelkeel.records.answer import Evidence, Todo, answers_in


def open_answers(root: Path, value: Any, key: str = "") -> list[tuple[str, Todo | Evidence]]:
    """What is still open in a record or a part of one, by dotted key.

    Args:
        root: the project, in which evidence lies.
        value: the record, or a value of it.
        key: of the value in its record.
    """
    return [
        (where, each)
        for where, each in answers_in(value, key)
        if isinstance(each, Todo)
        or (isinstance(each, Evidence) and evidence_problem(root, each) is not None)
    ]


def evidence_problem(root: Path, answer: Evidence) -> str | None:
    """Why an answer that a machine is to have written is not there; None if it is."""
    path = root / answer.path
    if not path.is_file():
        return f"{path}: no such file"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return f"{path} is no JSON"
    for key in answer.keys:
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return f"{path} has no {'.'.join(answer.keys)}"
    return None
