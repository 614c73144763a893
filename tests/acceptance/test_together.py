"""What some parties can do together, and what remains: shown, so that nobody has to believe the list in THREATS.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient, open_released
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, open_batch, read_batch, seal_batch
from shared.codes import decode
from shared.epochs import Epoch, Modality, code_key, derive_shares, seal_key
from shared.errors import CannotOpen
from tests.central.authority_fixtures import CASE, CELL, FACE_MODEL, NODE, NOW, World, some_faces

EPOCH = Epoch.at(CELL, NOW)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_both_authorities_together_open_a_day_without_any_case(world: World) -> None:
    """With both secrets of a day and its sealed batches no consent is needed and no signature; with one, nothing opens.

    This is why they are two offices, and why a day's secret lives for fourteen days only.
    """
    batch = read_batch(world.batch(some_faces(3)))
    today = NOW.date()
    secrets = [authority._secrets._live([today])[today] for authority in world.authorities]
    shares = [derive_shares(secret, EPOCH).seal for secret in secrets]
    assert len(open_batch(batch, seal_key(shares, NODE, EPOCH))) == 3
    with pytest.raises(CannotOpen):
        open_batch(batch, seal_key(shares[:1], NODE, EPOCH))


def test_probe_service_and_worker_together_see_everybody_in_the_released_scope(world: World) -> None:
    """Code shares and seal shares of one case in one hand give nearly the face of every bystander in these hours."""
    faces = some_faces(6)
    batch = read_batch(world.batch(faces))
    world.register(faces[:1])
    release, worker = world.release(), X25519PrivateKey.generate()
    held: dict[Recipient, list[bytes]] = {Recipient.SEARCH: [], Recipient.PROBES: []}
    for authority in world.authorities:
        for recipient, own in ((Recipient.SEARCH, worker), (Recipient.PROBES, world.probes_key)):
            sealed = authority.release(release, recipient, own.public_key().public_bytes_raw())
            held[recipient].append(open_released(own, sealed, authority.name, CASE, recipient).shares[EPOCH])
    columns = open_batch(batch, seal_key(held[Recipient.SEARCH], NODE, EPOCH))
    key = code_key(held[Recipient.PROBES], Modality.FACE, FACE_MODEL, EPOCH)
    back = decode(np.stack([columns.face[row] for row in range(len(columns))]), key, faces.shape[1])
    assert ((back * faces).sum(axis=1) > 0.9).all()


def test_a_worker_alone_cannot_turn_a_code_back(world: World) -> None:
    """Its seal shares open batches, and give no key of the codes in them."""
    faces = some_faces(6)
    columns = open_batch(read_batch(world.batch(faces)), seal_key(world.node_shares(EPOCH)[1], NODE, EPOCH))
    key = code_key(world.node_shares(EPOCH)[1], Modality.FACE, FACE_MODEL, EPOCH)
    back = decode(np.stack([columns.face[row] for row in range(len(columns))]), key, faces.shape[1])
    assert (np.abs((back * faces).sum(axis=1)) < 0.4).all()


def test_a_box_can_open_its_neighbours_batches_of_the_hours_that_it_holds(world: World) -> None:
    """Shares are those of a cell: who has a box and other boxes' sealed batches opens its cell's hours, no other's."""
    code_shares, seal_shares = world.node_shares(EPOCH)
    header = Header(SCHEMA_VERSION, "node-2", 1, 0, 1, CELL, EPOCH.hour, 0, {"face": FACE_MODEL}, 0, (0, 0, 0, 0))
    keys = BatchKeys(seal_key(seal_shares, "node-2", EPOCH), Ed25519PrivateKey.generate())
    neighbours = read_batch(seal_batch(header, [], [], keys, 0))
    assert len(open_batch(neighbours, seal_key(seal_shares, "node-2", EPOCH))) == 0
    with pytest.raises(CannotOpen):
        open_batch(neighbours, seal_key(seal_shares, "node-2", Epoch("cell-2", EPOCH.hour)))
    with pytest.raises(CannotOpen):
        open_batch(neighbours, seal_key(code_shares, "node-2", EPOCH))


def test_a_tracer_and_an_approver_who_lie_together_are_believed(world: World) -> None:
    """No machine knows whether a patient was asked: with both signatures and a photo, anybody could be searched for.

    It is in every log, counted in the transparency report, and within ten cases; it is not prevented.
    """
    sealed = world.authorities[0].release(world.release(), Recipient.SEARCH, bytes([9]) * 32)
    assert sealed
    assert world.authorities[0].log_entries()[-1].action == "released"
