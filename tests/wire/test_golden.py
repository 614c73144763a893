"""Golden messages: what was written by an older version means the same today."""

from __future__ import annotations

import json

import pytest

from shared.batches import open_batch, verify_batch
from tests.shared.test_batches import sighting
from tests.wire.make_golden import FILE, SIGNING, golden

KEPT: dict[str, str] = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", KEPT)
def test_keys_codes_and_batches_are_made_bit_for_bit_as_before(name: str) -> None:
    """The same inputs give the recorded bytes on every machine and in every version."""
    assert golden()[name] == KEPT[name]


def test_an_old_batch_still_opens() -> None:
    """A batch of schema 1 is verified and opened with the recorded key."""
    batch = verify_batch(bytes.fromhex(KEPT["batch"]), SIGNING.public_key())
    assert open_batch(batch, bytes.fromhex(KEPT["seal_key"])).sighting(0) == sighting()
