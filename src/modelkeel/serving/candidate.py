"""A model in a process of its own: `python -m modelkeel.serving.candidate BUNDLE …`.

It verifies and loads the bundle, then scores what comes over an inherited socket until the other
end is closed. It ends with its parent, even while it hangs.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
from pathlib import Path

import numpy as np

from modelkeel.errors import KeelError
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.serving.frames import (
    LENGTH,
    Failed,
    Hello,
    Refusal,
    Score,
    Scores,
    frame,
    length_of,
    parse_request,
)

_NICE = 10  # the champion comes first
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def main(arguments: list[str] | None = None) -> int:
    """Run the process; returns its exit code."""
    parser = argparse.ArgumentParser(prog="modelkeel.serving.candidate", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--digest", required=True)
    parser.add_argument("--fd", type=int, required=True)
    given = parser.parse_args(arguments)
    _die_with_parent()
    os.nice(_NICE)
    with socket.socket(fileno=given.fd) as other:
        try:
            bundle = load_bundle(given.bundle, given.digest)
        except KeelError as error:
            other.sendall(frame(Refusal(str(error), error.remedy)))
            return error.exit_code
        except Exception as error:  # noqa: BLE001 told to the parent, which decides
            other.sendall(frame(Refusal(f"{given.bundle}: {type(error).__name__}", "")))
            return 1
        other.sendall(frame(Hello(bundle.digest)))
        # From here on rows are in memory, and a library's message may quote them.
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, sys.stderr.fileno())
        _serve(bundle, other)
    return 0


def answer(bundle: Bundle, request: Score) -> Scores | Failed:
    """Score one request."""
    try:
        columns = dict(zip(bundle.signature.feature_names, request.columns, strict=True))
        scores = bundle.scorer.predict(columns)
        return Scores(request.id, np.ascontiguousarray(scores, dtype="<f8").tobytes())
    except Exception as error:  # noqa: BLE001 one request failed, not the process
        return Failed(request.id, type(error).__name__)


def _serve(bundle: Bundle, other: socket.socket) -> None:
    requests: queue.SimpleQueue[Score] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(other, requests), daemon=True).start()
    while True:
        other.sendall(frame(answer(bundle, requests.get())))


def _read(other: socket.socket, requests: queue.SimpleQueue[Score]) -> None:
    """Take what comes; the end of it is the end of the process, whatever it does at the moment."""
    try:
        with other.makefile("rb") as stream:
            while head := stream.read(LENGTH):
                requests.put(parse_request(stream.read(length_of(head))))
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    """Have the kernel end this process with its parent, should it be stuck where no thread runs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
