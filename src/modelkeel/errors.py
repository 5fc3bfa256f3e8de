"""What can go wrong, told to a person: a message with its place, and a remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable


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


def run_stage(main: Callable[[], None]) -> None:
    """Run the body of a pipeline stage; end the process with the error's exit code if it fails."""
    try:
        main()
    except KeelError as error:
        print_error(error)
        sys.exit(error.exit_code)
