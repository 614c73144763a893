"""What an authority allows beyond the signatures: ten cases at once, one purpose a case, few probes an epoch, ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import numpy as np
from sqlmodel import Session, col, delete, select

from central.authority.tables import CaseEntry, ProbedHours
from shared.errors import BadInput, ReleaseRefused
from shared.releases import Release
from shared.wire import pack, unpack

MAX_CONCURRENT_CASES = 10
# One fused template a case: a row without a face mask, and one with.
PROBES_PER_TEMPLATE = 2
# Known pairs and anchors teach an insider about an epoch; `make bench ONLY=privacy` tells how much so many codes do.
MAX_PROBES_PER_EPOCH = 64


class PurposeLocked(ReleaseRefused):
    """The case was released for one basis, scope, consent and template, and this is another."""


class CaseWithdrawn(ReleaseRefused):
    """The case was withdrawn or closed; nothing is released for it any more."""


class TooManyCases(ReleaseRefused):
    """As many cases as may be open at once are open."""


class TooManyProbes(ReleaseRefused):
    """Some epochs of this case were probed as often as they ever may be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed; an office may lower a limit and never raise it."""

    cases: int = MAX_CONCURRENT_CASES
    probes_per_epoch: int = MAX_PROBES_PER_EPOCH

    def __post_init__(self) -> None:
        allowed = ((self.cases, MAX_CONCURRENT_CASES), (self.probes_per_epoch, MAX_PROBES_PER_EPOCH))
        if any(not 1 <= value <= highest for value, highest in allowed):
            hint = f"use 1 to {MAX_CONCURRENT_CASES} cases and 1 to {MAX_PROBES_PER_EPOCH} probes an epoch"
            raise BadInput("a limit can only be lowered", hint=hint)


def check_case(session: Session, release: Release, limits: Limits, now: datetime) -> None:
    """Raises CaseWithdrawn, PurposeLocked or TooManyCases."""
    row = session.get(CaseEntry, release.scope.case)
    if row is not None and row.withdrawn_at:
        raise CaseWithdrawn("The case is withdrawn or closed.", hint="Open a new case with new consent.")
    if row is not None:
        _check_purpose(row, release)
    live = session.exec(
        select(CaseEntry.case).where(
            CaseEntry.case != release.scope.case, col(CaseEntry.withdrawn_at).is_(None), col(CaseEntry.expires) > now
        )
    ).all()
    if len(live) >= limits.cases:
        raise TooManyCases(f"{limits.cases} cases are open already.", hint="Close a finished case first.")


def enter_case(session: Session, release: Release) -> None:
    """Remember what the case's first release was for. The caller commits."""
    scope = release.scope
    row = session.get(CaseEntry, scope.case) or CaseEntry(case=scope.case)
    if row.basis is None:
        for name, digest in _purpose(release).items():
            setattr(row, name, digest)
    row.expires = max(row.expires or scope.expires, scope.expires)
    session.add(row)


def count_probes(session: Session, case: str, cells: Sequence[str], hours: Sequence[int], limit: int) -> None:
    """Count this case's probes for every one of `cells` at every one of `hours`, both sorted; the caller commits.

    The same case again adds only what is new: a case has one template, for ever. Raises TooManyProbes.
    """
    row = session.get(ProbedHours, case)
    own = _counted(row, cells, hours) if row else np.zeros((len(cells), len(hours)), np.int64)
    spent = np.zeros((len(cells), len(hours)), np.int64)
    for other in session.exec(select(ProbedHours).where(ProbedHours.case != case)):
        spent += _counted(other, cells, hours)
    exhausted = int(np.count_nonzero((spent + PROBES_PER_TEMPLATE > limit) & (own == 0)))
    if exhausted:
        hint = "narrow the window or the cells to what other cases have not searched as often"
        raise TooManyProbes(f"{exhausted} of {spent.size} cell-hours were probed {limit} times already.", hint=hint)
    before = set(unpack(row.cells, BadInput, "a counter")) if row else set()
    session.merge(
        ProbedHours(
            case=case, cells=pack(sorted(before | set(cells))), codes=PROBES_PER_TEMPLATE,
            first=min(hours[0], row.first) if row else hours[0],
            after=max(hours[-1] + 1, row.after) if row else hours[-1] + 1,
        )
    )  # fmt: skip


def forget_counters(session: Session, before_hour: int) -> None:
    """Drop the counters whose hours are all destroyed: nothing can be probed there any more. The caller commits."""
    session.execute(delete(ProbedHours).where(col(ProbedHours.after) <= before_hour))


def _counted(row: ProbedHours, cells: Sequence[str], hours: Sequence[int]) -> np.ndarray:
    """This case's codes int64[cells, hours]."""
    known = set(unpack(row.cells, BadInput, "a counter"))
    in_cells = np.array([cell in known for cell in cells])
    at = np.asarray(hours)
    in_hours = (at >= row.first) & (at < row.after)
    return np.outer(in_cells, in_hours) * row.codes


def _purpose(release: Release) -> dict[str, bytes]:
    approval = release.approval
    basis = sha256(release.scope.purpose.encode()).digest()
    return {"basis": basis, "scope": approval.scope, "consent": approval.consent, "template": approval.template}


def _check_purpose(row: CaseEntry, release: Release) -> None:
    other = [name for name, digest in _purpose(release).items() if getattr(row, name) not in (None, digest)]
    if other:
        what = {"basis": "legal basis", "scope": "scope", "consent": "consent", "template": "template"}
        words = ", ".join(what[name] for name in other)
        hint = "open a new case: one case has one purpose, one consent and one template"
        raise PurposeLocked(f"This case was released before with another {words}.", hint=hint)
