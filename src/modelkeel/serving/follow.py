"""Following the champion: another model is loaded beside the one that serves, then takes its place.

Nothing that goes wrong here touches what serves: a place that does not answer, a bundle that does
not verify or a model that does not warm up is told, and the model in memory goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from modelkeel.errors import KeelError
from modelkeel.model.manifest import verify
from modelkeel.serving.choice import Choice, Look
from modelkeel.serving.eventlog import log_event
from modelkeel.serving.last_good import LastGood
from modelkeel.serving.loader import Loader
from modelkeel.serving.state import Loaded, State

_LONGEST = 60.0  # seconds until a bundle that was refused is looked at again, at most


class Follower:
    """A thread that keeps what serves in step with what is to serve.

    Args:
        state: what serves.
        look: says what is to serve.
        load: verifies and loads it.
        every: seconds between two looks.
        last_good: where what serves is kept for a start without the place that decides.
        clock: the time in seconds, monotonic.

    Attributes:
        generation: of the journal's row by which the model serves; None where no row decides.
        swaps: how often another model took its place.
        refusals: how often one could not.
    """

    def __init__(
        self,
        state: State,
        look: Look,
        load: Loader,
        *,
        every: float = 2.0,
        last_good: LastGood | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self.generation: int | None = None
        self.swaps = 0
        self.refusals = 0
        self._look = look
        self._load = load
        self._every = every
        self._last_good = last_good
        self._clock = clock
        self._serving: Choice | None = None
        self._marks: Marks = ()
        self._damage: str | None = None
        self._refused: Choice | None = None
        self._why: str | None = None
        self._pause = every
        self._until = 0.0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Load what is to serve, or what served last if that cannot be done; none promoted is fine.

        Raises:
            KeelError: there is something to serve, it must not be served or it cannot be told, and
                nothing that served before is kept.
        """
        try:
            choice = self._look()
            if choice is not None:
                self._take(choice)
        except Exception as error:
            kept = self._kept()
            if kept is None:
                raise
            self._put(*kept)
            self._tell(f"{_said(error)}; the last known good model serves")

    def start(self) -> None:
        """Look for changes in a thread until `stop`."""
        self._thread = threading.Thread(target=self._run, name="follow the champion", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a load that is under way is left to itself."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(self._every)

    def check(self) -> None:
        """Look once, and put another model in place if there is one."""
        try:
            choice = self._look()
        except Exception as error:  # noqa: BLE001 what serves goes on
            self._tell(_said(error))
            return
        if choice is None:
            gone = "nothing is promoted any more; what was goes on serving"
            self._tell(gone if self.state.current else None)
        elif choice == self._serving:
            self._tell(self._look_at_disk())
        elif choice != self._refused or self._clock() >= self._until:
            self._try(choice)
        else:
            self._tell(self._why)

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                self.check()
            except Exception as error:  # noqa: BLE001 the thread outlives it
                self._tell(_said(error))

    def _try(self, choice: Choice) -> None:
        try:
            self._take(choice)
        except Exception as error:  # noqa: BLE001 what serves goes on
            self._pause = min(self._pause * 2, _LONGEST) if choice == self._refused else self._every
            self._refused, self._until = choice, self._clock() + self._pause
            self.refusals += 1
            self._why = f"{choice.digest[:12]} is to serve and cannot: {_said(error)}"
            self._tell(self._why)

    def _take(self, choice: Choice) -> None:
        """Load what was chosen beside what serves, and put it in its place.

        Its golden rows are scored on the way, so that the first request meets nothing cold.
        """
        known = [each.bundle for each in (self.state.current, self.state.previous) if each]
        loaded = self._load(choice, known)
        self._put(loaded, choice.generation)
        self._serving, self._refused = choice, None
        self.swaps += 1
        log_event(
            "model serves",
            version=loaded.bundle.version,
            digest=choice.digest,
            generation=choice.generation,
        )
        if self._last_good is not None:
            try:
                self._last_good.keep(loaded, choice.generation)
            except (KeelError, OSError) as error:
                log_event("last known good not kept", level=logging.ERROR, reason=_said(error))

    def _put(self, loaded: Loaded, generation: int | None) -> None:
        """Swap, in one assignment for whoever reads it."""
        state = self.state
        self._marks, self._damage = marks(loaded.bundle.path), None
        state.previous = state.current
        state.current = loaded
        state.since, state.problem = datetime.now(UTC), None
        self.generation = generation

    def _kept(self) -> tuple[Loaded, int | None] | None:
        """What served last, if it is kept and still may serve."""
        if self._last_good is None:
            return None
        try:
            return self._last_good.load(self._load)
        except (KeelError, OSError) as error:
            log_event("last known good refused", level=logging.ERROR, reason=_said(error))
            return None

    def _look_at_disk(self) -> str | None:
        """Whether the files of what serves are still those that were verified."""
        serving = self.state.current
        if serving is None:
            return None
        seen = marks(serving.bundle.path)
        if seen != self._marks:
            self._marks = seen
            try:
                verify(serving.bundle.path, serving.bundle.digest)
                self._damage = None
            except (KeelError, OSError) as error:
                self._damage = f"{_said(error)}; the verified model in memory goes on serving"
        return self._damage

    def _tell(self, problem: str | None) -> None:
        if problem != self.state.problem:
            level = logging.ERROR if problem else logging.INFO
            log_event("following", level=level, problem=problem)
        self.state.problem = problem


Marks = tuple[tuple[str, int, int, int], ...]


def marks(folder: Path) -> Marks:
    """What tells that a file of a folder was changed or replaced, without reading it."""
    found = []
    with suppress(OSError):
        for path in sorted(folder.rglob("*")):
            stat = path.lstat()
            found.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)


def _said(error: Exception) -> str:
    """What an error says; of one that is not ours only its kind."""
    return str(error) if isinstance(error, KeelError) else type(error).__name__
