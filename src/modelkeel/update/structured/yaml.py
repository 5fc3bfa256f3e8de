"""YAML: mappings by key, lists by the identity of their items; text is never dumped anew."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as Composed
from ruamel.yaml.tokens import AliasToken, AnchorToken

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Data, Unclear
from modelkeel.update.structured.flow import HASH, scan
from modelkeel.update.structured.node import Node, checked

_TRIVIA = re.compile(r"[ ]*(?:#.*)?$")
_COLON = re.compile(r"[ \t]*:")
_ITEM = re.compile(r"-[ \t]*")


def load(text: str) -> Data:
    """Return the data of the one document, scalars as (tag, text).

    Raises:
        YAMLError: not YAML, or several documents.
        Unclear: anchors, aliases, keys that are no scalars or occur twice.
    """
    root = _compose(text)
    return _data(root) if root else ("null", "")


def merge(base: str, ours: str, theirs: str) -> str:
    """Return the merged document.

    Raises:
        Unclear: both sides' changes do not go together.
        YAMLError: not YAML.
    """
    old = parse(base)
    return merge_nodes(old if old.items else None, parse(ours), parse(theirs), Manner()).text


def parse(text: str) -> Node:
    """Return the tree of a document."""
    root = _compose(text)
    if root is None:
        return Node("scalar", head=text)
    _data(root)
    return checked(_Reader(text, root).document(root), text)


def _compose(text: str) -> Composed | None:
    yaml = YAML(typ="safe", pure=True)
    if any(isinstance(token, AnchorToken | AliasToken) for token in yaml.scan(StringIO(text))):
        raise Unclear("anchors")
    root: Composed | None = YAML(typ="safe", pure=True).compose(text)
    return root


def _is_block(node: Composed) -> bool:
    return isinstance(node, SequenceNode | MappingNode) and not node.flow_style


def _data(node: Composed) -> Data:
    if isinstance(node, ScalarNode):
        return (str(node.tag).rpartition(":")[2], str(node.value))
    if isinstance(node, SequenceNode):
        return [_data(item) for item in node.value]
    table: dict[str, Data] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode) or str(key.value) in table:
            raise Unclear("a key is no scalar or occurs twice")
        table[str(key.value)] = _data(value)
    return table


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the lines of a text start, and which hold neither content nor a comment."""

    text: str
    starts: list[int]
    trivia: list[bool]

    def slice(self, start: int, end: int) -> str:
        return self.text[self.starts[start] : self.starts[end]]

    def column(self, line: int) -> int | None:
        """The column of a comment, None for a blank line."""
        content = self.slice(line, line + 1)
        return len(content) - len(content.lstrip()) if content.strip() else None


class _Reader:
    """Cuts a text into nodes by the positions of its composed nodes."""

    def __init__(self, text: str, root: Composed) -> None:
        self.text = text
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        if text.count("\n") != len(starts) - 1:
            raise Unclear("unusual line ends")
        trivia = [bool(_TRIVIA.match(line)) for line in text.split("\n")]
        self.lines = _Lines(text, starts, trivia)
        self._mark_content(root)

    def _mark_content(self, node: Composed) -> None:
        if isinstance(node, ScalarNode):
            end = node.start_mark.index + len(self._scalar(node))
            for line in range(node.start_mark.line, len(self.lines.starts) - 1):
                if self.lines.starts[line] < end:
                    self.lines.trivia[line] = False
            return
        for entry in node.value:
            for child in entry if isinstance(entry, tuple) else (entry,):
                self._mark_content(child)

    def _scalar(self, node: ScalarNode) -> str:
        text = self.text[node.start_mark.index : node.end_mark.index]
        if node.style in ("|", ">"):
            if "+" in text.split("\n")[0].split("#")[0]:
                raise Unclear("a text that keeps its blank lines")
            # The mark is behind the blank lines, and may be before the next key.
            text = text.rstrip()
        return text

    def document(self, root: Composed) -> Node:
        if not _is_block(root):
            node, end = self._flow(self.text, root.start_mark.index, root)
            start = root.start_mark.index
            return replace(node, lead=self.text[:start], trail=self.text[end:])
        count = len(self.lines.starts) - 1
        first = 0
        for line in range(root.start_mark.line):
            if not self.lines.trivia[line]:  # %YAML, ---
                first = line + 1
        last = count
        for line in range(count - 1, root.start_mark.line, -1):
            if self.lines.slice(line, line + 1).startswith("..."):
                last = line
        node = self._block(root, first, last, None)
        return replace(
            node,
            head=self.lines.slice(0, first) + node.head,
            tail=node.tail + self.lines.slice(last, count),
        )

    def _block(self, node: Composed, first: int, last: int, compact: int | None) -> Node:
        """Cut the lines first to last; compact: the column of a first entry within a line."""
        mapping = isinstance(node, MappingNode)
        keys = [entry[0] if mapping else entry for entry in node.value]
        values = [entry[1] if mapping else entry for entry in node.value]
        column = node.start_mark.column if compact is None else compact
        rows = [key.start_mark.line if mapping else self._dash(key, column, first) for key in keys]
        if compact is None and any(self._indent(row, column) is None for row in rows):
            raise Unclear("a block that does not start a line")
        end = self._stripped(rows[-1] + 1, last, column)
        leads = [
            first
            if row == first or not number
            else self._stripped(rows[number - 1] + 1, row, column)
            for number, row in enumerate(rows)
        ]
        items = []
        for number, (key, value, row) in enumerate(zip(keys, values, rows, strict=True)):
            stop = leads[number + 1] if number + 1 < len(rows) else end
            start = self.lines.starts[row] + column
            if mapping:
                entry = self._pair(key, value, start, row, stop)
            else:
                entry = self._element(value, start, row, stop)
            if number or compact is None:
                entry = replace(entry, lead=self.lines.slice(leads[number], row))
            items.append(entry)
        return Node(
            "map" if mapping else "list",
            _data(node),
            items=tuple(items),
            tail=self.lines.slice(end, last),
            indent=" " * column,
            compact=compact is not None,
        )

    def _indent(self, row: int, column: int) -> str | None:
        start = self.lines.starts[row]
        indent = self.text[start : start + column]
        return None if indent.strip(" ") else indent

    def _dash(self, item: Composed, column: int, first: int) -> int:
        for row in range(item.start_mark.line, first - 1, -1):
            at = self.lines.starts[row] + column
            if at <= item.start_mark.index and self.text.startswith("-", at):
                return row
        raise Unclear("an item without dash")

    def _stripped(self, first: int, last: int, column: int) -> int:
        """Return where the comments and blank lines begin that end the lines first to last."""
        while last > first and self.lines.trivia[last - 1]:
            found = self.lines.column(last - 1)
            if found is not None and found > column:
                break
            last -= 1
        return last

    def _pair(self, key: Composed, value: Composed, start: int, row: int, stop: int) -> Node:
        colon = _COLON.match(self.text, key.end_mark.index)
        if not isinstance(key, ScalarNode) or not colon or key.start_mark.index != start:
            raise Unclear("an unusual key")
        name = str(key.value)
        node = self._content(value, start, colon.end(), row, stop, None)
        return replace(node, name=name, steps=(name,))

    def _element(self, value: Composed, start: int, row: int, stop: int) -> Node:
        dash = _ITEM.match(self.text, start)
        if not dash:
            raise Unclear("an item without dash")
        return self._content(value, start, start + 1, row, stop, dash.end())

    def _content(
        self, value: Composed, start: int, after: int, row: int, stop: int, inner: int | None
    ) -> Node:
        """Cut the value between the offset after and the line stop; inner: where an item begins."""
        try:
            return self._cut(value, start, after, row, stop, inner)
        except Unclear:  # merged as one piece
            head = self.text[after : self.lines.starts[stop]]
            return Node("scalar", _data(value), prefix=self.text[start:after], head=head)

    def _cut(
        self, value: Composed, start: int, after: int, row: int, stop: int, inner: int | None
    ) -> Node:
        end = self.lines.starts[stop]
        at = value.start_mark.index
        block = _is_block(value)
        if block and inner is not None and at == inner:
            node = self._block(value, row, stop, inner - self.lines.starts[row])
            return replace(node, prefix=self.text[start:inner])
        if block:
            if value.start_mark.line == row:
                raise Unclear("a tagged block")
            node = self._block(value, row + 1, stop, None)
            head = self.text[after : self.lines.starts[row + 1]]
            return replace(node, prefix=self.text[start:after], head=head)
        if isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index:
            return Node(
                "scalar", _data(value), prefix=self.text[start:after], trail=self.text[after:end]
            )
        node, done = self._flow(self.text, at, value)
        return replace(node, prefix=self.text[start:at], trail=self.text[done:end])

    def _flow(self, text: str, start: int, value: Composed) -> tuple[Node, int]:
        """Cut a scalar or a flow container that starts at an offset."""
        if isinstance(value, ScalarNode):
            head = self._scalar(value)
            return Node("scalar", _data(value), head=head), start + len(head)
        children = iter(value.value)
        mapping = isinstance(value, MappingNode)

        def read(text: str, at: int) -> tuple[Node, int]:
            child = next(children, None)
            if child is None:
                raise Unclear("an unusual item")
            if not mapping:
                return self._flow(text, at, child)
            key, item = child
            if key.start_mark.index != at or item.start_mark.index < key.end_mark.index:
                raise Unclear("an unusual key")
            node, end = self._flow(text, item.start_mark.index, item)
            name = str(key.value)
            prefix = text[at : item.start_mark.index]
            return replace(node, name=name, steps=(name,), prefix=prefix), end

        opening, close = ("{", "}") if mapping else ("[", "]")
        if not text.startswith(opening, start):
            raise Unclear("a tagged container")
        items, tail, comma, end = scan(text, start + 1, close, read, HASH)
        return Node(
            "map" if mapping else "list",
            _data(value),
            head=opening,
            items=tuple(items),
            tail=tail,
            flow=True,
            comma=comma,
        ), end
