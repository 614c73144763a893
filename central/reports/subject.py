"""What was done under one case, told to the patient whose case it is: from the log, and what is left of the tables.

People of the centre appear by their role, never by name. After a withdrawal the report says what the log still holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from central.accounts.service import Role
from central.accounts.tables import Account
from central.audit.tables import AuditEntry
from central.cases.service import State, scope_of
from central.cases.tables import Case
from central.consents.tables import ConsentRecord
from central.errors import NotFound
from central.reports.log_details import refusal_kind, released
from central.retention.due import expires, kept_until
from central.retention.rules import Rules
from central.retention.tables import PastCase
from central.routes.tables import FoundRoute
from shared.clock import as_utc
from shared.releases import approval_from_bytes, consent_from_bytes

SYSTEM: Final = "system"
_SIGNED: Final = {"opened": "tracer", "consent": "witness", "approved": "approver"}
_ENDED: Final = ("closed", "withdrawn", "expired", "erased route", "erased")


@dataclass(frozen=True, slots=True)
class About:
    """What the case was for, while its documents are kept."""

    purpose: str
    start: datetime
    end: datetime
    cells: int
    consents: Sequence[str]
    expires: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """The receipt, as its witness signed it."""

    receipt: str
    scopes: Sequence[str]
    given_at: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody did, was shown or was refused; `what` says which, in a word of the log."""

    at: datetime
    role: str
    what: str


@dataclass(frozen=True, slots=True)
class Search:
    """One search that released keys: by which authorities, for how many cell-hours, through how many batches."""

    at: datetime
    role: str
    authorities: Sequence[str]
    cell_hours: int
    batches: int


@dataclass(frozen=True, slots=True)
class Held:
    """Something that is still kept of the patient, and until when; None while the case has not ended."""

    what: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SubjectReport:
    """Everything in it is the patient's own, or a count."""

    case: str
    made_at: datetime
    state: str
    about: About | None
    consent: Consent | None
    signatures: Sequence[Act]
    searches: Sequence[Search]
    unfinished: Sequence[Act]
    reads: Sequence[Act]
    others: Sequence[Act]
    refusals: Sequence[Act]
    ending: Sequence[Act]
    held: Sequence[Held]
    gone: Sequence[str]

    def to_map(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_plain))
        return found


def subject_report(session: Session, case: str, now: datetime, rules: Rules) -> SubjectReport:
    """NotFound when neither the log nor a table knows the case."""
    row = session.get(Case, case)
    log = list(session.exec(select(AuditEntry).where(AuditEntry.case == case).order_by(col(AuditEntry.id))))
    if row is None and not log:
        raise NotFound("nothing is kept of a case of this name", hint="check its name; an erased case leaves none")
    roles = _roles(session, log)
    acts = [(entry, Act(entry.at, roles[entry.account], entry.action)) for entry in log]
    held, gone = _kept(session, row, case, rules)
    return SubjectReport(
        case=case,
        made_at=now,
        state=row.state if row else "erased",
        about=_about(row) if row else None,
        consent=_consent(row) if row else None,
        signatures=[_signature(row, act, act.what) for _, act in acts if act.what in _SIGNED],
        searches=[_search(entry, act.role) for entry, act in acts if act.what == "released"],
        unfinished=[act for _, act in acts if act.what == "search failed"],
        reads=[Act(act.at, act.role, act.what.removeprefix("read ")) for _, act in acts if _is_read(act.what)],
        others=[act for _, act in acts if not _is_told_elsewhere(act.what)],
        refusals=[Act(act.at, act.role, refusal_kind(entry.detail)) for entry, act in acts if act.what == "refused"],
        ending=list(_ending(acts)),
        held=held,
        gone=gone,
    )


def _roles(session: Session, log: Sequence[AuditEntry]) -> Mapping[str, str]:
    """What each person who occurs was in this case, or is by their account."""
    roles = {one.name: one.roles.split()[0] for one in session.exec(select(Account)) if one.roles}
    for entry in log:
        if entry.action in ("opened", "search", "registered"):
            roles[entry.account] = Role.TRACER
        elif entry.action == "approved":
            roles[entry.account] = Role.APPROVER
    return {entry.account: roles.get(entry.account, SYSTEM) for entry in log}


def _about(row: Case) -> About:
    scope = scope_of(row)
    return About(scope.purpose, scope.start, scope.end, len(scope.cells), scope.consents, scope.expires)


def _consent(row: Case) -> Consent | None:
    if row.consent is None:
        return None
    receipt = consent_from_bytes(row.consent)
    return Consent(receipt.receipt, receipt.scopes, receipt.given_at, receipt.expires)


def _signature(row: Case | None, act: Act, action: str) -> Act:
    at = act.at
    if action == "approved" and row is not None and row.approval is not None:
        at = approval_from_bytes(row.approval).approved_at
    return Act(at, _SIGNED[action], action)


def _search(entry: AuditEntry, role: str) -> Search:
    said = released(entry.detail)
    return Search(entry.at, role, said.authorities, said.cell_hours, said.batches)


def _is_told_elsewhere(action: str) -> bool:
    """What has a section of its own; the rest must not be left out only because it is new."""
    own = (*_SIGNED, *_ENDED, "released", "search", "search failed", "refused", "told")
    return action in own or _is_read(action)


def _is_read(action: str) -> bool:
    return action.startswith("read ")


def _ending(acts: Sequence[tuple[AuditEntry, Act]]) -> Iterator[Act]:
    """The end, and who has heard of it since; an authority or the probe service is named, as an office."""
    for entry, act in acts:
        if act.what in _ENDED:
            yield act
        elif act.what == "told":
            yield Act(act.at, SYSTEM, f"told {entry.detail}")


def _kept(session: Session, row: Case | None, case: str, rules: Rules) -> tuple[list[Held], list[str]]:
    past = session.get(PastCase, case)
    ended = past.ended_at if past else row.ended_at if row else None
    held, gone = [Held("log", ended + rules.audit if ended else None)], []
    receipts = session.exec(select(func.max(ConsentRecord.keep_until)).where(ConsentRecord.case == case)).one()
    if receipts is not None:
        held.append(Held("receipt", receipts))
    route = session.exec(select(FoundRoute.found_at).where(FoundRoute.case == case)).first()
    if route is not None:
        held.append(Held("route", route + rules.routes))
    else:
        gone.append("route")
    if row is None:
        return held, [*gone, "documents", "template"]
    held += [Held("documents", kept_until(row, rules)), Held("batches", scope_of(row).end + rules.batches)]
    if row.registered_at is not None and row.state in (State.OPEN, State.APPROVED):
        held.append(Held("template", expires(row)))
    else:
        gone.append("template")
    return held, gone


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return as_utc(value).isoformat()
    return str(value)
