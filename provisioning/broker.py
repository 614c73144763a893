"""The broker's configuration: mutual TLS, the certificate's name as user name, one ACL paragraph per node.

The ACL is written from patterns, so a new node needs no new configuration: %u is the name in its certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provisioning.authority import CertificateAuthority, new_request, write_private, write_whole
from shared import topics

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


def write_broker(site: BrokerSite, nodes: CertificateAuthority, services: CertificateAuthority) -> Path:
    """Write certificate, trust, revocation list, ACL and configuration; again is harmless."""
    (site.folder / "data").mkdir(parents=True, exist_ok=True)
    if not (site.folder / "broker.crt").exists():
        key, request = new_request("broker")
        write_private(site.folder / "broker.key", key)
        write_whole(site.folder / "broker.crt", services.issue(request, "broker", hosts=site.hosts))
    for name, part in (("trust.crt", "certificate_path"), ("crl.pem", "crl_path")):
        both = b"".join(getattr(authority, part).read_bytes() for authority in (nodes, services))
        write_whole(site.folder / name, both)
    write_whole(site.folder / "acl", acl(site.authorities).encode())
    write_whole(site.configuration, _configuration(site).encode())
    return site.configuration


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
        "tls_version tlsv1.3",
        f"max_packet_size {MAX_PACKET_BYTES}",
        "max_inflight_messages 200",
        "max_queued_messages 20000",
        "persistence true",
        f"persistence_location {folder / 'data'}/",
        "autosave_interval 30",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "",
    ])  # fmt: skip
