"""A node's keys come from every authority's grant and go when their hour is done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.epoch_keys import EpochKeys, KeysMissing
from edge.outbox import Outbox
from edge.sealing import Sealer
from shared.batches import open_batch, verify_batch
from shared.clock import FixedClock
from shared.epochs import Epoch, Modality, code_key, derive_shares, seal_key
from shared.face_mask import FaceMask
from shared.node_shares import seal_grant
from shared.sightings import Encounter, Sighting

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPOCH = Epoch.at("cell-1", NOON)
SECRETS = {"authority-a": b"a" * 32, "authority-b": b"b" * 32}
MODELS = {"face": "mfn192-int8-1", "appearance": "reid-mnv2-1"}
PRIVATE = X25519PrivateKey.generate()


def grant(authority: str, *epochs: Epoch) -> bytes:
    shares = {epoch: derive_shares(SECRETS[authority], epoch) for epoch in epochs}
    return seal_grant(authority, "node-1", shares, PRIVATE.public_key())


def _keys(*granted: Epoch) -> EpochKeys:
    keys = EpochKeys("node-1", "cell-1", PRIVATE, ["authority-b", "authority-a"], MODELS)
    for authority in SECRETS:
        keys.take_grant(authority, grant(authority, *granted))
    return keys


def test_keys_are_those_that_the_centre_derives_from_the_same_shares() -> None:
    """A node and a released case get the same keys, whatever the order in which authorities are listed."""
    shares = [derive_shares(SECRETS[name], EPOCH) for name in sorted(SECRETS)]
    keys = _keys(EPOCH).keys(EPOCH)
    assert keys.face == code_key([s.code for s in shares], Modality.FACE, MODELS["face"], EPOCH)
    assert keys.appearance == code_key([s.code for s in shares], Modality.APPEARANCE, MODELS["appearance"], EPOCH)
    assert keys.seal == seal_key([s.seal for s in shares], "node-1", EPOCH)


def test_one_authority_alone_gives_no_key() -> None:
    """A missing grant is named, together with the authority that it is missing from."""
    keys = EpochKeys("node-1", "cell-1", PRIVATE, list(SECRETS), MODELS)
    keys.take_grant("authority-a", grant("authority-a", EPOCH))
    with pytest.raises(KeysMissing, match="no grant from authority-b"):
        keys.keys(EPOCH)
    assert keys.hours() == []


def test_an_erased_hour_does_not_come_back() -> None:
    """A retained grant that the broker delivers again after the hour is done is ignored."""
    keys = _keys(EPOCH)
    assert keys.erase_before(EPOCH.hour + 1) == [EPOCH]
    assert keys.take_grant("authority-a", grant("authority-a", EPOCH)) == 0
    with pytest.raises(KeysMissing, match="erased"):
        keys.keys(EPOCH)


def test_a_bad_grant_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Rubbish, another authority's grant and another cell's hours do not stop the node or give it keys."""
    keys = _keys(EPOCH)
    assert keys.take_grant("authority-a", b"rubbish") == 0
    assert keys.take_grant("authority-a", grant("authority-b", EPOCH)) == 0
    assert keys.take_grant("somebody", grant("authority-b", EPOCH)) == 0
    assert keys.take_grant("authority-a", grant("authority-a", Epoch("cell-2", EPOCH.hour))) == 0
    assert "does not open" in caplog.text
    assert keys.hours() == [EPOCH.hour]


def test_keys_are_never_printed() -> None:
    """The representation of keys, which may reach a log, holds none of their bytes."""
    keys = _keys(EPOCH).keys(EPOCH)
    assert repr(keys) == "HourKeys()"


def _sighting(number: int) -> Sighting:
    mask = FaceMask.WORN if number % 2 else FaceMask.ABSENT
    return Sighting(number, "cam-1", NOON, NOON, bytes(range(128)), None, mask, 1.0)


def test_a_closed_hour_is_one_verified_batch_with_every_sighting(tmp_path: Path) -> None:
    """What was stored one by one opens, after merging, as one signed batch whose header counts everybody."""
    signing = Ed25519PrivateKey.generate()
    keys = _keys(EPOCH)
    sealer = Sealer("node-1", keys, signing, MODELS)
    box = Outbox(tmp_path / "outbox.db", FixedClock(NOON))
    for number in range(1, 6):
        encounter = Encounter(number - 1, number, NOON, NOON, 1.5, 0.5)
        sealer.store(box, EPOCH, _sighting(number), [encounter] if number > 1 else [])
    assert sealer.close(box, EPOCH) == 1
    sent = box.read(*box.waiting()[0])
    assert sent is not None
    batch = verify_batch(sent.raw, signing.public_key())
    assert (batch.header.sequence, batch.header.covers, batch.header.masks) == (5, 5, (3, 0, 2, 0))
    columns = open_batch(batch, keys.keys(EPOCH).seal)
    assert [columns.sighting(row) for row in range(5)] == [_sighting(number) for number in range(1, 6)]
    assert [(e.a, e.b) for e in columns.encounters] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    box.close()
