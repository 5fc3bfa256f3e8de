"""What this worker process is doing, for those inside the app who answer or count it."""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass

from modelkeel.serving.problems import ProblemError

SO_ATTACH_FILTER = 26  # Linux
_DROP_NEW = (  # classic BPF over the TCP header: drop it if its flag SYN is set
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x45, 0, 1, 0x02),  # SYN?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # take
)

BODY_DEADLINE = "modelkeel.body_deadline"
"""An extension in the scope: the body has a deadline here, the application need not set one."""


@dataclass
class Process:
    """This worker.

    Attributes:
        draining: whether it was told to stop and goes on only to let its callers leave.
        connections: open now.
        slow: connections closed because the caller was too slow.
        busy: requests and connections refused because there were too many.
    """

    draining: bool = False
    connections: int = 0
    slow: int = 0
    busy: int = 0

    def check(self) -> None:
        """For /ready.

        Raises:
            ProblemError: 503 while draining.
        """
        if self.draining:
            raise ProblemError(
                503,
                "draining",
                "The server is about to stop",
                "This server was told to stop; send new requests to another.",
                headers={"connection": "close"},
            )


PROCESS = Process()


def take_no_more(listener: socket.socket) -> bool:
    """Let no new connection begin, while those already begun can still be accepted.

    Closing a listening socket resets connections that wait in it, with what was sent on them. So
    the kernel first drops what opens a connection; callers try again, and are refused once the
    socket is closed, before they have sent anything. False where the system has no such means.
    """
    code = b"".join(struct.pack("HBBI", *step) for step in _DROP_NEW)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(_DROP_NEW), ctypes.addressof(buffer))
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True
