"""What tracers say of sightings: this was the patient, this was not. The next search heeds it.

A word may be about anything that the case's route has shown, and about nothing else: nobody learns from a refusal
whether somebody was seen.
"""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator
from sqlmodel import Session, col, select

from central.accounts.tables import Account
from central.cases.access import own_case
from central.cases.service import ENDED
from central.cases.tables import Case
from central.errors import CaseEnded, NotFound
from central.routes.kept import sightings_of
from central.routes.reconstruct import Told
from central.routes.store import route_of
from central.routes.tables import SightingWord
from shared.errors import BadInput, CairnError
from shared.sightings import parse_sighting_id, sighting_id

_MARK_BYTES = 6
_LONGEST = 100


def sighting_name(text: str) -> str:
    """The one way to write a sighting's name. Raises BadInput."""
    if len(text) > _LONGEST:
        raise BadInput("no sighting has so long a name", hint="a sighting's name looks like node/boot/number")
    return sighting_id(*parse_sighting_id(text))


def _in_address(text: str) -> str:
    try:
        return sighting_name(text)
    except CairnError as error:
        raise ValueError(error.hint) from None


SightingName = Annotated[str, AfterValidator(_in_address)]


class Word(StrEnum):
    """What a tracer says of a sighting."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"


def say(session: Session, account: Account, case: str, sighting: str, word: Word, now: datetime) -> SightingWord | None:
    """Keep the word in place of an earlier, other one; None when it stands already, whoever said it.

    Raises NotFound for a sighting that the route never showed, CaseEnded.
    """
    _alive(own_case(session, account, case, now))
    found = session.get(SightingWord, (case, sighting))
    if found is None:
        shown = sightings_of(json.loads(route_of(session, case).route)).get(sighting)
        if shown is None:
            hint = "name one that is shown by: cairn-central case route, or route questions"
            raise NotFound("this sighting is neither on the route nor asked about", hint=hint)
        start = datetime.fromisoformat(shown["start"])
        found = SightingWord(case=case, sighting=sighting, word="", camera=shown["camera"], start=start, by="", at=now)
    if found.word == word:
        return None
    found.word, found.by, found.at = word, account.name, now
    session.add(found)
    return found


def take_back(session: Session, account: Account, case: str, sighting: str, now: datetime) -> None:
    """As if nothing had been said. Raises NotFound, also when it was taken back before, CaseEnded."""
    _alive(own_case(session, account, case, now))
    found = session.get(SightingWord, (case, sighting))
    if found is None:
        raise NotFound("nothing was said of this sighting", hint="see: cairn-central route words")
    session.delete(found)


def words_of(session: Session, case: str) -> list[SightingWord]:
    """In order of the sightings' time."""
    query = select(SightingWord).where(SightingWord.case == case)
    return list(session.exec(query.order_by(col(SightingWord.start), col(SightingWord.sighting))))


def told_of(session: Session, case: str) -> Told:
    """What a search has to heed."""
    words = words_of(session, case)
    confirmed, rejected = (frozenset(one.sighting for one in words if one.word == word) for word in Word)
    return Told(confirmed, rejected)


def mark(case: Case, sighting: str) -> str:
    """What stands for a sighting in the audit log, which outlives the case: without the case's key it says nothing of
    where the patient was, and with it, that two entries are about one sighting (HMAC-SHA256, RFC 2104)."""
    digest = hmac.digest(
        case.pseudonym_key or secrets.token_bytes(32), b"cairn/v1 sighting\0" + sighting.encode(), "sha256"
    )
    return digest[:_MARK_BYTES].hex()


def _alive(row: Case) -> None:
    if row.state in ENDED:
        raise CaseEnded(f"case {row.case} has ended", hint="open a new case with a new consent")
