"""A node's sightings become sealed, signed batches: one at a time as tracks end, and merged when the hour is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.clock_error import clock_error_ms
from edge.epoch_keys import EpochKeys
from edge.outbox import Outbox, Stamp
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, open_batch, read_batch, seal_batch
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.sightings import Encounter, Sighting


@dataclass(frozen=True, slots=True)
class Sealer:
    """Everything that a batch of this node needs besides what was seen; `clock_error` gives ms, or UNKNOWN_MS."""

    node: str
    keys: EpochKeys
    signing: Ed25519PrivateKey
    models: Mapping[str, str]
    clock_error: Callable[[], int] = clock_error_ms

    def store(self, outbox: Outbox, epoch: Epoch, sighting: Sighting, encounters: Sequence[Encounter] = ()) -> Stamp:
        """Seal one ended track and put it on disk. Raises KeysMissing, OutboxFull, DiskFull."""
        seal = self.keys.keys(epoch).seal
        return outbox.add(epoch, lambda stamp: self._seal(epoch, seal, stamp, [sighting], encounters))

    def close(self, outbox: Outbox, epoch: Epoch) -> int:
        """Merge what the hour left pending into few batches; returns how many are ready. Raises KeysMissing."""
        seal = self.keys.keys(epoch).seal
        return outbox.close_epoch(epoch, lambda raws, stamp: self._merge(epoch, seal, raws, stamp))

    def _merge(self, epoch: Epoch, seal: bytes, raws: Sequence[bytes], stamp: Stamp) -> bytes:
        opened = [open_batch(read_batch(raw), seal) for raw in raws]
        sightings = [columns.sighting(row) for columns in opened for row in range(len(columns))]
        encounters = [encounter for columns in opened for encounter in columns.encounters]
        return self._seal(epoch, seal, stamp, sightings, encounters)

    def _seal(
        self, epoch: Epoch, seal: bytes, stamp: Stamp, sightings: Sequence[Sighting], encounters: Sequence[Encounter]
    ) -> bytes:
        masks = Counter(sighting.mask for sighting in sightings)
        header = Header(
            version=SCHEMA_VERSION,
            node=self.node,
            boot=stamp.boot,
            sequence=stamp.sequence,
            covers=stamp.covers,
            cell=epoch.cell,
            hour=epoch.hour,
            clock_error_ms=self.clock_error(),
            models=dict(self.models),
            people=len(sightings),
            masks=(masks[FaceMask.WORN], masks[FaceMask.INCORRECT], masks[FaceMask.ABSENT], masks[FaceMask.UNKNOWN]),
        )
        return seal_batch(header, sightings, encounters, BatchKeys(seal, self.signing), stamp.nonce)
