"""The breaker opens after faults, tries one call after a pause, and closes when it went well."""

from __future__ import annotations

import pytest

from modelkeel.serving.breaker import Breaker


class Clock:
    """A time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(faults=3, window=5, pause=10, longest=30, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allow()
        breaker.failed()


def test_it_opens_at_the_limit_and_lets_nothing_through(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.position == "closed"
    fail(breaker, 1)
    assert (breaker.position, breaker.allow()) == ("open", False)


@pytest.mark.parametrize(("well", "position"), [(2, "open"), (3, "closed")])
def test_only_the_last_calls_count(breaker: Breaker, well: int, position: str) -> None:
    fail(breaker, 2)
    for _ in range(well):
        breaker.succeeded()
    fail(breaker, 1)
    assert breaker.position == position


def test_one_call_is_tried_after_the_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 9.9
    assert not breaker.allow()
    clock.now = 10
    assert breaker.position == "half-open"
    assert [breaker.allow() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert (breaker.position, breaker.allow()) == ("closed", True)
    fail(breaker, 2)
    assert breaker.position == "closed", "old faults are forgotten"


def test_the_pause_doubles_up_to_a_limit_and_starts_anew(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    pauses = []
    for _ in range(3):
        start = clock.now
        while not breaker.allow():
            clock.now += 1
        pauses.append(clock.now - start)
        breaker.failed()
    assert pauses == [10, 20, 30]
    clock.now += 30
    assert breaker.allow()
    breaker.succeeded()
    fail(breaker, 3)
    clock.now += 10
    assert breaker.position == "half-open"


def test_a_trial_given_up_leaves_the_next_one_to_try(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 10
    assert breaker.allow()
    breaker.abandoned()
    assert breaker.allow()


def test_answers_to_calls_from_before_change_nothing_while_open(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    breaker.succeeded()
    breaker.failed()
    assert breaker.position == "open"
    clock.now = 10
    assert breaker.position == "half-open"
