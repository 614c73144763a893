"""Commands that keep running: serve, probes, ingest, search; and `key`, which makes what they need before."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, add_engine, command, env_file

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from central.tls import Tls

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def add_parser(groups: Groups) -> None:
    serve_parser = command(
        groups, "serve", serve, "serve the centre's API", "cairn-central serve --env-file centre.env"
    )
    env_file(serve_parser, "CAIRN_CENTRE_")
    add_engine(serve_parser, "default: CAIRN_CENTRE_ENGINE, or local")
    probes_parser = command(
        groups, "probes", probes, "serve the probe service, which holds sealed templates",
        "cairn-central probes --env-file probes.env",
    )  # fmt: skip
    env_file(probes_parser, "CAIRN_PROBES_")
    ingest_parser = command(
        groups, "ingest", ingest, "take sealed batches from the broker into the store",
        "cairn-central ingest --env-file ingest.env",
    )  # fmt: skip
    env_file(ingest_parser, "CAIRN_INGEST_")
    command(
        groups, "search", search, "search one job and end; speaks on stdin and stdout, for programs",
        "cairn-central search < job > answer",
    )  # fmt: skip
    key_parser = command(
        groups, "key", key, "make a key file, and FILE.pub beside it", "cairn-central key signing /etc/cairn/kim.key"
    )
    key_parser.add_argument("kind", choices=["signing", "sealing", "passphrase"])
    key_parser.add_argument("file", type=Path)


def serve(options: argparse.Namespace) -> Answer:
    from central.app import create_app, make_centre
    from central.settings import CentreSettings

    settings = CentreSettings.load(options.env_file)
    if options.engine:
        settings = settings.model_copy(update={"engine": options.engine})
    start_log()
    centre = make_centre(settings)
    centre.catch_up()
    _serve(create_app(settings, centre), settings.host, settings.port, settings.server_tls)
    return None


def probes(options: argparse.Namespace) -> Answer:
    # Cells are spread over the cores already; numpy asks for this once, when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from central.probes.app import create_app
    from central.probes.settings import ProbeSettings

    settings = ProbeSettings.load(options.env_file)
    _serve(create_app(settings), settings.host, settings.port, settings.tls)
    return None


def ingest(options: argparse.Namespace) -> Answer:
    from central.batches.store import SqlBatchStore
    from central.database import open_database
    from central.ingest import Ingest
    from central.settings import IngestSettings
    from shared.clock import SystemClock
    from shared.transport.mqtt import MqttTransport

    start_log()
    settings = IngestSettings.load(options.env_file)
    engine, transport = open_database(settings.database.get_secret_value()), MqttTransport(settings.mqtt())
    running = Ingest(engine, SqlBatchStore(engine), transport, SystemClock())
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    running.start()
    transport.connect()
    try:
        over.wait()
    finally:
        running.stop()
        transport.close()
    return {"stored": running.stored, "refused": running.refused}


def search(_options: argparse.Namespace) -> Answer:
    from central.search.worker import main

    raise SystemExit(2 if main() else 0)


def key(options: argparse.Namespace) -> Answer:
    from central.key_files import make_key

    return make_key(options.kind, options.file)


def start_log() -> None:
    """Long-running commands say what they do on stderr, where systemd keeps it."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)


def _serve(app: ASGIApp, host: str, port: int, tls: Tls | None) -> None:
    import uvicorn

    from central.serving import server_config

    start_log()
    uvicorn.Server(server_config(app, host, port, tls)).run()
