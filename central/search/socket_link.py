"""The connection to a worker, which reads and writes it as its standard streams, and workers behind a socket.

A child of the service has the service's rights; one that the service manager starts behind cairn-search.socket, a
worker a connection, has none: there is no network and no file of the centre's.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path
from typing import IO

from central.errors import ServiceDown
from central.search.handing_over import HandingOver

_STARTS_WITHIN_S = 30.0


class Connected:
    """What every Link has: the streams of one connection, and memory in which batches are handed over, which is the
    first that the worker gets. Hanging up ends the worker."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.stdin: IO[bytes] = connection.makefile("wb")
        self.stdout: IO[bytes] = connection.makefile("rb")
        self.batches = HandingOver()
        with contextlib.suppress(OSError):  # the worker is gone, as its silence tells
            socket.send_fds(connection, [b"\0"], [self.batches.file])

    def hang_up(self) -> None:
        """Leave nothing open."""
        self.batches.close()
        self.stdout.close()
        with contextlib.suppress(OSError):  # bytes that were never sent, to a worker that is gone
            self.stdin.close()
        self.connection.close()


class SocketLink(Connected):
    """A Link to a fresh worker. Raises ServiceDown when nobody listens."""

    def __init__(self, path: Path) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_STARTS_WITHIN_S)
            connection.connect(str(path))
        except OSError:
            connection.close()
            hint = "start cairn-search.socket, or leave the setting out to have workers as children"
            raise ServiceDown(f"no search worker answers at {path}", hint=hint) from None
        connection.settimeout(None)
        super().__init__(connection)

    @property
    def pid(self) -> int:
        """Whoever listens; behind a service manager that is the manager."""
        raw = self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[0])

    def kill(self) -> None:
        # The worker's next read or write fails, and it ends without a word; its service allows it no restart.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.kill()
        self.hang_up()
