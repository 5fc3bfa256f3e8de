"""Makefiles by target and variable, without conditionals and definitions."""

from __future__ import annotations

import re
from dataclasses import replace

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Unclear
from modelkeel.update.structured.node import Node, checked

_OTHER = re.compile(r"(?:if|ifn)(?:eq|def)\b|else\b|endif\b|define\b|endef\b|.*::")
_VARIABLE = re.compile(r"(?:export[ \t]+)?([\w.-]+)[ \t]*(?::{0,3}|\?|!)=")
_RULE = re.compile(r"([^\s:=#][^:=#]*):")
_PHONY = re.compile(r"\.PHONY[ \t]*:")


def is_makefile(name: str) -> bool:
    """Tell whether a file is one by its name."""
    return name in ("Makefile", "makefile", "GNUmakefile") or name.endswith(".mk")


def merge(base: str, ours: str, theirs: str) -> str:
    """Return the merged file.

    Raises:
        Unclear: both sides changed one target, or what is there is not understood.
    """
    old, our, their = (parse(text) for text in (base, ours, theirs))
    return merge_nodes(old, our, their, Manner(fixed=_fixed)).text


def parse(text: str) -> Node:
    """Return the tree of a file: one node a rule with its recipe, a variable, or another line."""
    items: list[Node] = []
    lead = ""
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        while line.rstrip("\n").endswith("\\"):
            line += next(lines, "")
        if line.startswith("\t") and items and items[-1].name.startswith("rule "):
            items[-1] = replace(items[-1], head=items[-1].head + lead + line)
            lead = ""
        elif not line.strip() or line.startswith("#"):
            lead += line
        else:
            items.append(replace(_entry(line), lead=lead))
            lead = ""
    return checked(Node("map", items=tuple(items), tail=lead), text)


def lines_of(text: str) -> str:
    """Return the text with one line a phony target, as both sides may add to them."""
    found = []
    for line in text.splitlines():
        phony = _PHONY.match(line)
        found += [f".PHONY: {word}" for word in line[phony.end() :].split()] if phony else [line]
    return "\n".join(found)


def _entry(line: str) -> Node:
    if _OTHER.match(line) or line[0].isspace():
        raise Unclear("a conditional or a definition")
    if phony := _PHONY.match(line):
        return _phony(line, phony.end())
    if variable := _VARIABLE.match(line):
        return Node("scalar", name=f"variable {variable[1]}", head=line)
    if rule := _RULE.match(line):
        return Node("scalar", name=f"rule {' '.join(rule[1].split())}", head=line)
    return Node("scalar", name=f"statement {line}", head=line)


def _phony(line: str, start: int) -> Node:
    words = list(re.finditer(r"\S+", line[start:].rstrip()))
    if any("\\" in word[0] or word[0].startswith("#") for word in words) or not words:
        return Node("scalar", name=f"phony {line}", head=line)
    gaps = [0, *(word.end() for word in words)]
    items = tuple(
        Node("scalar", name=word[0], lead=line[start + gap : start + word.start()], head=word[0])
        for gap, word in zip(gaps, words, strict=False)
    )
    tail = line[start + words[-1].end() :]
    # Several such lines are told apart by their first word.
    return Node("map", name=f"phony {words[0][0]}", head=line[:start], items=items, tail=tail)


def _fixed(name: str) -> bool:
    return name.startswith("statement ")
