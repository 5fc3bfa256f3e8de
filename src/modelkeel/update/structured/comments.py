"""The three-way merge of comments, line by line."""

from __future__ import annotations

from difflib import SequenceMatcher

from modelkeel.update.structured.data import Unclear


def merge_lines(base: str, ours: str, theirs: str) -> str:
    """Merge changes of lines that have an unchanged line between them.

    Raises:
        Unclear: both sides changed the same lines, or neighbouring ones.
    """
    old = base.splitlines(keepends=True)
    mine, yours = _changes(old, ours), _changes(old, theirs)
    for start, end, _ in mine:
        if any(start <= other_end and other_start <= end for other_start, other_end, _ in yours):
            raise Unclear("both sides changed a comment")
    for start, end, new in sorted(mine + yours, reverse=True):
        old[start:end] = new
    return "".join(old)


def _changes(old: list[str], text: str) -> list[tuple[int, int, list[str]]]:
    new = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [
        (start, end, new[first:last])
        for tag, start, end, first, last in matcher.get_opcodes()
        if tag != "equal"
    ]
