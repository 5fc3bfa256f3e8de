"""What is said of a broken record: a line that exists, the key, and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from privacy_record import PRIVACY

from modelkeel.errors import BadInput
from modelkeel.records.base import Record
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.places import line_of
from modelkeel.records.privacy import Privacy
from modelkeel.records.risks import Risks
from modelkeel.records.system import System

SYSTEM = """schema = "system/1"
[identity]
name = "credit"
purpose = "Decide on applications"
owner = "owner@bank.example"
[use]
output_use = "decides_about_people"
domain = "credit"
personal_data = "personal"
jurisdictions = ["EU"]
"""
RISKS = """schema = "risks/1"
accept_up_to = 6

[[risk]]
id = "R-01"
title = "Young applicants are declined"
source = "intended_use"
who = ["applicants"]
likelihood = 3
severity = 4
residual = { likelihood = 1, severity = 1 }
owner = "owner@bank.example"
review_by = 2027-12-31

[[risk]]
id = "R-02"
title = "The score is used for prices"
source = "misuse"
who = ["applicants"]
likelihood = 2
severity = 3
measures = [
    { human = "the contract excludes it" },
    { gates = "G-BASE" },
]
residual = { likelihood = 1, severity = 1 }
owner = "owner@bank.example"
review_by = 2027-12-31
"""
SOUND = RISKS.replace("gates =", "gate =")
LOGS = """[[retention]]
data = "logs"
days = 0
basis = "they are not kept"
"""
TWO_KEPT = PRIVACY.replace("[rights]", f"{LOGS}[rights]")


def said_of(record: type[Record], path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as found:
        record.load(path)
    return str(found.value)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("---", "TOML has no document marker; remove the line"),
        ("- item", "this is a list of YAML; write key = [ … ]"),
        ("domain: credit", 'this is YAML; write domain = "credit"'),
        ("tier: 3", "this is YAML; write tier = 3"),
        ('name: "credit"', 'this is YAML; write name = "credit"'),
        ("art_6_3: yes", "this is YAML; write art_6_3 = true"),
        ("art_6_3: Off", "this is YAML; write art_6_3 = false"),
        ("identity:", "this is YAML; write [identity] for a table"),
        ("art_6_3 = yes", "TOML knows true and false only; write true"),
        ("art_6_3 = no", "TOML knows true and false only; write false"),
        ("art_6_3 = on # truly", "TOML knows true and false only; write true"),
        ("art_6_3 = off", "TOML knows true and false only; write false"),
        ("art_6_3 = True", "TOML knows true and false only; write true"),
        ("art_6_3 = False", "TOML knows true and false only; write false"),
        ("tier = null", "TOML has no word for nothing; leave the key out"),
        ("domain = credit", 'text stands in quotes; write "credit"'),
    ],
)
def test_habits_of_yaml(tmp_path: Path, line: str, hint: str) -> None:
    path = tmp_path / "system.toml"
    said = said_of(System, path, f"{SYSTEM}{line}\n")
    number = SYSTEM.count("\n") + 1
    assert said.startswith(f"{path}:{number}: no valid TOML: ")
    assert hint in said


def test_other_slips_are_told_without_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "system.toml"
    assert re.search(r":11: no valid TOML: .*\)$", said_of(System, path, f"{SYSTEM}a = 1 2\n"))
    assert ":1: no valid TOML" in said_of(System, path, '"')


def test_a_key_that_is_almost_known(tmp_path: Path) -> None:
    path = tmp_path / "system.toml"
    said = said_of(System, path, SYSTEM.replace("personal_data", "personaldata"))
    assert f"{path}:9: use.personaldata: unknown key; did you mean 'personal_data'?" in said


def test_a_key_that_is_like_none(tmp_path: Path) -> None:
    said = said_of(System, tmp_path / "system.toml", SYSTEM.replace("purpose", "zzz"))
    assert "identity.zzz: unknown key; known here: name, purpose, owner" in said


def test_keys_below_answers_lists_and_tables_of_roles(tmp_path: Path) -> None:
    path = tmp_path / "record.toml"
    said = said_of(Risks, path, RISKS)
    assert f"{path}:24: risk.1.measures.1.gates: unknown key; did you mean 'gate'?" in said
    broken = RISKS.replace("gates =", "gate =").replace(
        "{ likelihood = 1, severity = 1 }\nowner", "{ likelihood = 1, severty = 1 }\nowner"
    )
    said = said_of(Risks, path, broken)
    assert f"{path}:11: risk.0.residual.severty: unknown key; did you mean 'severity'?" in said
    assert f"{path}:26: risk.1.residual.severity: Field required" in said


def test_the_item_of_a_list_is_the_one_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "risks.toml"
    before, _, after = RISKS.replace("gates =", "gate =").rpartition("severity = 3")
    said = said_of(Risks, path, f"{before}severity = 9{after}")
    assert said == f"{path}:21: risk.1.severity: Input should be less than or equal to 5"


@pytest.mark.parametrize(
    ("record", "text", "old", "new", "said"),
    [
        (Risks, SOUND, '"R-02"', '"R-01"', "risk: 'R-01' stands twice"),
        (Risks, SOUND, "severity = 4", "severity = true", "risk.0.severity: .*valid integer"),
        (Risks, SOUND, "2027-12-31", "1830211200", "risk.0.review_by: .*valid date"),
        (Risks, SOUND, '["applicants"]', '[" "]', "risk.0.who.0: .*at least 1 character"),
        (
            System,
            SYSTEM,
            '"Decide on applications"',
            '" \t        "',
            "identity.purpose: .*at least 1 character",
        ),
        (Privacy, TWO_KEPT, "days = 1825", "days = -5", "retention.0.days: .*equal to 0"),
        (Privacy, TWO_KEPT, '"logs"', '"applications"', "retention: .*'applications' stands twice"),
    ],
)
def test_values_that_cannot_be_meant(
    tmp_path: Path, record: type[Record], text: str, old: str, new: str, said: str
) -> None:
    path = tmp_path / "record.toml"
    path.write_text(text, encoding="utf-8")
    record.load(path)
    assert re.search(rf":\d+: {said}", said_of(record, path, text.replace(old, new, 1)))


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "system.toml"
    path.write_bytes(b'schema = "system/1"\nname = "caf\xe9"\n')
    with pytest.raises(BadInput, match=r"system\.toml:2: is not UTF-8"):
        System.load(path)


def test_a_record_nested_beyond_reading(tmp_path: Path) -> None:
    path = tmp_path / "system.toml"
    said = said_of(System, path, f"a = {'[' * 3000}{']' * 3000}\n")
    assert said == f"{path}: is nested too deeply"


@pytest.mark.parametrize("name", ["", "a folder/"])
def test_a_record_that_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "a folder").mkdir()
    with pytest.raises(BadInput, match="no such file"):
        System.load(tmp_path / name)


KEYS = ["schema", "risk", "use", "identity", "owner", "severity", "measures", "a", '"b.c"', "todo"]
VALUES = ["1", '"x"', "[]", "true", "2027-01-01", "{ todo = 1 }", "[{ a = 1 }, { a = 2 }]", "nan"]
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.builds("{}.{} = {}".format, *[st.sampled_from(KEYS)] * 2, st.sampled_from(VALUES)),
    st.builds("[{}]".format, st.sampled_from(KEYS)),
    st.builds("[[{}]]".format, st.sampled_from(KEYS)),
    st.builds("[{}.{}]".format, *[st.sampled_from(KEYS)] * 2),
    st.builds("{}: {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.text(max_size=20),
)
RECORDS = [System, Risks, Charter, Gates, Privacy]


@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]), st.sampled_from(RECORDS))
def test_every_line_that_is_named_exists(
    tmp_path: Path, lines: list[str], end: str, record: type[Record]
) -> None:
    path = tmp_path / "record.toml"
    try:
        path.write_bytes(end.join(lines).encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return
    with pytest.raises(BadInput) as found:
        record.load(path)
    last = max(1, len(path.read_text(encoding="utf-8").splitlines()))
    for line in str(found.value).split(f"{path}:")[1:]:
        number, _, rest = line.partition(":")
        assert 1 <= int(number) <= last
        assert rest.strip()


@given(st.lists(st.text(max_size=6), max_size=6), st.text(max_size=200))
@example(["¹"], "")  # a digit, and no number
def test_any_location_in_any_text(location: list[str], text: str) -> None:
    assert 1 <= line_of(location, text) <= max(1, len(text.splitlines()))
