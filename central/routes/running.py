"""One search while it runs or waits: what it has done, what it is stopped for, and when it must end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from central.cases.service import State, release_of, searchable_until
from central.cases.tables import Case
from central.errors import CaseEnded
from central.routes.released import ReleasesMade
from central.search.job import Progress
from shared.clock import Clock
from shared.errors import CairnError, ReleaseRefused

_LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class Running:
    """`why` is what the search is stopped for, in words for its tracer. While it waits for an office, `timer` begins it
    again, each time after a longer pause."""

    case: str
    pause_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=lambda: Progress(0, 0))
    releases: ReleasesMade = field(default_factory=ReleasesMade)
    why: CairnError | None = None
    timer: threading.Timer | None = None

    def end(self, why: CairnError) -> None:
        self.why = self.why or why
        self.stop.set()

    def over(self, case: Case, now: datetime) -> CairnError | None:
        """Why it is stopped, or its case or time is over as the case's row says: who ended the case may not have come
        to stop its searches yet."""
        if case.state != State.APPROVED:
            self.end(ended(self.case))
        elif now >= searchable_until(release_of(case)):
            self.end(ran_out())
        return self.why


@contextmanager
def stopped_at(moment: datetime, clock: Clock, running: Running) -> Iterator[None]:
    """End the search at that moment, however long a batch takes: consent and approval hold for no second more."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_S):
            if clock.now() >= moment:
                running.end(ran_out())
                return

    watcher = threading.Thread(target=watch, name="route-job-end", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def ended(case: str) -> CaseEnded:
    return CaseEnded(f"case {case} has ended", hint="open a new case with a new consent")


def ran_out() -> ReleaseRefused:
    hint = "open a new case, and ask the patient and the approver again"
    return ReleaseRefused("the approval or the consent ran out during the search", hint=hint)


def in_words(error: Exception) -> tuple[str, str, str]:
    """The name, the message and the hint that a job's row keeps; nothing of an error that is not ours."""
    if isinstance(error, CairnError):
        return type(error).__name__, error.message, error.hint
    return "InternalError", "something went wrong in the search", "look into the service's log"
