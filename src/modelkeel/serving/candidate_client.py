"""The server's side of a model in a process of its own: deadlines, restarts and a breaker.

Whatever the process does, a call to it ends within its deadline, and costs its caller no more.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modelkeel.errors import KeelError, Refused
from modelkeel.model.golden import TOLERANCE, Golden, parse_golden
from modelkeel.model.manifest import verify
from modelkeel.model.signature import Signature
from modelkeel.serving.breaker import Breaker
from modelkeel.serving.channel import Channel, Ended, open_channel
from modelkeel.serving.eventlog import log_event

Fault = Literal["not ready", "open", "busy", "timeout", "crash", "garbage", "error"]
_STEADY = 60.0  # seconds after which a process counts as well, and its next pause is short again


class Unavailable(KeelError):
    """A candidate gave no answer; the champion is to answer.

    Attributes:
        fault: why, one of a few words.
    """

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"the candidate gave no answer: {detail or fault}")
        self.fault = fault


@dataclass(frozen=True)
class Expected:
    """What a bundle says of the answers to come, read from its verified bytes."""

    signature: Signature
    golden: Golden

    def scores(self, raw: bytes, rows: int) -> NDArray[np.float64]:
        """Scores as the scorer gives them.

        Raises:
            ValueError: they are not those of so many rows, or not finite.
        """
        classes = len(self.signature.classes)
        scores: NDArray[np.float64] = np.frombuffer(raw, dtype="<f8").astype(np.float64)
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite")
        return scores.reshape((rows, classes) if classes else (rows,))


class CandidateClient:
    """A model in a process of its own; starts with `start`, ends with `close`.

    Args:
        bundle: folder of the bundle.
        digest: that was approved.
        deadline: seconds that a call may take.
        start_within: seconds until it must have loaded and passed its warm-up.
        most_waiting: calls that may wait at once.
        breaker: decides whether calls are let through.
        pauses: seconds before the first restart and, doubled each time, at most.
        command: how the process is started.
    """

    def __init__(
        self,
        bundle: Path,
        digest: str,
        *,
        deadline: float = 0.25,
        start_within: float = 60.0,
        most_waiting: int = 64,
        breaker: Breaker | None = None,
        pauses: tuple[float, float] = (1.0, 60.0),
        command: Sequence[str] | None = None,
    ) -> None:
        self.bundle = bundle
        self.digest = digest
        self.deadline = deadline
        self.breaker = breaker or Breaker()
        self.problem: str | None = "it has not started"
        self.restarts = 0
        self._start_within = start_within
        self._most_waiting = most_waiting
        self._pauses = pauses
        ours = (sys.executable, "-m", "modelkeel.serving.candidate")
        self._command = [*(command or ours), str(bundle), "--digest", digest]
        self._channel: Channel | None = None
        self._expected: Expected | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it is loaded and warm."""
        return self._channel is not None

    @property
    def pid(self) -> int | None:
        """Number of the process that serves now."""
        return self._channel.pid if self._channel else None

    @property
    def signature(self) -> Signature | None:
        """What its rows have to look like; known once it was ready."""
        return self._expected.signature if self._expected else None

    def start(self) -> None:
        """Start the process, and again whenever it ends; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._supervise())

    async def wait(self, seconds: float) -> bool:
        """Wait until it is ready; whether it is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._up.wait(), seconds)
        return self.ready

    async def close(self) -> None:
        """End the process for good."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def score(self, columns: list[list[Any]], rows: int) -> NDArray[np.float64]:
        """Scores of rows, as `Scorer.run` gives them.

        Args:
            columns: one list of values a feature, in the order of the signature.
            rows: how many.

        Raises:
            Unavailable: there is no answer, or not in time.
        """
        channel, expected = self._channel, self._expected
        if channel is None or expected is None:
            raise Unavailable("not ready", self.problem or "")
        if channel.waiting >= self._most_waiting or channel.clogged:
            raise Unavailable("busy")
        if not self.breaker.allow():
            raise Unavailable("open", "too many faults of late")
        try:
            async with asyncio.timeout(self.deadline):
                raw = await channel.ask(columns, rows)
            scores = expected.scores(raw, rows)
        except asyncio.CancelledError:
            self.breaker.abandoned()
            raise
        except TimeoutError:
            fault: Fault = "timeout"
        except Ended:
            fault = "crash"
        except ArithmeticError:
            fault = "error"
        except ValueError:
            fault = "garbage"
        else:
            self.breaker.succeeded()
            return scores
        self.breaker.failed()
        if self.breaker.position == "open":
            # A hang does not end by itself; the next process has to pass the warm-up again.
            channel.kill()
            if self._channel is channel:
                self._channel = None
        raise Unavailable(fault)

    async def _supervise(self) -> None:
        pause, longest = self._pauses
        while True:
            began = time.monotonic()
            try:
                await self._run()
            except (KeelError, OSError, TimeoutError) as error:
                said = f"it was not ready in {self._start_within:g} seconds"
                self.problem = said if isinstance(error, TimeoutError) else str(error)
                if isinstance(error, Refused):  # the same bundle will be refused again
                    pause = longest
            if time.monotonic() - began > max(_STEADY, self._start_within):
                pause = self._pauses[0]
            said = self.problem or "it ended"
            log_event("candidate down", level=logging.ERROR, digest=self.digest, reason=said)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
            self.restarts += 1

    async def _run(self) -> None:
        """One process from its start to its end."""
        expected = await asyncio.to_thread(_expected, self.bundle, self.digest)
        channel = await open_channel(self._command)
        listening: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(self._start_within):
                await channel.hello(self.digest)
                listening = asyncio.create_task(channel.listen())
                await self._warm_up(channel, expected)
            self._channel, self._expected, self.problem = channel, expected, None
            self._up.set()
            await listening
        finally:
            self._channel = None
            self._up.clear()
            if listening is not None:
                listening.cancel()
                with suppress(asyncio.CancelledError, Ended):
                    await listening
            await channel.close()

    async def _warm_up(self, channel: Channel, expected: Expected) -> None:
        """It must score the golden rows right, and one row within the deadline."""
        golden = expected.golden
        columns = [golden.columns[name] for name in expected.signature.feature_names]
        known = np.asarray(golden.scores, dtype=np.float64)
        try:
            found = expected.scores(await channel.ask(columns, len(known)), len(known))
            if not np.allclose(found, known, rtol=TOLERANCE, atol=TOLERANCE):
                raise ValueError("other scores")
            one = [column[:1] for column in columns]
            took = math.inf
            for _ in range(3):
                began = time.perf_counter()
                expected.scores(await channel.ask(one, 1), 1)
                took = min(took, time.perf_counter() - began)
        except (ArithmeticError, ValueError) as error:
            raise Ended(f"it does not score its golden rows: {error}") from None
        if took > self.deadline:
            raise Ended(f"a row took {took:.3f} s, the deadline is {self.deadline:g} s")


def _expected(bundle: Path, digest: str) -> Expected:
    content = verify(bundle, digest).content
    signature = Signature.model_validate_json(content["signature.json"])
    return Expected(signature, parse_golden(content["golden.json"]))
