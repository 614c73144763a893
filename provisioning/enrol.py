"""Enrolment: a technician adds a node and gets a one-time claim; the node brings it with keys that were born on it."""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from provisioning.authority import (
    CertificateAuthority,
    belongs_together,
    new_request,
    read_certificate,
    request_again,
)
from provisioning.files import make_folder, write_private, write_whole
from shared.errors import BadInput, Refused
from shared.ids import check_id
from shared.keys import read_sealing_key, read_signing_key, sealing_public, signing_public, write_key

CLAIM_LIFE = timedelta(days=2)


class ClaimRefused(Refused):
    """The claim is unknown, used, expired or another node's. The reason is not told apart to whoever presents it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a node presents: its one-time token, a signing request and its two public keys."""

    node: str
    token: str = field(repr=False)
    csr: bytes
    signing_public: bytes
    sealing_public: bytes


def add_node(registry: sqlite3.Connection, node: str, cell: str, now: datetime) -> str:
    """Enter a node, or give one that was revoked or never came a new claim. Returns the one-time token."""
    check_id(cell, "cell")
    if check_id(node, "node").startswith("svc-"):
        raise BadInput(f"{node} is a service's name", hint="a node's name must not begin with svc-")
    _check_cell(registry, cell)
    row = registry.execute("SELECT * FROM nodes WHERE node = ?", (node,)).fetchone()
    if row and row["certificate"] and not row["revoked_at"]:
        raise Refused(f"{node} is enrolled", hint=f"to replace it, first run: cairn-provision revoke {node}")
    token = secrets.token_hex(32)  # letters and digits: one that begins with a dash could not be typed after --token
    registry.execute(
        "INSERT INTO nodes (node, cell, claim, claim_expires) VALUES (?, ?, ?, ?) ON CONFLICT (node) DO UPDATE SET "
        "cell = excluded.cell, claim = excluded.claim, claim_expires = excluded.claim_expires",
        (node, cell, sha256(token.encode()).digest(), (now + CLAIM_LIFE).isoformat()),
    )
    return token


def _check_cell(registry: sqlite3.Connection, cell: str) -> None:
    """Once there is an inventory, a box serves a cell of it: a typing mistake would make all its sightings useless."""
    cells = {row["cell"] for row in registry.execute("SELECT DISTINCT cell FROM cameras")}
    if cells and cell not in cells:
        hint = "list cameras and cells with: cairn-provision inventory list"
        raise BadInput(f"no camera hangs in {cell}", hint=hint)


def accept_claim(registry: sqlite3.Connection, nodes: CertificateAuthority, claim: Claim, now: datetime) -> bytes:
    """The node's certificate in PEM; the claim is used up. Raises ClaimRefused."""
    row = registry.execute("SELECT * FROM nodes WHERE node = ?", (claim.node,)).fetchone()
    expected = bytes(row["claim"]) if row and row["claim"] else bytes(32)
    fits = hmac.compare_digest(sha256(claim.token.encode()).digest(), expected)
    if not fits or now >= datetime.fromisoformat(row["claim_expires"]):
        hint = "ask the workshop for a new claim: cairn-provision node add"
        raise ClaimRefused("this claim is not valid", hint=hint)
    signing_public(claim.signing_public)
    sealing_public(claim.sealing_public)
    certificate = nodes.issue(claim.csr, claim.node)
    registry.execute(
        "UPDATE nodes SET claim = NULL, claim_expires = NULL, certificate = ?, signing_public = ?, sealing_public = ?, "
        "enrolled_at = ?, revoked_at = NULL WHERE node = ?",
        (certificate, claim.signing_public, claim.sealing_public, now.isoformat(), claim.node),
    )
    return certificate


def revoke_node(registry: sqlite3.Connection, nodes: CertificateAuthority, node: str, now: datetime) -> None:
    """Revoke a node's certificate and any open claim; again is harmless."""
    row = registry.execute("SELECT * FROM nodes WHERE node = ?", (check_id(node, "node"),)).fetchone()
    if row is None:
        raise BadInput(f"there is no node {node}", hint="list them with: cairn-provision node list")
    if row["certificate"]:
        nodes.revoke(bytes(row["certificate"]))
    registry.execute(
        "UPDATE nodes SET claim = NULL, revoked_at = coalesce(revoked_at, ?) WHERE node = ?", (now.isoformat(), node)
    )


def make_claim(folder: Path, node: str, token: str) -> Claim:
    """On the node: make its keys in `folder` (0600), as far as they are not there, and the claim to present.

    Until the certificate has come it may be run again, with a new token or after it was stopped half-way.
    """
    check_id(node, "node")
    if (folder / "tls.crt").exists():
        hint = "move the folder away, or enrol into an empty one"
        raise Refused(f"{folder} holds the keys of a node already", hint=hint)
    make_folder(folder)
    tls, signing, sealing = folder / "tls.key", folder / "signing.key", folder / "sealing.key"
    if not tls.exists():
        write_private(tls, new_request(node)[0])
    if not sealing.exists():
        write_key(sealing, X25519PrivateKey.generate())
    if not signing.exists():
        write_key(signing, Ed25519PrivateKey.generate())
    return Claim(
        node,
        token,
        request_again(tls.read_bytes(), node),
        read_signing_key(signing).public_key().public_bytes_raw(),
        read_sealing_key(sealing).public_key().public_bytes_raw(),
    )


def keep_certificate(folder: Path, node: str, certificate: bytes, broker_ca: bytes) -> None:
    """On the node: keep what the workshop answered. Raises BadInput for another key's or another node's answer."""
    try:
        key = (folder / "tls.key").read_bytes()
    except OSError:
        hint = "first run, on this box: cairn-provision enrol prepare"
        raise BadInput(f"{folder} holds no key that waits for a certificate", hint=hint) from None
    if read_certificate(certificate).name != node or not belongs_together(certificate, key):
        hint = "bring the answer to this box's own claim"
        raise BadInput(f"this certificate is not for {node} with the keys in {folder}", hint=hint)
    write_whole(folder / "broker-ca.crt", broker_ca)
    write_whole(folder / "node-id", f"{node}\n".encode())
    write_whole(folder / "tls.crt", certificate)  # last: with it the folder counts as enrolled


def claim_to_json(claim: Claim) -> str:
    values = {"csr": claim.csr, "signing_public": claim.signing_public, "sealing_public": claim.sealing_public}
    encoded = {name: b64encode(value).decode() for name, value in values.items()}
    return json.dumps({"node": claim.node, "token": claim.token, **encoded})


def claim_from_json(text: str) -> Claim:
    """Raises BadInput for anything that claim_to_json did not make."""
    try:
        value = json.loads(text)
        keys = [b64decode(value[name], validate=True) for name in ("csr", "signing_public", "sealing_public")]
        return Claim(check_id(value["node"], "node"), str(value["token"]), *keys)
    except (ValueError, KeyError, TypeError):
        raise BadInput("this is not a claim", hint="bring the file that cairn-provision enrol wrote") from None
