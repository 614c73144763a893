"""The whole centre as real processes, set up with nothing but its commands: authorities, probes, ingest, API."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.system.site import AUTHORITIES, Site, free_port
from tests.waiting import wait_until

PEOPLE = {"kim": "tracer", "lee": "approver"}


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class CentreProcesses:
    """Everything lives below the site's home; `start` waits until all answer, `stop` ends them in order."""

    site: Site
    database_url: str = ""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.site.home / "centre"
        self.home.mkdir()
        self.ports = {name: free_port() for name in (*AUTHORITIES, "probes", "centre")}
        self.api = f"https://127.0.0.1:{self.ports['centre']}"

    def cli(self, *arguments: str, stdin: str = "") -> Said:
        """Run one command to its end, in a clean environment."""
        done = subprocess.run(
            [sys.executable, "-m", "central", *arguments],
            input=stdin, capture_output=True, text=True, env=_environment(), timeout=120, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def answer(self, *arguments: str) -> Any:
        """The JSON answer of a command that must work."""
        said = self.cli(*arguments, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def case(self, who: str, *arguments: str) -> Said:
        """A case command as this person, who signs with a key of their own where that is wanted."""
        signs = ["--key", str(self.home / f"{who}.key")] if arguments[0] in ("open", "consent", "approve") else []
        return self.cli(
            "case", *arguments, "--api", self.api, "--ca", str(self._tls("svc-centre")["CA"]), "--json",
            "--token-file", str(self.home / f"{who}.token"), *signs,
        )  # fmt: skip

    def set_up(self) -> None:
        """Keys, settings, people and accounts."""
        self.answer("key", "sealing", str(self.home / "probes.key"))
        for name in AUTHORITIES:
            self.answer("key", "signing", str(self.home / f"{name}.key"))
            self.answer("key", "passphrase", str(self.home / f"{name}.pass"))
            self._write(name, "AUTHORITY", self._authority(name))
        urls = json.dumps({name: f"https://127.0.0.1:{self.ports[name]}" for name in AUTHORITIES})
        self._write("probes", "PROBES", self._tls("svc-probes") | {
            "SEALING_KEY": self.home / "probes.key", "TEMPLATES": self.home / "templates",
            "AUTHORITIES": urls, "PORT": self.ports["probes"],
        })  # fmt: skip
        people = self._tls("svc-centre")
        served = {"SERVER_CERTIFICATE": people["CERTIFICATE"], "SERVER_KEY": people["KEY"]}
        self._write("centre", "CENTRE", people | served | {
            "DATABASE": self.database, "AUTHORITIES": urls,
            "PROBES": f"https://127.0.0.1:{self.ports['probes']}", "PORT": self.ports["centre"],
        })  # fmt: skip
        self.set_up_ingest()
        for person, role in PEOPLE.items():
            self._person(person, role)

    def set_up_ingest(self) -> None:
        """Only what ingest needs."""
        self._write("ingest", "INGEST", self._tls("svc-centre") | {
            "DATABASE": self.database, "BROKER_HOST": "127.0.0.1", "BROKER_PORT": self.site.port,
        })  # fmt: skip

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'centre.sqlite'}"

    def start(self) -> None:
        for name in AUTHORITIES:
            self.spawn(name, "authority", "serve")
        self.spawn("probes", "probes")
        self.spawn("ingest", "ingest")
        self.spawn("centre", "serve")
        wait_until(self._answers, "the centre to answer", 60)
        for name in (*AUTHORITIES, "probes"):
            wait_until(lambda name=name: f"{self.ports[name]}" in self.log(name), f"{name} to listen", 60)  # type: ignore[misc]

    def spawn(self, name: str, *command: str) -> None:
        """Start one service with its settings file; its log goes to NAME.log."""
        with (self.home / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "central", *command, "--env-file", str(self.home / f"{name}.env")],
                stdout=log, stderr=log, env=_environment(),
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """As a power cut would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def _answers(self) -> bool:
        try:
            trust = ssl.create_default_context(cafile=str(self._tls("svc-centre")["CA"]))
            return httpx.get(f"{self.api}/health", verify=trust).is_success
        except httpx.TransportError:
            return False

    def _authority(self, name: str) -> dict[str, object]:
        return self._tls(f"svc-authority-{name}") | {
            "NAME": name,
            "DATABASE": self.home / f"{name}.sqlite",
            "PASSPHRASE_FILE": self.home / f"{name}.pass",
            "SIGNING_KEY": self.home / f"{name}.key",
            "PROBES_PUBLIC": self.home / "probes.key.pub",
            "PORT": self.ports[name],
            "BROKER_HOST": "127.0.0.1",
            "BROKER_PORT": self.site.port,
        }

    def _tls(self, service: str) -> dict[str, object]:
        tls = self.site.service_settings(service)
        return {"CA": tls.ca, "CERTIFICATE": tls.certificate, "KEY": tls.key}

    def _write(self, name: str, prefix: str, values: dict[str, object]) -> None:
        lines = [f"CAIRN_{prefix}_{key}={value}" for key, value in values.items()]
        (self.home / f"{name}.env").write_text("\n".join([*lines, ""]))

    def _person(self, person: str, role: str) -> None:
        key = self.home / f"{person}.key"
        self.answer("account", "key", str(key))
        public, centre = f"{key}.pub", str(self.home / "centre.env")
        token = str(self.home / f"{person}.token")
        self.answer(
            "account", "add", person, "--role", role, "--key", public, "--token-file", token, "--env-file", centre
        )
        for name in AUTHORITIES:
            env = str(self.home / f"{name}.env")
            self.answer("authority", "person", person, "--role", role, "--key", public, "--env-file", env)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
    return kept | {"OMP_NUM_THREADS": "1"}
