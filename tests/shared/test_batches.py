"""Batches: every changed byte is refused, and what went in comes out."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.batches import (
    MAX_BATCH_BYTES,
    BatchKeys,
    Header,
    open_batch,
    opener,
    read_batch,
    read_stored,
    seal_batch,
    unsealed,
    verify_batch,
)
from shared.columns import ColumnReader
from shared.epochs import Epoch
from shared.errors import BadBatch, BadSignature, CannotOpen, TooLarge, UnknownVersion
from shared.face_mask import FaceMask
from shared.sighting_columns import SightingColumns
from shared.sightings import Encounter, Sighting

EPOCH = Epoch("cell-1", 498_681)
KEYS = BatchKeys(bytes(range(32)), Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
PUBLIC = KEYS.signing.public_key()


def sighting(number: int = 1, **changes: object) -> Sighting:
    start = EPOCH.start + timedelta(seconds=number)
    plain = Sighting(
        number, "cam-1", start, start + timedelta(seconds=4), bytes(128), None, FaceMask.WORN, 1.0, 1.5, -2.25
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def header(people: int = 1, **changes: object) -> Header:
    models = {"face": "mfn192-int8-1", "appearance": "reid-mnv2-1"}
    plain = Header(1, "node-1", 3, 7, 1, EPOCH.cell, EPOCH.hour, -20, models, people, (people, 0, 0, 0))
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def sealed(*sightings: Sighting, encounters: tuple[Encounter, ...] = ()) -> bytes:
    return seal_batch(header(len(sightings)), sightings, encounters, KEYS, 1)


def test_what_was_sealed_opens_again() -> None:
    """Sightings, positions, missing codes and encounters survive the way there and back."""
    two = (sighting(1), sighting(2, face_code=None, appearance_code=bytes([5]) * 64, camera="cam-2", east_m=None))
    met = Encounter(1, 2, EPOCH.start, EPOCH.start + timedelta(seconds=61.5), 0.83, 0.21)
    columns = open_batch(verify_batch(sealed(*two, encounters=(met,)), PUBLIC), KEYS.seal)
    assert tuple(columns.sighting(row) for row in range(2)) == two
    assert columns.encounters == (met,)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_flipped_byte_is_refused(data: st.DataObject) -> None:
    """No byte of a batch can change without the signature noticing, and no sealed or header byte without the seal."""
    raw = bytearray(sealed(sighting()))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadBatch):
        verify_batch(bytes(raw), PUBLIC)
    if at < len(raw) - 64:
        with pytest.raises(BadBatch):
            open_batch(read_batch(bytes(raw)), KEYS.seal)


@given(st.binary(max_size=400))
def test_garbage_is_a_named_error(raw: bytes) -> None:
    """Any bytes, with or without the magic word in front, give a BadBatch and never another exception."""
    for attempt in (raw, b"CAIRNB" + raw, b"CAIRNB" + len(raw).to_bytes(4, "big") + raw + bytes(100)):
        with pytest.raises(BadBatch):
            verify_batch(attempt, PUBLIC)


def test_another_nodes_signature_is_refused() -> None:
    """A batch signed by a stranger is a forgery."""
    with pytest.raises(BadSignature):
        verify_batch(sealed(sighting()), Ed25519PrivateKey.generate().public_key())


def test_the_wrong_key_opens_nothing() -> None:
    """Without the epoch's key a batch stays shut."""
    with pytest.raises(CannotOpen):
        open_batch(verify_batch(sealed(sighting()), PUBLIC), bytes(32))


def test_an_unknown_version_is_named() -> None:
    """A batch of a later schema is refused by name, so that the operator knows to update."""
    raw = seal_batch(header(version=99), [sighting()], [], KEYS, 1)
    with pytest.raises(UnknownVersion):
        verify_batch(raw, PUBLIC)


def test_ten_megabytes_are_too_large() -> None:
    """Size is checked before anything is parsed."""
    with pytest.raises(TooLarge):
        read_batch(b"CAIRNB" + bytes(10_000_000))


def test_a_full_batch_fits_the_limit_and_sizes_come_in_classes() -> None:
    """256 sightings fit, and one sighting is as long as two."""
    assert len(sealed(*(sighting(n) for n in range(256)))) < MAX_BATCH_BYTES
    assert len(sealed(sighting(1))) == len(sealed(sighting(1), sighting(2)))


def test_counts_must_fit() -> None:
    """A header that miscounts its sightings is never sealed."""
    with pytest.raises(BadBatch):
        seal_batch(header(2), [sighting()], [], KEYS, 1)


def test_a_stored_batch_is_read_as_it_was_when_it_was_verified() -> None:
    """The quick reading of a search gives the same header, and opens the same content."""
    raw = sealed(sighting(1), sighting(2))
    stored, batch = read_stored(raw), verify_batch(raw, PUBLIC)
    assert all(getattr(stored, name) == getattr(batch.header, name) for name in stored._fields[:-2])
    assert (stored.raw, stored.body_at) == (batch.raw, batch.body_at)
    assert opened(raw).blob == open_batch(batch, opener(KEYS.seal)).blob


def opened(raw: bytes) -> SightingColumns:
    """A stored batch as a search opens it."""
    stored = read_stored(raw)
    plain = unsealed(stored, opener(KEYS.seal), lambda size: memoryview(bytearray(size)))
    return ColumnReader().read(plain, stored.people, stored.node, stored.boot, Epoch(stored.cell, stored.hour))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_stored_batch_that_was_changed_does_not_open(data: st.DataObject) -> None:
    """However a store changes a batch, what a search hears is a named error; never a batch of another node or hour."""
    raw = bytearray(sealed(sighting()))
    raw[data.draw(st.integers(0, len(raw) - 65))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadBatch):
        opened(bytes(raw))


@given(st.binary(max_size=400))
def test_garbage_from_a_store_is_a_named_error(raw: bytes) -> None:
    """Any bytes in the place of a header give a BadBatch and never another exception."""
    for attempt in (raw, b"CAIRNB" + raw, b"CAIRNB" + len(raw).to_bytes(4, "big") + raw + bytes(100)):
        with pytest.raises(BadBatch):
            read_stored(attempt)
