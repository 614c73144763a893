"""`python -m central.probes`: serve the probe service. Settings come from the environment, CAIRN_PROBES_*."""

from __future__ import annotations

import logging
import sys

import uvicorn

from central.authority.serving import Tls, server_config
from central.probes.app import create_app
from central.probes.settings import ProbeSettings
from shared.errors import CairnError


def main() -> int:
    """0 when it was stopped in order; a refusal to start is printed with its hint and gives 1."""
    logging.basicConfig(level=logging.INFO)
    try:
        settings = ProbeSettings()  # type: ignore[call-arg]  # the fields come from the environment
        tls = Tls(*settings.tls) if settings.tls else None
        uvicorn.Server(server_config(create_app(settings), settings.host, settings.port, tls)).run()
    except CairnError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
