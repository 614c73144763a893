"""An authenticator in software: what a browser and a security key do together, and what a liar would try instead."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

from central.accounts.passkeys import Passkey, challenge_of, signature_blob
from central.sites import Site

ORIGIN = "https://cairn.example.kr"
PRESENT, VERIFIED, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x40
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass
class SoftPasskey:
    """One credential for one site. `sign` answers honestly unless told otherwise, field by field."""

    origin: str = ORIGIN
    private: Private = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential: bytes = b"credential-1"
    counter: int = 0

    @property
    def cose(self) -> CoseKey:
        kind: Any = EdDSA
        if not isinstance(self.private, ed25519.Ed25519PrivateKey):
            kind = RS256 if isinstance(self.private, rsa.RSAPrivateKey) else ES256
        made: CoseKey = kind.from_cryptography_key(self.private.public_key())
        return made

    @property
    def public(self) -> Passkey:
        return Passkey(cbor.encode(dict(self.cose)), self.credential, Site(self.origin))

    def sign(self, data: bytes, **lies: Any) -> bytes:
        """The blob for `data`. Lies: flags, origin, kind, rp, counter, challenge, and `client` for more client data."""
        said = {
            "type": lies.get("kind", "webauthn.get"),
            "challenge": _web(lies.get("challenge", challenge_of(data))),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": False,
        }
        client = json.dumps(said | lies.get("client", {})).encode()
        authenticator = self._about(lies)
        return signature_blob(authenticator, client, self._signature(authenticator + sha256(client).digest()))

    def enrol(self, asked: bytes, **lies: Any) -> tuple[str, str]:
        """Client data and attestation in base64url, as a browser answers to `navigator.credentials.create`."""
        said = {
            "type": lies.get("kind", "webauthn.create"),
            "challenge": _web(lies.get("challenge", asked)),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": False,
        }
        made = AttestedCredentialData.create(Aaguid.NONE, self.credential, lies.get("cose", self.cose))
        about = AuthenticatorData(
            self._about(lies | {"flags": lies.get("flags", PRESENT | VERIFIED) | ATTESTED}) + made
        )
        return _web(json.dumps(said).encode()), _web(bytes(AttestationObject.create("none", about, {})))

    def _about(self, lies: dict[str, Any]) -> bytes:
        rp = sha256(lies.get("rp", Site(self.origin).host).encode()).digest()
        flags, counter = lies.get("flags", PRESENT | VERIFIED), lies.get("counter", self.counter)
        return rp + bytes([flags]) + int(counter).to_bytes(4, "big")

    def _signature(self, message: bytes) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(message)


def _web(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
