"""What ended elsewhere ends here: the authorities remember every withdrawal, also one that a restored copy has lost.

They are asked at every start and every hour. Where the database is a copy that was put back, nothing is served before
all of them have answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.service import record
from central.backups.place import at_home, put_back
from central.cases.ending import parties, tell_of_end
from central.cases.service import ENDED, State, end
from central.cases.tables import Case
from central.database import writing
from central.errors import ServiceDown
from central.retention.job import Retention
from central.routes.store import forget_route
from central.routes.tables import FoundRoute
from central.search.case_search import SearchParts
from shared.clock import Clock
from shared.errors import CairnError

log = logging.getLogger(__name__)

WHO = "restore"
AT_ONCE = 500


def catch_up(engine: Engine, clock: Clock, parts: SearchParts, retention: Retention) -> None:
    """Before anything is served. Raises ServiceDown when a restored copy cannot be compared with an authority."""
    origin = put_back(engine)
    if origin is not None:
        log.warning("this database was put back (%s): what is over is destroyed before anything is served", origin)
        retention.run()
    silent = heed(engine, clock, parts, lambda _case: None)
    if origin is not None:
        if silent:
            hint = "start it again when they answer: only they know which cases were withdrawn meanwhile"
            raise ServiceDown(f"the database was restored, and {', '.join(silent)} cannot be asked", hint=hint)
        _doubt_closed(engine, clock)
        with writing(engine) as session:
            record(session, clock.now(), WHO, "caught up", detail=origin)
    at_home(engine)


def heed(engine: Engine, clock: Clock, parts: SearchParts, stop: Callable[[str], None]) -> list[str]:
    """End the cases that an authority says have ended; returns the authorities that did not answer."""
    with Session(engine) as session:
        live = list(session.exec(select(Case.case).where(col(Case.state).not_in(ENDED)).order_by(Case.case)))
    silent = []
    for authority in parts.authorities if live else []:
        try:
            for at in range(0, len(live), AT_ONCE):
                for case in authority.ended(live[at : at + AT_ONCE]):
                    _end(engine, clock, parts, case, authority.name)
                    stop(case)
        except CairnError as error:
            log.warning("%s cannot say which cases have ended: %s", authority.name, error.message)
            silent.append(authority.name)
    return silent


def _end(engine: Engine, clock: Clock, parts: SearchParts, case: str, authority: str) -> None:
    """Nobody here knows whether it was withdrawn or closed there: it is treated as withdrawn, which erases most."""
    now = clock.now()
    with writing(engine) as session:
        row = session.get(Case, case)
        if row is None or row.state in ENDED:
            return
        end(session, row, State.WITHDRAWN, parties(parts), now)
        forget_route(session, case)
        record(session, now, WHO, str(State.WITHDRAWN), case, f"{authority} releases nothing for it any more")
    tell_of_end(engine, clock, parts, case)


def _doubt_closed(engine: Engine, clock: Clock) -> None:
    """A case that was closed before the copy was made may have been withdrawn after it: its route goes."""
    now = clock.now()
    with writing(engine) as session:
        closed = select(FoundRoute.case).join(Case, col(Case.case) == col(FoundRoute.case)).where(
            Case.state == State.CLOSED
        )  # fmt: skip
        for case in list(session.exec(closed)):
            forget_route(session, case)
            record(session, now, WHO, "erased route", case, "nobody knows whether it was withdrawn since")
