"""Where a server listens."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Any

from modelkeel.errors import KeelError

BACKLOG = 4096


@dataclass(frozen=True)
class Address:
    """An address and port to listen on.

    Attributes:
        family: of the address, such as socket.AF_INET.
        name: as the socket has it; its port is 0 for any that is free.
    """

    family: int
    name: tuple[Any, ...]

    @classmethod
    def of(cls, host: str, port: int) -> Address:
        """Resolve a host.

        Raises:
            KeelError: there is no such host here, or port.
        """
        kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
        try:
            family, _, _, _, name = socket.getaddrinfo(host, port, type=kind, flags=flags)[0]
        except (OSError, OverflowError) as error:
            raise _refused(f"{host}:{port}", error) from None
        return cls(family, name)

    @property
    def url(self) -> str:
        """Where to call it."""
        host, port = self.name[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def claim(self, *, shared: bool) -> tuple[Address, socket.socket]:
        """The address with its port, and a socket: it listens, or if `shared` keeps the address.

        Raises:
            KeelError: the address is taken, or not of this machine.
        """
        listener = self._bind(shared=False)  # sharing would let in a second server unnoticed
        listener.listen(BACKLOG)
        found = Address(self.family, listener.getsockname())
        if not shared:
            return found, listener
        listener.close()
        return found, found._bind(shared=True)

    def listen(self) -> socket.socket:
        """A socket of a worker, beside those of others."""
        listener = self._bind(shared=True)
        listener.listen(BACKLOG)
        return listener

    def _bind(self, *, shared: bool) -> socket.socket:
        bound = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(self.name)
        except (OSError, OverflowError) as error:
            bound.close()
            raise _refused(self.url.removeprefix("http://"), error) from None
        bound.setblocking(False)
        return bound


def _refused(where: str, error: Exception) -> KeelError:
    taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    reason = error.strerror if isinstance(error, OSError) else str(error)
    remedy = "end what listens there, or choose another --port" if taken else "check --host, --port"
    return KeelError(f"cannot listen on {where}: {reason}", remedy=remedy)
