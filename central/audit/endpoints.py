"""The audit log over HTTP, for the privacy officer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Officer
from central.answers import Name, refusals
from central.audit.checking import check
from central.audit.evidence import prove
from central.audit.log import Head
from central.audit.notes import Checkpoint, Note
from central.audit.service import LOG, PUBLISHED
from central.audit.verifying import newest_checkpoint
from central.errors import NotFound

router = APIRouter(prefix="/audit", tags=["audit"])


class Entry(BaseModel):
    """`erased`: when and which kind of act are all that is left of it."""

    id: int
    at: datetime
    account: str
    action: str
    case: str
    detail: str
    erased: bool


class Verdict(BaseModel):
    """`first_broken` is the id of the first entry that was edited, moved or is missing, and `reason` says which."""

    whole: bool
    first_broken: int | None
    reason: str
    entries: int
    erased: int


class WitnessOut(BaseModel):
    """How far a witness or the checkpoint file is; `trouble` keeps it behind, `alarm` says that it contradicts."""

    witness: str
    origin: str
    size: int
    cosigned_at: datetime | None
    trouble: str
    alarm: str


class CheckpointOut(BaseModel):
    """The newest signed checkpoint, cosignatures included, and the key that it is checked with; empty without any."""

    checkpoint: str
    log_key: str
    witness_keys: list[str]
    published: list[WitnessOut]


@router.get("", summary="Read the audit log", responses=refusals(*SIGNED_IN))
def read_log(
    centre: At,
    _account: Officer,
    case: Name | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[Entry]:
    """Who did, read or was refused what, oldest first; with `before`, newest first. No patient is named in it."""
    with Session(centre.engine) as session:
        older = before is not None
        rows = LOG.newest(session, case, before, limit) if older else LOG.entries(session, case, after, limit)
        return [
            Entry(
                **row.model_dump(include={"id", "at", "account", "action", "case", "detail"}), erased=row.salt is None
            )
            for row in rows
        ]


@router.get("/check", summary="Check that nobody edited the audit log", responses=refusals(*SIGNED_IN))
def check_log(centre: At, _account: Officer) -> Verdict:
    """Every entry is recounted, up to what was signed last; a million of them take a while."""
    with Session(centre.engine) as session:
        written = newest_checkpoint(session, PUBLISHED)
        point = Checkpoint.parse(Note.parse(written).text) if written else None
        found = check(LOG, session, [Head(point.size, point.root)] if point else [])
    whole = found.wrong is None
    return Verdict(whole=whole, first_broken=found.wrong, reason=found.reason, entries=found.size, erased=found.erased)


@router.get("/checkpoint", summary="What was signed of the log, and who has it", responses=refusals(*SIGNED_IN))
def show_checkpoint(centre: At, _account: Officer) -> CheckpointOut:
    publisher = centre.publisher
    if publisher is None:
        return CheckpointOut(checkpoint="", log_key="", witness_keys=[], published=[])
    return CheckpointOut(
        checkpoint=publisher.newest(),
        log_key=str(publisher.log_key()),
        witness_keys=[str(key) for key in publisher.witness_keys],
        published=[WitnessOut(**row) for row in publisher.state()],
    )


@router.get("/proof/{entry}", summary="One entry with all that proves it", responses=refusals(*SIGNED_IN, NotFound))
def show_proof(centre: At, _account: Officer, entry: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> dict[str, Any]:
    """`cairn-central audit verify --proof FILE` checks it with public keys alone."""
    with Session(centre.engine) as session:
        return prove(LOG, session, entry, newest_checkpoint(session, PUBLISHED))
