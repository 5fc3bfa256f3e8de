"""Reads a pattern of Rust's regex crate into a small tree; `pattern` says what is known of it."""

from __future__ import annotations

from typing import Any

from modelkeel.data.contract.values import SPACE

Node = tuple[Any, ...]
"""("char", set, negated) | ("then", a, b) | ("or", a, b) | ("repeat", a, least, most) | ("",)"""

EMPTY: Node = ("",)
LARGEST = 300
"""Characters of a pattern with its repetitions written out, and states of its automaton."""
DIGIT = "\\d"
"""Stands in a set for all characters of the category Nd."""

_ANYTHING: Node = ("repeat", ("char", frozenset(), True), 0, None)
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_SET_OPERATIONS = ("&&", "--", "~~")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a"}


def parsed(pattern: str) -> Node:
    """The tree of a pattern, so that all of a text has to match it.

    Raises:
        ValueError: it has something that is not known; the message says what.
    """
    return _Parser(pattern).parse()


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def parse(self) -> Node:
        """The whole pattern, so that all of a text has to match it."""
        options = [self._anchored()]
        while self._take("|"):
            options.append(self._anchored())
        if self.at < len(self.pattern):
            raise ValueError(f"{self.pattern[self.at]!r} at character {self.at + 1}")
        return _any_of(options)

    def _anchored(self) -> Node:
        first = self._take("^")
        inner = self._sequence()
        last = self._take("$")
        inner = inner if first else then(_ANYTHING, inner)
        return inner if last else then(inner, _ANYTHING)

    def _sequence(self) -> Node:
        parts = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)$^":
            parts.append(self._repeated())
            if len(parts) > LARGEST:
                raise ValueError("too many characters")
        node = EMPTY
        for each in reversed(parts):
            node = then(each, node)
        return node

    def _repeated(self) -> Node:
        node = self._atom()
        quantified = False
        while self.at < len(self.pattern) and self.pattern[self.at] in "*+?{":
            if quantified:
                raise ValueError("a repetition of a repetition")
            least, most = self._bounds()
            self._take("?")  # lazy: which match is found does not matter
            node, quantified = ("repeat", node, least, most), True
        return node

    def _bounds(self) -> tuple[int, int | None]:
        sign = self._next()
        if sign != "{":
            return int(sign == "+"), 1 if sign == "?" else None
        end = self.pattern.find("}", self.at)
        least, comma, most = self.pattern[self.at : max(end, self.at)].partition(",")
        self.at = end + 1
        sound = (least + (most or "0")).isdecimal() and (least + most).isascii() and bool(least)
        if end < 0 or not sound or int(least) > LARGEST or int(most or 0) > LARGEST:
            raise ValueError("a repetition in braces that is not understood")
        upper = int(least) if not comma else int(most) if most else None
        if upper is not None and upper < int(least):
            raise ValueError("a repetition whose bounds are the wrong way round")
        return int(least), upper

    def _atom(self) -> Node:
        char = self._next()
        if char == "(":
            if self._take("?") and not self._take(":"):
                raise ValueError("a group that begins with (?")
            options = [self._sequence()]
            while self._take("|"):
                options.append(self._sequence())
            if not self._take(")"):
                raise ValueError("an anchor within a group, or a group without end")
            return _any_of(options)
        if char == "[":
            return self._class()
        if char == ".":
            return ("char", frozenset("\n"), True)
        if char == "\\":
            return self._escape()
        if char in "*+?{}]":
            raise ValueError(f"{char!r} where a character was expected")
        return ("char", frozenset(char), False)

    def _escape(self) -> Node:
        char = self._next()
        if char in "dD":
            return ("char", frozenset([DIGIT]), char == "D")
        if char in "sS":
            return ("char", frozenset(SPACE), char == "S")
        if char in _CONTROLS:
            return ("char", frozenset(_CONTROLS[char]), False)
        if char in _PUNCTUATION:
            return ("char", frozenset(char), False)
        raise ValueError(f"\\{char}")

    def _class(self) -> Node:
        negated = self._take("^")
        held: set[str] = set()
        while not self._take("]"):
            rest = self.pattern[self.at : self.at + 2]
            if rest[:1] == "[" or rest in _SET_OPERATIONS:
                raise ValueError("a set operation or a class within a class")
            low = self._member(held)
            rest = self.pattern[self.at : self.at + 2]
            if low is None or rest[:1] != "-" or rest == "-]":  # a hyphen at the end is one
                continue
            if rest in _SET_OPERATIONS:
                raise ValueError("a set operation")
            self.at += 1
            high = self._member(held)
            if high is None or high < low or ord(high) - ord(low) > 0x3000:
                raise ValueError("a range in a class that is not understood")
            held.update(map(chr, range(ord(low), ord(high) + 1)))
        if not held:
            raise ValueError("an empty class")
        return ("char", frozenset(held), negated)

    def _member(self, held: set[str]) -> str | None:
        """Take one character of a class; None if it is a class of its own."""
        char = self._next()
        if char != "\\":
            held.add(char)
            return char
        _, chars, negated = self._escape()
        if negated:
            raise ValueError("a negated class within a class")
        held.update(chars)
        return next(iter(chars)) if len(chars) == 1 and DIGIT not in chars else None

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise ValueError("its end, where more was expected")
        self.at += 1
        return self.pattern[self.at - 1]

    def _take(self, char: str) -> bool:
        if not self.pattern.startswith(char, self.at):
            return False
        self.at += 1
        return True


def _any_of(options: list[Node]) -> Node:
    node = options[-1]
    for each in reversed(options[:-1]):
        node = ("or", each, node)
    return node


def then(first: Node, second: Node) -> Node:
    """One after the other."""
    return second if first == EMPTY else first if second == EMPTY else ("then", first, second)
