"""The careful way to read a request, which is the definition: every problem, and where it is.

It may also find none where the fast way gave up (3.0 for an integer). It reads text as the data
contract does where a feature has `normalise`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelkeel.model.rules import compile_rule
from modelkeel.model.signature import Signature
from modelkeel.serving.bodies import JsonObject, invalid, parse, type_name
from modelkeel.serving.fields import (
    as_number,
    asked,
    listed,
    read_value,
    rule_problem,
    short,
    value_problem,
)
from modelkeel.serving.problems import FieldProblem, ProblemError, invalid_input, pointer

MAX_LISTED = 100
MAX_SUBJECT = 200
"""Characters that the id of a person may have."""
_SUBJECT = re.compile(f"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_SUBJECT}}}")


@dataclass(frozen=True)
class Rows:
    """Decoded rows: the values of each, in the order of the signature.

    `subjects` are the ids of the people that the rows are about, where the caller gave them.
    """

    values: list[list[Any]]
    many: bool
    subjects: list[str] | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def columns(self) -> list[list[Any]]:
        """One list of values a feature."""
        return columns_of(self.values)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows turned into columns."""
    if len(rows) == 1:
        return [[value] for value in rows[0]]
    return [list(column) for column in zip(*rows)]  # noqa: B905 each row has all features


class Careful:
    """Reads bodies in plain Python.

    Args:
        signature: what the model takes.
        max_rows: rows allowed in one request.
    """

    def __init__(self, signature: Signature, max_rows: int) -> None:
        self.signature = signature
        self.max_rows = max_rows
        self._features = {feature.name: feature for feature in signature.features}
        self._rules = [
            (rule, compile_rule(rule, signature.feature_names)) for rule in signature.rules
        ]

    def decode(self, body: bytes) -> Rows:
        """Rows of a body.

        Raises:
            ProblemError: 422 with every problem found, 413 for too many rows.
        """
        document = parse(body)
        if not isinstance(document, JsonObject):
            raise invalid(
                "#",
                f"the body is {type_name(document)}; send an object with one member for each "
                'feature, or {"rows": [...]} with a list of such objects',
            )
        rows = document.values.get("rows")
        if not isinstance(rows, list):
            return self._read([document], many=False)
        if len(rows) > self.max_rows:
            raise too_many_rows(len(rows), self.max_rows)
        problems = _Problems()
        problems.add_all(_envelope_problems(document, rows))
        subjects = document.values.get("subjects")
        if "subjects" in document.values:
            problems.add_all(_subject_problems(subjects, len(rows)))
        return self._read(rows, many=True, subjects=subjects, problems=problems)

    def decode_lines(self, lines: Sequence[bytes]) -> Rows:
        """Rows of a body with one row a line.

        Raises:
            ProblemError: 422 with every problem found, a line that is no JSON alone; 413.
        """
        if len(lines) > self.max_rows:
            raise too_many_rows(len(lines), self.max_rows)
        rows = []
        for at, line in enumerate(lines):
            try:
                rows.append(parse(line))
            except ProblemError as problem:
                detail = problem.detail.replace("the body", f"row {at}")
                raise invalid(pointer("rows", at), detail) from None
        if not rows:
            raise invalid("#", "the body is empty; send one row a line")
        return self._read(rows, many=True)

    def _read(
        self,
        rows: Sequence[Any],
        *,
        many: bool,
        subjects: list[str] | None = None,
        problems: _Problems | None = None,
    ) -> Rows:
        problems = problems or _Problems()
        read: list[list[Any]] = []
        for at, row in enumerate(rows):
            where = ("rows", at) if many else ()
            shown = f"row {at}, " if many else ""
            values, unsound = self._check_row(row, where, shown, problems)
            read.append(values)
            columns = columns_of([values]) if self._rules else []
            for rule, broken in self._rules:
                if unsound.isdisjoint(rule.columns) and broken(columns, 0):
                    problems.add(pointer(*where, rule.columns[0]), f"{shown}{rule_problem(rule)}")
        if problems.listed:
            raise invalid_input(problems.listed, problems.hidden)
        return Rows(read, many, subjects)

    def _check_row(
        self, row: Any, where: tuple[str | int, ...], shown: str, problems: _Problems
    ) -> tuple[list[Any], set[str]]:
        """The values of a row, and the features whose values are not sound."""
        features = self.signature.features
        if not isinstance(row, JsonObject):
            problems.add(
                pointer(*where),
                f"{shown.rstrip(', ')} is {type_name(row)}; send an object with one member for "
                "each feature",
            )
            return [None] * len(features), set(self._features)
        problems.add_each(
            row.repeated,
            where,
            lambda name: f"{shown}field {short(name)} appears twice; send it once",
        )
        unknown = [name for name in row.values if name not in self._features]
        problems.add_each(unknown, where, lambda name: f"{shown}{self._unknown(name)}")
        values, unsound = [], set(row.repeated)
        for feature in features:
            if feature.name in row.values:
                value, problem = read_value(feature, row.values[feature.name])
                problem = problem or value_problem(feature, value)
            elif feature.nullable:
                value, problem = None, ""
            else:
                value, problem = None, f"is missing; send {asked(feature)}"
            if problem:
                unsound.add(feature.name)
                problems.add(
                    pointer(*where, feature.name), f"{shown}field {feature.name} {problem}"
                )
            values.append(value if problem else as_number(feature, value))
        return values, unsound

    def _unknown(self, name: str) -> str:
        if name == "rows":
            return "field rows is no list; send a list of rows, or one row without it"
        names = list(self._features)
        folded = {known.casefold(): known for known in names}
        near = difflib.get_close_matches(name[:200].casefold(), list(folded), n=1)
        if near:
            return f"field {short(name)} is unknown; did you mean {folded[near[0]]}?"
        return f"field {short(name)} is unknown; the fields are {listed(names)}"


def too_many_rows(count: int, allowed: int) -> ProblemError:
    """The answer to more rows than allowed."""
    return ProblemError(
        413,
        "too-many-rows",
        "Too many rows",
        f"The request has {count} rows, {allowed} are allowed; send it in parts.",
    )


class _Problems:
    def __init__(self) -> None:
        self.listed: list[FieldProblem] = []
        self.hidden = 0

    def add(self, place: str, detail: str) -> None:
        if len(self.listed) < MAX_LISTED:
            self.listed.append(FieldProblem(place, detail))
        else:
            self.hidden += 1

    def add_each(
        self, names: list[str], where: tuple[str | int, ...], told: Callable[[str], str]
    ) -> None:
        """A problem for each name; what would not be listed is not put into words."""
        listed = names[: MAX_LISTED - len(self.listed)]
        self.add_all((pointer(*where, name), told(name)) for name in listed)
        self.hidden += len(names) - len(listed)

    def add_all(self, found: Iterable[tuple[str, str]]) -> None:
        for place, detail in found:
            self.add(place, detail)


def _envelope_problems(document: JsonObject, rows: list[Any]) -> Iterator[tuple[str, str]]:
    for name in document.values:
        if name not in ("rows", "subjects"):
            detail = f"field {short(name)} stands beside rows; put every field inside the rows"
            yield pointer(name), detail
            return
    for name in document.repeated:
        yield pointer(name), f"{name} appears twice; send it once"
    if not rows:
        yield pointer("rows"), "rows is empty; send at least one row"


def _subject_problems(subjects: Any, rows: int) -> Iterator[tuple[str, str]]:
    asked = f"send a list of {rows} texts, one a row"
    if not isinstance(subjects, list):
        yield pointer("subjects"), f"subjects is {type_name(subjects)}; {asked}"
    elif len(subjects) != rows:
        yield pointer("subjects"), f"subjects has {len(subjects)} entries; {asked}"
    else:
        for at, each in enumerate(subjects):
            if not isinstance(each, str) or not sound_subject(each):
                yield (
                    pointer("subjects", at),
                    (f"subject {at} is no text of 1 to {MAX_SUBJECT} characters"),
                )


def sound_subject(text: str) -> bool:
    """Whether a text may be the id of a person: no control characters, no half of a pair."""
    return _SUBJECT.fullmatch(text) is not None
