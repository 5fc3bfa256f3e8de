"""Several workers, each listening on a socket of its own at the same address.

The kernel spreads connections over them (SO_REUSEPORT); one socket for all would not do, since
whoever wakes first takes all that waits. What dies is replaced, what hangs is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from ctypes import c_double
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from modelkeel.errors import KeelError, print_error
from modelkeel.serving.address import Address
from modelkeel.serving.server import Plan, Worker, quiet_loggers

HUNG_SECONDS = 30.0
"""A worker whose event loop has not turned for so long is killed."""
MAX_PAUSE = 30.0
"""The longest pause before a worker that fails to start is started again."""
_spawn = multiprocessing.get_context("spawn")


@dataclass
class Slot:
    """A place for a worker.

    Attributes:
        process: the worker.
        beat: when its event loop last turned (monotonic); 0 before it serves.
        failures: starts in a row that came to nothing.
        not_before: when it may be started again.
    """

    process: SpawnProcess
    beat: c_double
    failures: int = 0
    not_before: float = 0.0


class Supervisor:
    """Keeps workers running until it is told to stop.

    Args:
        plan: how they serve.
        address: where they listen.
        workers: how many.
        on_ready: called once all serve.
    """

    def __init__(
        self, plan: Plan, address: Address, workers: int, on_ready: Callable[[], None]
    ) -> None:
        self.plan = plan
        self.address = address
        self._workers = workers
        self._on_ready = on_ready
        self._ready = self._served = False
        self._signals = 0
        self._slots: list[Slot] = []

    def run(self) -> None:
        """Return when all have ended after SIGTERM or SIGINT.

        Raises:
            KeelError: no worker ever came to serve.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._slots = [self._start() for _ in range(self._workers)]
            while not self._signals:
                alive = [each.process.sentinel for each in self._slots if each.process.is_alive()]
                wait(alive, 0.2)
                now = time.monotonic()
                for at, slot in enumerate(self._slots):
                    if not self._signals:
                        self._look_after(at, slot, now)
        finally:
            self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:  # a second one ends the drain
            self._terminate()

    def _look_after(self, at: int, slot: Slot, now: float) -> None:
        beat = slot.beat.value
        if slot.process.is_alive():
            if beat and now - beat > HUNG_SECONDS:
                print(f"worker {slot.process.pid} hangs and is killed", file=sys.stderr)
                slot.process.kill()
                slot.process.join(1)  # until then it seems alive, and is told of again
            if beat:
                slot.failures = 0
                self._served = True
                if not self._ready and all(each.beat.value for each in self._slots):
                    self._ready = True
                    self._on_ready()
            return
        if slot.not_before == 0.0:  # just ended
            slot.process.join()
            if not beat and not self._served:
                raise KeelError(
                    f"a worker ended with status {slot.process.exitcode} before it served",
                    remedy="see its message above",
                )
            slot.failures += not beat
            pause = min(MAX_PAUSE, 2.0**slot.failures) if slot.failures else 0.0
            slot.not_before = now + pause
            code = slot.process.exitcode
            print(f"worker {slot.process.pid} ended with status {code}", file=sys.stderr)
        if now >= slot.not_before:
            self._slots[at] = self._start(slot.failures)

    def _start(self, failures: int = 0) -> Slot:
        # No lock, which a worker that is killed may hold; a double is written whole.
        beat = _spawn.RawValue(c_double, 0.0)
        process = _spawn.Process(target=work, args=(self.plan, self.address, os.getpid(), beat))
        process.start()
        return Slot(process, beat, failures)

    def _terminate(self) -> None:
        for slot in self._slots:
            if slot.process.is_alive():
                slot.process.terminate()

    def _stop(self) -> None:
        self._terminate()
        until = time.monotonic() + self.plan.drain + self.plan.stop + 10
        for slot in self._slots:
            slot.process.join(max(0.1, until - time.monotonic()))
            if slot.process.is_alive():
                slot.process.kill()
                slot.process.join()


def work(plan: Plan, address: Address, supervisor: int, beat: c_double) -> None:
    """Be a worker: called in its process. It drains when the supervisor is gone."""

    def tick(now: float) -> None:
        beat.value = now

    quiet_loggers()
    try:
        worker = Worker(plan, tick, parent=supervisor)
        worker.run([address.listen()])
    except KeelError as error:
        print_error(error)
        sys.exit(error.exit_code)
