"""Passkeys (WebAuthn level 2): the public half as it is stored and handed to the offices, and what one has signed.

A passkey signs a document by answering a challenge, SHA-256 of exactly the bytes that a key file would sign. What it
answers is one blob: canonical CBOR of [authenticator data, client data, signature]. Whoever holds the public form,
an authority as much as the centre, checks all of it alone: nobody is asked, and nothing of the centre's is believed.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorAssertionResponse,
    AuthenticatorData,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from central.sites import Site
from shared.errors import BadInput
from shared.wire import as_bytes, pack, unpack

KIND: Final = "cairn/v1 passkey"
MAX_PUBLIC_BYTES: Final = 4096
MAX_ANSWER_BYTES: Final = 8192
# Telephones and most security keys; newer security keys; Windows Hello: by COSE algorithm, with sizes of their parts.
_KINDS: Final[dict[int, tuple[type[CoseKey], dict[int, range]]]] = {
    -7: (ES256, {-2: range(32, 33), -3: range(32, 33)}),
    -8: (EdDSA, {-2: range(32, 33)}),
    -257: (RS256, {-1: range(256, 1025), -2: range(1, 5)}),
}
# What the library raises on bytes that nobody honest sent.
_MALFORMED = (
    ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError, ArithmeticError, MemoryError,
    struct.error,
)  # fmt: skip

logging.getLogger("fido2").setLevel(logging.WARNING)  # it would name every credential in the service's log


@dataclass(frozen=True, slots=True)
class Passkey:
    """The public half of one passkey, good for one site only. Two are equal when their keys are."""

    key: bytes = field(repr=False)
    credential: bytes = field(compare=False, repr=False)
    site: Site = field(compare=False)

    def to_bytes(self) -> bytes:
        """What is stored of it, and what `account passkey-file` hands to the offices; nothing in it is secret."""
        return pack({"kind": KIND, "key": self.key, "credential": self.credential, "origin": self.site.origin})

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Raises InvalidSignature unless this passkey answered to SHA-256 of `data`, on its site, its person verified.

        `signature` is the blob that signature_blob makes.
        """
        authenticator, client, signed = _parts(signature)
        state = {"challenge": websafe_encode(challenge_of(data)), "user_verification": _REQUIRED}
        try:
            answer = AuthenticatorAssertionResponse(
                client_data=CollectedClientData(client),
                authenticator_data=AuthenticatorData(authenticator),
                signature=signed,
            )
            if answer.client_data.cross_origin is not False:
                raise InvalidSignature  # signed inside a frame of another site
            credential = AttestedCredentialData.create(Aaguid.NONE, self.credential, _cose(self.key))
            response = AuthenticationResponse(raw_id=self.credential, response=answer)
            _server(self.site).authenticate_complete(state, [credential], response)
        except _MALFORMED:
            raise InvalidSignature from None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new passkey, its signature counter then, and whether its maker may keep copies of it on other devices."""

    passkey: Passkey
    counter: int
    may_be_synced: bool


def passkey_from_bytes(raw: bytes) -> Passkey:
    """Raises BadInput for anything but what Passkey.to_bytes made, of a kind of key that is taken here."""
    if len(raw) > MAX_PUBLIC_BYTES:
        raise _no_passkey()
    try:
        value = unpack(raw, BadInput, "a public key")
        if set(value) != {"kind", "key", "credential", "origin"} or value["kind"] != KIND:
            raise ValueError
        made = Passkey(as_bytes(value["key"]), as_bytes(value["credential"]), Site(str(value["origin"])))
        _check_key(made.key)
    except (BadInput, *_MALFORMED):
        raise _no_passkey() from None
    return made


def challenge_of(data: bytes) -> bytes:
    """What a passkey is asked to answer for `data` to be signed."""
    return sha256(data).digest()


def signature_blob(authenticator_data: bytes, client_data: bytes, signature: bytes) -> bytes:
    """What a browser answers, as it is kept beside a document."""
    return pack([authenticator_data, client_data, signature])


def counter_of(signature: bytes) -> int:
    """The signature counter in a blob that was verified; 0 where the authenticator does not count."""
    return AuthenticatorData(_parts(signature)[0]).counter


def enrolment_options(site: Site, account: str, challenge: bytes, known: bytes | None) -> dict[str, Any]:
    """What the browser needs to make a passkey, as JSON values; `known` is a credential not to be made again."""
    user = PublicKeyCredentialUserEntity(
        id=sha256(f"cairn/v1 user {account}".encode()).digest()[:16], name=account, display_name=account
    )
    existing = [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=known)] if known else None
    options, _ = _server(site).register_begin(
        user, existing, ResidentKeyRequirement.PREFERRED, _REQUIRED, challenge=challenge
    )
    plain: dict[str, Any] = _plain(dict(options.public_key))
    return plain


def enrolled(site: Site, challenge: bytes, client_data: str, attestation: str) -> Enrolled:
    """The passkey that a browser made, from its answer in base64url. BadInput unless it answers to `challenge`."""
    state = {"challenge": websafe_encode(challenge), "user_verification": _REQUIRED}
    # The credential's name is inside the attestation; the copy beside it is not looked at.
    response = {"rawId": "", "response": {"clientDataJSON": client_data, "attestationObject": attestation}}
    try:
        made = _server(site).register_complete(state, response)
        credential = made.credential_data
        assert credential is not None  # noqa: S101  (the library has checked it)
        key = cbor.encode(dict(credential.public_key))
        _check_key(key)
    except _MALFORMED:
        hint = "make it again on this page, with a fingerprint, a face or a PIN"
        raise BadInput("the passkey was not made as asked", hint=hint) from None
    passkey = Passkey(key, bytes(credential.credential_id), site)
    return Enrolled(passkey, made.counter, made.is_backup_eligible())


_REQUIRED = UserVerificationRequirement.REQUIRED


def _server(site: Site) -> Fido2Server:
    rp = PublicKeyCredentialRpEntity(name="Cairn", id=site.host)
    server = Fido2Server(rp, AttestationConveyancePreference.NONE, verify_origin=lambda origin: origin == site.origin)
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=algorithm) for algorithm in _KINDS
    ]
    return server


def _parts(signature: bytes) -> tuple[bytes, bytes, bytes]:
    try:
        if len(signature) > MAX_ANSWER_BYTES:
            raise ValueError
        authenticator, client, signed = unpack(signature, BadInput, "a signature")
        if not all(isinstance(part, bytes) for part in (authenticator, client, signed)):
            raise ValueError
    except (BadInput, ValueError, TypeError):
        raise InvalidSignature from None
    return authenticator, client, signed


def _cose(raw: bytes) -> CoseKey:
    """The key in one spelling only, so that one key never passes for two. ValueError for any other."""
    value = cbor.decode(raw)
    if not isinstance(value, Mapping) or cbor.encode(value) != raw:
        raise ValueError
    kind, lengths = _KINDS[value[3]]
    if set(value) != {1, 3, -1, *lengths}:
        raise ValueError
    for name, allowed in lengths.items():
        if len(value[name]) not in allowed or (kind is RS256 and value[name][0] == 0):
            raise ValueError
    return kind(value)


def _check_key(raw: bytes) -> None:
    try:
        _cose(raw).verify(b"", bytes(64))  # what is no key at all fails in another way than a signature does
    except InvalidSignature:
        return
    raise ValueError


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, str) else value


def _no_passkey() -> BadInput:
    hint = "give the file from `cairn-central account passkey-file`, or a raw Ed25519 public key"
    return BadInput("this is neither a raw public key of 32 bytes nor a passkey's file", hint=hint)
