"""`${VARIABLE}` in params.yaml: filled in when it is used, and never shown."""

from __future__ import annotations

import os
import re

from modelkeel.errors import BadInput

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_USERINFO = re.compile(r"(://)[^/@\s]+@")


def expand(text: str, where: str) -> str:
    """The text with each `${VARIABLE}` replaced by its value in the environment.

    Args:
        text: as params.yaml has it.
        where: the source, for the message.

    Raises:
        BadInput: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise BadInput(
                f"{where}: the environment variable {match[1]} is not set",
                remedy=f"set it: export {match[1]}=…",
            )
        return found

    return _VARIABLE.sub(value, text)


def scrub(message: object, *texts: str) -> str:
    """One line of a foreign message, without the values of the variables that `texts` name."""
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    shown = " ".join(lines[:2])
    for text in texts:
        for name in _VARIABLE.findall(text):
            if value := os.environ.get(name):
                shown = shown.replace(value, f"${{{name}}}")
    return _USERINFO.sub(r"\1…@", shown)[:400]
