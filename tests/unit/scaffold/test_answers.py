from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.scaffold.answers import check_keys, read_answers, split_lists

QUESTIONS = {
    "project_name": {"type": "str"},
    "jurisdictions": {"multiselect": True},
    "package_name": {"when": False},
}


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_text("_commit: v1\nproject_name: File\njurisdictions: [EU]\n")
    answers = read_answers(["project_name=A = b"], file)
    assert answers == {"project_name": "A = b", "jurisdictions": ["EU"]}


@pytest.mark.parametrize("pair", ["project_name", "=x", ""])
def test_a_pair_needs_a_key_and_a_value(pair: str) -> None:
    with pytest.raises(BadInput, match="no KEY=VALUE"):
        read_answers([pair], None)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"- a\n", "no mapping"), (b"a: [", "no valid YAML"), (b"\xff\xfe", "no valid YAML")],
)
def test_a_file_needs_a_mapping(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=told):
        read_answers([], file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_answers([], tmp_path / "none.yml")


def test_unknown_keys_get_the_nearest_question() -> None:
    check_keys(["project_name"], QUESTIONS)
    with pytest.raises(BadInput) as caught:
        check_keys(["projectname"], QUESTIONS)
    assert caught.value.remedy == "did you mean project_name?"
    with pytest.raises(BadInput) as caught:
        check_keys(["zzz"], QUESTIONS)
    assert caught.value.remedy == "the questions are project_name, jurisdictions"
    with pytest.raises(BadInput, match="is derived"):
        check_keys(["package_name"], QUESTIONS)


@pytest.mark.parametrize("text", ["EU, US", "[EU, US]", "['EU','US']", "EU,US"])
def test_lists(text: str) -> None:
    given = {"jurisdictions": text, "project_name": "a, b"}
    expected = {"jurisdictions": ["EU", "US"], "project_name": "a, b"}
    assert split_lists(given, QUESTIONS) == expected
