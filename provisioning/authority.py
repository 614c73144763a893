"""The certificate authority, and the only X.509 code: one authority for nodes, another for services.

A node certificate is worth nothing to the authorities and the probe service: they trust the services alone.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioning.files import make_folder, write_private, write_whole
from shared.errors import BadInput
from shared.ids import check_id

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)
CRL_LIFE = timedelta(days=365)  # a broker locks everyone out when its list expires, so every command warns before
RENEW_BEFORE = timedelta(days=30)
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
            if not self.crl_path.exists():  # stopped between the two
                self.write_crl()
            return False
        make_folder(self.folder)
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

    def write_crl(self) -> datetime:
        """Sign the revocation list anew; returns until when it is valid.

        Each list is at least a second later than the one before: of two lists of one second, OpenSSL keeps the first.
        """
        key, ca = self._load()
        start = datetime.now(UTC) - BACKDATE
        if self.crl_path.exists() and (last := self._crl().last_update_utc):
            start = max(start, last + timedelta(seconds=1))
        until = datetime.now(UTC) + CRL_LIFE
        builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
        builder = builder.last_update(start).next_update(until)
        for serial, at in self._revoked().items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        write_whole(self.crl_path, builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
        return until

    def crl_until(self) -> datetime:
        """When the revocation list expires: from then on a broker that checks it lets nobody in."""
        return self._crl().next_update_utc or datetime.max.replace(tzinfo=UTC)

    def _crl(self) -> x509.CertificateRevocationList:
        try:
            return x509.load_pem_x509_crl(self.crl_path.read_bytes())
        except (OSError, ValueError):
            raise BadInput(f"cannot read {self.crl_path}", hint="run: cairn-provision ca init") from None

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


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says: whose it is, under which names it serves, until when."""

    name: str
    hosts: frozenset[str]
    until: datetime


def read_certificate(pem: bytes) -> CertificateFacts:
    """Raises BadInput."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound):
        raise BadInput("this is not a certificate of ours", hint="issue it again") from None
    return CertificateFacts(str(name), frozenset(str(one.value) for one in names), certificate.not_valid_after_utc)


def belongs_together(certificate_pem: bytes, private_key_pem: bytes) -> bool:
    """Whether a certificate was issued for this private key. Raises BadInput for what is neither."""
    try:
        public = x509.load_pem_x509_certificate(certificate_pem).public_key()
        private = load_pem_private_key(private_key_pem, None)
    except (ValueError, TypeError):
        raise BadInput("a certificate or a key cannot be read", hint="bring them again") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return public.public_bytes(*form) == private.public_key().public_bytes(*form)


def new_request(name: str) -> tuple[bytes, bytes]:
    """(private key PEM, signing request PEM), made where the key will live."""
    key = generate_private_key(SECP256R1())
    return key_pem(key), _sign_request(key, name)


def request_again(private_key_pem: bytes, name: str) -> bytes:
    """A signing request in PEM for a key that exists. Raises BadInput for any other kind of key."""
    try:
        key = load_pem_private_key(private_key_pem, None)
    except (ValueError, TypeError):
        raise BadInput("a private key cannot be read", hint="move the folder away and begin again") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise BadInput("a private key is of another kind", hint="move the folder away and begin again")
    return _sign_request(key, name)


def key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _sign_request(key: EllipticCurvePrivateKey, name: str) -> bytes:
    csr = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(key, SHA256())
    return csr.public_bytes(Encoding.PEM)


def _read_request(csr_pem: bytes) -> x509.CertificateSigningRequest:
    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        key = csr.public_key()
        # One kind of key: a request with a short RSA key must not weaken a certificate of ours.
        if not csr.is_signature_valid or not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise ValueError
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        hint = "make it with cairn-provision enrol prepare"
        raise BadInput("this is not a valid signing request for a P-256 key", hint=hint) from None
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
