"""A candidate in a process of its own: right, and of no cost to the champion when it is not."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelkeel.model.bundle import Bundle
from modelkeel.serving.breaker import Breaker
from modelkeel.serving.candidate_client import CandidateClient, Unavailable
from modelkeel.serving.wire import Wire

pytestmark = pytest.mark.anyio
BODY = (
    b'{"rows": [{"age": 35, "credit amount": 2500.5, "housing": "own", "income": 3000},'
    b' {"age": 20, "credit amount": 1, "housing": "rent", "savings": "rich", "income": null}]}'
)
PATIENCE = 30.0


@asynccontextmanager
async def running(bundle: Bundle, **given: Any) -> AsyncIterator[CandidateClient]:
    client = CandidateClient(bundle.path, bundle.digest, **{"deadline": 2.0, **given})
    client.start()
    try:
        yield client
    finally:
        await client.close()


async def until(said: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)


def rows_of(bundle: Bundle) -> tuple[list[list[Any]], int, Any]:
    wire = Wire(bundle.signature, 10)
    rows = wire.decode(BODY)
    return rows.columns, rows.count, bundle.scorer.run(wire.inputs(rows.columns))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def script(tmp_path: Path, text: str) -> list[str]:
    """A process that behaves badly: `say(bytes)` writes to the socket, `hear()` reads a frame."""
    path = tmp_path / "bad.py"
    before = """
        import os, socket, sys, time
        from modelkeel.serving.frames import *
        digest, end = sys.argv[3], socket.socket(fileno=int(sys.argv[5]))
        say = end.sendall
        def hear():
            stream = end.makefile("rb")
            return parse_request(stream.read(length_of(stream.read(4))))
        """
    path.write_text(textwrap.dedent(before) + textwrap.dedent(text))
    return [sys.executable, str(path)]


async def test_it_scores_bit_for_bit_as_in_process(credit: Bundle) -> None:
    columns, count, expected = rows_of(credit)
    async with running(credit) as client:
        assert await client.wait(PATIENCE), client.problem
        assert client.signature == credit.signature
        many = await asyncio.gather(*(client.score(columns, count) for _ in range(50)))
        assert all(np.array_equal(scores, expected) for scores in many)
        assert client.problem is None


async def test_a_regression_gives_one_value_a_row(demand: Bundle) -> None:
    golden = demand.golden_columns()
    columns = [golden[name] for name in demand.signature.feature_names]
    async with running(demand) as client:
        assert await client.wait(PATIENCE), client.problem
        scores = await client.score(columns, 2)
    assert np.array_equal(scores, demand.scorer.predict(golden))


async def test_a_hung_one_costs_a_deadline_then_nothing_and_is_replaced(credit: Bundle) -> None:
    columns, count, expected = rows_of(credit)
    breaker = Breaker(faults=3, pause=0.2)
    deadline = 1.0
    given = {"deadline": deadline, "breaker": breaker, "pauses": (0.05, 1.0)}
    async with running(credit, **given) as client:
        assert await client.wait(PATIENCE), client.problem
        hung = client.pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await client.score(columns, count)
            assert caught.value.fault == "timeout"
        assert time.monotonic() - began < 3 * deadline + 1.5
        began, spent = time.monotonic(), time.thread_time()
        with pytest.raises(Unavailable) as caught:
            await client.score(columns, count)
        assert caught.value.fault in ("open", "not ready")
        assert time.monotonic() - began < deadline
        assert time.thread_time() - spent < 0.05
        await until(lambda: not alive(hung))
        await until(lambda: client.ready)
        assert client.pid != hung
        await until(lambda: breaker.position == "half-open")
        assert np.array_equal(await client.score(columns, count), expected)
        assert breaker.position == "closed"


async def test_a_crash_fails_those_that_wait_at_once_and_it_is_started_again(
    credit: Bundle,
) -> None:
    columns, count, expected = rows_of(credit)
    async with running(credit, deadline=20.0, pauses=(0.05, 1.0)) as client:
        assert await client.wait(PATIENCE), client.problem
        pid = client.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        waiting = [asyncio.create_task(client.score(columns, count)) for _ in range(4)]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert time.monotonic() - began < 10
        assert {each.fault for each in done if isinstance(each, Unavailable)} == {"crash"}
        with pytest.raises(Unavailable):
            await client.score(columns, count)
        await until(lambda: client.ready)
        assert np.array_equal(await client.score(columns, count), expected)
        assert client.restarts == 1


async def test_no_more_than_so_many_wait(credit: Bundle) -> None:
    columns, count, _ = rows_of(credit)
    async with running(credit, deadline=1.0, most_waiting=3) as client:
        assert await client.wait(PATIENCE), client.problem
        assert client.pid is not None
        os.kill(client.pid, signal.SIGSTOP)
        calls = (client.score(columns, count) for _ in range(5))
        done = await asyncio.gather(*calls, return_exceptions=True)
    faults = [each.fault for each in done if isinstance(each, Unavailable)]
    assert sorted(faults) == ["busy", "busy", "timeout", "timeout", "timeout"]


BAD = {
    "garbage": ("say(os.urandom(4096)); time.sleep(60)", "no reply|greeted"),
    "endless": ('say(b"\\xff\\xff\\xff\\xff" + bytes(100)); time.sleep(60)', "no reply"),
    "silence": ("time.sleep(60)", "not ready in"),
    "crash": ("os._exit(1)", "ended"),
    "other digest": ('say(frame(Hello("0" * 64))); time.sleep(60)', "something else"),
    "wrong scores": (
        "say(frame(Hello(digest))); n = hear()\nsay(frame(Scores(n.id, bytes(16 * n.rows))))",
        "golden rows: other scores",
    ),
    "too few scores": (
        "say(frame(Hello(digest))); say(frame(Scores(hear().id, bytes(8)))); time.sleep(60)",
        "does not score its golden rows",
    ),
    "no score": (
        'say(frame(Hello(digest))); say(frame(Failed(hear().id, "RuntimeError"))); time.sleep(60)',
        "golden rows: RuntimeError",
    ),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_process_never_becomes_ready(credit: Bundle, tmp_path: Path, kind: str) -> None:
    text, said = BAD[kind]
    columns, count, _ = rows_of(credit)
    command = script(tmp_path, text)
    given = {"command": command, "start_within": 4.0, "pauses": (30.0, 60.0)}
    async with running(credit, **given) as client:
        await until(lambda: client.problem != "it has not started")
        assert not client.ready
        assert client.problem is not None
        assert client.restarts == 0
        assert re.search(said, client.problem), client.problem
        with pytest.raises(Unavailable, match="no answer") as caught:
            await client.score(columns, count)
        assert caught.value.fault == "not ready"


async def test_garbage_in_the_middle_fails_the_call_and_the_process_is_replaced(
    credit: Bundle, tmp_path: Path
) -> None:
    columns, count, expected = rows_of(credit)
    turn = tmp_path / "turned"
    command = script(
        tmp_path,
        f"""
        from pathlib import Path
        from modelkeel.serving import candidate
        right, calls = candidate.answer, 0
        def answer(bundle, request):
            global calls
            calls += 1
            if calls == 5 and not Path({str(turn)!r}).exists():
                Path({str(turn)!r}).touch()
                say(b"what is this?" * 1000)
            return right(bundle, request)
        candidate.answer = answer
        candidate.main()
        """,
    )
    async with running(credit, command=command, pauses=(0.05, 1.0)) as client:
        assert await client.wait(PATIENCE), client.problem
        with pytest.raises(Unavailable) as caught:
            await client.score(columns, count)
        assert caught.value.fault == "crash"
        await until(lambda: client.restarts == 1 and client.ready)
        assert np.array_equal(await client.score(columns, count), expected)


async def test_a_slow_start_is_waited_for(credit: Bundle, tmp_path: Path) -> None:
    slow = script(
        tmp_path,
        "time.sleep(0.5)\nfrom modelkeel.serving.candidate import main\nsys.exit(main())",
    )
    async with running(credit, command=slow) as client:
        assert not client.ready
        assert await client.wait(PATIENCE), client.problem


async def test_a_bundle_that_was_tampered_with_is_refused(credit: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(credit.path, folder)
    (folder / "model.onnx").write_bytes(b"other")
    client = CandidateClient(folder, credit.digest, pauses=(0.01, 30.0))
    client.start()
    try:
        await until(lambda: "was changed" in (client.problem or ""))
        await asyncio.sleep(0.2)
        assert client.restarts == 0, "it is not tried again in a tight loop"
    finally:
        await client.close()


async def test_a_candidate_that_is_not_there_costs_others_nothing(credit: Bundle) -> None:
    """Event-loop time of a champion's calls beside a hung candidate."""
    columns, count, _ = rows_of(credit)
    async with running(credit, deadline=2.0, breaker=Breaker(faults=1000)) as client:
        assert await client.wait(PATIENCE), client.problem
        assert client.pid is not None
        os.kill(client.pid, signal.SIGSTOP)
        calls = [asyncio.create_task(client.score(columns, count)) for _ in range(60)]
        worst = most = 0.0
        while not all(call.done() for call in calls):
            began, spent = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - began)
            most = max(most, time.thread_time() - spent)
        await asyncio.gather(*calls, return_exceptions=True)
    assert most < 0.1
    assert worst < 1.0  # whoever waited for it would wait for its deadline


def test_it_ends_with_its_parent_even_while_it_hangs(credit: Bundle, tmp_path: Path) -> None:
    parent = tmp_path / "parent.py"
    parent.write_text(
        textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from modelkeel.serving.candidate_client import CandidateClient
        async def main():
            client = CandidateClient(Path({str(credit.path)!r}), {credit.digest!r}, deadline=5.0)
            client.start()
            assert await client.wait(30), client.problem
            print(client.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
        """)
    )
    process = subprocess.Popen([sys.executable, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    try:
        os.kill(pid, signal.SIGSTOP)
        assert alive(pid)
    finally:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)
