"""Three-way merges by the structure of a file, for what git's merge by lines leaves in conflict."""

from __future__ import annotations

from modelkeel.update.structured import (
    formats,
    ini,
    json,
    lines,
    makefile,
    markdown,
    python,
    toml,
    yaml,
)
from modelkeel.update.structured.clashes import clashes
from modelkeel.update.structured.proof import proven
from modelkeel.update.structured.text import enframe, merge_frames, unframe

__all__ = ["clashes", "merge_structured", "proven"]


def merge_structured(path: str, base: str | None, ours: str, theirs: str) -> str | None:
    """Return ours with what theirs changed since base, None when that is in any doubt.

    Comments, order, quotes, blank lines and line ends of ours stay; the result is proven by
    `proven` to hold both sides' changes.

    Args:
        path: of the file in its repository; decides the format.
        base: the text both sides began with; None: both added the file.
        ours: the user's text.
        theirs: the template's text.
    """
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    kind = formats.format_of(path)
    if kind is None:
        return None
    try:
        frames, texts = zip(*(unframe(text or "") for text in (base, ours, theirs)), strict=True)
        merged = _merge(kind, path, *texts)
        frame = merge_frames(None if base is None else frames[0], frames[1], frames[2])
    except formats.FAILURES:
        return None
    result = enframe(frame, merged)
    return result if proven(path, base, ours, theirs, result) else None


def _merge(kind: str, path: str, base: str, ours: str, theirs: str) -> str:
    if kind == "toml":
        return toml.merge(base, ours, theirs)
    if kind == "yaml":
        return yaml.merge(base, ours, theirs)
    if kind == "json":
        return json.merge(base, ours, theirs)
    if kind == "markdown":
        return markdown.merge(path, base, ours, theirs)
    if kind == "python":
        return python.merge(base, ours, theirs)
    if kind == "ini":
        return ini.merge(base, ours, theirs)
    if kind == "makefile":
        return makefile.merge(base, ours, theirs)
    return lines.merge(kind, base, ours, theirs)
