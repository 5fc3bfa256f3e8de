"""Limits that hold across processes, clocks that jump, and a file that breaks."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.serving import limits, shared_table
from modelkeel.serving.limits import DAY, FILE, Limits
from modelkeel.serving.problems import ProblemError

FORK = multiprocessing.get_context("fork")  # a new process could not import the tests


class Clock:
    """Stands in the place of the module `time`; both clocks can be set."""

    def __init__(self) -> None:
        self.wall = 20_000 * DAY + 3600.0
        self.steady = 1000.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(limits, "time", made)
    return made


def refusal(call: Callable[[], None]) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        call()
    assert caught.value.status == 429
    return caught.value


def passed(limit: Limits, caller: str, tries: int) -> int:
    done = 0
    for _ in range(tries):
        try:
            limit.take(caller)
        except ProblemError:
            continue
        done += 1
    return done


# ------------------------------------------------------------------------------ requests


def test_a_burst_then_an_even_rate(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 60, 0, burst=5)
    assert passed(limit, "a", 20) == 5
    clock.steady += 0.99
    assert passed(limit, "a", 20) == 0
    clock.steady += 0.02
    assert passed(limit, "a", 20) == 1
    clock.steady += 3
    assert passed(limit, "a", 20) == 3
    clock.steady += 1000
    assert passed(limit, "a", 20) == 5


def test_over_a_long_time_the_rate_is_that_of_the_limit(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 600, 0)
    done = 0
    for _ in range(60_00):
        clock.steady += 0.01
        done += passed(limit, "a", 1)
    assert 600 <= done <= 600 + limit.burst


def test_without_a_burst_it_is_what_is_due_in_ten_seconds(tmp_path: Path) -> None:
    assert Limits(tmp_path, 6000, 0).burst == 1000
    assert Limits(tmp_path, 1, 0).burst == 1


def test_callers_do_not_share(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 60, 0, burst=3)
    assert passed(limit, "a", 9) == 3
    assert passed(limit, "b", 9) == 3


def test_the_answer_says_when_to_come_again(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 6, 0, burst=2)
    assert passed(limit, "a", 2) == 2
    problem = refusal(lambda: limit.take("a"))
    assert problem.kind == "too-many-requests"
    assert problem.headers == {
        "retry-after": "10",
        "ratelimit-policy": '"requests";q=2;w=20',
        "ratelimit": '"requests";r=0;t=10',
    }
    clock.steady += float(problem.headers["retry-after"])
    limit.take("a")


def test_no_limits_need_no_file(tmp_path: Path) -> None:
    limit = Limits(tmp_path / "none", 0, 0)
    limit.take("a")
    limit.take_rows("a", 10**9)
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------------------------- rows


def test_a_quota_of_rows(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 0, 100)
    limit.take_rows("a", 60)
    problem = refusal(lambda: limit.take_rows("a", 41))
    assert "40 are left" in problem.detail
    assert problem.headers["retry-after"] == str(DAY - 3600)
    assert problem.headers["ratelimit"] == f'"rows";r=40;t={DAY - 3600}'
    limit.take_rows("a", 40)  # what was refused was not counted
    refusal(lambda: limit.take_rows("a", 1))
    limit.take_rows("b", 100)
    clock.wall += DAY
    limit.take_rows("a", 100)


def test_requests_and_rows_are_counted_apart(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 60, 10, burst=2)
    limit.take("a")
    limit.take_rows("a", 10)
    limit.take("a")
    refusal(lambda: limit.take("a"))
    refusal(lambda: limit.take_rows("a", 1))


# -------------------------------------------------------------------------- clocks that jump


@pytest.mark.parametrize("jump", [-1e9, -DAY, -1.0, 1.0, DAY, 1e9])
def test_a_jump_of_the_clock_changes_no_rate(tmp_path: Path, clock: Clock, jump: float) -> None:
    limit = Limits(tmp_path, 60, 0, burst=2)
    assert passed(limit, "a", 5) == 2
    clock.wall += jump
    assert passed(limit, "a", 5) == 0
    clock.steady += 1
    assert passed(limit, "a", 5) == 1


def test_a_clock_that_was_years_ahead_locks_nobody_out(tmp_path: Path, clock: Clock) -> None:
    limit = Limits(tmp_path, 0, 10)
    clock.wall += 3650 * DAY
    limit.take_rows("a", 10)
    refusal(lambda: limit.take_rows("a", 1))
    clock.wall -= 3650 * DAY
    limit.take_rows("a", 10)
    refusal(lambda: limit.take_rows("a", 1))


def test_a_restart_of_the_host_locks_nobody_out(tmp_path: Path, clock: Clock) -> None:
    """The monotonic clock begins anew, and what the file says lies far ahead."""
    clock.steady = 10**7
    limit = Limits(tmp_path, 60, 0, burst=2)
    assert passed(limit, "a", 5) == 2
    clock.steady = 5.0
    assert passed(Limits(tmp_path, 60, 0, burst=2), "a", 5) == 2


# ------------------------------------------------------------------------ a file that breaks


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\xff" * 1_048_640, bytes(1_048_640), b"modelkeel limits 0" * 9]
)
def test_a_broken_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    limit = Limits(tmp_path, 60, 0, burst=3)
    assert passed(limit, "a", 9) == 3
    assert passed(Limits(tmp_path, 60, 0, burst=3), "a", 9) == 0
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e300, 1e300])
def test_nonsense_in_a_place_counts_as_nothing(tmp_path: Path, number: float) -> None:
    limit = Limits(tmp_path, 60, 10, burst=3)
    passed(limit, "a", 9)
    table = limit._table
    assert table is not None
    at = table.take("a", time.monotonic())
    struct.pack_into("<dqq", table.map, at, number, int(time.time() // DAY), -5)
    table.release()
    assert passed(limit, "a", 9) == 3
    limit.take_rows("a", 10)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_workers_find_together_again(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_table, "_LOOK_EVERY", 0.0)
    one, two = (Limits(tmp_path, 60, 0, burst=4) for _ in range(2))
    assert passed(one, "a", 2) == 2
    if how == "removed":
        (tmp_path / FILE).unlink()
    else:
        (tmp_path / "new").write_bytes(b"nonsense")
        (tmp_path / "new").replace(tmp_path / FILE)
    assert passed(one, "a", 9) + passed(two, "a", 9) == 4


def test_a_folder_that_goes_away_stops_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "modelkeel.serving")
    monkeypatch.setattr(shared_table, "_LOOK_EVERY", 0.0)
    limit = Limits(tmp_path / "run", 60, 0, burst=4)
    assert passed(limit, "a", 2) == 2
    (tmp_path / "run" / FILE).unlink()
    (tmp_path / "run").rmdir()
    (tmp_path / "run").write_text("a file now", encoding="utf-8")
    assert passed(limit, "a", 9) == 2


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be used"):
        Limits(tmp_path / "file", 60, 0)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.write_text("keep me", encoding="utf-8")
    (tmp_path / FILE).symlink_to(other)
    with pytest.raises(BadInput, match="cannot be used"):
        Limits(tmp_path, 60, 0)
    assert other.read_text(encoding="utf-8") == "keep me"


# ------------------------------------------------------------------------------- the table


def test_more_callers_than_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one longest not seen gives way; nobody is refused for it."""
    monkeypatch.setattr(shared_table, "SETS", 1)
    limit = Limits(tmp_path, 60, 0, burst=1)
    callers = [f"c{n}" for n in range(shared_table.WAYS)]
    assert [passed(limit, caller, 2) for caller in callers] == [1] * len(callers)
    assert [passed(limit, caller, 2) for caller in callers] == [0] * len(callers)
    assert passed(limit, "late", 2) == 1
    assert passed(limit, callers[1], 2) == 0
    assert passed(limit, callers[0], 2) == 1
    assert len(limit._table._places) <= shared_table.SETS * shared_table.WAYS + 1  # type: ignore[union-attr]


def hammer(folder: Path, ready: Connection, tries: int) -> None:
    shared_table._SPIN = 10.0  # also on a machine that is busy with other things
    limit = Limits(folder, 60, 500, burst=100)
    ready.send("ready")
    ready.recv()
    rows = 0
    for _ in range(tries):
        try:
            limit.take_rows("rows", 1)
        except ProblemError:
            continue
        rows += 1
    ready.send((passed(limit, "shared", tries), rows))


def test_a_limit_holds_over_four_processes(tmp_path: Path) -> None:
    ends, running = [], []
    for _ in range(4):
        here, there = FORK.Pipe()
        process = FORK.Process(target=hammer, args=(tmp_path, there, 2000))
        process.start()
        ends.append(here)
        running.append(process)
    for end in ends:
        assert end.recv() == "ready"
    started = time.monotonic()
    for end in ends:
        end.send("go")
    found = [end.recv() for end in ends]
    due = int(time.monotonic() - started) + 1  # a second brings one more
    for process in running:
        process.join()
    assert 100 <= sum(requests for requests, _ in found) <= 100 + due
    assert sum(rows for _, rows in found) == 500


def hold(folder: Path, ready: Connection) -> None:
    file = os.open(folder / FILE, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    ready.send("locked")
    time.sleep(60)


def test_a_process_that_is_stopped_in_there_stops_nobody(tmp_path: Path) -> None:
    limit = Limits(tmp_path, 60, 0, burst=3)
    here, there = FORK.Pipe()
    process = FORK.Process(target=hold, args=(tmp_path, there))
    process.start()
    try:
        assert here.recv() == "locked"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        assert passed(limit, "a", 5) == 3
        assert time.monotonic() - started < 5
    finally:
        process.kill()
        process.join()
    file = os.open(tmp_path / FILE, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it died, and its lock with it
    os.close(file)


def test_a_forked_worker_counts_with_the_others(tmp_path: Path) -> None:
    limit = Limits(tmp_path, 60, 0, burst=10)
    assert passed(limit, "a", 4) == 4
    child = os.fork()
    if not child:
        os._exit(passed(limit, "a", 3))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert passed(limit, "a", 9) == 3
