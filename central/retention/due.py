"""What is kept, and when each of it has to go. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlmodel import Session, col, func, select

from central.audit.tables import AuditEntry
from central.batches.tables import BatchArchive, RefusedBatch, StoredBatch
from central.cases.service import State, scope_of
from central.cases.tables import Case
from central.consents.tables import ConsentRecord
from central.retention.rules import Rules
from central.retention.tables import PastCase
from central.routes.tables import FoundRoute
from shared.clock import from_unix
from shared.epochs import HOUR_S
from shared.errors import BadRelease
from shared.releases import consent_from_bytes

AT_LAST = datetime(9000, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What happens to it, in the order in which it is done."""

    EXPIRES = "case expires"
    ROUTE = "route erased"
    CASE = "case erased"
    RECEIPTS = "receipts of consent forgotten"
    BATCHES = "batches dropped"
    ARCHIVES = "archives deleted"
    REFUSED = "refused batches forgotten"
    CASE_AUDIT = "log's words of a case erased"
    AUDIT = "log's words erased"


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that goes at `when`: `name` is a case, a file or an hour's number, `count` how many rows it is."""

    kind: Kind
    when: datetime
    name: str = ""
    count: int = 1


def held(session: Session, rules: Rules, until: datetime, *kinds: Kind) -> Iterator[Due]:
    """All that goes up to `until`, of these kinds or of all; kind by kind and earliest first."""
    for kind, going in _GOING.items():
        if not kinds or kind in kinds:
            yield from going(session, rules, until)


def expires(row: Case) -> datetime:
    """When nothing allows the case any more: its scope or its consent is over."""
    return min(row.expires, row.consent_expires or _of_old_consent(row) or row.expires)


def kept_until(row: Case, rules: Rules) -> datetime | None:
    """When an ended case is erased; None while it has not ended."""
    return None if row.ended_at is None else row.ended_at + rules.case(row.purpose or _of_old_scope(row))


def batch_time(hour: int, rules: Rules) -> datetime:
    """When the batches of an hour go: their time counts from the hour's end."""
    return from_unix((hour + 1) * HOUR_S) + rules.batches


def first_hour_kept(now: datetime, rules: Rules) -> int:
    """Batches of earlier hours have to go."""
    return int((now - rules.batches).timestamp()) // HOUR_S


def _expiring(session: Session, _rules: Rules, until: datetime) -> Iterator[Due]:
    alive = select(Case).where(col(Case.state).in_((State.OPEN, State.MANUAL, State.APPROVED)))
    ends = sorted((expires(row), row.case) for row in session.exec(alive))
    yield from (Due(Kind.EXPIRES, when, case) for when, case in ends if when <= until)


def _routes(session: Session, rules: Rules, until: datetime) -> Iterator[Due]:
    old = select(FoundRoute.case, FoundRoute.found_at).where(FoundRoute.found_at <= until - rules.routes)
    for case, found_at in session.exec(old):
        yield Due(Kind.ROUTE, found_at + rules.routes, case)


def _ended(session: Session, rules: Rules, until: datetime) -> Iterator[Due]:
    query = select(Case).where(Case.ended_at <= until - rules.shortest_case).order_by(col(Case.ended_at))  # type: ignore[operator]
    for row in session.exec(query):
        if (when := kept_until(row, rules)) and when <= until:
            yield Due(Kind.CASE, when, row.case)


def _receipts(session: Session, _rules: Rules, until: datetime) -> Iterator[Due]:
    old = select(func.count(), func.min(ConsentRecord.keep_until)).where(ConsentRecord.keep_until <= until)
    count, first = session.exec(old).one()
    if count:
        yield Due(Kind.RECEIPTS, first, "", count)


def _batches(session: Session, rules: Rules, until: datetime) -> Iterator[Due]:
    hours = (
        select(StoredBatch.hour, func.count())
        .where(StoredBatch.hour < first_hour_kept(until, rules))
        .group_by(col(StoredBatch.hour))
        .order_by(col(StoredBatch.hour))
    )
    for hour, count in session.exec(hours):
        yield Due(Kind.BATCHES, batch_time(hour, rules), str(hour), count)


def _archives(session: Session, _rules: Rules, until: datetime) -> Iterator[Due]:
    """Files in which no batch is read any more: their hours were dropped, or lie in a newer file."""
    old = select(BatchArchive).where(col(BatchArchive.delete_after) <= until).order_by(col(BatchArchive.delete_after))
    for row in session.exec(old):
        if row.delete_after:
            yield Due(Kind.ARCHIVES, row.delete_after, row.name, row.batches)


def _refused(session: Session, rules: Rules, until: datetime) -> Iterator[Due]:
    old = select(func.count(), func.min(RefusedBatch.at)).where(RefusedBatch.at <= until - rules.refused_batches)
    count, first = session.exec(old).one()
    if count:
        yield Due(Kind.REFUSED, first + rules.refused_batches, "", count)


def _words_of_cases(session: Session, rules: Rules, until: datetime) -> Iterator[Due]:
    past = select(PastCase).where(PastCase.ended_at <= until - rules.audit).order_by(col(PastCase.ended_at))
    for gone in session.exec(past):
        yield Due(Kind.CASE_AUDIT, gone.ended_at + rules.audit, gone.case)


def _audit(session: Session, rules: Rules, until: datetime) -> Iterator[Due]:
    words = (col(AuditEntry.salt).is_not(None), AuditEntry.at <= until - rules.audit)
    count, first = session.exec(select(func.count(), func.min(AuditEntry.at)).where(*words)).one()
    if count:
        yield Due(Kind.AUDIT, first + rules.audit, "", count)


_GOING: dict[Kind, Callable[[Session, Rules, datetime], Iterator[Due]]] = {
    Kind.EXPIRES: _expiring,
    Kind.ROUTE: _routes,
    Kind.CASE: _ended,
    Kind.RECEIPTS: _receipts,
    Kind.BATCHES: _batches,
    Kind.ARCHIVES: _archives,
    Kind.REFUSED: _refused,
    Kind.CASE_AUDIT: _words_of_cases,
    Kind.AUDIT: _audit,
}


# Cases of the first version have these in their documents only. One that cannot be read must not stop the others.
def _of_old_consent(row: Case) -> datetime | None:
    try:
        return consent_from_bytes(row.consent).expires if row.consent else None
    except BadRelease:
        return None


def _of_old_scope(row: Case) -> str:
    try:
        return scope_of(row).purpose
    except BadRelease:
        return ""
