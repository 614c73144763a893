"""What the centre did in a period, counted for the public from its audit log: no patient, no member of staff.

Entries whose case was erased since then keep their kind and their time, so they are counted; what stood in their
details, such as the kind of a refusal, is gone and counted as not known.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlmodel import Session, col, func, select

from central.audit.service import LOG
from central.audit.tables import AuditCheckpoint, AuditEntry
from central.authority.statements import statement_to_map
from central.canaries.service import keys, statements
from central.canaries.tables import CanaryTrial
from central.reports.log_details import refusal_kind, released
from central.reports.transparency_counts import Published, Shown, apart, few, with_total
from shared.clock import as_utc
from shared.errors import BadInput

LONGEST: Final = timedelta(days=366)
SHORTEST: Final = timedelta(days=7)
CASES: Final = ("opened", "consent", "registered", "approved", "closed", "withdrawn", "expired", "erased")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Period:
    """Whole UTC days, from `first` until before `end`."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if not SHORTEST <= self.end - self.first <= LONGEST:
            # Two reports that differ by a day would tell the day's small counts.
            hint = "report whole weeks or months, none of them twice"
            raise BadInput(f"a period lasts {SHORTEST.days} to {LONGEST.days} days", hint=hint)

    @property
    def start_at(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def last(self) -> date:
        """The last day that counts."""
        return self.end - timedelta(days=1)

    @property
    def end_at(self) -> datetime:
        return datetime.combine(self.end, time(), UTC)


@dataclass(frozen=True, slots=True)
class LogHead:
    """The audit log at the end of the period: how many entries, and the root of the tree over them, in hex.

    `checkpoint` is the newest signed one, as it was published; it may be of a later size. Empty where none was signed.
    """

    entries: int
    root: str
    checkpoint: str


@dataclass(slots=True)
class Counts:
    """What is in the log, before anything is hidden."""

    actions: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    releases: Counter[str] = field(default_factory=Counter)
    cell_hours: int = 0
    batches: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Transparency:
    """The report, with small counts hidden."""

    period: Period
    made_at: datetime
    cases: Mapping[str, Shown]
    refusals: Published
    searches: Shown
    releases: Mapping[str, Shown]
    cell_hours: Shown
    batches_searched: Shown
    reads: Published
    days: Sequence[Mapping[str, str]]
    keys: Mapping[str, str]
    batches_dropped: int
    canaries: Mapping[str, int]
    nodes_revoked: int
    entries_erased: Shown
    log: LogHead

    def to_map(self) -> dict[str, Any]:
        """For JSON; null where even the size of what few searches did is hidden."""
        return {
            "from": self.period.first.isoformat(),
            "until": self.period.end.isoformat(),
            "made_at": as_utc(self.made_at).isoformat(),
            "cases": dict(self.cases),
            "refusals": {"by_kind": dict(self.refusals.counts), "total": self.refusals.total},
            "searches": {"asked": self.searches, "cell_hours": self.cell_hours, "batches": self.batches_searched},
            "releases_by_authority": dict(self.releases),
            "reads": {"by_kind": dict(self.reads.counts), "total": self.reads.total},
            "destroyed": {
                "days": [dict(day) for day in self.days],
                "keys": dict(self.keys),
                "batches": self.batches_dropped,
            },
            "canaries": dict(self.canaries),
            "nodes_revoked": self.nodes_revoked,
            "entries_erased": self.entries_erased,
            "log": asdict(self.log),
        }


def transparency(session: Session, period: Period, now: datetime) -> Transparency:
    """Count a period that is over. BadInput for one that is not."""
    if now < period.end_at:
        raise BadInput("this period is not over yet", hint=f"make the report on {period.end.isoformat()} or later")
    counts = count(session, period)
    done = counts.actions["released"]
    hidden = few(done)
    reads = {action.removeprefix("read "): n for action, n in counts.actions.items() if action.startswith("read ")}
    return Transparency(
        period=period,
        made_at=now,
        cases=apart({action: counts.actions[action] for action in CASES}),
        refusals=with_total(counts.refusals),
        searches=few(counts.actions["search"]),
        releases=apart(counts.releases),
        # What few searches went through says how large these few cases were.
        cell_hours=counts.cell_hours if hidden == done else None,
        batches_searched=counts.batches if hidden == done else None,
        reads=with_total(dict(sorted(reads.items()))),
        days=[statement_to_map(one) for one in statements(session) if _during(period, one.destroyed_at)],
        keys={name: base64.b64encode(key).decode() for name, key in keys(session).items()},
        batches_dropped=counts.dropped,
        canaries=_canaries(session, period),
        nodes_revoked=counts.actions["revoked node"],
        entries_erased=few(_erased(session, period)),
        log=_head(session, period),
    )


def count(session: Session, period: Period) -> Counts:
    """Read the period's entries once; of most of them only the kind."""
    found = Counts()
    kinds = select(AuditEntry.action, func.count()).where(*_within(period)).group_by(col(AuditEntry.action))
    found.actions.update(dict(session.exec(kinds).all()))
    for action, detail in _details(session, period, ("refused", "released", "dropped batches")):
        _TAKE[action](found, detail)
    return found


def _details(session: Session, period: Period, actions: Sequence[str]) -> Iterator[tuple[str, str]]:
    query = select(AuditEntry.action, AuditEntry.detail).where(*_within(period), col(AuditEntry.action).in_(actions))
    yield from session.exec(query.order_by(col(AuditEntry.id)).execution_options(yield_per=1000))


def _take_refusal(found: Counts, detail: str) -> None:
    found.refusals[refusal_kind(detail)] += 1


def _take_release(found: Counts, detail: str) -> None:
    said = released(detail)
    found.releases.update(said.authorities)
    found.cell_hours += said.cell_hours
    found.batches += said.batches


def _take_dropped(found: Counts, detail: str) -> None:
    number = _NUMBER.search(detail)
    found.dropped += int(number[0]) if number else 0


_TAKE = {
    "refused": _take_refusal,
    "released": _take_release,
    "dropped batches": _take_dropped,
}


def _canaries(session: Session, period: Period) -> dict[str, int]:
    """Trials of the period, by what came of them; `alarm` is what must never be."""
    query = select(CanaryTrial).where(col(CanaryTrial.at) >= period.start_at, col(CanaryTrial.at) < period.end_at)
    found = {"shut": 0, "live": 0, "alarm": 0}
    for trial in session.exec(query):
        found["alarm" if trial.alarm else "live" if trial.opened else "shut"] += 1
    return found


def _erased(session: Session, period: Period) -> int:
    query = select(func.count()).select_from(AuditEntry).where(*_within(period), col(AuditEntry.salt).is_(None))
    return session.exec(query).one()


def _head(session: Session, period: Period) -> LogHead:
    """The tree up to the last entry before the end: whoever holds a later checkpoint can check that it grew from it."""
    last = session.exec(select(func.max(AuditEntry.id)).where(col(AuditEntry.at) < period.end_at)).one() or 0
    head = LOG.head(session, min(last, LOG.size(session)))
    newest = select(AuditCheckpoint.note).order_by(col(AuditCheckpoint.generation).desc()).limit(1)
    return LogHead(head.size, head.root.hex(), session.exec(newest).first() or "")


def _during(period: Period, moment: datetime) -> bool:
    return period.start_at <= moment < period.end_at


def _within(period: Period) -> tuple[Any, Any]:
    return col(AuditEntry.at) >= period.start_at, col(AuditEntry.at) < period.end_at
