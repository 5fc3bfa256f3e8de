"""What a server serves: a verified bundle with its wire format, or none yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec

from modelkeel.errors import Refused
from modelkeel.model.bundle import Bundle
from modelkeel.model.signature import MOMENTS, Feature
from modelkeel.model.summary import Summary
from modelkeel.serving.judge import Judge
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.wire import Wire


class StartRefused(Refused, SystemExit):
    """The server must not start.

    An ordinary refusal to whoever catches it; left alone, as under uvicorn, it ends the process
    with status 1 and one line instead of a traceback.
    """

    exit_code = 1  # whatever kept it from starting

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = f"error: {message}" + (f"; remedy: {remedy}" if remedy else "")


@dataclass(frozen=True)
class Loaded:
    """A bundle ready to answer. Replaced as a whole, never changed.

    Attributes:
        bundle: verified and loaded.
        wire: reads its rows.
        judge: scores, decides and explains.
        summary: what the gates decided of it, if it has a record of that.
    """

    bundle: Bundle
    wire: Wire
    judge: Judge
    summary: Summary | None = None

    @classmethod
    def of(cls, bundle: Bundle, max_rows: int, summary: Summary | None = None) -> Loaded:
        """Make a verified bundle ready, and ask it for a first answer."""
        wire = Wire(bundle.signature, max_rows)
        loaded = cls(bundle, wire, Judge(bundle, wire), summary)
        golden = bundle.golden_columns()
        seen = [_seen(f, golden[f.name]) for f in bundle.signature.features]
        loaded.judge.judge([list(row) for row in zip(*seen, strict=True)])
        return loaded

    @property
    def trial(self) -> bool:
        """Whether it is only tried out, and no release."""
        record = self.bundle.record
        return bool(record and record.trial) or bool(self.summary and self.summary.trial)

    @property
    def reference(self) -> dict[str, str | None]:
        """Name, version and digest of the model."""
        bundle = self.bundle
        return {
            "name": bundle.manifest.name,
            "version": bundle.version,
            "digest": bundle.digest,
        }

    @cached_property
    def model(self) -> bytes:
        """The `model` member of every answer, encoded once."""
        return msgspec.json.encode(self.reference)

    @cached_property
    def record_prefix(self) -> bytes:
        """How the body of each of its records begins."""
        bundle = self.bundle
        head = {"model": bundle.manifest.name, "version": bundle.version, "digest": bundle.digest}
        return msgspec.json.encode(head)[:-1] + b","

    @cached_property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What says which model answered, where the body has no room for it."""
        version = (self.bundle.version or "").encode("latin-1", "replace")
        digest = self.bundle.digest.encode()
        return [(b"x-model-version", version), (b"x-model-digest", digest)]


def _seen(feature: Feature, values: Sequence[Any]) -> list[Any]:
    """Values as the wire hands them over: moments as days."""
    moment = feature.kind in MOMENTS
    return [feature.read(v) if moment and isinstance(v, str) else v for v in values]


class State:
    """The model that serves now; `current` is None until one is promoted.

    Attributes:
        current: what answers; replaced in one assignment.
        previous: what answered before, ready to answer again.
        problem: why a newer champion does not serve, if there is one that must not.
        since: when the current one began to serve.
    """

    def __init__(self, current: Loaded | None) -> None:
        self.current = current
        self.since = datetime.now(UTC)
        self.previous: Loaded | None = None
        self.problem: str | None = None

    def loaded(self) -> Loaded:
        """The model that serves.

        Raises:
            ProblemError: 503, saying which command promotes one.
        """
        if self.current is None:
            raise ProblemError(
                503,
                "no-model",
                "No model is promoted yet",
                "This server has no champion to serve. Promote one with `keel model promote`; "
                "the server takes it up by itself.",
                headers={"retry-after": "30"},
            )
        return self.current
