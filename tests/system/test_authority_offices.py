"""Two authorities' offices as real processes: one with a token, each the witness of the other, over mutual TLS."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.client import AuthorityClient, client
from central.errors import ServiceDown
from central.tls import Tls
from tests.central.token_fixtures import SoftToken, soft_token
from tests.system.centre_processes import CentreProcesses
from tests.system.site import AUTHORITIES, Site
from tests.waiting import wait_until


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "hsm", monkeypatch) as made:
        yield made


class Offices:
    """The two authorities' processes and nothing else of a centre."""

    def __init__(self, site: Site) -> None:
        self.processes = CentreProcesses(site)
        self.processes.set_up()

    def env(self, name: str) -> Path:
        return self.processes.home / f"{name}.env"

    def does(self, name: str, *verb: str) -> Any:
        """One command of this office."""
        return self.processes.answer("authority", *verb, "--env-file", str(self.env(name)))

    def set(self, name: str, **values: object) -> None:
        with self.env(name).open("a") as file:
            file.writelines(f"CAIRN_AUTHORITY_{key}={value}\n" for key, value in values.items())

    def witness_each_other(self) -> None:
        """Each office makes a witness's key and store; then each is told the other's verifier keys."""
        home = self.processes.home
        lines: dict[str, dict[str, str]] = {}
        for name in AUTHORITIES:
            self.processes.answer("key", "signing", str(home / f"{name}.witness.key"))
            before = self.env(name).read_text()
            # A witness is told whose logs it watches; to print its own key any log will do, here its own.
            own = self.does(name, "keys")
            self.set(
                name, WITNESS_KEY=home / f"{name}.witness.key", WITNESS_STORE=home / f"{name}.witness.sqlite",
                WITNESS_LOGS=json.dumps([own["log"]]),
            )  # fmt: skip
            said = self.does(name, "keys", "--init")
            lines[name] = said
            self.env(name).write_text(before)
        for name, other in zip(AUTHORITIES, reversed(AUTHORITIES), strict=True):
            url = f"https://127.0.0.1:{self.processes.ports[other]}/witness/"
            self.set(
                name, WITNESS_KEY=home / f"{name}.witness.key", WITNESS_STORE=home / f"{name}.witness.sqlite",
                WITNESS_LOGS=json.dumps([lines[other]["log"]]), WITNESSES=json.dumps({url: lines[other]["witness"]}),
            )  # fmt: skip

    def start(self, *names: str) -> None:
        for name in names:
            self.processes.spawn(name, "authority", "serve")
        for name in names:
            wait_until(lambda name=name: self.answers(name), f"{name} to answer", 60)  # type: ignore[misc]

    @contextmanager
    def asked(self, name: str) -> Iterator[AuthorityClient]:
        """The centre's client of this authority."""
        files = self.processes.site.service_settings("svc-centre")
        tls = Tls(files.ca, files.certificate, files.key)
        with closing(client(f"https://127.0.0.1:{self.processes.ports[name]}", tls)) as http:
            yield AuthorityClient(name, http)

    def answers(self, name: str) -> bool:
        try:
            with self.asked(name) as authority:
                authority.check_up()
        except ServiceDown:
            return False
        return True


@pytest.fixture
def offices(site: Site, token: SoftToken) -> Iterator[Offices]:
    made = Offices(site)
    try:
        yield made
    finally:
        made.processes.stop()


def test_two_offices_with_a_token_and_each_others_witness(offices: Offices, token: SoftToken) -> None:
    """North moves its secrets into a token; both cosign each other's log; a copy of last week is found out at start."""
    north, south = AUTHORITIES
    label, database = token.place(), offices.processes.home / f"{AUTHORITIES[0]}.sqlite"
    offices.set(north, TOKEN_MODULE=label.module, TOKEN_LABEL=label.token, TOKEN_PIN_FILE=label.pin_file)
    assert [offices.does(north, "token")["made"] for _ in range(2)] == [True, False]
    assert offices.does(north, "rewrap", "--to", "token")["under"].startswith("token:")
    offices.witness_each_other()
    offices.start(north, south)
    with offices.asked(north) as here:
        day = datetime.now(UTC).date()
        assert here.canary(day, X25519PrivateKey.generate().public_key().public_bytes_raw())
    both = [offices.processes.home / f"{name}.witness.sqlite" for name in AUTHORITIES]
    wait_until(lambda: all(seen(path) for path in both), "each to cosign the other's log")
    assert all(row["found"] == "well" for row in offices.does(north, "check"))

    copy = database.with_suffix(".old")
    offices.processes.kill(north)
    copy.write_bytes(database.read_bytes())
    offices.start(north)
    offices.does(north, "destroy", day.isoformat())
    statements = offices.processes.home / "statements.json"
    statements.write_text(json.dumps(offices.does(north, "statements")))
    before = seen(both[1])
    offices.processes.kill(north)
    offices.start(north)
    wait_until(lambda: seen(both[1]) > before, "the witness to see the destruction")
    offices.processes.kill(north)
    database.write_bytes(copy.read_bytes())
    found = offices.processes.cli("authority", "check", "--env-file", str(offices.env(north)))
    assert (found.code, "LogRolledBack" in found.err or "rolled back" in found.err) == (2, True), found.err
    accepted = offices.does(north, "accept-restore", "--statements", str(statements))
    assert (accepted["destroyed"], accepted["log"]) == ([day.isoformat()], f"cairn/authority/{north}/2")


def seen(store: Path) -> int:
    """The largest size that a witness has cosigned."""
    with closing(sqlite3.connect(store)) as connection:
        return int(connection.execute("SELECT coalesce(max(size), 0) FROM cosigned").fetchone()[0])
