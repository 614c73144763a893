"""A worker that the service manager starts behind a socket, where there is no network and no file of the centre's.

A child of the service has the service's rights; one behind cairn-search.socket has none. Each connection gets a worker
of its own, which reads and writes that connection as its standard streams.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path
from typing import IO

from central.errors import ServiceDown

_STARTS_WITHIN_S = 30.0


class SocketLink:
    """A Link to a fresh worker. Raises ServiceDown when nobody listens. Hanging up ends the worker."""

    stdin: IO[bytes]
    stdout: IO[bytes]

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(_STARTS_WITHIN_S)
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            hint = "start cairn-search.socket, or leave the setting out to have workers as children"
            raise ServiceDown(f"no search worker answers at {path}", hint=hint) from None
        self._socket.settimeout(None)
        self.stdin, self.stdout = self._socket.makefile("wb"), self._socket.makefile("rb")

    @property
    def pid(self) -> int:
        """Whoever listens; behind a service manager that is the manager."""
        raw = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[0])

    def kill(self) -> None:
        # The worker's next read or write fails, and it ends without a word; its service allows it no restart.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.kill()
        self.stdout.close()
        with contextlib.suppress(OSError):  # bytes that were never sent, to a worker that is gone
            self.stdin.close()
        self._socket.close()
