"""7 · Whoever takes a box away, with all that is on its disk, opens no batch of an hour that is over."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.epoch_keys import EpochKeys, KeysMissing
from edge.outbox import Outbox
from edge.recorder import Recorder
from edge.sealing import Sealer
from edge.sightings import EndedTrack
from shared.batches import SealedBatch, open_batch, read_batch
from shared.epochs import Epoch, seal_key
from shared.errors import CannotOpen
from shared.face_mask import FaceMask
from shared.keys import read_sealing_key, write_key
from shared.node_shares import open_grant
from tests.central.authority_fixtures import APPEARANCE_MODEL, CELL, FACE_MODEL, NODE, World, some_faces

HOURS, TRACKS_AN_HOUR = 6, 5
MODELS = {"face": FACE_MODEL, "appearance": APPEARANCE_MODEL}


@dataclass
class Box:
    """The parts of a box that touch its disk, in one folder, run over several hours with two real authorities."""

    world: World
    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        write_key(self.folder / "sealing.key", self.world.node_sealing)
        write_key(self.folder / "signing.key", self.world.node_signing)
        self.names = [authority.name for authority in self.world.authorities]
        self.keys = EpochKeys(NODE, CELL, self.world.node_sealing, self.names, MODELS)
        self.outbox = Outbox(self.folder / "outbox.db", self.world.clock, reserve_bytes=4096)
        sealer = Sealer(NODE, self.keys, self.world.node_signing, MODELS)
        self.recorder = Recorder(CELL, self.keys, sealer, self.outbox, lambda: None)
        self.shares: dict[Epoch, list[bytes]] = {}

    def run(self) -> None:
        """Hours with people in view, unsent, because the link to the centre is down; the last hour is not over."""
        for hour in range(HOURS):
            for authority in self.world.authorities:
                authority.publish_grants(self.world.transport, hours_ahead=2)
                self._take(authority.name, self.world.grant(authority.name))
            for n, face in enumerate(some_faces(TRACKS_AN_HOUR, seed=hour)):
                self._see(hour * TRACKS_AN_HOUR + n, face)
            if hour < HOURS - 1:
                self.world.clock.advance(timedelta(hours=1))
            now = self.world.clock.now()
            self.recorder.passed(now, now)

    def _take(self, authority: str, grant: bytes) -> None:
        self.keys.take_grant(authority, grant)
        for epoch, shares in open_grant(grant, authority, NODE, self.world.node_sealing).items():
            self.shares.setdefault(epoch, []).extend((shares.code, shares.seal))

    def _see(self, number: int, face: np.ndarray) -> None:
        now: datetime = self.world.clock.now()
        assert self.recorder.take(EndedTrack(number, "door", now, now, face, None, FaceMask.ABSENT, 0.9, None), [])


@dataclass(frozen=True)
class Loot:
    """What the attacker has: a copy of the box's folder, made while it ran."""

    folder: Path
    now: Epoch

    @property
    def batches(self) -> list[SealedBatch]:
        """Every batch in the outbox, found by its first bytes in whatever file."""
        found: list[SealedBatch] = []
        for path in sorted(self.folder.rglob("*")):
            raw = path.read_bytes() if path.is_file() and path.suffix != ".key" else b""
            found += _batches_in(raw)
        return found

    @property
    def whole(self) -> bytes:
        """All bytes of all files."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())

    @property
    def past(self) -> list[SealedBatch]:
        return [batch for batch in self.batches if batch.header.hour < self.now.hour]


def _batches_in(raw: bytes) -> Iterator[SealedBatch]:
    if not raw.startswith(b"SQLite format 3"):
        return
    with sqlite3.connect(":memory:") as db:
        db.deserialize(raw)
        for (batch,) in db.execute("SELECT raw FROM batch"):
            yield read_batch(bytes(batch))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    world = World(tmp_path)
    made = Box(world, tmp_path / "box")
    made.run()
    yield made
    made.outbox.close()


@pytest.fixture
def loot(box: Box, tmp_path: Path) -> Loot:
    """The disk of a box that was switched off just now."""
    shutil.copytree(box.folder, tmp_path / "image")
    # A database that was not closed leaves its log beside it: what SQLite would do at the next start.
    with sqlite3.connect(tmp_path / "image" / "outbox.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode=DELETE")
    return Loot(tmp_path / "image", Epoch.at(CELL, box.world.clock.now()))


def opened(batches: list[SealedBatch], keys: set[bytes]) -> int:
    return sum(_opens(batch, key) for batch in batches for key in keys)


def _opens(batch: SealedBatch, key: bytes) -> bool:
    try:
        open_batch(batch, key)
    except CannotOpen:
        return False
    return True


def test_the_disk_holds_past_hours_sealed(loot: Loot) -> None:
    """There is something to steal: a batch of every hour that is over, and single ones of the hour that is not."""
    assert {batch.header.hour for batch in loot.past} == set(range(loot.now.hour - HOURS + 1, loot.now.hour))
    assert sum(batch.header.people for batch in loot.batches) == HOURS * TRACKS_AN_HOUR


def test_no_share_was_ever_written_to_the_disk(loot: Loot, box: Box) -> None:
    """None of the shares that the box was given in these hours stands in any file, of past hours or of coming ones."""
    whole = loot.whole
    assert {epoch.hour for epoch in box.shares} > {batch.header.hour for batch in loot.batches}
    for shares in box.shares.values():
        assert not [share for share in shares if share in whole or share.hex().encode() in whole]


def test_nothing_on_the_disk_is_a_key_of_a_past_hour(loot: Loot) -> None:
    """No 32 bytes of any file, as they stand or in hex, open a batch of a past hour."""
    whole = loot.whole
    windows = {whole[at : at + 32] for at in range(len(whole) - 31)}
    windows |= {bytes.fromhex(run.decode()) for run in re.findall(rb"[0-9a-f]{64}", whole)}
    assert opened(loot.past[-1:], {window for window in windows if len(set(window)) > 8}) == 0


def test_the_boxs_keys_and_what_the_broker_keeps_open_no_past_hour(loot: Loot, box: Box) -> None:
    """With the box's identity the retained grants can be fetched: they give this hour and coming ones, and no other."""
    private = read_sealing_key(loot.folder / "sealing.key")
    granted = [open_grant(box.world.grant(name), name, NODE, private) for name in box.names]
    hours = sorted(epoch.hour for epoch in granted[0])
    assert hours[0] == loot.now.hour
    keys = {seal_key([shares[epoch].seal for shares in granted], NODE, epoch) for epoch in granted[0]}
    assert opened(loot.past, keys) == 0
    current = [batch for batch in loot.batches if batch.header.hour == loot.now.hour]
    assert opened(current, keys) == len(current) == TRACKS_AN_HOUR  # as the design says: the current hour is open


def test_the_running_box_itself_has_forgotten(box: Box, loot: Loot) -> None:
    """Not even the memory of the running program gives a key of an hour that is over."""
    for batch in loot.past:
        with pytest.raises(KeysMissing, match="erased"):
            box.keys.keys(batch.header.epoch)


def test_a_grant_that_somebody_recorded_opens_its_hours_with_the_boxs_key(box: Box, tmp_path: Path) -> None:
    """What remains: the broker carries grants, and whoever kept them and then takes the box opens those hours."""
    world = box.world
    epoch = Epoch.at(CELL, world.clock.now())
    recorded = {name: world.grant(name) for name in box.names}
    batch = read_batch(world.batch(some_faces(2)))
    world.clock.advance(timedelta(hours=5))
    for authority in world.authorities:
        authority.publish_grants(world.transport, hours_ahead=1)
    private = read_sealing_key(box.folder / "sealing.key")
    shares = [open_grant(raw, name, NODE, private)[epoch].seal for name, raw in recorded.items()]
    assert len(open_batch(batch, seal_key(shares, NODE, epoch))) == 2


def test_another_boxs_key_opens_no_grant(box: Box) -> None:
    """A grant is sealed to one box: a second stolen box adds nothing of the first one's cell."""
    with pytest.raises(CannotOpen):
        open_grant(box.world.grant(box.names[0]), box.names[0], NODE, X25519PrivateKey.generate())
