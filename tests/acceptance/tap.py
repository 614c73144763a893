"""A tap on a line: relays a TCP connection and keeps every byte that goes through it, in both directions."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Tap:
    """What was heard on one line: a buffer for each direction of each connection."""

    heard: list[bytearray] = field(default_factory=list)

    @contextlib.contextmanager
    def before(self, url: str) -> Iterator[str]:
        """Listen in front of this address; yields the address to use instead."""
        server = socket.create_server(("127.0.0.1", 0))
        target = urlsplit(url)
        assert target.hostname
        assert target.port
        place = (target.hostname, target.port)
        threading.Thread(target=self._accept, args=(server, place), daemon=True).start()
        try:
            yield f"{target.scheme}://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.close()

    def _accept(self, server: socket.socket, place: tuple[str, int]) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.create_connection(place)
            for source, sink in ((near, far), (far, near)):
                buffer = bytearray()
                self.heard.append(buffer)
                threading.Thread(target=_relay, args=(source, sink, buffer), daemon=True).start()


def _relay(source: socket.socket, sink: socket.socket, buffer: bytearray) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(65536):
            buffer += some
            sink.sendall(some)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()
