"""The authority's regular round: publish the coming hours' shares, destroy the days past retention."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from central.authority.service import Authority
from shared.errors import CairnError
from shared.transport import Transport

log = logging.getLogger(__name__)

# Nodes hold up to 24 hours of shares, so a round may be missed.
PAUSE_S = 600.0
RETRY_S = 20.0
# What was released or destroyed is in the hands of a witness this soon; a round without news costs one look.
PUBLISH_EVERY_S = 20.0
# A box that was entered or dropped by a command is served, or loses its grant, this soon.
LOOK_EVERY_S = 2.0


class Rounds:
    """Runs on a thread of its own between start() and stop(); a connection to the broker starts a round at once.

    Without a broker it still destroys what is over and publishes the log.
    """

    def __init__(self, authority: Authority, transport: Transport | None, hours_ahead: int) -> None:
        self._authority, self._transport, self._hours_ahead = authority, transport, hours_ahead
        self._due, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="authority-rounds", daemon=True)

    def start(self) -> None:
        if self._transport:
            self._transport.on_connected = self._due.set
            self._transport.connect()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._due.set()
        self._thread.join()
        if self._transport:
            self._transport.close()

    def once(self) -> bool:
        """One round, each part whether or not another failed; False when one did, and all is done again in the next."""
        parts: list[Callable[[], object]] = [self._authority.destroy_expired, self._authority.book.publisher.round]
        if self._transport is not None and self._transport.connected:
            parts.insert(1, partial(self._authority.publish_grants, self._transport, self._hours_ahead))
        done = [self._done(part) for part in parts]
        return all(done)

    def _done(self, part: Callable[[], object]) -> bool:
        try:
            part()
        except (CairnError, SQLAlchemyError) as error:
            log.warning("round not finished: %s", error)
            return False
        return True

    def _run(self) -> None:
        served, next_round, next_try, next_publication = b"", 0.0, 0.0, 0.0
        while not self._over.is_set():
            stamp, now = self._stamp(), monotonic()
            there = self._transport is None or self._transport.connected
            # A broker that is away for days must not keep days alive: destruction does not wait for it.
            news = stamp != served and there and now >= next_try
            if self._due.is_set() or now >= next_round or news:
                self._due.clear()
                if self.once():
                    # The stamp from before the round: whoever was entered during it is served in the next.
                    served, next_round = stamp if there else served, now + PAUSE_S
                else:
                    next_round = next_try = now + RETRY_S
                next_publication = now + PUBLISH_EVERY_S
            elif now >= next_publication:
                self._done(self._authority.book.publisher.round)
                next_publication = now + PUBLISH_EVERY_S
            self._due.wait(LOOK_EVERY_S)

    def _stamp(self) -> bytes:
        try:
            return self._authority.registry.stamp()
        except SQLAlchemyError as error:  # a command beside us holds the database; the next look finds out
            log.warning("the register could not be read: %s", type(error).__name__)
            return b""
