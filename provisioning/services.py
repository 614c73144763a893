"""Certificates of the centre's own programs."""

from __future__ import annotations

from pathlib import Path

from provisioning.authority import CertificateAuthority, new_request, write_private, write_whole
from shared.errors import BadInput
from shared.ids import check_id


def add_service(home: Path, services: CertificateAuthority, name: str, hosts: tuple[str, ...] = ()) -> Path:
    """Make a folder with tls.key, tls.crt and ca.crt for one service, unless it exists. Returns the folder."""
    if not check_id(name, "service").startswith("svc-"):
        raise BadInput(f"{name} is not a service's name", hint="begin it with svc-, so that no node can bear it")
    folder = home / name
    if not (folder / "tls.crt").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key, request = new_request(name)
        write_private(folder / "tls.key", key)
        write_whole(folder / "ca.crt", services.certificate_path.read_bytes())
        write_whole(folder / "tls.crt", services.issue(request, name, hosts=hosts))
    return folder
