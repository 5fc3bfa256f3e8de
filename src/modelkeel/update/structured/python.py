"""Python: imports by module and name, lists of names by item, top-level definitions by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import libcst as cst

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Unclear
from modelkeel.update.structured.flow import HASH, Read, scan
from modelkeel.update.structured.names import check_names
from modelkeel.update.structured.node import Node, checked, merge_text
from modelkeel.update.structured.order import Rank, natural

_FROM = re.compile(r"from[ \t]+(\.*[ \t]*[\w.]*)[ \t]+import[ \t]*(\(?)")
_ALIAS = re.compile(r"\*|\w+(?:[ \t]+as[ \t]+\w+)?")
_PLAIN = re.compile(r"import[ \t]+([\w.]+(?:[ \t]+as[ \t]+\w+)?)[ \t]*(?:#[^\n]*)?\n")
_LIST = re.compile(r"[\w.]+[ \t]*(?::[^=\n]*)?=[ \t]*([\[({])")
_ITEM = re.compile(r"""(["'])([^"'\\\n{}]*)\1(?![ \t]*["'])|[\w.]+""")
_END = re.compile(r"[ \t]*(?:#[^\n]*)?\n")
_CODING = re.compile(r"[ \t]*#[^\n]*?coding[:=][ \t]*[-\w.]+")


def merge(base: str, ours: str, theirs: str) -> str:
    """Return the merged module.

    Raises:
        Unclear: both sides' changes do not go together.
        SyntaxError, cst.ParserSyntaxError: not Python.
    """
    opened = [_opened(text) for text in (base, ours, theirs)]
    base, ours, theirs = (rest for _, _, rest in opened)
    head = merge_text(*(shebang for shebang, _, _ in opened))
    head += merge_text(*(coding for _, coding, _ in opened))
    if head.count("\n") > 2:
        raise Unclear("the coding would stand below line 2")
    old, our, their = (parse(text) for text in (base, ours, theirs))
    others = [[item.name for item in node.items if _fixed(item.name)] for node in (old, our, their)]
    if others[0] not in (others[1], others[2]) and others[1] != others[2]:
        raise Unclear("both sides changed statements")
    manner = Manner(fixed=_fixed, rank=_rank, by_name=lambda node: node.flow)
    merged = merge_nodes(old, our, their, manner)
    lines = [line for text in (ours, theirs) for line in text.splitlines()]
    longest = max(map(len, lines), default=0)
    limit = min(max(longest, 88), 120)
    known = {item.bare for tree in (our, their) for item in tree.items}
    items = (item if item.bare in known else _wrapped(item, limit) for item in merged.items)
    result = replace(merged, items=tuple(items)).text
    check_names(base, ours, theirs, result)
    return head + result


def _opened(text: str) -> tuple[str, str, str]:
    """Split off what must stay first: the shebang, and the lines up to a coding (PEP 263)."""
    lines = text.splitlines(keepends=True)
    first = int(text.startswith("#!"))
    blank = not lines or not lines[0].strip() or lines[0].lstrip().startswith("#")
    found = [n for n, line in enumerate(lines[: 2 if blank else 1]) if _CODING.match(line)]
    end = max(found[0] + 1, first) if found else first
    return "".join(lines[:first]), "".join(lines[first:end]), "".join(lines[end:])


def parse(text: str) -> Node:
    """Return the tree of a module: one node a statement, several of one name together."""
    ast.parse(text)  # refuses what is nested too deep for the other parser
    module = cst.parse_module(text)

    def code(nodes: Sequence[cst.CSTNode]) -> str:
        return "".join(module.code_for_node(node) for node in nodes)

    lead = code(module.header)
    statements: list[Node] = []
    for statement in module.body:
        before = code(statement.leading_lines)
        whole = module.code_for_node(statement)
        node = _statement(statement, whole[len(before) :])
        statements.append(replace(node, lead=lead + before))
        lead = ""
    items = tuple(_joined(list(group)) for _, group in groupby(statements, lambda node: node.name))
    tail = lead + code(module.footer)
    return checked(Node("map", items=items, tail=tail), text)


def _fixed(name: str) -> bool:
    return name.startswith("statement ")


def _rank(name: str) -> Rank | None:
    kind, _, module = name.partition(" ")
    return (int(kind == "from"), natural(module)) if kind in ("import", "from") else None


def _joined(nodes: list[Node]) -> Node:
    """Join statements of one name that follow each other: overloads, a property's parts."""
    if len(nodes) == 1:
        return nodes[0]
    first = nodes[0]
    rest = "".join(node.text for node in nodes[1:])
    return Node("scalar", name=first.name, lead=first.lead, head=first.bare + rest)


def _statement(statement: cst.BaseStatement | cst.SimpleStatementLine, text: str) -> Node:
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        found = _class(text) if isinstance(statement, cst.ClassDef) else None
        return replace(found or Node("scalar", head=text), name=f"name {statement.name.value}")
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        small = statement.body[0]
        if isinstance(small, cst.Import | cst.ImportFrom):
            return _import(text) or Node("scalar", name=f"import {text.strip()}", head=text)
        target: cst.BaseExpression | None = None
        if isinstance(small, cst.Assign) and len(small.targets) == 1:
            target = small.targets[0].target
        elif isinstance(small, cst.AnnAssign):
            target = small.target
        if target is not None and (name := _dotted(target)):
            listed = _list(text)
            if listed or isinstance(target, cst.Name):
                return replace(listed or Node("scalar", head=text), name=f"name {name}")
        if isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString):
            return Node("scalar", name="docstring", head=text)
    return Node("scalar", name=f"statement {text}", head=text)


def _class(text: str) -> Node | None:
    """Return the node of a class by its methods, None when its lines are shared."""
    lines = text.splitlines(keepends=True)
    head = ast.parse(text).body[0]
    if not isinstance(head, ast.ClassDef) or text.count("\n") != len(lines):
        return None
    items: list[Node] = []
    prefix, end = "", 0
    for statement in head.body:
        start = min([statement.lineno, *(d.lineno for d in _decorators(statement))]) - 1
        lead = "".join(lines[end:start])
        last = statement.end_lineno or 0
        code = "".join(lines[start:last])
        if start < max(end, 1):
            return None
        if not end:
            prefix, lead = lead, ""
        name = f"statement {code}"
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"name {statement.name}"
        items.append(Node("scalar", name=name, lead=lead, head=code))
        end = last
    joined = (_joined(list(group)) for _, group in groupby(items, lambda node: node.name))
    tail = "".join(lines[end:])
    return checked(Node("map", prefix=prefix, items=tuple(joined), tail=tail), text)


def _decorators(statement: ast.stmt) -> list[ast.expr]:
    defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return statement.decorator_list if isinstance(statement, defined) else []


def _import(text: str) -> Node | None:
    plain = _PLAIN.fullmatch(text)
    if plain:
        return Node("scalar", name=f"import {plain[1]}", head=text)
    start = _FROM.match(text)
    if not start:
        return None
    if start[2]:
        return _listed(text, start.end() - 1, ")", _alias, f"from {start[1]}")
    end = _END.search(text)
    names = text[start.end() : end.start()] if end else ""
    if not end or end.end() != len(text):
        return None
    node = _listed(f"{names})\n", -1, ")", _alias, f"from {start[1]}")
    if node is None:
        return None
    return replace(
        node,
        prefix=text[: start.end()],
        head="",
        tail=node.tail.removesuffix(")"),
        trail=text[end.start() :],
    )


def _wrapped(node: Node, limit: int) -> Node:
    """Set an import that both sides made longer than any line before in lines, in brackets."""
    if not node.flow or node.head or len(node.bare.rstrip("\n")) <= limit:
        return node
    items = tuple(replace(item, lead="\n    ") for item in node.items)
    return replace(node, head="(", items=items, tail="\n)", comma=True)


def _dotted(target: cst.BaseExpression) -> str:
    """Return `a` or `a.b` of what is assigned to, "" of anything else."""
    if isinstance(target, cst.Name):
        return target.value
    if isinstance(target, cst.Attribute) and (above := _dotted(target.value)):
        return f"{above}.{target.attr.value}"
    return ""


def _list(text: str) -> Node | None:
    """Return the node of a list, tuple or set of texts, names and numbers; None for others."""
    start = _LIST.match(text)
    close = {"[": "]", "(": ")", "{": "}"}
    return _listed(text, start.end() - 1, close[start[1]], _item, "") if start else None


def _listed(text: str, opening: int, close: str, read: Read, name: str) -> Node | None:
    """Return the node of names between brackets, None when anything else is there."""
    try:
        items, tail, comma, end = scan(text, opening + 1, close, read, HASH)
    except Unclear:
        return None
    if not _END.fullmatch(text, end):
        return None
    return Node(
        "map",
        name=name,
        prefix=text[: max(opening, 0)],
        head=text[max(opening, 0) : opening + 1],
        items=tuple(items),
        tail=tail,
        trail=text[end:],
        flow=True,
        comma=comma,
    )


def _alias(text: str, start: int) -> tuple[Node, int]:
    found = _ALIAS.match(text, start)
    if not found:
        raise Unclear("no name")
    return Node("scalar", name=" ".join(found[0].split()), head=found[0]), found.end()


def _item(text: str, start: int) -> tuple[Node, int]:
    found = _ITEM.match(text, start)
    if not found:
        raise Unclear("neither a text nor a name")
    name = found[0] if found[2] is None else repr(found[2])
    return Node("scalar", name=name, head=found[0]), found.end()
