"""Golden messages: what was written by an older version means the same today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.batches import open_batch, verify_batch
from tests.shared.test_batches import sighting
from tests.wire.make_golden import FILE, OLDER, SIGNING, golden

KEPT: dict[str, str] = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", KEPT)
def test_keys_codes_and_batches_are_made_bit_for_bit_as_before(name: str) -> None:
    """The same inputs give the recorded bytes on every machine and in every version."""
    assert golden()[name] == KEPT[name]


@pytest.mark.parametrize("older", OLDER, ids=lambda path: path.stem)
def test_keys_and_codes_are_those_of_every_older_schema(older: Path) -> None:
    """A schema changes how sightings are laid out; keys and codes of the same inputs never change."""
    was = json.loads(older.read_text())
    assert {name: was[name] for name in was if name != "batch"} == {n: KEPT[n] for n in was if n != "batch"}


@pytest.mark.parametrize("path", [*OLDER, FILE], ids=lambda path: path.stem)
def test_a_batch_of_every_schema_opens(path: Path) -> None:
    """A batch of schema 1 or later is verified and opened with the recorded key."""
    kept = json.loads(path.read_text())
    batch = verify_batch(bytes.fromhex(kept["batch"]), SIGNING.public_key())
    assert open_batch(batch, bytes.fromhex(kept["seal_key"])).sighting(0) == sighting(1)
