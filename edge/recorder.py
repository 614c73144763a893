"""Takes ended tracks to disk under the hour's keys, and closes each hour when nobody of it is left in view."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from edge.epoch_keys import EpochKeys
from edge.outbox import Outbox, OutboxError
from edge.sealing import Sealer
from edge.sightings import EndedTrack, encode_track
from shared.epochs import Epoch
from shared.errors import CairnError
from shared.sightings import Encounter

_log = logging.getLogger(__name__)

_CLOSE_AGAIN_AFTER: Final = timedelta(minutes=1)


class Recorder:
    """The sink of a run. A track that cannot be kept is counted in `lost` and logged; the camera goes on."""

    def __init__(self, cell: str, keys: EpochKeys, sealer: Sealer, outbox: Outbox, ready: Callable[[], None]) -> None:
        self._cell, self._keys, self._sealer, self._outbox, self._ready = cell, keys, sealer, outbox, ready
        self._open: set[Epoch] = set()
        self._complaint: tuple[Epoch, type[CairnError]] | None = None
        self._hour = 0
        self._not_before: datetime | None = None
        self.kept = self.lost = 0

    def take(self, ended: EndedTrack, encounters: Sequence[Encounter]) -> bool:
        """Encode and store one ended track under the hour of its first frame."""
        epoch = Epoch.at(self._cell, ended.start)
        try:
            sighting = encode_track(ended, self._keys.keys(epoch))
            self._sealer.store(self._outbox, epoch, sighting, encounters)
        except CairnError as error:  # no keys, a full disk, a clock that leapt: none of them may stop the camera
            self._lose(epoch, error)
            return False
        self._keep(epoch)
        return True

    def passed(self, now: datetime, oldest: datetime) -> None:
        """Close every hour that is over and of which nobody is left in view; then erase its keys."""
        current = Epoch.at(self._cell, min(now, oldest)).hour
        over = sorted(epoch for epoch in self._open if epoch.hour < current)
        if over and (self._not_before is None or now >= self._not_before):
            self._not_before = None if all(self._close(epoch) for epoch in over) else now + _CLOSE_AGAIN_AFTER
        if current != self._hour:
            self._hour = current
            self._keys.erase_before(current)

    def close(self) -> None:
        """The run is over: make everything ready to be sent."""
        for epoch in sorted(self._open):
            self._close(epoch)

    def _close(self, epoch: Epoch) -> bool:
        try:
            count = self._merge(epoch)
        except OutboxError as error:
            _log.error("the hour %s cannot be closed yet: %s", epoch.start.isoformat(), error)
            return False
        self._open.discard(epoch)
        _log.info("the hour %s is closed in %d batches", epoch.start.isoformat(), count)
        self._ready()
        return True

    def _merge(self, epoch: Epoch) -> int:
        try:
            return self._sealer.close(self._outbox, epoch)
        except CairnError as error:
            _log.warning("the hour %s is sent unmerged: %s", epoch.start.isoformat(), error)
            return self._outbox.close_epoch(epoch, None)

    def _keep(self, epoch: Epoch) -> None:
        self.kept += 1
        self._open.add(epoch)
        if self._complaint:
            self._complaint = None
            _log.warning("sightings are kept again; %d were lost since the start", self.lost)

    def _lose(self, epoch: Epoch, error: CairnError) -> None:
        self.lost += 1
        if self._complaint != (epoch, type(error)):
            self._complaint = (epoch, type(error))
            _log.error("sightings of %s are being lost: %s", epoch.start.isoformat(), error)
