"""What can go wrong, told to a person: a message with its place, and a remedy."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from typing import NoReturn

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)


class KeelError(Exception):
    """A failure that a person can act on.

    Args:
        message: what was found, naming the file, row, column or key.
        remedy: the next step, as an instruction.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class BadInput(KeelError):
    """Input, settings or usage that cannot be worked with."""

    exit_code = 2


class Refused(KeelError):
    """A gate or guard looked and said no."""

    exit_code = 3


class Conflicts(KeelError):
    """An update left conflicts that a person has to settle."""

    exit_code = 4


def print_error(error: KeelError) -> None:
    """Print an error and its remedy on stderr."""
    print(f"error: {error}", file=sys.stderr)
    if error.remedy:
        print(f"remedy: {error.remedy}", file=sys.stderr)


def run_stage(main: Callable[[], object]) -> None:
    """Run a command, such as the body of a pipeline stage.

    An error that a person can act on ends the process with the error's exit code.
    """
    try:
        main()
    except KeelError as error:
        _end(error)
    except OSError as error:
        refused = _refused_by_disk(error)
        if refused is None:
            raise
        _end(refused)


def _end(error: KeelError) -> NoReturn:
    print_error(error)
    sys.exit(error.exit_code)


def _refused_by_disk(error: OSError) -> KeelError | None:
    """What a disk said that is full or takes no writes; None for anything else, a defect maybe."""
    copies = error.args[0] if isinstance(error, shutil.Error) else None
    if isinstance(copies, list):  # of copies of a folder: from, to, why
        _, where, why = copies[0]
    elif error.errno in _FULL or (error.errno in _CLOSED and error.filename):
        where = error.filename2 or error.filename or "the disk"
        why = error.strerror
    else:
        return None
    remedy = "make room on the disk, or see that you may write there, then run it again"
    return KeelError(f"{os.fsdecode(where)}: {why}", remedy=remedy)
