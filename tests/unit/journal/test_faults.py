"""What was acknowledged is there: after kill -9 at random moments, and after a full disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeel.errors import KeelError
from modelkeel.journal.anchor import Anchor, read_anchors
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify
from modelkeel.journal.writer import Writer

from .conftest import KINDS, entries, holds, until

pytestmark = pytest.mark.slow
LOAD = Path(__file__).with_name("load.py")
KILLS = 24
FOREVER = "1000000"


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_killed_at_random_moments_under_load(url: str, tmp_path: Path) -> None:
    path = tmp_path / "acknowledged"
    path.touch()
    moments = random.Random(6)  # noqa: S311 the same moments each time
    for _ in range(KILLS):
        before = path.stat().st_size
        with subprocess.Popen([sys.executable, str(LOAD), url, str(path), FOREVER]) as process:
            until(lambda size=before: path.stat().st_size > size)
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    journal = Journal.open(url)
    acknowledged = path.read_text().splitlines()
    unknown = holds(journal, acknowledged)
    writers = len(verify(journal.engine).segments)
    journal.engine.dispose()
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged, {unknown} not, {writers} segments")
    assert writers == KILLS
    assert len(acknowledged) > KILLS * 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    target = tmp_path / "disk"
    target.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(target)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield target
    subprocess.run(["umount", "-l", str(target)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    filler = disk / "filler"
    filler.write_bytes(b"x" * max(0, shutil.disk_usage(disk).free - leave))
    return filler


@pytest.mark.parametrize("leave", [0, 4096, 40_000, 200_000])
def test_a_full_disk(small_disk: Path, leave: int) -> None:
    journal = Journal.open(f"sqlite:///{small_disk / 'journal.db'}")
    writer = Writer(journal)
    good: list[str] = []
    said: set[str] = set()

    def write(times: int) -> None:
        for _ in range(times):
            batch = entries(5, filling="x" * 500)
            try:
                writer.write(batch)
            except KeelError as error:
                said.add(str(error))
            else:
                good.extend(each.id for each in batch)

    write(10)
    filler = fill(small_disk, leave)
    write(100)
    assert said == {"not written to the journal: OperationalError: database or disk is full"}
    assert writer.problem == "OperationalError: database or disk is full"
    before = len(good)
    filler.unlink()
    until(lambda: writer.problem is None)  # it sees by itself
    write(10)
    assert len(good) == before + 50
    writer.close()
    assert holds(journal, good) == 0
    journal.engine.dispose()


def test_a_full_disk_leaves_no_half_an_anchor(small_disk: Path, tmp_path: Path) -> None:
    journal = Journal.open(f"sqlite:///{tmp_path / 'journal.db'}")
    path = small_disk / "anchors.jsonl"
    writer = Writer(Journal(journal.engine, anchor=Anchor(path)), anchor_every=0.01)
    writer.write(entries(1))
    until(lambda: path.exists() and path.read_bytes().endswith(b"\n"))
    page = os.sysconf("SC_PAGE_SIZE")
    line = path.stat().st_size
    path.write_bytes(path.read_bytes() * ((page - 60) // line))  # a part of the next line fits
    whole = path.read_bytes()
    filler = fill(small_disk)
    writer.write(entries(1))
    time.sleep(0.2)
    assert path.read_bytes() == whole
    filler.unlink()
    writer.close()
    anchors = read_anchors(path)
    assert anchors[-1].head.seq == 2
    assert verify(journal.engine, anchors).loose == 0
    journal.engine.dispose()
