"""How a record is read: TOML in, a typed model out, errors with file, line and key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from modelkeel.errors import BadInput
from modelkeel.records.habits import hint, line_of_error
from modelkeel.records.keys import known_keys, nearest
from modelkeel.records.places import line_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "CENTURY",
    "KIND",
    "MOST",
    "SUREST",
    "Email",
    "Record",
    "Said",
    "Strict",
    "Text",
    "describe",
    "distinct",
    "line_of",
]

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def _email(value: str) -> str:
    if not EMAIL.fullmatch(value):
        raise ValueError(f"{value!r} is no e-mail address; write name@domain.tld")
    return value


Email = Annotated[
    str, AfterValidator(_email), WithJsonSchema({"type": "string", "format": "email"})
]

# Text that stands where somebody was to write something.
PLACEHOLDER = re.compile(
    r"\b(?:TODO|TBD|TBC|FIXME|XXX|lorem ipsum)\b|\[(?:insert|your)\b[^\]]*\]"
    r"|<(?:your|insert|name|fill|describe)\b[a-z _-]*>"
    r"|\binsert .{1,40} here\b",
    re.IGNORECASE,
)


def _text(value: str) -> str:
    if found := PLACEHOLDER.search(value):
        raise ValueError(
            f"{found[0]!r} is a placeholder; write the text, or "
            '{ todo = "what is missing", owner = "name@domain", due = 2027-01-31 }'
        )
    return value


# Marks the parts of an error's location that name the kind of an answer, not a key of the file.
KIND = "is "

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Text = Annotated[Said, AfterValidator(_text)]


def distinct(key: str | None = None) -> AfterValidator:
    """Refuses a list in which a value, or a part by one of its keys, stands twice."""

    def check(values: list[Any]) -> list[Any]:
        names = [getattr(each, key) if key else each for each in values]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice!r} stands twice")
        return values

    return AfterValidator(check)


# Values beyond these are slips of the pen, and calculations with them overflow.
CENTURY = 36_525
"""Most days of any time span."""
MOST = 1e15
"""Most of any amount, either way: up to here a float counts single units."""
SUREST = 0.9999
"""Most confidence of any interval."""


class Strict(BaseModel):
    """A frozen part of a record; unknown keys are refused, and numbers that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _tuple(cls, value: Any, info: ValidationInfo) -> Any:
        # TOML has lists only, and a strict reader takes none of them for a tuple.
        field = cls.model_fields[info.field_name or ""]
        wanted = get_origin(field.annotation) is tuple and isinstance(value, list)
        return tuple(value) if wanted else value


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
        text = read_text(path)
        found = parse_toml(path, text)
        try:
            # TOML has numbers and dates of its own: true is no 1, and "400" no number
            return cls.model_validate(found, strict=True)
        except ValidationError as error:
            raise BadInput(describe(error, path, text, cls), remedy="mend the keys named") from None


def read_text(path: Path) -> str:
    """The text of a record.

    Raises:
        BadInput: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}:{line}: is not UTF-8", remedy="save it as UTF-8") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(f"{path}: cannot be read: {reason}", remedy="check its rights") from None


def parse_toml(path: Path, text: str) -> dict[str, Any]:
    """What stands in a text.

    Raises:
        BadInput: it is no TOML, or none that Python can read.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(_not_toml(error, path, text), remedy="mend that line") from None
    except ValueError as error:  # Python reads no integer of more than 4300 digits
        raise BadInput(f"{path}: {error}", remedy="shorten the number") from None
    except RecursionError:
        raise too_deep(path) from None


def too_deep(path: Path) -> BadInput:
    """What to say of brackets within brackets beyond what Python can read."""
    return BadInput(f"{path}: is nested too deeply", remedy="remove the brackets in brackets")


def describe(
    error: ValidationError, path: Path, text: str, model: type[BaseModel] | None = None
) -> str:
    """Say what pydantic found, one `file:line: key: problem` a line.

    Args:
        error: what it found.
        path: the file, for the message.
        text: what stands in it.
        model: the record it was to be, to suggest keys for those that it does not know.
    """
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        location = [str(part) for part in problem["loc"] if not str(part).startswith(KIND)]
        key = ".".join(location) or "(whole file)"
        said = _said(problem, location, model)
        lines.append(f"{path}:{line_of(location, text)}: {key}: {said}")
    return "\n".join(lines)


def _said(problem: ErrorDetails, location: list[str], model: type[BaseModel] | None) -> str:
    if problem["type"] != "extra_forbidden":
        return problem["msg"].removeprefix("Value error, ")
    known = known_keys(model, location) if model else []
    if near := nearest(location[-1], known):
        return f"unknown key; did you mean {near!r}?"
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key"


def _not_toml(error: tomllib.TOMLDecodeError, path: Path, text: str) -> str:
    """What `tomllib` says of a text, and what it comes from if that is a habit of YAML."""
    number = line_of_error(str(error), text)
    line = text.splitlines()[number - 1] if text.strip() else ""
    said = f"{path}:{number}: no valid TOML: {error}"
    found = hint(line)
    return f"{said}: {found}" if found else said
