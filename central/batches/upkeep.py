"""The centre archives closed days by itself, on a thread of its own: a day takes minutes, and nobody waits for it."""

from __future__ import annotations

import logging
import threading
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from central.batches.store import BatchStore
from central.retention.due import first_hour_kept
from central.retention.rules import Rules
from shared.clock import Clock
from shared.errors import CairnError

if TYPE_CHECKING:
    from central.batches.archives import ArchivedBatchStore

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The centre stops; what was not moved is moved another time."""


class Compactor:
    """Does nothing for a store without archives."""

    def __init__(self, engine: Engine, store: BatchStore, clock: Clock, rules: Rules) -> None:
        self._engine, self._store, self._clock, self._rules = engine, store, clock, rules
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """A round, unless the last one still goes on or the centre stops."""
        busy = self._over.is_set() or (self._thread and self._thread.is_alive())
        if busy or getattr(self._store, "place", None) is None:
            return
        self._thread = threading.Thread(target=self._round, args=[self._store], name="compaction", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def _round(self, store: ArchivedBatchStore) -> None:
        from central.batches.compaction import Compaction  # noqa: PLC0415  (as in opening)
        from central.batches.recovering import enter_strangers  # noqa: PLC0415

        try:
            for name in enter_strangers(self._engine, store, self._clock.now()):
                log.warning("%s is unknown to this database: look at `cairn-central batches show`", name)
            first = first_hour_kept(self._clock.now(), self._rules)
            for done in Compaction(self._engine, store, self._clock, self._tell).run(first_hour=first):
                log.info("archived %d batches of %s: %s", done.moved, done.day, done.archive)
        except _Stopped:
            log.info("archiving was stopped; it goes on when the centre runs again")
        except CairnError as error:
            log.error("batches stay in the database: %s", error)
        except Exception:  # whatever it was, everything is still where it was
            log.exception("batches stay in the database, and are archived later")

    def _tell(self, _day: date, _done: int, _of: int) -> None:
        if self._over.is_set():
            raise _Stopped
