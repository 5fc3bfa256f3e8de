"""What is answered where a prediction cannot be recorded: the baseline policy of the charter."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Baseline:
    """The action that is taken without a model.

    Attributes:
        policy: the action, as the charter names it.
    """

    policy: str

    def answer(self, rows: int, *, many: bool, lines: bool) -> bytes:
        """The body of an answer; it has no prediction and no id, since nothing was recorded."""
        one = msgspec.json.encode({"source": "baseline", "decision": self.policy})
        if lines:
            return b"".join([one, b"\n"] * rows)
        if not many:
            return one
        return b'{"source":"baseline","predictions":[%b]}' % b",".join([one] * rows)
