"""cairn-provision: certificates, inventory, enrolment, broker configuration."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from shared.clock import SystemClock
from shared.errors import BadInput, CairnError

EXAMPLES = """examples:
  cairn-provision ca init
  cairn-provision inventory import cameras.csv
  cairn-provision node add box-17 --cell cell-0003          prints a one-time claim
  cairn-provision enrol prepare --node box-17 --token … --keys /etc/cairn/keys > claim.json      on the box
  cairn-provision enrol accept claim.json > answer.json                                           in the workshop
  cairn-provision enrol finish answer.json --keys /etc/cairn/keys                                 on the box
  cairn-provision service add svc-centre
  cairn-provision broker write --host broker.city.example --authority north --authority south
  cairn-provision fleet export fleet.json                   for the centre and both authorities
  cairn-provision revoke box-17
"""
Answer = dict[str, object]


def main(arguments: list[str] | None = None) -> None:
    """Run one command; 0 when done, 2 when refused, with the reason and what to do next."""
    options = _parser().parse_args(arguments)
    try:
        answer: Answer = options.run(options)
    except CairnError as error:
        print(f"✗ {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("✗ stopped; nothing half-written is left", file=sys.stderr)
        raise SystemExit(130) from None
    if options.json:
        print(json.dumps(answer))
    else:
        print("\n".join(f"{name}: {value}" for name, value in answer.items()))


def ca_init(options: argparse.Namespace) -> Answer:
    nodes, services = _authorities(options.home)
    made = [nodes.create("Cairn nodes"), services.create("Cairn services")]
    return {"folder": str(options.home / "ca"), "created": sum(made)}


def inventory_import(options: argparse.Namespace) -> Answer:
    from provisioning.inventory import import_inventory, read_inventory
    from provisioning.registry import open_registry

    rows = read_inventory(options.csv)
    with open_registry(options.home / "registry.db") as registry:
        return dict(import_inventory(registry, rows))


def inventory_list(options: argparse.Namespace) -> Answer:
    return _table(options, "SELECT camera, latitude, longitude, indoor, cell FROM cameras ORDER BY camera")


def node_list(options: argparse.Namespace) -> Answer:
    return _table(options, "SELECT node, cell, enrolled_at, revoked_at FROM nodes ORDER BY node")


def node_add(options: argparse.Namespace) -> Answer:
    from provisioning.enrol import CLAIM_LIFE, add_node
    from provisioning.registry import open_registry

    now = SystemClock().now()
    with open_registry(options.home / "registry.db") as registry:
        token = add_node(registry, options.node, options.cell, now)
    return {"node": options.node, "token": token, "expires": (now + CLAIM_LIFE).isoformat()}


def enrol_prepare(options: argparse.Namespace) -> Answer:
    from provisioning.enrol import claim_to_json, make_claim

    options.json = True
    answer: Answer = json.loads(claim_to_json(make_claim(options.keys, options.node, options.token)))
    return answer


def enrol_accept(options: argparse.Namespace) -> Answer:
    from provisioning.enrol import accept_claim, claim_from_json
    from provisioning.registry import open_registry

    nodes, services = _authorities(options.home)
    claim = claim_from_json(_text(options.claim))
    with open_registry(options.home / "registry.db") as registry:
        certificate = accept_claim(registry, nodes, claim, SystemClock().now())
    options.json = True
    trust = services.certificate_path.read_text()
    return {"node": claim.node, "certificate": certificate.decode(), "broker_ca": trust}


def enrol_finish(options: argparse.Namespace) -> Answer:
    from provisioning.enrol import keep_certificate
    from shared.ids import check_id

    try:
        answer = json.loads(_text(options.answer))
        node, certificate, trust = answer["node"], answer["certificate"], answer["broker_ca"]
    except (ValueError, KeyError, TypeError):
        raise BadInput("this is not an answer", hint="bring the file that enrol accept wrote") from None
    keep_certificate(options.keys, check_id(node, "node"), certificate.encode(), trust.encode())
    return {"node": node, "keys": str(options.keys)}


def revoke(options: argparse.Namespace) -> Answer:
    from provisioning.enrol import revoke_node
    from provisioning.registry import open_registry

    nodes, _ = _authorities(options.home)
    with open_registry(options.home / "registry.db") as registry:
        revoke_node(registry, nodes, options.node, SystemClock().now())
    return {"node": options.node, "revoked": True, "next": "cairn-provision broker write, then restart the broker"}


def service_add(options: argparse.Namespace) -> Answer:
    from provisioning.services import add_service

    _, services = _authorities(options.home)
    folder = add_service(options.home / "services", services, options.name, tuple(options.host))
    return {"service": options.name, "keys": str(folder)}


def fleet_export(options: argparse.Namespace) -> Answer:
    from provisioning.authority import write_whole
    from provisioning.fleet import fleet_of
    from provisioning.registry import open_registry
    from shared.fleet import fleet_to_json

    with open_registry(options.home / "registry.db") as registry:
        fleet = fleet_of(registry)
    write_whole(options.file, fleet_to_json(fleet).encode())
    revoked = sum(node.revoked for node in fleet.nodes)
    return {"file": str(options.file), "nodes": len(fleet.nodes), "revoked": revoked, "cameras": len(fleet.cameras)}


def broker_write(options: argparse.Namespace) -> Answer:
    from provisioning.broker import BrokerSite, write_broker

    site = BrokerSite(options.home / "broker", options.port, tuple(options.host), tuple(options.authority))
    return {"configuration": str(write_broker(site, *_authorities(options.home)))}


def _authorities(home: Path):  # type: ignore[no-untyped-def]  # imported late, so that --help is quick
    from provisioning.authority import CertificateAuthority

    return CertificateAuthority(home / "ca" / "nodes"), CertificateAuthority(home / "ca" / "services")


def _table(options: argparse.Namespace, query: str) -> Answer:
    from provisioning.registry import open_registry

    with open_registry(options.home / "registry.db") as registry:
        rows = [dict(row) for row in registry.execute(query)]
    if options.json:
        return {"rows": rows}
    return {f"{number}": ", ".join(f"{v}" for v in row.values()) for number, row in enumerate(rows, 1)}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"cannot read {path}", hint="check the path") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cairn-provision",
        description="Certificates, inventory and enrolment of Cairn's boxes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", type=Path, default=Path("provision"), help="where the workshop keeps its files")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    groups = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        into: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Callable[..., Answer], help_: str
    ) -> argparse.ArgumentParser:
        made = into.add_parser(name, help=help_)
        made.set_defaults(run=run)
        return made

    def group(name: str, help_: str) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        return groups.add_parser(name, help=help_).add_subparsers(required=True, metavar="ACTION")

    command(group("ca", "the certificate authorities"), "init", ca_init, "make both authorities, unless they exist")
    inventory = group("inventory", "the city's cameras")
    command(inventory, "import", inventory_import, "read a CSV; all of it or nothing").add_argument("csv", type=Path)
    command(inventory, "list", inventory_list, "show the cameras")
    nodes = group("node", "the boxes")
    add = command(nodes, "add", node_add, "enter a box and print its one-time claim")
    add.add_argument("node")
    add.add_argument("--cell", required=True)
    command(nodes, "list", node_list, "show the boxes")
    enrol = group("enrol", "bring a box in")
    prepare = command(enrol, "prepare", enrol_prepare, "on the box: make its keys and the claim")
    prepare.add_argument("--node", required=True)
    prepare.add_argument("--token", required=True)
    prepare.add_argument("--keys", type=Path, required=True)
    command(enrol, "accept", enrol_accept, "in the workshop: check the claim, issue").add_argument("claim", type=Path)
    finish = command(enrol, "finish", enrol_finish, "on the box: keep the certificate")
    finish.add_argument("answer", type=Path)
    finish.add_argument("--keys", type=Path, required=True)
    command(groups, "revoke", revoke, "revoke a box").add_argument("node")
    service = command(group("service", "the centre's programs"), "add", service_add, "issue a service's certificate")
    service.add_argument("name")
    service.add_argument("--host", action="append", default=[], help="a name it serves under; again for more")
    export = command(
        group("fleet", "boxes and cameras, for the offices"), "export", fleet_export, "write the fleet file"
    )
    export.add_argument("file", type=Path)
    broker = command(group("broker", "the message broker"), "write", broker_write, "write mosquitto's configuration")
    broker.add_argument("--host", action="append", required=True, help="a name or address of the broker")
    broker.add_argument("--port", type=int, default=8883)
    broker.add_argument("--authority", action="append", required=True, help="an authority's name; again for each")
    return parser


if __name__ == "__main__":
    main()
