"""The other offices hear of a case's end: no authority releases any more, the probe service erases the template."""

from __future__ import annotations

import logging

from sqlalchemy import Engine
from sqlmodel import Session

from central.audit.service import record
from central.cases.service import told
from central.cases.tables import Case
from central.database import writing
from central.search.case_search import SearchParts
from shared.clock import Clock
from shared.errors import CairnError

log = logging.getLogger(__name__)

PROBES = "probes"


def parties(parts: SearchParts) -> list[str]:
    """Who must hear when a case ends: every authority, and the probe service."""
    return [*(one.name for one in parts.authorities), PROBES]


def tell_of_end(engine: Engine, clock: Clock, parts: SearchParts, case: str) -> list[str]:
    """Tell whoever has not heard yet; returns who could not be told and is told later. Twice is harmless."""
    waiting = []
    with Session(engine) as session:
        row = session.get(Case, case)
        untold = row.untold.split() if row is not None else []
    for party in untold:
        try:
            _tell(parts, case, party)
        except CairnError as error:
            log.warning("%s has not heard yet that case %s has ended: %s", party, case, error.message)
            waiting.append(party)
            continue
        with writing(engine) as session:
            told(session, case, party)
            record(session, clock.now(), "centre", "told", case, party)
    return waiting


def _tell(parts: SearchParts, case: str, party: str) -> None:
    if party == PROBES:
        parts.probes.erase(case)
    for authority in parts.authorities:
        if authority.name == party:
            authority.withdraw(case)
