"""Whatever body is sent, the fast and the careful way say the same, and nothing else comes out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelkeel.data.contract.model import Normalise
from modelkeel.model.rules import RowRule
from modelkeel.model.signature import FLOAT32_MAX, Feature, Signature
from modelkeel.serving.careful import Rows
from modelkeel.serving.problems import ProblemError, body_of
from modelkeel.serving.wire import Wire

MAX_ROWS = 4
SIGNATURE = Signature(
    name="n",
    task="regression",
    target="t",
    features=[
        Feature(name="age", kind="integer", minimum=0, maximum=120),
        Feature(name="years employed", kind="integer", minimum=0, nullable=True),
        Feature(name="amount", kind="number", nullable=True),
        Feature(name="housing", kind="category", categories=["own", "rent"]),
        Feature(name="town", kind="category", nullable=True, normalise=Normalise(case="lower")),
        Feature(name="member", kind="boolean"),
        Feature(name="born", kind="date", nullable=True),
        Feature(
            name="code",
            kind="category",
            nullable=True,
            min_length=2,
            max_length=6,
            pattern="^[A-Z]+[0-9]*$",
            normalise=Normalise(),
        ),
        Feature(name="plain", kind="category", nullable=True, max_length=3),
    ],
    rules=[
        RowRule(
            name="worked_after_school",
            condition='"years employed" <= age - 14',
            columns=["years employed", "age"],
            tree=["<=", ["column", "years employed"], ["-", ["column", "age"], ["value", 14]]],
        ),
        RowRule(
            name="owners_pay",
            condition="housing <> 'own' OR amount > 0",
            columns=["housing", "amount"],
            tree=[
                "or",
                ["<>", ["column", "housing"], ["value", "own"]],
                [">", ["column", "amount"], ["value", 0.0]],
            ],
        ),
    ],
)
ROW: dict[str, Any] = {
    "age": 40,
    "years employed": 20,
    "amount": 12.5,
    "housing": "own",
    "town": "bonn",
    "member": True,
    "born": "2001-02-03",
    "code": "AB12",
    "plain": "xyz",
}
WIRE = Wire(SIGNATURE, MAX_ROWS)


def outcome(read: Any, body: bytes) -> Rows | ProblemError:
    """Rows or a problem; anything else that is raised fails the test."""
    try:
        found = read(body)
    except ProblemError as problem:
        found = problem
    if isinstance(found, ProblemError):
        assert found.status in (413, 422)
        assert json.loads(body_of(found, "id"))["errors" if found.status == 422 else "detail"]
        return found
    assert isinstance(found, Rows)
    assert len(found.columns) == len(SIGNATURE.features)
    assert {len(column) for column in found.columns} == {found.count}
    assert found.subjects is None or len(found.subjects) == found.count
    WIRE.inputs(found.columns)
    return found


def agree(body: bytes) -> None:
    """Both ways say the same of a body, as JSON and as lines."""
    fast = WIRE._decode_fast(body)
    careful = outcome(WIRE._careful.decode, body)
    if fast is not None and fast.count <= MAX_ROWS:
        assert fast == careful
        assert [list(map(type, c)) for c in fast.columns] == [
            list(map(type, c)) for c in careful.columns
        ]
    found = outcome(WIRE.decode, body)
    assert type(found) is type(careful)
    lines = WIRE._decode_lines_fast(body)
    careful = outcome(lambda b: WIRE._careful.decode_lines(lines_of(b)), body)
    if lines is not None and lines.count <= MAX_ROWS:
        assert lines == careful
    assert type(outcome(WIRE.decode_lines, body)) is type(careful)


def lines_of(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.strip()]


good = st.fixed_dictionaries(
    {
        "age": st.integers(0, 120) | st.just(40.0),
        "housing": st.sampled_from(["own", "rent"]),
        "member": st.booleans(),
    },
    optional={
        "years employed": st.none() | st.integers(0, 80),
        "amount": st.none() | st.floats(-10, 1e6) | st.integers(-5, 10**9),
        "town": st.none() | st.sampled_from(["bonn", "Bonn ", " köln", "x"]),
        "born": st.none() | st.sampled_from(["2001-02-03", "1969-12-31", "2001-02-30", "x"]),
        "code": st.none() | st.sampled_from(["AB12", "AB", " AB ", "A", "ab", "ABCDEFG", "AB\n"]),
        "plain": st.none() | st.sampled_from(["x", "xyz", "wxyz", "\U0001f600ab", ""]),
    },
)
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.sampled_from([2**53 + 1, 2**63, -(2**63), 10**400, FLOAT32_MAX, 1e39, 1e-320]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["\ud800", "\ud83d", "\x00", "\u2028", '"', "\\", "", "a" * 300]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)
names = st.sampled_from([*ROW, "rows", "subjects", "agee", "\ud800", ""])


@st.composite
def rows(draw: st.DrawFn) -> str:
    """JSON of a row, mostly good, with at times a wrong value, a repeated or an unknown key."""
    pairs = list(draw(good).items())
    if draw(st.integers(0, 3)) == 0:
        pairs.append((draw(names), draw(odd)))
    if draw(st.integers(0, 3)) == 0:
        pairs = draw(st.permutations(pairs))
    ascii_only = draw(st.booleans())
    members = (
        f"{json.dumps(name)}{draw(st.sampled_from([':', ': ']))}{dumps(value, ascii_only)}"
        for name, value in pairs
    )
    return "{" + ",".join(members) + "}"


def dumps(value: Any, ascii_only: bool) -> str:
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


subjects = st.one_of(
    st.lists(
        st.sampled_from(["p1", "p2", "", "x" * 201, "a\nb", "ü", "\ud800", 3, None]), max_size=3
    ),
    odd,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["one", "many", "subjects", "lines", "json"]))
    if kind == "one":
        text = draw(rows())
    elif kind == "json":
        text = json.dumps(draw(odd))
    else:
        several = draw(st.lists(rows(), max_size=MAX_ROWS + 1))
        if kind == "lines":
            text = draw(st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\u2028"])).join(several)
        else:
            listed = f'"rows":[{",".join(several)}]'
            if kind == "subjects":
                listed += f',"subjects":{json.dumps(draw(subjects))}'
            if draw(st.integers(0, 9)) == 0:
                listed += draw(st.sampled_from([',"rows":[]', ',"age":3', ',"subjects":null']))
            text = "{" + listed + "}"
    body = text.encode()
    change = draw(st.integers(0, 19))
    if change == 0:
        body = b"\xef\xbb\xbf" + body
    elif change == 1:
        body = text.encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-16-le", "utf-7"])))
    elif change == 2 and body:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
    elif change == 3:
        body = body[: draw(st.integers(0, len(body)))]
    return body


@given(bodies())
@settings(max_examples=300)
@example(b"")
@example(b"\n\n")
@example(b"[" * 100_000)
@example(b'{"age":' * 20_000)
@example(b'{"rows":[' + b"[" * 50_000)
@example(b'{"age":' + b"9" * 5000 + b"}")
@example(b'{"age":1e' + b"9" * 50 + b"}")
@example(b'{"age":NaN,"amount":-Infinity}')
@example(json.dumps({"rows": [ROW] * (MAX_ROWS + 1)}).encode())
@example(json.dumps(ROW).replace("}", ', "age": 40}').encode())
@example(
    json.dumps({"rows": [ROW], "subjects": ["a"]}).replace("]}", '], "subjects": ["a"]}').encode()
)
@example(b'{"a":1}\x00')
@example(b"\xff\xfe" + json.dumps(ROW).encode("utf-16-le"))
def test_both_ways_agree_on_any_body(body: bytes) -> None:
    agree(body)


@given(st.binary(max_size=60))
def test_any_bytes_give_rows_or_a_problem(body: bytes) -> None:
    agree(body)


def test_sound_rows_take_the_fast_way() -> None:
    body = json.dumps({"rows": [ROW, {**ROW, "years employed": None}], "subjects": ["a", "b"]})
    fast = WIRE._decode_fast(body.encode())
    assert fast is not None
    assert fast.subjects == ["a", "b"]
    lines = "\n".join([json.dumps(ROW)] * 3).encode()
    assert WIRE._decode_lines_fast(lines) is not None


def problems(row: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ProblemError) as caught:
        WIRE.decode(json.dumps(row).encode())
    return [(each.pointer, each.detail) for each in caught.value.errors or []]


def test_a_broken_rule_names_itself_and_its_columns_and_no_value() -> None:
    found = problems({**ROW, "age": 33, "years employed": 31, "amount": -7.25})
    worked, owners = (f"the rule {rule.name}: {rule.condition}" for rule in SIGNATURE.rules)
    assert found == [
        ("#/years%20employed", f"fields years employed and age break {worked}"),
        ("#/housing", f"fields housing and amount break {owners}"),
    ]
    assert WIRE.decode(json.dumps({**ROW, "years employed": None, "amount": None}).encode())


def test_a_rule_says_nothing_of_a_row_whose_columns_are_wrong() -> None:
    found = problems({**ROW, "age": "x", "amount": -1})
    assert [place for place, _ in found] == ["#/age", "#/housing"]


def test_the_broken_row_of_many_is_named() -> None:
    body = json.dumps({"rows": [ROW, {**ROW, "amount": -1}]}).encode()
    with pytest.raises(ProblemError) as caught:
        WIRE.decode(body)
    assert caught.value.errors
    assert caught.value.errors[0].pointer == "#/rows/1/housing"
    assert caught.value.errors[0].detail.startswith("row 1, fields housing and amount break")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"code": "A"},
            "is shorter than 2 characters; send text of 2 to 6 characters that matches",
        ),
        ({"code": "ABCDEFG"}, "is longer than 6 characters"),
        ({"code": "ab"}, "does not match ^[A-Z]+[0-9]*$; send text"),
        ({"plain": "wxyz"}, "is longer than 3 characters; send text of at most 3 characters"),
    ],
)
def test_text_of_another_shape(change: dict[str, Any], says: str) -> None:
    assert says in problems({**ROW, **change})[0][1]


def test_text_is_held_to_its_shape_once_it_is_normalised() -> None:
    rows = WIRE.decode(json.dumps({**ROW, "code": "  ABCDEF  "}).encode())
    assert rows.columns[7] == ["ABCDEF"]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"k{at}": 0 for at in range(70_000)}),
        "{" + ",".join(f'"k{at % 40_000}":0' for at in range(80_000)) + "}",
        json.dumps({"rows": [{"k": 0}] * MAX_ROWS, **{f"k{at}": 0 for at in range(70_000)}}),
        '{"age":"' + "9" * 900_000 + '"}',
        json.dumps({**ROW, "code": "A" * 900_000}),
        json.dumps({**ROW, "born": "2" * 900_000}),
    ],
)
def test_a_large_body_of_nonsense_is_refused_soon(body: str) -> None:
    started = time.process_time()
    with pytest.raises(ProblemError):
        WIRE.decode(body.encode())
    assert time.process_time() - started < 2
