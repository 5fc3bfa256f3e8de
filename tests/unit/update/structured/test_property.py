"""Random documents and random edits of both sides, for every format."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelkeel.update.structured import merge_structured, proven

# A document: groups of entries, each entry a value and perhaps a comment.
Entry = tuple[int, str]
Document = dict[str, dict[str, Entry]]
Edits = dict[tuple[str, str], Entry | None]

COMMENTS = st.sampled_from(["", "", "why", 'it\'s "so"', "[x], {y}"])
ENTRIES = st.tuples(st.integers(0, 9), COMMENTS)
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))
RUNS = settings(
    max_examples=EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


MAY_REFUSE = {".github/workflows/ci.yml", "README.md", "items.json"}


@st.composite
def documents(draw: st.DrawFn) -> Document:
    groups = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
    keys = st.lists(st.sampled_from(["k1", "k2", "k3", "k4", "k5"]), max_size=5, unique=True)
    # The last entry of each group is left alone: no edit empties a group.
    return {group: {k: draw(ENTRIES) for k in [*draw(keys), "kept"]} for group in groups}


@st.composite
def edits(draw: st.DrawFn, document: Document, places: set[tuple[str, str]]) -> Edits:
    """Draw removals (None) and changes (another value) of entries at places."""
    changed: Edits = {}
    for group, entries in document.items():
        for key, (value, comment) in entries.items():
            if (group, key) in places and draw(st.booleans()):
                new = (value + draw(st.integers(1, 5))) % 10
                changed[group, key] = None if draw(st.booleans()) else (new, comment)
    return changed


@st.composite
def applied(draw: st.DrawFn, document: Document, changed: Edits, prefix: str) -> Document:
    """Apply edits, and add entries with a prefix at random places."""
    result: Document = {}
    for group, entries in document.items():
        items = [(k, changed.get((group, k), v)) for k, v in entries.items()]
        kept = [(key, value) for key, value in items if value is not None]
        for number in range(draw(st.integers(0, 2))):
            place = draw(st.integers(0, len(kept)))
            kept.insert(place, (f"{prefix}{number}", draw(ENTRIES)))
        result[group] = dict(kept)
    if draw(st.booleans()):
        result[prefix] = {f"{prefix}{9}": draw(ENTRIES)}
    return result


@st.composite
def apart(draw: st.DrawFn) -> tuple[Document, Document, Document, Edits, Edits]:
    """Draw a document and edits of both sides that touch different entries."""
    document = draw(documents())
    keys = [(g, k) for g, entries in document.items() for k in entries if k != "kept"]
    side = {place: draw(st.booleans()) for place in keys}
    mine = draw(edits(document, {place for place in keys if side[place]}))
    yours = draw(edits(document, {place for place in keys if not side[place]}))
    ours, theirs = draw(applied(document, mine, "x")), draw(applied(document, yours, "y"))
    return document, ours, theirs, mine, yours


def values(document: Document) -> dict[str, dict[str, int]]:
    return {group: {k: v for k, (v, _) in entries.items()} for group, entries in document.items()}


def expected(base: Document, ours: Document, theirs: Document) -> dict[str, dict[str, int]]:
    merged: dict[str, dict[str, int]] = {}
    old, mine, yours = values(base), values(ours), values(theirs)
    for group in [*mine, *(g for g in yours if g not in mine)]:
        before, one, other = old.get(group, {}), mine.get(group, {}), yours.get(group, {})
        keys = [k for k in {**one, **other} if k not in before or (k in one and k in other)]
        merged[group] = {
            key: one[key] if key in one and one[key] != before.get(key) else other.get(key, -1)
            for key in keys
        }
    return merged


@RUNS
@given(drawn=apart())
def test_edits_apart_are_both_in_the_result(
    form: Any, drawn: tuple[Document, Document, Document, Edits, Edits]
) -> None:
    base, ours, theirs, _, _ = drawn
    texts = [form.render(document) for document in (base, ours, theirs)]
    result = merge_structured(form.path, *texts)
    if result is None:
        # Steps added where the other side replaced several: before or behind which is open.
        assert form.path in MAY_REFUSE
        return
    assert form.read(result) == expected(base, ours, theirs)
    assert proven(form.path, *texts, result)
    for text in texts[1:]:
        added = set(text.splitlines()) - set(texts[0].splitlines()) - {""}
        if form.path != "items.json":
            gone = {line.rstrip(",") for line in added} - {
                line.rstrip(",") for line in result.splitlines()
            }
            assert not gone


@RUNS
@given(data=st.data())
def test_edits_of_the_same_entries_are_both_there_or_refused(
    form: Any, data: st.DataObject
) -> None:
    base = data.draw(documents())
    every = {(group, key) for group, entries in base.items() for key in entries if key != "kept"}
    sides = []
    for _ in range(2):
        changed = data.draw(edits(base, every))
        sides.append((data.draw(applied(base, changed, "new")), changed))
    (ours, mine), (theirs, yours) = sides
    texts = [form.render(document) for document in (base, ours, theirs)]
    result = merge_structured(form.path, *texts)
    if result is None:
        return
    assert proven(form.path, *texts, result)
    read = form.read(result)
    for document, changed, other in ((ours, mine, yours), (theirs, yours, mine)):
        for group, entries in values(document).items():
            for key, value in entries.items():
                if (group, key) in other and (group, key) not in changed:
                    continue
                assert read[group][key] == value
        for (group, key), entry in changed.items():
            assert entry is not None or key not in read.get(group, {})


@RUNS
@given(one=documents(), other=documents())
def test_a_side_without_changes_gives_the_other(form: Any, one: Document, other: Document) -> None:
    base, text = form.render(one), form.render(other)
    assert merge_structured(form.path, base, base, text) == text
    assert merge_structured(form.path, base, text, base) == text
    assert merge_structured(form.path, base, text, text) == text
    assert form.merge(base, base, text) == text
    assert form.merge(base, text, base) == text
    assert form.merge(base, text, text) == text


@RUNS
@given(drawn=apart())
def test_line_ends_and_marks_do_not_count(
    form: Any, drawn: tuple[Document, Document, Document, Edits, Edits]
) -> None:
    texts = [form.render(document) for document in drawn[:3]]
    plain = merge_structured(form.path, *texts)
    windows = merge_structured(form.path, *("\ufeff" + t.replace("\n", "\r\n") for t in texts))
    if plain is not None and plain not in texts:
        assert windows == "\ufeff" + plain.replace("\n", "\r\n")
