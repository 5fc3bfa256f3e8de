"""INI files by section and key: `setup.cfg`, `tox.ini`, `.editorconfig` and their like."""

from __future__ import annotations

import re
from configparser import Error, RawConfigParser
from dataclasses import replace

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Data, Unclear
from modelkeel.update.structured.node import Node, checked

_SECTION = re.compile(r"\[([^\n]+)\][ \t]*(?:[#;].*)?")
_KEY = re.compile(r"[^\s=:#;\[][^=:]*?(?=[ \t]*[=:]|[ \t]*$)")
_TOP = "keys before the first section"


def merge(base: str, ours: str, theirs: str) -> str:
    """Return the merged file.

    Raises:
        Unclear: both sides changed the same key, or it is no such file.
    """
    old, our, their = (parse(text) for text in (base, ours, theirs))
    return merge_nodes(old, our, their, Manner()).text


def parse(text: str) -> Node:
    """Return the tree of a file: sections with keys; a value goes on in indented lines."""
    sections = [Node("map", name=_TOP)]
    keys: list[Node] = []
    lead = ""

    def close() -> None:
        sections[-1] = replace(sections[-1], items=tuple(keys))
        keys.clear()

    for line in text.splitlines(keepends=True):
        plain = line.rstrip("\n")
        section = _SECTION.fullmatch(plain.strip())
        if not plain.strip() or plain.lstrip()[0] in "#;":
            lead += line
        elif plain[0] in " \t" and keys:
            # Comments and blank lines within a value belong to it.
            keys[-1] = replace(
                keys[-1], head=keys[-1].bare + lead + plain, trail=line[len(plain) :]
            )
            lead = ""
        elif section:
            close()
            sections.append(Node("map", name=f"[{section[1]}]", lead=lead, head=line))
            lead = ""
        elif key := _KEY.match(plain):
            keys.append(
                Node("scalar", name=key[0], lead=lead, head=plain, trail=line[len(plain) :])
            )
            lead = ""
        else:
            raise Unclear("neither a section nor a key")
    close()
    return checked(Node("map", items=tuple(sections), tail=lead), text)


def load(text: str) -> Data:
    """Return the sections and keys as Python's own parser reads them.

    Raises:
        ValueError: it is no such file.
    """
    parser = RawConfigParser(allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(f"[{_TOP}]\n{text}")
    except Error as error:
        raise ValueError(str(error)) from None
    return {
        name: {key: ("str", value or "") for key, value in parser.items(name)}
        for name in parser.sections()
    }
