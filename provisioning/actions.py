"""What each of the workshop's commands does; the answers are plain values, printed by __main__."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from provisioning.authority import RENEW_BEFORE, CertificateAuthority
from provisioning.broker import BrokerSite, read_site, renew_lists, write_broker
from provisioning.enrol import (
    CLAIM_LIFE,
    accept_claim,
    add_node,
    claim_from_json,
    claim_to_json,
    keep_certificate,
    make_claim,
    revoke_node,
)
from provisioning.eviction import Broker, evict, make_canary
from provisioning.files import write_whole
from provisioning.fleet import fleet_of
from provisioning.inventory import import_inventory, read_inventory
from provisioning.registry import open_registry
from provisioning.services import add_service
from shared.errors import BadInput
from shared.fleet import fleet_to_json
from shared.ids import check_id

Answer = dict[str, object]


def ca_init(options: argparse.Namespace) -> Answer:
    nodes, services = authorities(options.home)
    made = [nodes.create("Cairn nodes"), services.create("Cairn services")]
    return {"folder": str(options.home / "ca"), "created": sum(made)}


def ca_renew_crl(options: argparse.Namespace) -> Answer:
    nodes, services = authorities(options.home)
    site = read_site(options.home / "broker")
    if site is None:
        until = min(nodes.write_crl(), services.write_crl())
        return {"valid_until": until.isoformat(), "broker": "none was written here"}
    told = renew_lists(site, nodes, services)
    broker = "reads it" if told else f"does not run here: copy {site.folder / 'crl.pem'} to it and reload it"
    return {"valid_until": min(nodes.crl_until(), services.crl_until()).isoformat(), "broker": broker}


def inventory_import(options: argparse.Namespace) -> Answer:
    rows = read_inventory(options.csv)
    with open_registry(options.home / "registry.db") as registry:
        return dict(import_inventory(registry, rows))


def inventory_list(options: argparse.Namespace) -> Answer:
    return _table(options, "SELECT camera, latitude, longitude, indoor, cell FROM cameras ORDER BY camera")


def node_list(options: argparse.Namespace) -> Answer:
    return _table(options, "SELECT node, cell, enrolled_at, revoked_at FROM nodes ORDER BY node")


def node_add(options: argparse.Namespace) -> Answer:
    now = datetime.now(UTC)
    with open_registry(options.home / "registry.db") as registry:
        token = add_node(registry, options.node, options.cell, now)
    return {"node": options.node, "token": token, "expires": (now + CLAIM_LIFE).isoformat()}


def enrol_prepare(options: argparse.Namespace) -> Answer:
    options.json = True
    claim: Answer = json.loads(claim_to_json(make_claim(options.keys, options.node, options.token)))
    return claim


def enrol_accept(options: argparse.Namespace) -> Answer:
    nodes, services = authorities(options.home)
    claim = claim_from_json(_text(options.claim))
    with open_registry(options.home / "registry.db") as registry:
        certificate = accept_claim(registry, nodes, claim, datetime.now(UTC))
    options.json = True
    trust = services.certificate_path.read_text()
    return {"node": claim.node, "certificate": certificate.decode(), "broker_ca": trust}


def enrol_finish(options: argparse.Namespace) -> Answer:
    try:
        answer = json.loads(_text(options.answer))
        node, certificate, trust = answer["node"], answer["certificate"].encode(), answer["broker_ca"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput("this is not an answer", hint="bring the file that enrol accept wrote") from None
    keep_certificate(options.keys, check_id(node, "node"), certificate, trust)
    return {"node": node, "keys": str(options.keys)}


def revoke(options: argparse.Namespace) -> Answer:
    """Revoke, and where the broker runs from this workshop's folder make it take effect at once."""
    nodes, services = authorities(options.home)
    with open_registry(options.home / "registry.db") as registry:
        revoke_node(registry, nodes, options.node, datetime.now(UTC))
    make_canary(options.home / "canaries", nodes, options.node)
    answer: Answer = {"node": options.node, "revoked": True}
    site = read_site(options.home / "broker")
    if site and renew_lists(site, nodes, services):
        return answer | {"evicted_after_s": _evict(options, nodes, services, site)}
    hint = f"copy broker/crl.pem to the broker, reload it, then: cairn-provision broker evict {options.node}"
    return answer | {"evicted_after_s": None, "next": hint if site else "no broker was written here: done"}


def service_add(options: argparse.Namespace) -> Answer:
    _, services = authorities(options.home)
    folder = add_service(options.home / "services", services, options.name, tuple(options.host))
    return {"service": options.name, "keys": str(folder)}


def fleet_export(options: argparse.Namespace) -> Answer:
    with open_registry(options.home / "registry.db") as registry:
        fleet = fleet_of(registry)
    write_whole(options.file, fleet_to_json(fleet).encode())
    revoked = sum(node.revoked for node in fleet.nodes)
    return {"file": str(options.file), "nodes": len(fleet.nodes), "revoked": revoked, "cameras": len(fleet.cameras)}


def broker_write(options: argparse.Namespace) -> Answer:
    site = BrokerSite(options.home / "broker", options.port, tuple(options.host), tuple(options.authority))
    return {"configuration": str(write_broker(site, *authorities(options.home)))}


def broker_evict(options: argparse.Namespace) -> Answer:
    nodes, services = authorities(options.home)
    site = read_site(options.home / "broker")
    if site is None:
        raise BadInput("no broker was written here", hint="run first: cairn-provision broker write")
    if not (options.home / "canaries" / check_id(options.node, "node")).is_dir():
        raise BadInput(f"{options.node} was not revoked", hint=f"run first: cairn-provision revoke {options.node}")
    return {"node": options.node, "evicted_after_s": _evict(options, nodes, services, site)}


def authorities(home: Path) -> tuple[CertificateAuthority, CertificateAuthority]:
    """The authority of the nodes and that of the services."""
    return CertificateAuthority(home / "ca" / "nodes"), CertificateAuthority(home / "ca" / "services")


def warnings(home: Path) -> list[str]:
    """What somebody should do soon, in words: revocation lists that end within a month."""
    found = []
    for authority in authorities(home):
        if authority.crl_path.exists() and authority.crl_until() - datetime.now(UTC) < RENEW_BEFORE:
            until = f"{authority.crl_until():%Y-%m-%d}"
            found.append(f"the list {authority.crl_path} ends on {until}, and then the broker lets nobody in")
    return found


def _evict(
    options: argparse.Namespace, nodes: CertificateAuthority, services: CertificateAuthority, site: BrokerSite
) -> float:
    broker = Broker(site.hosts[0], site.port, services.certificate_path)
    return round(evict(options.home / "canaries", nodes, options.node, broker), 2)


def _table(options: argparse.Namespace, query: str) -> Answer:
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
