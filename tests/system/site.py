"""A whole site for tests and the demo: certificate authorities, nodes, services and a real broker, in one folder."""

from __future__ import annotations

import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from provisioning.authority import CertificateAuthority
from provisioning.broker import BrokerSite, write_broker
from provisioning.commands import start_broker
from provisioning.enrol import accept_claim, add_node, keep_certificate, make_claim
from provisioning.registry import open_registry
from provisioning.services import add_service
from shared.transport import Message
from shared.transport.mqtt import MqttSettings, MqttTransport

AUTHORITIES = ("north", "south")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """Everything under one folder; the broker is started with start() and killed with kill()."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.nodes, self.services = (CertificateAuthority(home / "ca" / kind) for kind in ("nodes", "services"))
        self.nodes.create("Cairn nodes")
        self.services.create("Cairn services")
        self.port = free_port()
        self.broker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        site = BrokerSite(self.home / "broker", self.port, ("127.0.0.1", "localhost"), AUTHORITIES)
        self.broker = start_broker(write_broker(site, self.nodes, self.services), self.port, self.home / "broker.log")

    def kill(self) -> None:
        if self.broker:
            self.broker.kill()
            self.broker.wait()
            self.broker = None

    def add_node(self, node: str, cell: str) -> Path:
        """Enrol a node as the commands do; the folder with its keys."""
        folder, now = self.home / "nodes" / node, datetime.now(UTC)
        with open_registry(self.home / "registry.db") as registry:
            token = add_node(registry, node, cell, now)
            certificate = accept_claim(registry, self.nodes, make_claim(folder, node, token), now)
        keep_certificate(folder, node, certificate, self.services.certificate_path.read_bytes())
        return folder

    def edge_settings(self, node: str, cell: str, source: str, start: datetime | None = None) -> Path:
        """The settings file of an enrolled node's box, with its state in a folder of its own."""
        keys = self.home / "nodes" / node
        lines = [
            "[node]",
            f'id = "{node}"',
            f'cell = "{cell}"',
            f"authorities = {list(AUTHORITIES)}",
            f'signing_key = "{keys / "signing.key"}"',
            f'sealing_key = "{keys / "sealing.key"}"',
            f'state_dir = "{self.home / "state" / node}"',
            "[broker]",
            'host = "127.0.0.1"',
            f"port = {self.port}",
            f'ca = "{keys / "broker-ca.crt"}"',
            f'certificate = "{keys / "tls.crt"}"',
            f'key = "{keys / "tls.key"}"',
            "[camera]",
            f'name = "cam-{node}"',
            f'source = "{source}"',
            *([f"start = {start.isoformat()}"] if start else []),
        ]
        path = keys / "edge.toml"
        path.write_text("\n".join([*lines, ""]))
        return path

    def node_settings(self, node: str) -> MqttSettings:
        folder = self.home / "nodes" / node
        return self._settings(node, folder / "broker-ca.crt", folder)

    def service_settings(self, name: str) -> MqttSettings:
        folder = add_service(self.home / "services", self.services, name, ("127.0.0.1", "localhost"))
        return self._settings(name, folder / "ca.crt", folder)

    def node_transport(self, node: str, will: Message | None = None) -> MqttTransport:
        return MqttTransport(self.node_settings(node), will)

    def service_transport(self, name: str) -> MqttTransport:
        return MqttTransport(self.service_settings(name))

    def _settings(self, client: str, ca: Path, folder: Path) -> MqttSettings:
        return MqttSettings("127.0.0.1", self.port, client, ca, folder / "tls.crt", folder / "tls.key", keepalive_s=5)
