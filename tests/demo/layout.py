"""Where the demo keeps everything, and who takes part."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

AUTHORITIES: Final = ("north", "south")
HOST: Final = "localhost"
# The middle of the quarter: within the simulated city, whose streets are not those of the real place.
LATITUDE, LONGITUDE = 37.5, 127.0
TRACER, APPROVER, OFFICER = "hana-seo", "joon-park", "mira-cho"
ROLES: Final = {TRACER: ("tracer",), APPROVER: ("approver",), OFFICER: ("privacy-officer",)}
USUAL_PORT: Final = 8470


def free_port(wanted: int = 0) -> int:
    """The wanted port if nobody uses it, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders below `home`, and ports. `hour` is the UTC hour in which the whole day's walk lies."""

    home: Path
    hour: datetime
    broker_port: int = field(default_factory=free_port)
    authority_ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    probes_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=lambda: free_port(USUAL_PORT))

    @property
    def workshop(self) -> Path:
        return self.home / "provision"

    @property
    def films(self) -> Path:
        return self.home / "films"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def desk(self) -> Path:
        """Where the people of the centre keep their own keys and tokens."""
        return self.home / "desk"

    @property
    def fleet(self) -> Path:
        return self.home / "fleet.json"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def box(self, node: str) -> Path:
        return self.home / "boxes" / node

    def office(self, name: str) -> Path:
        return self.home / "offices" / name

    def service(self, name: str) -> Path:
        """Certificate, key and CA of one of the centre's programs."""
        return self.workshop / "services" / name

    def env_file(self, name: str) -> Path:
        return self.office(name) / "settings.env"
