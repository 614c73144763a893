"""Searches for a route, and the routes that they found."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class RouteJob(CentreTable, table=True):
    """One search. `error`, `message`, `hint` say why it failed or what it waits for; `seconds` is a JSON map by stage.

    `not_covered` is a JSON map of days of the window that could not be searched to the authorities that hold no secret
    for them; `lacking` names, parted by commas, protections that the search worker's machine would not give it.
    `narrowed` is a JSON map of modalities to the bits within which all is found, where only the nearest had room.
    """

    id: str = Field(primary_key=True)
    case: str = Field(index=True)
    asked_by: str
    state: str = Field(index=True)
    asked_at: dt.datetime = Field(sa_type=UtcTime)
    ended_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    batches: int = 0
    done: int = 0
    failed: int = 0
    candidates: int = 0
    error: str = ""
    message: str = ""
    hint: str = ""
    seconds: str = "{}"
    not_covered: str = "{}"
    lacking: str = ""
    narrowed: str = "{}"


class FoundRoute(CentreTable, table=True):
    """The latest route of a case as JSON (kept_route); erased on withdrawal and at the end of retention."""

    case: str = Field(primary_key=True)
    job: str
    found_at: dt.datetime = Field(sa_type=UtcTime)
    route: str


class SightingWord(CentreTable, table=True):
    """What a tracer says of one sighting: `confirmed` or `rejected`. By `camera` and `start` a mistake is recognised
    when a later route no longer shows it. Erased with the route."""

    case: str = Field(primary_key=True)
    sighting: str = Field(primary_key=True)
    word: str
    camera: str
    start: dt.datetime = Field(sa_type=UtcTime)
    by: str
    at: dt.datetime = Field(sa_type=UtcTime)
