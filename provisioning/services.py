"""Certificates of the centre's own programs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from provisioning.authority import (
    RENEW_BEFORE,
    CertificateAuthority,
    belongs_together,
    new_request,
    read_certificate,
)
from provisioning.files import make_folder, write_private, write_whole
from shared.errors import BadInput
from shared.ids import check_id


def add_service(home: Path, services: CertificateAuthority, name: str, hosts: tuple[str, ...] = ()) -> Path:
    """A folder with tls.key, tls.crt and ca.crt for one service. Returns the folder.

    What is there is kept, unless it serves under other names than `hosts` or ends within a month.
    """
    if not check_id(name, "service").startswith("svc-"):
        raise BadInput(f"{name} is not a service's name", hint="begin it with svc-, so that no node can bear it")
    folder = home / name
    make_folder(folder)
    if not certificate_fits(folder / "tls.crt", folder / "tls.key", name, hosts):
        key, request = new_request(name)
        certificate = services.issue(request, name, hosts=hosts)
        write_private(folder / "tls.key", key)
        write_whole(folder / "ca.crt", services.certificate_path.read_bytes())
        write_whole(folder / "tls.crt", certificate)
    return folder


def certificate_fits(certificate: Path, key: Path, name: str, hosts: tuple[str, ...]) -> bool:
    """Whether a certificate is there, with its key, that serves under all of `hosts` for a month to come."""
    if not certificate.exists() or not key.exists():
        return False
    pem = certificate.read_bytes()
    facts = read_certificate(pem)
    lasts = facts.until - datetime.now(UTC) > RENEW_BEFORE
    return lasts and facts.name == name and set(hosts) <= facts.hosts and belongs_together(pem, key.read_bytes())
