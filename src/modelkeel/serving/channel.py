"""One run of a model's process, and the socket to it."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

from modelkeel.errors import KeelError, Refused
from modelkeel.serving.frames import (
    LENGTH,
    LONGEST,
    Hello,
    Refusal,
    Reply,
    Score,
    Scores,
    frame,
    length_of,
    parse_reply,
)


class Ended(KeelError):
    """The process is over, or what it said made no sense and it was ended."""


class Channel:
    """A process that was started; `open_channel` makes one."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._ended: str | None = None

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def waiting(self) -> int:
        """Calls that wait for an answer."""
        return len(self._waiting)

    @property
    def clogged(self) -> bool:
        """Whether the process has stopped to take what it is sent."""
        return self._writer.transport.get_write_buffer_size() > LONGEST

    async def hello(self, digest: str) -> None:
        """Wait until the process has loaded its bundle.

        Raises:
            Refused: it must not serve it.
            Ended: it ended, or said something else.
        """
        said = await self._reply()
        if isinstance(said, Refusal):
            raise Refused(said.message, remedy=said.remedy)
        if not isinstance(said, Hello) or said.digest != digest:
            raise Ended("the process greeted with something else")

    async def ask(self, columns: list[list[Any]], rows: int) -> bytes:
        """Scores of rows, as the process sent them.

        Raises:
            Ended: the process ended first.
            ArithmeticError: it could not score them.
        """
        if self._ended is not None:
            raise Ended(self._ended)
        number = next(self._ids)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(frame(Score(number, columns, rows)))
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def listen(self) -> None:
        """Hand out replies until the process is over.

        Raises:
            Ended: always, saying why.
        """
        try:
            while True:
                said = await self._reply()
                if isinstance(said, Hello | Refusal):
                    raise Ended("the process greeted twice")
                # A reply that nobody waits for came after its deadline.
                answer = self._waiting.get(said.id)
                if answer is None or answer.done():
                    continue
                if isinstance(said, Scores):
                    answer.set_result(said.values)
                else:
                    answer.set_exception(ArithmeticError(said.kind[:60]))
        except Ended as ended:
            self._ended = str(ended)
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Ended(self._ended))
            raise

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        self._process.kill()
        self._writer.transport.abort()
        await asyncio.to_thread(self._process.wait)

    async def _reply(self) -> Reply:
        try:
            head = await self._reader.readexactly(LENGTH)
            return parse_reply(await self._reader.readexactly(length_of(head)))
        except (asyncio.IncompleteReadError, OSError):
            raise Ended("the process ended") from None
        except ValueError:
            raise Ended("the process sent what is no reply") from None


async def open_channel(command: Sequence[str]) -> Channel:
    """Start a process; it gets `--fd` with the number of its end of the socket.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            # A session of its own: Ctrl-C in a terminal is for the server to handle.
            process = subprocess.Popen(
                [*command, "--fd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return Channel(process, *await asyncio.open_connection(sock=ours))
