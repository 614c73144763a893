"""`python -m central.authority serve | person | node | withdraw | destroy`: run and keep one key authority.

Settings come from the environment, CAIRN_AUTHORITY_*.
"""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import date
from pathlib import Path

import uvicorn

from central.authority.app import create_app, make_authority
from central.authority.rounds import Rounds
from central.authority.serving import Tls, server_config
from central.authority.settings import AuthoritySettings
from shared.errors import CairnError
from shared.transport.mqtt import MqttTransport


def main(arguments: list[str] | None = None) -> int:
    """0 when it worked; a refusal is printed with its hint and gives 1."""
    logging.basicConfig(level=logging.INFO)
    asked = _parser().parse_args(arguments)
    try:
        run(asked, AuthoritySettings())  # type: ignore[call-arg]  # the fields come from the environment
    except CairnError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(asked: argparse.Namespace, settings: AuthoritySettings) -> None:
    """Do one command on the authority's own database."""
    if asked.command == "serve":
        return serve(settings)
    authority = make_authority(settings)
    match asked.command:
        case "person":
            authority.registry.put_person(asked.name, frozenset(asked.role), asked.key.read_bytes())
        case "node":
            authority.registry.put_node(asked.name, asked.cell, asked.key.read_bytes())
        case "withdraw":
            authority.withdraw(asked.case)
        case "destroy":
            print(authority.destroy(asked.day).signature.hex())
    return None


def serve(settings: AuthoritySettings) -> None:
    """Serve until interrupted, with rounds when a broker is configured."""
    authority = make_authority(settings)
    app = create_app(settings, authority)
    tls = Tls(*settings.tls) if settings.tls else None
    server = uvicorn.Server(server_config(app, settings.host, settings.port, tls))
    mqtt = settings.mqtt()
    rounds = Rounds(authority, MqttTransport(mqtt), settings.hours_ahead) if mqtt else None
    if rounds:
        rounds.start()
    try:
        server.run()
    finally:
        if rounds:
            rounds.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cairn-authority", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer releases and publish shares")
    person = commands.add_parser("person", help="add or replace a person")
    person.add_argument("name")
    person.add_argument("--role", action="append", required=True, choices=["tracer", "approver"])
    person.add_argument("--key", type=Path, required=True, help="file with the raw Ed25519 public key")
    node = commands.add_parser("node", help="add or replace a node")
    node.add_argument("name")
    node.add_argument("--cell", required=True)
    node.add_argument("--key", type=Path, required=True, help="file with the raw X25519 public key")
    commands.add_parser("withdraw", help="stop all releases of a case").add_argument("case")
    destroy = commands.add_parser("destroy", help="destroy a day's secret; prints the signature of the statement")
    destroy.add_argument("day", type=date.fromisoformat)
    return parser


if __name__ == "__main__":
    sys.exit(main())
