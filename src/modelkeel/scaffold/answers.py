"""Answers given on the command line or in a file, checked before anything is rendered."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput

Questions = Mapping[str, Mapping[str, Any]]


def read_answers(pairs: Sequence[str], file: Path | None) -> dict[str, Any]:
    """Answers by question, those of the command line winning over those of the file.

    Args:
        pairs: texts of the form KEY=VALUE.
        file: YAML or JSON with a mapping; keys that begin with _ are Copier's own and left out, so
            the answers file of another repository will do.

    Raises:
        BadInput: a pair without "=", or a file that is missing or no mapping.
    """
    answers = _read_file(file) if file is not None else {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"-d {pair}: no KEY=VALUE", remedy="write -d 'project_name=Credit risk'")
        answers[key.strip()] = value
    return answers


def check_keys(answers: Iterable[str], questions: Questions) -> None:
    """Refuse an answer to a question that is not asked.

    Raises:
        BadInput: names the key and the nearest question.
    """
    asked = [name for name, details in questions.items() if details.get("when", True) is not False]
    for key in answers:
        if key in asked:
            continue
        if key in questions:
            raise BadInput(f"{key} is derived from the other answers", remedy=f"leave out {key}")
        near = difflib.get_close_matches(key, asked, n=1, cutoff=0.5)
        raise BadInput(
            f"there is no question {key!r}",
            remedy=f"did you mean {near[0]}?" if near else f"the questions are {', '.join(asked)}",
        )


def split_lists(answers: Mapping[str, Any], questions: Questions) -> dict[str, Any]:
    """The same answers, with `EU, US` or `[EU, US]` made a list where several may be chosen."""
    result = dict(answers)
    for key, value in answers.items():
        if questions.get(key, {}).get("multiselect") and isinstance(value, str):
            inner = value.strip().removeprefix("[").removesuffix("]")
            parts = (part.strip().strip("'\"") for part in inner.split(","))
            result[key] = [part for part in parts if part]
    return result


def _read_file(file: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise BadInput(f"{file}: {reason}", remedy="check the path of --data-file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{file}: no valid YAML: {reason}", remedy="mend the file") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise BadInput(f"{file}: no mapping of questions to answers", remedy="write KEY: VALUE")
    return {key: value for key, value in content.items() if not key.startswith("_")}
