"""What travels about searches, routes and contacts over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from central.answers import Refusal
from central.cases.tables import Case
from central.routes.kept import BESIDE, open_questions, set_aside, unheeded
from central.routes.store import FAILED, INTERRUPTED, STOPPED, WAITING
from central.routes.tables import FoundRoute, RouteJob, SightingWord
from central.routes.words import Word, mark
from central.search.job import Progress


class JobOut(BaseModel):
    """A search: `done` of `batches` are searched, `failed` of them could not be.

    `error` says why there is no route, or what a waiting search waits for. `not_covered` are days of the window that no
    search can reach, and which authorities hold no secret for each; `lacking` are protections that the search worker's
    machine would not give it. `narrowed` says, by modality, within how many bits all was found, where so many people
    look like the patient that only the nearest had room.
    """

    job: str
    case: str
    state: str = Field(examples=["waiting", "running", "done", "failed", "stopped", "interrupted"])
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    batches: int
    done: int
    failed: int
    candidates: int
    seconds: dict[str, float]
    not_covered: dict[str, list[str]] = Field(examples=[{"2026-11-10": ["authority-b"]}])
    lacking: list[str]
    narrowed: dict[str, int] = Field(examples=[{"face": 301}])
    error: Refusal | None


class SayWord(BaseModel):
    """Whether a sighting was the patient, as the tracer knows, mostly from the patient."""

    model_config = ConfigDict(extra="forbid")

    word: Word


class WordOut(BaseModel):
    """What was said of a sighting, heeded by the next search. `mark` is what the audit log calls the sighting."""

    sighting: str
    word: Word
    camera: str
    start: datetime
    by: str
    at: datetime
    mark: str


class SeenOut(BaseModel):
    """A sighting that may be the patient's; `confidence` is the posterior probability 0..1 that it is."""

    sighting: str
    camera: str
    place: dict[str, Any]
    start: datetime
    end: datetime
    mask: str
    confidence: float


class QuestionOut(SeenOut):
    """Were you here then? `value` is how many visits more would be right in the mean once the patient has answered."""

    value: float


class AlternativeOut(BaseModel):
    """With `probability` 0..1 the route's visits `without` were not the patient, who was seen `instead`."""

    probability: float
    without: list[SeenOut]
    instead: list[SeenOut]


class RouteOut(BaseModel):
    """The route as the way that was found: visits with their confidence, stays, legs, and gaps shown as gaps.

    `questions` are the sightings whose answers would settle most and that nobody answered yet, `alternatives` what else
    may have been, `words` what tracers said; `unheeded` of them came, or went, after the search, and count in the next.
    `set_aside` were confirmed and are not on the route: they cannot be true together with the rest, or are gone.
    """

    case: str
    purpose: str = Field(description="the one legal basis, by its name")
    job: str
    found_at: datetime
    route: dict[str, Any]
    questions: list[QuestionOut]
    alternatives: list[AlternativeOut]
    words: list[WordOut]
    unheeded: int
    set_aside: list[str]


class ContactsOut(BaseModel):
    """People possibly exposed, by one preset. They stay pseudonymous: place, time, minutes, distance, masks.

    `near` are people who are no contacts as measured and may be some in truth; each says `because` of what.
    """

    case: str
    purpose: str = Field(description="the one legal basis, by its name")
    preset: str
    rule: dict[str, Any] = Field(description="the preset itself: of which date, whose, and what it asks for")
    found_at: datetime
    contacts: list[dict[str, Any]]
    near: list[dict[str, Any]]


def word_out(row: SightingWord, case: Case) -> WordOut:
    plain = {name: getattr(row, name) for name in WordOut.model_fields if name != "mark"}
    return WordOut(**plain, mark=mark(case, row.sighting))


def route_out(row: FoundRoute, case: Case, words: Sequence[SightingWord]) -> RouteOut:
    """The stored route, without questions that were answered since."""
    document = json.loads(row.route)
    said = {one.sighting: one.word for one in words}
    return RouteOut(
        case=row.case,
        purpose=case.purpose,
        job=row.job,
        found_at=row.found_at,
        route={name: value for name, value in document.items() if name not in BESIDE},
        questions=[QuestionOut(**one) for one in open_questions(document, said)],
        alternatives=[AlternativeOut(**one) for one in document.get("alternatives", ())],
        words=[word_out(one, case) for one in words],
        unheeded=unheeded(document, said),
        set_aside=set_aside(document),
    )


def job_out(row: RouteJob, progress: Progress | None) -> JobOut:
    """The row, and how far it is by now when it runs in this process."""
    says_why = row.state in (FAILED, STOPPED, INTERRUPTED, WAITING) and row.error != ""
    return JobOut(
        job=row.id,
        case=row.case,
        state=row.state,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
        batches=row.batches,
        done=progress.done if progress else row.done,
        failed=progress.failed if progress else row.failed,
        candidates=row.candidates,
        seconds=json.loads(row.seconds),
        not_covered=json.loads(row.not_covered),
        lacking=row.lacking.split(", ") if row.lacking else [],
        narrowed=json.loads(row.narrowed),
        error=Refusal(error=row.error, message=row.message, hint=row.hint) if says_why else None,
    )
