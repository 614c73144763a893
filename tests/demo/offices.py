"""The offices of the demo: two authorities, the probe service, ingest and the centre, each with its own settings."""

from __future__ import annotations

import json
from pathlib import Path

from tests.demo.layout import AUTHORITIES, HOST, ROLES, Layout
from tests.demo.processes import BIN, Children
from tests.demo.workshop import Workshop
from tests.waiting import wait_until

CENTRAL = BIN / "cairn-central"
SERVICES = ("svc-centre", "svc-probes", *(f"svc-authority-{name}" for name in AUTHORITIES))
_SETTLED_S = 60.0


class Offices:
    """Types the commands of cairn-central and keeps its services running."""

    def __init__(self, layout: Layout, children: Children) -> None:
        self._layout, self._children = layout, children

    def prepare(self, workshop: Workshop) -> None:
        """Certificates, keys and settings of every office, and the people who work there."""
        for service in SERVICES:
            workshop.certify(service)
        self._key("sealing", self._layout.office("probes") / "sealing.key")
        for name in AUTHORITIES:
            self._key("passphrase", self._layout.office(name) / "passphrase")
            self._key("signing", self._layout.office(name) / "signing.key")
        self._write_settings()
        for person, roles in ROLES.items():
            self._welcome(person, roles)

    def import_fleet(self) -> None:
        """Every office learns which boxes there are, each from the same file."""
        self._type("node", "import", self._layout.fleet, office="centre")
        for name in AUTHORITIES:
            self._type("authority", "import", self._layout.fleet, office=name)

    def start(self) -> None:
        """Start all five programs and wait until they answer."""
        for name in AUTHORITIES:
            self._serve(name, "authority", "serve")
        self._serve("probes", "probes")
        self._serve("ingest", "ingest")
        self._serve("centre", "serve")
        wait_until(self._up, "the centre to answer", _SETTLED_S)

    def _up(self) -> bool:
        import httpx

        self._children.check()
        try:
            return httpx.get(f"{self._layout.api}/health").is_success
        except httpx.TransportError:
            return False

    def _welcome(self, person: str, roles: tuple[str, ...]) -> None:
        """A key of the person's own, an account at the centre, and the public key at both authorities."""
        key = self._layout.desk / f"{person}.key"
        public, token = key.with_name(key.name + ".pub"), self._layout.desk / f"{person}.token"
        self._key("signing", key)
        options = [option for role in roles for option in ("--role", role)]
        self._type("account", "add", person, *options, "--key", public, "--token-file", token, office="centre")
        if set(roles) & {"tracer", "approver"}:
            for name in AUTHORITIES:
                self._type("authority", "person", person, *options, "--key", public, office=name)

    def _key(self, kind: str, path: Path) -> None:
        self._children.command(CENTRAL, "key", kind, path)

    def _type(self, *words: str | Path, office: str) -> None:
        self._children.command(CENTRAL, *words, "--env-file", self._layout.env_file(office))

    def _serve(self, office: str, *words: str) -> None:
        self._children.start(office, CENTRAL, *words, "--env-file", self._layout.env_file(office))

    def _write_settings(self) -> None:
        layout = self._layout
        database = f"sqlite:///{layout.office('centre') / 'centre.sqlite'}"
        ports = dict(zip(AUTHORITIES, layout.authority_ports, strict=True))
        addresses = json.dumps({name: f"https://{HOST}:{port}" for name, port in ports.items()})
        probes_key = layout.office("probes") / "sealing.key"
        broker = {"broker_host": "127.0.0.1", "broker_port": layout.broker_port}
        for name, port in ports.items():
            office = layout.office(name)
            self._write(
                name, "authority", f"svc-authority-{name}", name=name, port=port, database=office / "authority.sqlite",
                passphrase_file=office / "passphrase", signing_key=office / "signing.key",
                probes_public=probes_key.with_name(probes_key.name + ".pub"), **broker,
            )  # fmt: skip
        self._write(
            "probes", "probes", "svc-probes", port=layout.probes_port, sealing_key=probes_key,
            templates=layout.office("probes") / "templates", authorities=addresses,
        )  # fmt: skip
        self._write("ingest", "ingest", "svc-centre", database=database, **broker)
        self._write(
            "centre", "centre", "svc-centre", database=database, authorities=addresses, port=layout.api_port,
            probes=f"https://{HOST}:{layout.probes_port}",
        )  # fmt: skip

    def _write(self, office: str, prefix: str, certificate: str, **values: object) -> None:
        """An office's settings file, with the certificate that it shows the others."""
        folder = self._layout.service(certificate)
        tls: dict[str, object] = {"ca": folder / "ca.crt", "certificate": folder / "tls.crt", "key": folder / "tls.key"}
        path = self._layout.env_file(office)
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = {f"CAIRN_{prefix}_{name}".upper(): value for name, value in (tls | values).items()}
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
