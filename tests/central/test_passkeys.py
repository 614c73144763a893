"""What a passkey's signature is worth: every lie about it is refused by whoever holds the public form."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fido2 import cbor
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from central.accounts.passkeys import challenge_of, counter_of, enrolled, enrolment_options, passkey_from_bytes
from central.settings import CentreSettings
from central.signers import fingerprint, kind_of, verifier
from central.sites import Site
from shared.errors import BadInput
from shared.wire import pack, unpack
from tests.central.passkey_fixtures import ORIGIN, PRESENT, SYNCED, VERIFIED, SoftPasskey

DATA = b"approver\0the document"
KEYS: dict[str, Any] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
}
HELD = SoftPasskey()
SIGNED = HELD.sign(DATA)


@pytest.mark.parametrize("kind", KEYS)
def test_the_stored_form_verifies_what_the_passkey_signed(kind: str) -> None:
    """Through bytes and back, each kind of key that is taken verifies its own signature of these very bytes."""
    held = SoftPasskey(private=KEYS[kind]())
    stored = held.public.to_bytes()
    key = verifier(stored)
    key.verify(held.sign(DATA), DATA)
    assert kind_of(stored) == "passkey"
    assert key == held.public
    with pytest.raises(InvalidSignature):
        key.verify(held.sign(DATA), DATA + b"!")


@pytest.mark.parametrize(
    "lies",
    [
        {"challenge": challenge_of(b"approver\0another document")},
        {"kind": "webauthn.create"},
        {"kind": "payment.get"},
        {"origin": "https://cairn.example.com"},
        {"origin": "https://evil.cairn.example.kr"},
        {"origin": "http://cairn.example.kr"},
        {"origin": "https://cairn.example.kr:8443"},
        {"rp": "example.kr"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": 0},
        {"client": {"crossOrigin": True}},
        {"client": {"crossOrigin": "no"}},
        {"client": {"challenge": 7}},
        {"client": {"origin": ["https://cairn.example.kr"]}},
    ],
    ids=str,
)
def test_a_lie_about_a_signature_is_refused(lies: dict[str, Any]) -> None:
    """Signed by the right key, and still refused: another challenge, kind, origin or site, an absent or unverified
    person, a frame of another site, or values of another type."""
    with pytest.raises(InvalidSignature):
        HELD.public.verify(HELD.sign(DATA, **lies), DATA)


def test_another_persons_passkey_is_refused() -> None:
    """A signature by another key under the same credential name does not verify."""
    with pytest.raises(InvalidSignature):
        HELD.public.verify(SoftPasskey().sign(DATA), DATA)


def test_a_key_files_signature_is_none_of_a_passkeys() -> None:
    """Even with the same Ed25519 key: what was not signed by way of a browser is refused, and the other way round."""
    private = ed25519.Ed25519PrivateKey.generate()
    held = SoftPasskey(private=private)
    with pytest.raises(InvalidSignature):
        held.public.verify(private.sign(DATA), DATA)
    with pytest.raises(InvalidSignature):
        verifier(private.public_key().public_bytes_raw()).verify(held.sign(DATA), DATA)


@given(st.data())
def test_no_changed_byte_of_a_signature_verifies(data: st.DataObject) -> None:
    """One byte changed, lost or added anywhere in the blob, and it is refused with the one error."""
    blob = SIGNED
    at = data.draw(st.integers(0, len(blob) - 1))
    changed = data.draw(
        st.sampled_from([blob[:at], blob[:at] + bytes([blob[at] ^ data.draw(st.integers(1, 255))]) + blob[at + 1 :]])
    )
    with pytest.raises(InvalidSignature):
        HELD.public.verify(changed, DATA)


@given(st.binary(max_size=300) | st.recursive(st.binary() | st.integers() | st.text(), st.lists).map(pack))
def test_junk_is_no_signature_and_no_key(junk: bytes) -> None:
    """Whatever comes in place of a signature or of a key is refused by name."""
    with pytest.raises(InvalidSignature):
        HELD.public.verify(junk, DATA)
    if len(junk) != 32:
        with pytest.raises(BadInput):
            verifier(junk)


@pytest.mark.parametrize(
    "client",
    [b"", b"{}", b"[]", b"null", b"[" * 5000, b"{" * 5000, b'{"type":' * 600, b"\xff", b'{"type": "webauthn.get"}'],
    ids=lambda raw: f"{raw[:12]!r} x {len(raw)}",
)
def test_client_data_that_is_none_is_refused(client: bytes) -> None:
    """Broken, deep, empty or half client data ends in a refusal, not in a crash."""
    authenticator, _, signature = unpack(HELD.sign(DATA), BadInput, "")
    with pytest.raises(InvalidSignature):
        HELD.public.verify(pack([authenticator, client, signature]), DATA)


def test_a_huge_signature_is_not_even_read() -> None:
    """More than 8 KiB is no signature."""
    with pytest.raises(InvalidSignature):
        HELD.public.verify(HELD.sign(DATA, client={"more": "x" * 9000}), DATA)


def test_one_key_has_one_spelling() -> None:
    """A key with a part more, a part less, another order or a weak size is refused: none passes for two."""
    good = dict(HELD.cose)
    weak = SoftPasskey(private=rsa.generate_private_key(65537, 1024))  # noqa: S505  (weak on purpose)
    padded = dict(SoftPasskey(private=rsa.generate_private_key(65537, 2048)).cose)
    padded[-1] = b"\0" + padded[-1]
    off_curve = {**good, -2: bytes(31) + b"\1"}
    reordered = bytes([0xA5]) + b"".join(cbor.encode(n) + cbor.encode(good[n]) for n in reversed(list(good)))
    keys = [
        cbor.encode(one)
        for one in ({**good, 2: b"id"}, {k: v for k, v in good.items() if k != -3}, {**good, 3: -35}, padded, off_curve)
    ]
    for key in (*keys, reordered, cbor.encode(dict(weak.cose)), b"", b"\x01"):
        stored = pack({"kind": "cairn/v1 passkey", "key": key, "credential": b"c", "origin": ORIGIN})
        with pytest.raises(BadInput):
            passkey_from_bytes(stored)


def test_two_stored_forms_of_one_key_are_one_person() -> None:
    """Another credential name or another address does not make the same key another person's."""
    other = SoftPasskey(origin="https://other.example", private=HELD.private, credential=b"credential-2")
    assert verifier(other.public.to_bytes()) == verifier(HELD.public.to_bytes())
    assert verifier(SoftPasskey().public.to_bytes()) != verifier(HELD.public.to_bytes())


def test_the_public_form_holds_nothing_secret() -> None:
    """Key, credential name and address: nothing of a private key is in what the centre and the offices keep."""
    assert isinstance(HELD.private, ec.EllipticCurvePrivateKey)
    secret = HELD.private.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in HELD.public.to_bytes()
    assert set(unpack(HELD.public.to_bytes(), BadInput, "")) == {"kind", "key", "credential", "origin"}


def test_enrolling_asks_for_a_verified_person_and_no_attestation() -> None:
    """The browser is told to verify the person, to make a key of a kind that is taken here, and to say no maker."""
    options = enrolment_options(Site(ORIGIN), "kim", bytes(32), known=None)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert options["rp"]["id"] == "cairn.example.kr"
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [-7, -8, -257]


@pytest.mark.parametrize("kind", KEYS)
def test_an_enrolled_passkey_signs(kind: str) -> None:
    """What the browser answers becomes the public form that verifies what the passkey signs."""
    held = SoftPasskey(private=KEYS[kind](), counter=7)
    made = enrolled(Site(ORIGIN), b"c" * 32, *held.enrol(b"c" * 32, flags=PRESENT | VERIFIED | SYNCED))
    assert (made.passkey, made.counter, made.may_be_synced) == (held.public, 7, True)
    made.passkey.verify(held.sign(DATA), DATA)


@pytest.mark.parametrize(
    "lies",
    [
        {"challenge": b"x" * 32}, {"kind": "webauthn.get"}, {"origin": "https://evil.example"}, {"rp": "evil.example"},
        {"flags": PRESENT}, {"flags": VERIFIED}, {"cose": {**dict(HELD.cose), 3: -35}},
    ],
    ids="-".join,
)  # fmt: skip
def test_a_lie_about_a_new_passkey_is_refused(lies: dict[str, Any]) -> None:
    """Another challenge, kind, origin or site, an unverified person, or a kind of key that is not taken."""
    with pytest.raises(BadInput, match="not made as asked"):
        enrolled(Site(ORIGIN), b"c" * 32, *HELD.enrol(b"c" * 32, **lies))


@given(st.text(max_size=80), st.text(max_size=80))
def test_junk_enrols_nothing(client: str, attestation: str) -> None:
    """What is no answer of a browser is refused by name."""
    with pytest.raises(BadInput):
        enrolled(Site(ORIGIN), b"c" * 32, client, attestation)


def test_the_counter_is_read_from_the_signature() -> None:
    """An authenticator that counts says so in what it signs."""
    assert counter_of(HELD.sign(DATA, counter=41)) == 41


@pytest.mark.parametrize(
    "origin",
    ["", "cairn.example.kr", "http://cairn.example.kr", "https://10.0.0.1", "https://cairn.kr/", "https://cairn.kr:443",
     "https://u@cairn.kr", "HTTPS://cairn.kr", "https://Cairn.kr", "https://cairn.kr#x", "http://localhost.evil.kr"],
)  # fmt: skip
def test_an_address_that_no_passkey_can_be_bound_to_is_refused(origin: str) -> None:
    """Only names under https, in the browser's own spelling, and localhost."""
    with pytest.raises(ValueError, match="as browsers do"):
        Site(origin)


def test_addresses_that_browsers_say_are_taken() -> None:
    """The RP ID is the name alone."""
    assert [Site(one).host for one in ("https://cairn.kr", "https://a.b.kr:8470", "http://localhost:1")] == [
        "cairn.kr", "a.b.kr", "localhost",
    ]  # fmt: skip


def test_a_fingerprint_is_short_enough_to_be_read_out() -> None:
    """Five groups of four digits, another for every key."""
    assert len(fingerprint(HELD.public.to_bytes())) == 24
    assert fingerprint(HELD.public.to_bytes()) != fingerprint(SoftPasskey().public.to_bytes())


def test_the_address_and_the_zone_are_settings() -> None:
    """A misspelt zone and an address that no passkey can be bound to are refused when the centre starts."""
    good = {"database": "sqlite://", "authorities": {"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"}}
    good |= {"probes": "http://127.0.0.1:3"}
    assert CentreSettings(**good, origin=ORIGIN, zone="Europe/Berlin").origin == ORIGIN  # type: ignore[arg-type]
    for wrong in ({"zone": "Asia/Soul"}, {"origin": "http://cairn.example.kr"}):
        with pytest.raises(ValidationError):
            CentreSettings(**good, **wrong)  # type: ignore[arg-type]
