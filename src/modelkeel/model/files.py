"""Reading and writing the files of a bundle.

A failure names the file, and a kill at any moment leaves a whole folder, the new or the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modelkeel.errors import BadInput, Refused

REBUILD = "build the bundle again (dvc repro), or copy it again from where it was approved"
"""The remedy for a bundle that is damaged."""


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        Refused: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror}", remedy="check the file's permissions"
        ) from error


def sha256(content: bytes) -> str:
    """The digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_table(path: Path) -> dict[str, Any]:
    """The JSON object a file of the bundle holds.

    Raises:
        Refused: it cannot be read, or holds something else.
    """
    return parse_table(read_file(path), path.name)


def parse_table(content: bytes, shown: str) -> dict[str, Any]:
    """The JSON object in `content`; `shown` names the file in a refusal.

    Raises:
        Refused: it is something else.
    """
    try:
        value = json.loads(content)
    except ValueError as error:
        raise Refused(f"{shown} is not JSON", remedy=REBUILD) from error
    if not isinstance(value, dict):
        raise Refused(f"{shown} holds no table", remedy=REBUILD)
    return value


def write_json(path: Path, value: Any, shown: str) -> None:
    """Write a value, keys sorted, so that equal values give equal bytes.

    Raises:
        BadInput: the value is not plain JSON, naming the file as `shown`.
    """
    try:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{shown} cannot be written as JSON: {error}",
            remedy="give plain values without NaN or infinity",
        ) from error
    with naming(path):
        path.write_text(text + "\n", encoding="utf-8")


def sync(path: Path) -> None:
    """Have the disk keep a file or folder before the next step."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let a failure name the file: Python leaves it out where the disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def copy_file(path: Path, target: Path) -> None:
    """Copy a file onto the disk in one step."""
    beside = target.with_name(f"{target.name}.new")
    with naming(beside):
        shutil.copyfile(path, beside)
    sync(beside)
    beside.replace(target)


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation, in one line, without the input value."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


# A folder is replaced in two renames, for one cannot replace a folder that is not empty. What was
# there is moved aside, never deleted first; a kill between the two leaves it under this name.


def set_aside(folder: Path) -> Path:
    """Where `replace_folder` keeps what was there until the new folder is in place."""
    return folder.parent / f".{folder.name}.old"


def restore_folder(folder: Path) -> None:
    """Put back what a replacement killed half-way had moved aside; nothing if all is well."""
    aside = set_aside(folder)
    if aside.exists() and not folder.exists():
        aside.rename(folder)


def replace_folder(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`, taking the place of what was there."""
    restore_folder(folder)
    aside = set_aside(folder)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if folder.exists():
            folder.rename(aside)
        new.rename(folder)
    except BaseException:
        restore_folder(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
