"""Where our server's microseconds go: each step of a prediction alone, in one process.

Writes a JSON object: the rows of a batch, and of each step the microseconds a row. A batch is what
the server judges and commits in one piece: with 16 clients it holds up to 16 requests of one row.
Each figure is the least of many repetitions, since the machine is shared; commits are medians.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from serving_ours import app

from modelkeel.journal.anchor import Anchor
from modelkeel.journal.append import Appender, chained
from modelkeel.journal.ids import uuid7_batch
from modelkeel.journal.store import Journal
from modelkeel.serving.careful import columns_of
from modelkeel.serving.pipeline import Work, _entries
from modelkeel.serving.predict import _many, _one
from modelkeel.serving.requestlog import RequestLog

SCRATCH = Path(sys.argv[1])
KEY = os.environ["BENCH_KEY"].encode()
SECONDS = 0.4
BATCHES = (1, 16, 100)


def main() -> None:
    service = app.state.service
    url = f"sqlite:///{SCRATCH / 'steps.db'}"
    master = base64.b64decode(os.environ["MODELKEEL_JOURNAL_KEY"])
    journal = Journal.open(url, master=master, anchor=Anchor(SCRATCH / "steps.jsonl", None))
    appender = Appender(journal, "bench")
    appender.append([])
    rows = json.loads((Path(os.environ["BENCH_SUBJECT"]) / "subject.json").read_text())["rows"]
    told = {n: dict(steps(service, journal, appender, (rows * 2)[:n])) for n in BATCHES}
    (SCRATCH / "steps.json").write_text(json.dumps(told), encoding="utf-8")


def steps(
    service: Any, journal: Journal, appender: Appender, rows: list[Any]
) -> Iterator[tuple[str, float]]:
    """Steps of a batch in their order. 100 rows are one request, fewer are one each."""
    loaded = service.state.current
    judge, wire, bundle = loaded.judge, loaded.wire, loaded.bundle
    explainer, coder = bundle.explainer, bundle.reason_codes
    size, many = len(rows), len(rows) == BATCHES[-1]
    bodies = [{"rows": rows}] if many else rows
    texts = [json.dumps(each, separators=(",", ":")).encode() for each in bodies]
    headers = [(b"host", b"x"), (b"authorization", b"Bearer " + KEY)]
    caller = service.access.known(headers)

    def guard() -> None:
        for _ in texts:
            service.access.known(headers)
            service.limits.take(caller.id)
            service.limits.take_rows(caller.id, size // len(texts))

    def decode() -> list[Any]:
        return [wire.decode(text) for text in texts]

    yield "key, limits", least(guard) / size
    yield "decode, validate", least(decode) / size
    decoded = decode()
    values = [row for one in decoded for row in one.values]
    columns = columns_of(values)
    inputs = wire.inputs(columns)
    yield "arrays", (filled := least(lambda: wire.inputs(columns)) / size)
    yield "model", (scored := least(lambda: bundle.scorer.run(inputs)) / size)
    explained = 0.0
    if explainer is not None and coder is not None:
        due = coder.due(bundle.decide(bundle.scorer.run(inputs)), size)
        told = [[column[at] for at in due] for column in columns]
        shares = explainer.contributions(told)
        explained = least(lambda: explainer.contributions(told)) / size if due else 0.0
        yield "contributions", explained
        coded = least(lambda: coder.of(shares, None)) / size
        explained += coded
        yield "reason codes", coded
    rest = least(lambda: judge.judge(values)) / size - filled - scored - explained
    yield "decide, flag, encode", rest
    judged = judge.judge(values)
    works = []
    for at, one in enumerate(decoded):
        work = Work(loaded, one.values, caller.id, "0" * 36, None, None)  # type: ignore[arg-type]
        work.judged = judged if many else judged[at : at + 1]
        work.ids = uuid7_batch(len(work.judged))
        work.batch = (size, 0 if many else at)
        works.append(work)
    yield "records", least(lambda: _entries(works)) / size
    entries = _entries(works)
    keystore, head = journal.keystore, appender.head
    assert keystore is not None
    assert head is not None
    sealed = keystore.seal_all(entries)
    yield "seal", (sealing := least(lambda: keystore.seal_all(entries)) / size)
    yield "chain", (linked := least(lambda: chained(head, entries, sealed)) / size)
    processor, wall = committed(appender, entries)
    yield "insert, commit: processor", processor / size - sealing - linked
    yield "commit: waiting for the disk", (wall - processor) / size
    yield "metrics", least(lambda: counted(service, judged, len(texts))) / size
    yield "request log", logged(len(texts)) / size
    answer = _many if many else _one
    first = [(w.ids, w.judged) if many else (w.ids[0], w.judged[0]) for w in works]
    yield "answer", least(lambda: [answer(loaded, *each) for each in first]) / size


def counted(service: Any, judged: list[Any], requests: int) -> None:
    """What is counted of a batch."""
    service.metrics.predicted(
        "bench", [one.decision for one in judged], scores=[one.score for one in judged]
    )
    service.metrics.recorded(len(judged), 0.001)
    for _ in range(requests):
        service.metrics.request("/predict", 200, 0.001)


def committed(appender: Appender, entries: list[Any]) -> tuple[float, float]:
    """Microseconds of appending: of the processor, and altogether."""
    processor, wall = [], []
    for turn in uuid7_batch(60):
        new = [msgspec.structs.replace(e, id=f"{turn}-{e.id}") for e in entries]
        began, cpu = time.perf_counter(), time.thread_time()
        appender.append(new)
        processor.append(time.thread_time() - cpu)
        wall.append(time.perf_counter() - began)
    return statistics.median(processor) * 1e6, statistics.median(wall) * 1e6


def logged(requests: int) -> float:
    """Microseconds of the middleware that logs, around an app that answers at once."""

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def sink(_: Any) -> None:
        return None

    async def a_hundred(one: Any) -> float:
        began = time.perf_counter()
        for _ in range(100):
            scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
            await one(scope, sink, sink)
        return (time.perf_counter() - began) * 1e4

    def of(one: Any) -> float:
        return min(asyncio.run(a_hundred(one)) for _ in range(20))

    return (of(RequestLog(answering)) - of(answering)) * requests


def least(step: Callable[[], Any]) -> float:
    """The least microseconds of a step."""
    best, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - began)
    return best * 1e6


if __name__ == "__main__":
    main()
