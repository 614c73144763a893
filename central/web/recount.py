"""Counting a long log takes half a minute or more: it is done beside the pages, and they tell how it ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from central.audit.endpoints import Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of a recount that began at `at`; None when it failed, which the service's log explains."""

    at: datetime
    verdict: Verdict | None


class Recount:
    """One at a time; the last outcome is kept until the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = False
        self._last: Counted | None = None

    def start(self, count: Callable[[], Verdict], now: datetime) -> None:
        """Begin, unless one is running already."""
        with self._lock:
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, args=(count, now), name="recount", daemon=True).start()

    def state(self) -> tuple[bool, Counted | None]:
        """Whether one is running, and what came of the last."""
        with self._lock:
            return self._running, self._last

    def _run(self, count: Callable[[], Verdict], now: datetime) -> None:
        verdict = None
        try:
            verdict = count()
        except Exception:  # whatever happens, the page must not say "running" for ever
            log.exception("the recount of the audit log failed")
        with self._lock:
            self._running, self._last = False, Counted(now, verdict)
