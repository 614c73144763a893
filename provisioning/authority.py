"""The certificate authority, and the only X.509 code: one authority for nodes, another for services.

A node certificate is worth nothing to the authorities and the probe service: they trust the services alone.
"""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import BadInput
from shared.ids import check_id

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)
CRL_LIFE = timedelta(days=365)  # mosquitto locks everyone out when its list expires, so it is written again long before
BACKDATE = timedelta(minutes=10)  # a box may start with a clock that is a little behind


class CertificateAuthority:
    """One authority in one folder: ca.key (0600), ca.crt, crl.pem, revoked.txt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def certificate_path(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def crl_path(self) -> Path:
        return self.folder / "crl.pem"

    def create(self, name: str) -> bool:
        """Make the authority unless it exists; True when it was made."""
        if self.certificate_path.exists():
            return False
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = generate_private_key(SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, CA_LIFE).public_key(key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(ca=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        write_private(self.folder / "ca.key", key_pem(key))
        write_whole(self.certificate_path, builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
        self.write_crl()
        return True

    def issue(
        self, csr_pem: bytes, common_name: str, *, hosts: tuple[str, ...] = (), life: timedelta = LEAF_LIFE
    ) -> bytes:
        """A certificate in PEM for the key of a signing request; the name is ours to say, never the request's."""
        csr = _read_request(csr_pem)
        key, ca = self._load()
        builder = _builder(_name(check_id(common_name, "name")), ca.subject, life).public_key(csr.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(ca=False), critical=True)
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(_hosts(hosts, common_name)), critical=False)
        return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)

    def revoke(self, certificate_pem: bytes) -> None:
        """Put a certificate on the revocation list; again is harmless. Brokers read the list on SIGHUP."""
        serial = x509.load_pem_x509_certificate(certificate_pem).serial_number
        known = self._revoked()
        if serial not in known:
            lines = [f"{number:x} {at.isoformat()}\n" for number, at in {**known, serial: datetime.now(UTC)}.items()]
            write_whole(self.folder / "revoked.txt", "".join(lines).encode())
        self.write_crl()

    def write_crl(self) -> None:
        """Sign the revocation list anew."""
        key, ca = self._load()
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
        builder = builder.last_update(now - BACKDATE).next_update(now + CRL_LIFE)
        for serial, at in self._revoked().items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        write_whole(self.crl_path, builder.sign(key, SHA256()).public_bytes(Encoding.PEM))

    def _revoked(self) -> dict[int, datetime]:
        path = self.folder / "revoked.txt"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return {int(serial, 16): datetime.fromisoformat(at) for serial, at in rows}

    def _load(self) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        try:
            key = load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
            certificate = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())
        except (OSError, ValueError):
            hint = "run: cairn-provision ca init"
            raise BadInput(f"there is no certificate authority in {self.folder}", hint=hint) from None
        if not isinstance(key, EllipticCurvePrivateKey):
            raise BadInput(
                f"the authority in {self.folder} has another kind of key", hint="keep its folder as it was made"
            )
        return key, certificate


def new_request(name: str) -> tuple[bytes, bytes]:
    """(private key PEM, signing request PEM), made where the key will live."""
    key = generate_private_key(SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(key, SHA256())
    return key_pem(key), csr.public_bytes(Encoding.PEM)


def key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner may read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that no reader ever meets half of it."""
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content)
    draft.replace(path)


def _read_request(csr_pem: bytes) -> x509.CertificateSigningRequest:
    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        if not csr.is_signature_valid:
            raise ValueError
    except (ValueError, InvalidSignature):
        raise BadInput("this is not a valid signing request", hint="make it with cairn-provision enrol") from None
    return csr


def _builder(subject: x509.Name, issuer: x509.Name, life: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.serial_number(x509.random_serial_number())
    # A negative life makes a certificate that has expired already, which the tests need.
    return builder.not_valid_before(now - BACKDATE + min(life, timedelta())).not_valid_after(now + life)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _hosts(hosts: tuple[str, ...], common_name: str) -> list[x509.GeneralName]:
    def one(host: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            return x509.DNSName(host)

    return [one(host) for host in (*hosts, common_name)]


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
