"""cairn-provision: certificates, inventory, enrolment, broker configuration."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from provisioning import actions
from provisioning.actions import Answer
from shared.errors import CairnError

EXAMPLES = """examples:
  cairn-provision ca init
  cairn-provision ca renew-crl                              once a month; each command warns when it is time
  cairn-provision inventory import cameras.csv
  cairn-provision inventory list
  cairn-provision node add box-17 --cell cell-0003          prints a one-time claim
  cairn-provision node list --json
  cairn-provision enrol prepare --node box-17 --token … --keys /etc/cairn/keys > claim.json      on the box
  cairn-provision enrol accept claim.json > answer.json                                           in the workshop
  cairn-provision enrol finish answer.json --keys /etc/cairn/keys                                 on the box
  cairn-provision service add svc-centre --host centre.city.example
  cairn-provision broker write --host broker.city.example --authority north --authority south
  cairn-provision fleet export fleet.json                   for the centre and both authorities
  cairn-provision revoke box-17                             where the broker runs here, live connections end at once
  cairn-provision broker evict box-17                       the same, for a broker on another machine
"""
_Groups = argparse._SubParsersAction  # argparse has no public name for it


def main(arguments: list[str] | None = None) -> None:
    """Run one command; 0 when done, 2 when refused, with the reason and what to do next; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    try:
        answer: Answer = options.run(options)
        soon = actions.warnings(options.home)
    except CairnError as error:
        print(f"✗ {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("✗ stopped; nothing half-written is left", file=sys.stderr)
        raise SystemExit(130) from None
    for warning in soon:
        print(f"! {warning}\n  run: cairn-provision ca renew-crl", file=sys.stderr)
    if options.json:
        print(json.dumps(answer))
    else:
        print("\n".join(f"{name}: {value}" for name, value in answer.items()))


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
    _add_authority(groups)
    _add_inventory(groups)
    _add_nodes(groups)
    _add_enrolment(groups)
    _add_centre(groups)
    return parser


def _command(
    into: _Groups[argparse.ArgumentParser], path: str, run: Callable[[argparse.Namespace], Answer], help_: str
) -> argparse.ArgumentParser:
    example = next(line.strip() for line in EXAMPLES.splitlines() if f"cairn-provision {path}" in line)
    made = into.add_parser(path.rsplit(maxsplit=1)[-1], help=help_, description=help_, epilog=f"example: {example}")
    made.set_defaults(run=run)
    made.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer in JSON")
    return made


def _group(groups: _Groups[argparse.ArgumentParser], name: str, help_: str) -> _Groups[argparse.ArgumentParser]:
    return groups.add_parser(name, help=help_, description=help_).add_subparsers(required=True, metavar="ACTION")


def _add_authority(groups: _Groups[argparse.ArgumentParser]) -> None:
    authority = _group(groups, "ca", "the certificate authorities")
    _command(authority, "ca init", actions.ca_init, "make both authorities, unless they exist")
    _command(authority, "ca renew-crl", actions.ca_renew_crl, "sign the revocation lists anew, before they end")


def _add_inventory(groups: _Groups[argparse.ArgumentParser]) -> None:
    inventory = _group(groups, "inventory", "the city's cameras")
    read = _command(inventory, "inventory import", actions.inventory_import, "read a CSV; all of it or nothing")
    read.add_argument("csv", type=Path)
    _command(inventory, "inventory list", actions.inventory_list, "show the cameras")
    fleet = _group(groups, "fleet", "boxes and cameras, for the offices")
    export = _command(fleet, "fleet export", actions.fleet_export, "write the fleet file")
    export.add_argument("file", type=Path)


def _add_nodes(groups: _Groups[argparse.ArgumentParser]) -> None:
    nodes = _group(groups, "node", "the boxes")
    add = _command(nodes, "node add", actions.node_add, "enter a box and print its one-time claim")
    add.add_argument("node")
    add.add_argument("--cell", required=True)
    _command(nodes, "node list", actions.node_list, "show the boxes")
    _command(groups, "revoke", actions.revoke, "revoke a box, live connections included").add_argument("node")


def _add_enrolment(groups: _Groups[argparse.ArgumentParser]) -> None:
    enrol = _group(groups, "enrol", "bring a box in")
    prepare = _command(enrol, "enrol prepare", actions.enrol_prepare, "on the box: make its keys and the claim")
    prepare.add_argument("--node", required=True)
    prepare.add_argument("--token", required=True)
    prepare.add_argument("--keys", type=Path, required=True)
    accept = _command(enrol, "enrol accept", actions.enrol_accept, "in the workshop: check the claim, issue")
    accept.add_argument("claim", type=Path)
    finish = _command(enrol, "enrol finish", actions.enrol_finish, "on the box: keep the certificate")
    finish.add_argument("answer", type=Path)
    finish.add_argument("--keys", type=Path, required=True)


def _add_centre(groups: _Groups[argparse.ArgumentParser]) -> None:
    service = _command(
        _group(groups, "service", "the centre's programs"), "service add", actions.service_add, "issue keys"
    )
    service.add_argument("name")
    service.add_argument("--host", action="append", default=[], help="a name it serves under; again for more")
    broker = _group(groups, "broker", "the message broker")
    write = _command(
        broker, "broker write", actions.broker_write, "write mosquitto's configuration; a running one reads it"
    )
    write.add_argument(
        "--host", action="append", required=True, help="its name or address; the first is used from here"
    )
    write.add_argument("--port", type=int, default=8883, help="where it listens; 8883 unless given")
    write.add_argument("--authority", action="append", required=True, help="an authority's name; again for each")
    evict = _command(broker, "broker evict", actions.broker_evict, "end a revoked box's connection, and prove it")
    evict.add_argument("node")


if __name__ == "__main__":
    main()
