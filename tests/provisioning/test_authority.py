"""The certificate authorities: what they issue, what they refuse, and their revocation lists."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from provisioning.authority import (
    CRL_LIFE,
    CertificateAuthority,
    belongs_together,
    new_request,
    read_certificate,
    request_again,
)
from provisioning.services import add_service
from shared.errors import BadIdentifier, BadInput


@pytest.fixture
def nodes(tmp_path: Path) -> CertificateAuthority:
    made = CertificateAuthority(tmp_path / "ca")
    assert made.create("Cairn nodes")
    return made


def _verdict(authority: CertificateAuthority, certificate: bytes, key: bytes, folder: Path) -> str:
    """What OpenSSL, which is also what the broker asks, says of a client with the list in force: "OK" or why not."""
    trust = authority.certificate_path.read_text()
    box = CertificateAuthority(folder / "servers")
    box.create("servers")
    server_key, request = new_request("server")
    server = _context(ssl.PROTOCOL_TLS_SERVER, folder, box.issue(request, "server", hosts=("server",)), server_key)
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    server.load_verify_locations(cadata=trust)
    server.load_verify_locations(cafile=str(authority.crl_path))
    client = _context(ssl.PROTOCOL_TLS_CLIENT, folder, certificate, key)
    client.load_verify_locations(cafile=str(box.certificate_path))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(back, there, server_hostname="server"), server.wrap_bio(there, back, server_side=True)]
    for _ in range(3):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return "OK"


def _context(kind: int, folder: Path, certificate: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(kind)
    (folder / "a.crt").write_bytes(certificate)
    (folder / "a.key").write_bytes(key)
    context.load_cert_chain(folder / "a.crt", folder / "a.key")
    return context


def test_making_it_again_changes_nothing(nodes: CertificateAuthority) -> None:
    """An authority that exists is kept, its key private to its owner."""
    before = {path.name: path.read_bytes() for path in nodes.folder.iterdir()}
    assert not nodes.create("another name")
    assert {path.name: path.read_bytes() for path in nodes.folder.iterdir()} == before
    assert stat.S_IMODE((nodes.folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(nodes.folder.stat().st_mode) == 0o700


def test_an_authority_that_was_stopped_while_it_was_made_is_made_whole(nodes: CertificateAuthority) -> None:
    """A list that is missing is written, and a certificate that is missing leads to a new authority."""
    nodes.crl_path.unlink()
    assert not nodes.create("Cairn nodes")
    assert nodes.crl_until() > datetime.now(UTC)
    nodes.certificate_path.unlink()
    assert nodes.create("Cairn nodes")
    key, request = new_request("box-1")
    assert belongs_together(nodes.issue(request, "box-1"), key)


def test_a_certificate_says_what_the_authority_decided(nodes: CertificateAuthority, tmp_path: Path) -> None:
    """The name in a request is ignored: a box cannot give itself another's name; OpenSSL accepts the chain."""
    key, request = new_request("box-2")
    certificate = nodes.issue(request, "box-1")
    facts = read_certificate(certificate)
    assert (facts.name, set(facts.hosts)) == ("box-1", {"box-1"})
    assert belongs_together(certificate, key)
    assert _verdict(nodes, certificate, key, tmp_path) == "OK"


@pytest.mark.parametrize("csr", [b"", b"rubbish", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_is_refused(nodes: CertificateAuthority, csr: bytes) -> None:
    """Garbage is a named refusal."""
    with pytest.raises(BadInput, match="signing request"):
        nodes.issue(csr, "box-1")


def test_a_request_that_was_changed_is_refused(nodes: CertificateAuthority) -> None:
    """The request proves that its sender has the key."""
    _, request = new_request("box-1")
    raw = bytearray(x509.load_pem_x509_csr(request).public_bytes(Encoding.DER))
    raw[-1] ^= 1
    from base64 import encodebytes

    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + encodebytes(bytes(raw)) + b"-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(BadInput, match="signing request"):
        nodes.issue(pem, "box-1")


def test_a_weak_key_is_refused(nodes: CertificateAuthority) -> None:
    """A request with a short RSA key gets no certificate."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505  weak is what must be refused
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "box-1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    with pytest.raises(BadInput, match="P-256"):
        nodes.issue(request.public_bytes(Encoding.PEM), "box-1")


def test_a_name_that_breaks_the_rules_is_refused(nodes: CertificateAuthority) -> None:
    """The name in a certificate is safe in topics and paths."""
    with pytest.raises(BadIdentifier):
        nodes.issue(new_request("box-1")[1], "box-1/#")


def test_revoked_certificates_are_refused_and_others_are_not(nodes: CertificateAuthority, tmp_path: Path) -> None:
    """OpenSSL refuses the revoked one with the list; revoking again is harmless."""
    (key_1, request_1), (key_2, request_2) = new_request("box-1"), new_request("box-2")
    one, two = nodes.issue(request_1, "box-1"), nodes.issue(request_2, "box-2")
    nodes.revoke(one)
    nodes.revoke(one)
    assert _verdict(nodes, one, key_1, tmp_path) == "certificate revoked"
    assert _verdict(nodes, two, key_2, tmp_path) == "OK"
    assert len((nodes.folder / "revoked.txt").read_text().splitlines()) == 1


def test_each_list_is_later_than_the_one_before(nodes: CertificateAuthority) -> None:
    """Of two lists of one second OpenSSL keeps the first, so three in a row must differ, and none may be shorter."""
    seen = []
    for _ in range(3):
        assert nodes.write_crl() - datetime.now(UTC) > CRL_LIFE - timedelta(minutes=1)
        seen.append(x509.load_pem_x509_crl(nodes.crl_path.read_bytes()).last_update_utc)
    assert len(set(seen)) == 3
    assert seen == sorted(seen, key=lambda at: at or datetime.min.replace(tzinfo=UTC))


def test_without_an_authority_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    """Nothing is issued from an empty folder."""
    with pytest.raises(BadInput) as caught:
        CertificateAuthority(tmp_path).issue(new_request("box-1")[1], "box-1")
    assert "ca init" in caught.value.hint


def test_a_key_that_exists_is_asked_for_again(nodes: CertificateAuthority) -> None:
    """A second request for the same key leads to a certificate of that key."""
    key, _ = new_request("box-1")
    assert belongs_together(nodes.issue(request_again(key, "box-1"), "box-1"), key)
    with pytest.raises(BadInput):
        request_again(b"rubbish", "box-1")


def test_a_service_keeps_its_keys_until_they_do_not_fit(nodes: CertificateAuthority, tmp_path: Path) -> None:
    """The same command again changes nothing; another host, a lost key or a near end leads to a new certificate."""
    folder = add_service(tmp_path / "services", nodes, "svc-centre", ("centre.example",))
    first = (folder / "tls.crt").read_bytes()
    add_service(tmp_path / "services", nodes, "svc-centre", ("centre.example",))
    assert (folder / "tls.crt").read_bytes() == first
    add_service(tmp_path / "services", nodes, "svc-centre", ("centre.example", "10.0.0.7"))
    second = (folder / "tls.crt").read_bytes()
    assert read_certificate(second).hosts >= {"centre.example", "10.0.0.7"}
    (folder / "tls.key").unlink()
    add_service(tmp_path / "services", nodes, "svc-centre")
    assert belongs_together((folder / "tls.crt").read_bytes(), (folder / "tls.key").read_bytes())
    short = nodes.issue(new_request("svc-centre")[1], "svc-centre", life=timedelta(days=3))
    (folder / "tls.crt").write_bytes(short)
    add_service(tmp_path / "services", nodes, "svc-centre")
    assert read_certificate((folder / "tls.crt").read_bytes()).until - datetime.now(UTC) > timedelta(days=300)


def test_a_service_cannot_bear_a_nodes_name(nodes: CertificateAuthority, tmp_path: Path) -> None:
    """Names of services begin with svc-, names of boxes do not."""
    with pytest.raises(BadInput, match="svc-"):
        add_service(tmp_path, nodes, "box-1")
