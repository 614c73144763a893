"""The offices of the demo: two authorities, the probe service, ingest and the centre, each with its own settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.demo.layout import AUTHORITIES, HOST, ROLES, Layout
from tests.demo.processes import BIN, Children
from tests.demo.workshop import Workshop
from tests.waiting import wait_until

CENTRAL = BIN / "cairn-central"
SERVICES = ("svc-centre", "svc-probes", *(f"svc-authority-{name}" for name in AUTHORITIES))
_OFFICE_KEYS = (("passphrase", "passphrase"), ("signing", "signing.key"), ("signing", "witness.key"))
_SETTLED_S = 120.0


def _as_options(roles: Sequence[str]) -> list[str]:
    return [option for role in roles for option in ("--role", role)]


class Offices:
    """Types the commands of cairn-central and keeps its services running."""

    def __init__(self, layout: Layout, children: Children) -> None:
        self._layout, self._children = layout, children

    def prepare(self, workshop: Workshop) -> None:
        """Certificates, keys and settings of every office; its people and, from the fleet file, its boxes."""
        for service in SERVICES:
            workshop.certify(service)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda key: self._children.command(CENTRAL, "key", *key), self._keys()))
        self._write_settings()
        with ThreadPoolExecutor() as pool:  # each office by itself: none waits for another
            list(
                pool.map(lambda furnish: furnish(), (self._centre, *(partial(self._authority, n) for n in AUTHORITIES)))
            )

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

    def _keys(self) -> list[tuple[str, Path]]:
        """Kind and file of every key: nobody ever holds another's."""
        offices = [(kind, self._layout.office(name) / file) for name in AUTHORITIES for kind, file in _OFFICE_KEYS]
        people = [("signing", self._layout.desk / f"{person}.key") for person in ROLES]
        centre = [("sealing", self._layout.office("probes") / "sealing.key"), ("signing", self._audit_key)]
        return [*centre, *offices, *people]

    @property
    def _audit_key(self) -> Path:
        return self._layout.office("centre") / "audit.key"

    def _verifier(self, key: Path, name: str, *options: str) -> str:
        """The line that others are given to check what a log or a witness signs."""
        said = self._children.command(CENTRAL, "audit", "key", key, "--name", name, *options, "--json").out
        return str(json.loads(said)["key"])

    def _centre(self) -> None:
        """Accounts, boxes and cameras."""
        for person, roles in ROLES.items():
            token = self._layout.desk / f"{person}.token"
            own: list[str | Path] = [*_as_options(roles), "--key", self._public(person), "--token-file", token]
            self._type("account", "add", person, *own, office="centre")
        self._type("node", "import", self._layout.fleet, office="centre")

    def _authority(self, name: str) -> None:
        """Whose signatures it takes, which boxes it serves, and the store of what it witnesses for others."""
        self._type("authority", "keys", "--init", office=name)
        for person, roles in ROLES.items():
            if set(roles) & {"tracer", "approver"}:
                own: list[str | Path] = [*_as_options(roles), "--key", self._public(person)]
                self._type("authority", "person", person, *own, office=name)
        self._type("authority", "import", self._layout.fleet, office=name)

    def _public(self, person: str) -> Path:
        return self._layout.desk / f"{person}.key.pub"

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
        centre_log = self._verifier(self._audit_key, "cairn/centre")
        logs = {name: self._verifier(layout.office(name) / "signing.key", f"cairn/authority/{name}") for name in ports}
        witnesses = {
            f"https://{HOST}:{port}/witness/": self._verifier(
                layout.office(name) / "witness.key", f"cairn/witness/{name}", "--witness"
            )
            for name, port in ports.items()
        }
        for name, port in ports.items():
            office = layout.office(name)
            others = {url: key for url, key in witnesses.items() if f":{port}/" not in url}
            self._write(
                name, "authority", f"svc-authority-{name}", name=name, port=port, database=office / "authority.sqlite",
                passphrase_file=office / "passphrase", signing_key=office / "signing.key",
                probes_public=probes_key.with_name(probes_key.name + ".pub"), **broker,
                witness_key=office / "witness.key", witness_store=office / "witness.sqlite",
                witness_logs=json.dumps([centre_log, *(log for other, log in logs.items() if other != name)]),
                witnesses=json.dumps(others),
            )  # fmt: skip
        self._write(
            "probes", "probes", "svc-probes", port=layout.probes_port, sealing_key=probes_key,
            templates=layout.office("probes") / "templates", authorities=addresses,
        )  # fmt: skip
        self._write("ingest", "ingest", "svc-centre", database=database, **broker)
        self._write(
            "centre", "centre", "svc-centre", database=database, authorities=addresses, port=layout.api_port,
            probes=f"https://{HOST}:{layout.probes_port}", audit_key=self._audit_key, witnesses=json.dumps(witnesses),
        )  # fmt: skip

    def _write(self, office: str, prefix: str, certificate: str, **values: object) -> None:
        """An office's settings file, with the certificate that it shows the others."""
        folder = self._layout.service(certificate)
        tls: dict[str, object] = {"ca": folder / "ca.crt", "certificate": folder / "tls.crt", "key": folder / "tls.key"}
        path = self._layout.env_file(office)
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = {f"CAIRN_{prefix}_{name}".upper(): value for name, value in (tls | values).items()}
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
