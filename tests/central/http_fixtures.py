"""A real server on a free port, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from central.serving import server_config
from central.tls import Tls
from tests.waiting import wait_until


@contextlib.contextmanager
def serving(app: FastAPI, tls: Tls | None = None) -> Iterator[str]:
    """Serve on a free port of the loopback; yields the URL."""
    server = uvicorn.Server(server_config(app, "127.0.0.1", 0, tls))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
