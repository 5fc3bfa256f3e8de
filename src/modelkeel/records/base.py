"""How a record is read: TOML in, a typed model out, errors with file, line and key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from modelkeel.errors import BadInput

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def _email(value: str) -> str:
    if not EMAIL.fullmatch(value):
        raise ValueError(f"{value!r} is no e-mail address; write name@domain.tld")
    return value


Email = Annotated[str, AfterValidator(_email)]


class Strict(BaseModel):
    """A frozen part of a record; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Record(Strict):
    """A record kept in one TOML file."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and validate a record.

        Raises:
            BadInput: the file is missing, is no TOML, or breaks the schema.
        """
        if not path.is_file():
            raise BadInput(f"{path}: no such file", remedy=f"write {path.name}, or restore it")
        text = path.read_text(encoding="utf-8")
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"{path}: no valid TOML: {error}", remedy="mend that line") from None
        except ValidationError as error:
            raise BadInput(describe(error, path, text), remedy="mend the keys named") from None


def describe(error: ValidationError, path: Path, text: str) -> str:
    """Say what pydantic found, one `file:line: key: problem` a line."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        location = [str(part) for part in problem["loc"]]
        key = ".".join(location) or "(whole file)"
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{path}:{line_of(location, text)}: {key}: {message}")
    return "\n".join(lines)


def line_of(location: list[str], text: str) -> int:
    """The line (from 1) where the last key found of a location stands in a TOML or YAML text."""
    line, found = 1, 1
    lines = text.splitlines()
    for part in (part for part in location if not part.isdigit()):
        name = re.escape(part)
        pattern = re.compile(rf"^\s*\[+.*\b{name}\b.*\]+|\b{name}[\"']?\s*[=:]")
        for number in range(line, len(lines) + 1):
            if pattern.search(lines[number - 1]):
                line = found = number
                break
    return found
