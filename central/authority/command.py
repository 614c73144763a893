"""cairn-central authority: run and keep one key authority, in its own office, with its own database."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from central.authority.care_command import add_verbs
from central.cli import Answer, Groups, Run, command, env_file, group

if TYPE_CHECKING:
    from central.authority.service import Authority
    from central.authority.settings import AuthoritySettings


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "authority", "run and keep one key authority (CAIRN_AUTHORITY_*)")

    def verb(name: str, run: Run, about: str, examples: str) -> argparse.ArgumentParser:
        parser = command(verbs, name, run, about, f"cairn-central authority {examples} --env-file north.env")
        env_file(parser, "CAIRN_AUTHORITY_")
        return parser

    verb("serve", serve, "answer releases and publish shares", "serve")
    person = verb("person", add_person, "add or replace a person", "person kim --role tracer --key kim.key.pub")
    person.add_argument("name")
    person.add_argument("--role", action="append", required=True, choices=["tracer", "approver"])
    person.add_argument("--key", type=Path, required=True, metavar="FILE", help="a raw public key, or a passkey's file")
    leaver = verb("drop", drop_person, "forget a person, who signs nothing more", "drop kim")
    leaver.add_argument("name")
    node = verb("node", add_node, "add or replace a box", "node box-17 --cell cell-3 --key box-17.pub")
    node.add_argument("name")
    node.add_argument("--cell", required=True)
    node.add_argument("--key", type=Path, required=True, metavar="FILE", help="the raw X25519 public key")
    fleet = verb("import", import_fleet, "take over the boxes of a fleet file", "import fleet.json")
    fleet.add_argument("file", type=Path)
    verb("list", list_known, "list the people and boxes that this authority knows", "list")
    withdrawal = verb("withdraw", withdraw, "stop all releases of a case, for ever", "withdraw case-17")
    withdrawal.add_argument("case")
    destruction = verb("destroy", destroy, "destroy a day's secret, and sign that it is done", "destroy 2026-11-10")
    destruction.add_argument("day", type=date.fromisoformat, help="YYYY-MM-DD, in UTC")
    add_verbs(verbs)


def serve(options: argparse.Namespace) -> Answer:
    import uvicorn

    from central.authority.app import create_app
    from central.authority.rounds import Rounds
    from central.services_command import start_log
    from central.serving import server_config
    from shared.transport.mqtt import MqttTransport

    start_log()
    settings, authority = _opened(options)
    authority.check_at_start()
    server = uvicorn.Server(server_config(create_app(settings, authority), settings.host, settings.port, settings.tls))
    mqtt = settings.mqtt()
    rounds = Rounds(authority, MqttTransport(mqtt) if mqtt else None, settings.hours_ahead)
    rounds.start()
    try:
        server.run()
    finally:
        rounds.stop()
    return None


def add_person(options: argparse.Namespace) -> Answer:
    from central.signers import fingerprint, read_signer

    public = read_signer(options.key)
    _, authority = _opened(options)
    authority.registry.put_person(options.name, frozenset(options.role), public)
    return {"person": options.name, "roles": sorted(set(options.role)), "fingerprint": fingerprint(public)}


def drop_person(options: argparse.Namespace) -> Answer:
    _, authority = _opened(options)
    authority.registry.drop_person(options.name)
    return {"person": options.name, "signs": "nothing more"}


def add_node(options: argparse.Namespace) -> Answer:
    from shared.keys import read_public

    _, authority = _opened(options)
    authority.registry.put_node(options.name, options.cell, read_public(options.key))
    return {"node": options.name, "cell": options.cell}


def import_fleet(options: argparse.Namespace) -> Answer:
    from central.nodes.fleet_file import read_fleet

    fleet = read_fleet(options.file)
    _, authority = _opened(options)
    return authority.registry.take_over(fleet)


def list_known(options: argparse.Namespace) -> Answer:
    _, authority = _opened(options)
    people = [
        {"kind": "person", "name": name, "is": sorted(p.roles)} for name, p in authority.registry.people().items()
    ]
    nodes = [{"kind": "node", "name": node.node, "is": [node.cell]} for node in authority.registry.nodes()]
    return [*people, *nodes]


def withdraw(options: argparse.Namespace) -> Answer:
    _, authority = _opened(options)
    authority.withdraw(options.case)
    return {"case": options.case, "released": "never again"}


def destroy(options: argparse.Namespace) -> Answer:
    from central.authority.statements import statement_to_map

    _, authority = _opened(options)
    return statement_to_map(authority.destroy(options.day))


def _opened(options: argparse.Namespace) -> tuple[AuthoritySettings, Authority]:
    from central.authority.opening import make_authority
    from central.authority.settings import AuthoritySettings

    settings = AuthoritySettings.load(options.env_file)
    return settings, make_authority(settings)
