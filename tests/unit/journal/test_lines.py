"""Lines that are added whole, or not at all."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelkeel.errors import KeelError
from modelkeel.journal.erase import erase_person, read_list
from modelkeel.journal.lines import add_line

from .people import ADA, inputs_of, opened, prediction


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files may be so large: what is beyond is written in part, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handled)


def test_a_line_that_does_not_fit_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    add_line(path, b'{"a":1}')
    with at_most(12), pytest.raises(OSError, match="No space left"):
        add_line(path, b'{"a":2}')
    assert path.read_bytes() == b'{"a":1}\n'


def test_what_cannot_be_listed_is_not_erased(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    listed = tmp_path / "list.jsonl"
    with at_most(20), pytest.raises(KeelError, match="cannot be written: No space left"):
        erase_person(journal, listed, ADA, by="o", reason="")
    assert read_list(listed) == []
    assert inputs_of(journal, 1) is not None


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        (b'{"a":1}\n{"a":', b'{"a":1}\n'),  # what a crash left goes
        (b'{"a":1}\n{"a":2}', b'{"a":1}\n{"a":2}\n'),  # a hand forgot the end of the line
        (b"{", b""),
    ],
)
def test_a_last_line_without_end(tmp_path: Path, there: bytes, kept: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(there)
    add_line(path, b'{"a":3}')
    assert path.read_bytes() == kept + b'{"a":3}\n'


def test_many_add_at_once(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lines.jsonl"
    threads = [threading.Thread(target=add_line, args=(path, b"1" * 50)) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert path.read_bytes() == (b"1" * 50 + b"\n") * 20
    assert path.stat().st_mode & 0o777 == 0o600
