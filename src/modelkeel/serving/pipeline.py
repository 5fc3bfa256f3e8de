"""The way of a prediction from decoded rows to an answer: judged together, recorded, then answered.

What waits is judged as one batch, without a timer: as soon as nothing is on its way to the disk, or
as much waits as is on its way, and then when the event loop has turned twice and brought no more,
since callers that were answered together come back together. So batches grow with the load, and one
may be judged while another is written. Its records go to the journal's writer in one piece, and no
answer leaves before they are on the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelkeel.journal.entry import Entry
from modelkeel.journal.ids import uuid7_batch
from modelkeel.serving.careful import Rows
from modelkeel.serving.judge import Judged
from modelkeel.serving.problems import ProblemError, internal_error
from modelkeel.serving.recorder import Recorder
from modelkeel.serving.state import Loaded

_encode = msgspec.json.Encoder().encode
_TURNS = 2
"""Turns of the event loop without another request after which what waits is judged."""
MAX_BATCH = 256
"""Rows that are judged in one turn, so that other requests get theirs."""


@dataclass(slots=True, eq=False)
class Work:
    """One request on its way."""

    loaded: Loaded
    rows: list[list[Any]]
    caller: str
    request_id: str
    subjects: list[str] | None
    future: asyncio.Future[list[Judged]]
    ids: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    batch: tuple[int, int] = (0, 0)
    """How many rows were judged together, and where its own begin."""


class Pipeline:
    """Judges and records; one for each process, used from its event loop only.

    Args:
        recorder: where predictions are recorded; None keeps none.
        timeout: seconds that recording may take.
        on_judged: told of each batch, for counters.
        on_recorded: told of each batch on the disk: its rows, and the seconds that took.
    """

    def __init__(
        self,
        recorder: Recorder | None,
        timeout: float,
        on_judged: Callable[[Loaded, list[Judged]], None] = lambda *_: None,
        on_recorded: Callable[[int, float], None] = lambda *_: None,
    ) -> None:
        self._recorder = recorder
        self._timeout = timeout
        self._on_judged = on_judged
        self._on_recorded = on_recorded
        self._waiting: list[Work] = []
        self._flying: dict[int, tuple[float, list[Work]]] = {}
        self._batches = 0
        self._under_way = 0
        self._scheduled = False
        self._sweeping = False

    async def judge(
        self,
        loaded: Loaded,
        rows: Rows,
        *,
        caller: str,
        request_id: str,
        subjects: list[str] | None = None,
    ) -> tuple[list[str], list[Judged]]:
        """Ids and judgements of rows, recorded.

        Raises:
            ProblemError: 500 when the model fails, 503 when they could not be recorded.
        """
        ids: list[str] = []
        judged: list[Judged] = []
        for start in range(0, rows.count, MAX_BATCH):
            part = rows.values[start : start + MAX_BATCH]
            names = subjects[start : start + MAX_BATCH] if subjects else None
            work = Work(loaded, part, caller, request_id, names, self._future())
            self._waiting.append(work)
            self._schedule()
            judged += await work.future
            ids += work.ids
        return ids, judged

    def _future(self) -> asyncio.Future[list[Judged]]:
        return asyncio.get_running_loop().create_future()

    def _schedule(self) -> None:
        """Have what waits judged, if it is time, once no more comes with it."""
        if self._waiting and not self._scheduled and len(self._waiting) >= self._under_way:
            self._scheduled = True
            self._gather(0, _TURNS)

    def _gather(self, seen: int, turns: int) -> None:
        """Run once nothing more has come for some turns of the loop."""
        count = len(self._waiting)
        if count > seen:
            turns = _TURNS
        if turns and count < MAX_BATCH:
            asyncio.get_running_loop().call_soon(self._gather, count, turns - 1)
        else:
            self._run()

    def _run(self) -> None:
        """Judge what waits; what is too much for one turn waits for the next."""
        self._scheduled = False
        if not self._waiting:
            return
        taken: list[Work] = []
        rows = 0
        loaded = self._waiting[0].loaded
        while self._waiting and rows < MAX_BATCH and self._waiting[0].loaded is loaded:
            taken.append(self._waiting.pop(0))
            rows += len(taken[-1].rows)
        try:
            self._process(loaded, taken)
        except Exception as error:  # noqa: BLE001 whoever waits has to hear of it
            for work in taken:
                _fail(work, _fault(error))
        self._schedule()

    def _process(self, loaded: Loaded, works: list[Work]) -> None:
        done = self._judge_all(loaded, works)
        if self._recorder is None:
            self._release(done, None)
        elif done:
            self._record(done)

    def _judge_all(self, loaded: Loaded, works: list[Work]) -> list[Work]:
        """Judge in one batch; if that fails each alone, so that one row fails for itself only."""
        rows = works[0].rows
        if len(works) > 1:
            rows = [row for work in works for row in work.rows]
        try:
            judged = loaded.judge.judge(rows)
        except Exception as error:  # noqa: BLE001 it is told by its type
            if len(works) > 1:
                return [work for each in works for work in self._judge_all(loaded, [each])]
            _fail(works[0], _fault(error))
            return []
        self._on_judged(loaded, judged)
        ids = uuid7_batch(len(judged))
        start = 0
        for work in works:
            end = start + len(work.rows)
            work.ids, work.judged = ids[start:end], judged[start:end]
            work.batch = len(judged), start
            start = end
        return works

    def _record(self, works: list[Work]) -> None:
        loop = asyncio.get_running_loop()
        self._batches += 1
        batch = self._batches
        self._flying[batch] = loop.time() + self._timeout, works
        self._under_way += len(works)
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(1.0, self._sweep)

        started = time.perf_counter()
        entries = _entries(works)

        def written(error: Exception | None) -> None:
            if error is None:
                self._on_recorded(len(entries), time.perf_counter() - started)
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(self._release, works, error, batch)

        assert self._recorder is not None  # noqa: S101
        self._recorder.submit(entries, written)

    def _release(self, works: list[Work], error: Exception | None, batch: int = 0) -> None:
        if self._flying.pop(batch, None):
            self._under_way -= len(works)
            self._schedule()
        for work in works:
            if error is not None:
                _fail(work, not_recorded())
            elif not work.future.done():
                work.future.set_result(work.judged)

    def _sweep(self) -> None:
        """Give up on batches that the journal has not written in time."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for batch, (deadline, works) in list(self._flying.items()):
            if deadline < now:
                del self._flying[batch]
                self._under_way -= len(works)
                for work in works:
                    _fail(work, not_recorded())
        self._schedule()
        self._sweeping = bool(self._flying)
        if self._sweeping:
            loop.call_later(1.0, self._sweep)


def not_recorded() -> ProblemError:
    """The answer where a prediction could not be recorded, and so is none."""
    return ProblemError(
        503,
        "journal-unavailable",
        "The journal is unavailable",
        "The prediction could not be recorded, so it is not given. Try again later.",
        headers={"retry-after": "5"},
    )


def _fault(error: Exception) -> ProblemError:
    """A fault of ours; a runtime's message may quote values of a row, its type does not."""
    problem = internal_error()
    problem.fault = type(error).__name__
    return problem


def _fail(work: Work, problem: ProblemError) -> None:
    if not work.future.done():
        work.future.set_exception(problem)


def _entries(works: list[Work]) -> list[Entry]:
    """The records of a batch.

    `batch` says its size and a row's place in it: what a replay needs to make the very same sums.
    """
    at = time.time_ns() // 1000
    entries: list[Entry] = []
    for work in works:
        prefix = work.loaded.record_prefix
        caller, request_id = _encode(work.caller), _encode(work.request_id)
        tail = b',"caller":%b,"request_id":%b' % (caller, request_id)
        subjects: list[str] | list[None] = work.subjects or [None] * len(work.rows)
        size, start = work.batch
        told = zip(work.ids, work.judged, subjects, strict=True)
        for place, (identity, judged, subject) in enumerate(told, start):
            batch = b',"batch":[%d,%d]}' % (size, place)
            body = b"".join((prefix, judged.record, tail, batch))
            entries.append(Entry(identity, "prediction", at, body, None, subject, judged.payload))
    return entries
