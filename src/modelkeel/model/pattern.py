r"""Patterns of the contract, matched as Rust's regex crate does, in time linear in the text.

Python's `re` means other things by `$`, `\w` or `\s`, and takes exponential time on patterns that
are harmless in Rust: a caller could stop the server with one text. So a pattern is read here into a
small tree, and by its partial derivatives (Antimirov 1996) made into a deterministic automaton.

Known are literals, `.`, classes, `\d`, `\s`, `|`, groups, `* + ? {m,n}`, and `^` and `$` at the
ends of the pattern or of its alternatives. Not known: flags, `\w`, `\b`, `\p{..}` and operations
on sets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import islice

from modelkeel.model.pattern_syntax import DIGIT, EMPTY, LARGEST, Node, parsed, then

_REMEMBERED = 10_000


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a pattern is found somewhere in a text.

    Raises:
        ValueError: the pattern has something that is not known here, or is too large; the message
            says what.
    """
    try:
        node = parsed(pattern)
        if _size(node) > LARGEST:
            raise ValueError("too many repetitions")
        sets = _sets(node)
        table, accepting, classes = _automaton(node, sets)
    except RecursionError:
        raise ValueError("too many groups within each other") from None
    class_of: dict[str, int] = {}

    def found(text: str) -> bool:
        state = 0
        for char in text:
            kind = class_of.get(char)
            if kind is None:
                if len(class_of) >= _REMEMBERED:
                    class_of.clear()
                kind = class_of[char] = classes[_memberships(char, sets)]
            state = table[state][kind]
            if state < 0:
                return False
        return accepting[state]

    return found


def _automaton(
    node: Node, sets: list[frozenset[str]]
) -> tuple[list[list[int]], list[bool], dict[tuple[bool, ...], int]]:
    """All states that can be reached: their steps by class of characters, and which accept.

    Characters that are in the same sets are of one class. A step to -1 leads nowhere.
    """
    named = frozenset().union(*sets) - {DIGIT}
    others = (chr(code) for code in range(0x110000) if chr(code) not in named)
    spare = {unicodedata.category(char) == "Nd": char for char in islice(others, 0x3000)}
    letters: dict[tuple[bool, ...], str] = {
        _memberships(char, sets): char for char in (*sorted(named), *spare.values())
    }
    classes = {key: at for at, key in enumerate(letters)}
    states = {frozenset([node]): 0}
    table: list[list[int]] = []
    for state in (queue := list(states)):
        steps = []
        for char in letters.values():
            after = frozenset(new for each in state for new in _derived(each, char))
            if after and after not in states:
                if len(states) >= LARGEST:
                    raise ValueError("too many ways to match")
                states[after] = len(states)
                queue.append(after)
            steps.append(states[after] if after else -1)
        table.append(steps)
    return table, [any(map(_nullable, state)) for state in states], classes


def _memberships(char: str, sets: list[frozenset[str]]) -> tuple[bool, ...]:
    return tuple(_holds(chars, char) for chars in sets)


def _holds(chars: frozenset[str], char: str) -> bool:
    return char in chars or (DIGIT in chars and unicodedata.category(char) == "Nd")


def _sets(node: Node) -> list[frozenset[str]]:
    if node[0] == "char":
        return [node[1]]
    inner = [each for part in node[1:] if isinstance(part, tuple) for each in _sets(part)]
    return list(dict.fromkeys(inner))


def _size(node: Node) -> int:
    if node[0] == "repeat":
        _, inner, least, most = node
        return _size(inner) * max(int(most or least), 1)
    return sum(_size(part) for part in node[1:] if isinstance(part, tuple)) or 1


@lru_cache(maxsize=4096)
def _nullable(node: Node) -> bool:
    kind = node[0]
    if kind == "then":
        return _nullable(node[1]) and _nullable(node[2])
    if kind == "or":
        return _nullable(node[1]) or _nullable(node[2])
    return kind == "" or (kind == "repeat" and (node[2] == 0 or _nullable(node[1])))


def _derived(node: Node, char: str) -> set[Node]:
    """What may follow once `char` was read."""
    kind = node[0]
    if kind == "char":
        _, chars, negated = node
        return {EMPTY} if _holds(chars, char) != negated else set()
    if kind == "or":
        return _derived(node[1], char) | _derived(node[2], char)
    if kind == "then":
        found = {then(each, node[2]) for each in _derived(node[1], char)}
        return found | _derived(node[2], char) if _nullable(node[1]) else found
    if kind == "repeat":
        _, inner, least, most = node
        if most == 0:
            return set()
        # What matches nothing may stand for any of the repetitions that are still asked for.
        fewer = 0 if _nullable(inner) else max(least - 1, 0)
        rest: Node = ("repeat", inner, fewer, None if most is None else most - 1)
        return {then(each, rest) for each in _derived(inner, char)}
    return set()
