"""Cases that are searched for at the same time share a pass, so that ten patients cost little more than one.

A search waits a moment for others, or until a pass is over when as many as may be are under way.
"""

from __future__ import annotations

import threading
from time import monotonic

from central.search.parts import LOOK_EVERY_S, Part, SearchParts
from central.search.passes import Pass

WAITS_S = 0.25
MOST_TOGETHER = 10  # as many cases as an authority has open at once


class Gatherer:
    """Thread-safe. At most `at_once` passes at a time; `close` lets no new one begin and waits for the others."""

    def __init__(self, at_once: int = 1, waits_s: float = WAITS_S) -> None:
        self._at_once, self._waits_s = at_once, waits_s
        self._waiting: list[Part] = []
        self._threads: set[threading.Thread] = set()
        self._changed = threading.Condition()
        self._closed = False

    def enter(self, part: Part) -> None:
        with self._changed:
            self._waiting.append(part)
            self._changed.notify_all()
            if len(self._threads) < self._at_once and not self._closed:
                thread = threading.Thread(target=self._lead, name="search-pass", daemon=True)
                self._threads.add(thread)
                thread.start()

    def close(self) -> None:
        """Whoever still waits is to be stopped by who asked for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _lead(self) -> None:
        """Pass after pass, as long as somebody waits."""
        while parts := self._together():
            Pass(parts).run()

    def _together(self) -> list[Part]:
        until = monotonic() + self._waits_s
        with self._changed:
            while not self._closed and len(self._waiting) < MOST_TOGETHER and (left := until - monotonic()) > 0:
                self._changed.wait(min(left, LOOK_EVERY_S))
            waiting = [part for part in self._waiting if part.open]
            # A store of its own, or workers elsewhere, cannot be shared.
            first = waiting[0].offices if waiting else None
            alike = [one for one in waiting if first and _alike(one.offices, first)][:MOST_TOGETHER]
            self._waiting = [one for one in waiting if one not in alike]
            if self._closed or not alike:
                self._threads.discard(threading.current_thread())
                return []
            return alike


def _alike(one: SearchParts, other: SearchParts) -> bool:
    return one.store is other.store and one.worker_at == other.worker_at and one.engine is other.engine
