"""The broker's configuration: mutual TLS, the certificate's name as user name, one ACL paragraph per node.

The ACL is written from patterns, so a new node needs no new configuration: %u is the name in its certificate. That name
is also the client's identifier: whoever connects in a name ends the older connection of that name, and no other's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from provisioning.authority import CertificateAuthority, new_request
from provisioning.commands import reload_broker, running_broker
from provisioning.files import make_folder, write_private, write_whole
from provisioning.services import certificate_fits
from shared import topics
from shared.errors import BadInput
from shared.ids import check_id

MAX_PACKET_BYTES = 512 * 1024
CENTRE = "svc-centre"


@dataclass(frozen=True, slots=True)
class BrokerSite:
    """Where one broker runs and what it trusts."""

    folder: Path
    port: int
    hosts: tuple[str, ...]
    authorities: tuple[str, ...]

    @property
    def configuration(self) -> Path:
        return self.folder / "mosquitto.conf"

    @property
    def pid_file(self) -> Path:
        return self.folder / "mosquitto.pid"


def write_broker(site: BrokerSite, nodes: CertificateAuthority, services: CertificateAuthority) -> Path:
    """Write certificate, trust, fresh revocation lists, ACL and configuration; again is harmless.

    A broker that runs from this folder reads them at once. Returns the configuration's path.
    """
    for name in site.authorities:
        check_id(name, "authority")
    make_folder(site.folder / "data")
    certificate, key = site.folder / "broker.crt", site.folder / "broker.key"
    if not certificate_fits(certificate, key, "broker", site.hosts):
        private, request = new_request("broker")
        issued = services.issue(request, "broker", hosts=site.hosts)
        write_private(key, private)
        write_whole(certificate, issued)
    trust = [authority.certificate_path.read_bytes() for authority in (nodes, services)]
    write_whole(site.folder / "trust.crt", b"".join(trust))
    write_whole(site.folder / "acl", acl(site.authorities).encode())
    write_whole(site.configuration, _configuration(site).encode())
    options = {"port": site.port, "hosts": site.hosts, "authorities": site.authorities}
    write_whole(site.folder / "site.json", json.dumps(options).encode())
    renew_lists(site, nodes, services)
    return site.configuration


def renew_lists(site: BrokerSite, nodes: CertificateAuthority, services: CertificateAuthority) -> bool:
    """Sign both revocation lists anew and hand them to the broker; True when it runs here and was told."""
    for authority in (nodes, services):
        authority.write_crl()
    write_whole(site.folder / "crl.pem", nodes.crl_path.read_bytes() + services.crl_path.read_bytes())
    process_id = running_broker(site.pid_file)
    if process_id:
        reload_broker(process_id)
    return bool(process_id)


def read_site(folder: Path) -> BrokerSite | None:
    """The broker that write_broker wrote into this folder, or none. Raises BadInput."""
    path = folder / "site.json"
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_bytes())
        return BrokerSite(folder, int(value["port"]), tuple(value["hosts"]), tuple(value["authorities"]))
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"cannot read {path}", hint="run again: cairn-provision broker write") from None


def acl(authorities: tuple[str, ...]) -> str:
    """Who may read and write what; everything else is refused."""
    root = topics.ROOT
    lines = [
        f"user {CENTRE}",
        f"topic read {topics.EVERY_BATCH}",
        f"topic read {topics.EVERY_HEALTH}",
        f"topic write {root}/+/acks",
    ]
    for authority in authorities:
        lines += ["", f"user svc-authority-{authority}", f"topic write {root}/+/grants/{authority}"]
    lines += [
        "",
        "# every node, held to its own name",
        f"pattern write {root}/%u/batches",
        f"pattern write {root}/%u/health",
        f"pattern read {root}/%u/acks",
        f"pattern read {root}/%u/grants/+",
    ]
    return "\n".join(lines) + "\n"


def _configuration(site: BrokerSite) -> str:
    folder = site.folder.resolve()
    host = "127.0.0.1" if site.hosts == ("127.0.0.1",) else "0.0.0.0"  # noqa: S104  a broker serves its network
    return "\n".join([
        "# written by cairn-provision broker write; changes here are lost",
        "per_listener_settings false",
        "allow_anonymous false",
        f"acl_file {folder / 'acl'}",
        f"listener {site.port} {host}",
        f"cafile {folder / 'trust.crt'}",
        f"certfile {folder / 'broker.crt'}",
        f"keyfile {folder / 'broker.key'}",
        f"crlfile {folder / 'crl.pem'}",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "tls_version tlsv1.3",
        f"max_packet_size {MAX_PACKET_BYTES}",
        "max_inflight_messages 200",
        "max_queued_messages 20000",
        "persistence true",
        f"persistence_location {folder / 'data'}/",
        f"pid_file {folder / 'mosquitto.pid'}",
        "autosave_interval 30",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "",
    ])  # fmt: skip
