"""The draft of a list of places on the pages: what is proposed, what is left out and why, and the tracer's choices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import ValidationError

from central.accounts.endpoints import At
from central.accounts.service import Role, require
from central.answers import Name
from central.cases.endpoints import show_case
from central.errors import BadRequest
from central.exports.endpoints import attachment
from central.places.proposal import Choices, LeftOut, Proposal
from central.places.schemas import MOST_CAMERAS, PlacesIn
from central.places.service import draft
from central.places.telling import places_csv, places_page
from central.web.rendering import language_of
from central.web.routing import page_router, shown
from central.web.visitors import Visit, Visitor, fields_of, own_form

router = page_router()
WHAT: Final = ("", "private", "public", "all_known")
_SAVED: Final = {"html": places_page, "csv": places_csv}
_MOST_FIELDS: Final = 2 * MOST_CAMERAS + 10  # what each is and what it is called; and the form's own


async def _form(request: Request) -> dict[str, str]:
    return await fields_of(request, _MOST_FIELDS)


Form = Annotated[dict[str, str], Depends(_form)]


@router.get("/cases/{case}/places")
def propose_places(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    require(visit.account, Role.TRACER)
    return _page(request, case, centre, visit, Choices())


@router.post("/cases/{case}/places")
def choose_places(request: Request, case: Name, centre: At, fields: Form, visit: Visit) -> Response:
    """The same with what the tracer knows; or the draft as a file, which names no camera."""
    own_form(fields, visit)
    require(visit.account, Role.TRACER)
    choices, saved = _choices(fields), _SAVED.get(fields.get("form", ""))
    if saved is None:
        return _page(request, case, centre, visit, choices)
    return attachment(saved(draft(centre, visit.account, case, choices, fields["form"]), language_of(request)))


def _page(request: Request, case: str, centre: At, visit: Visitor, choices: Choices) -> Response:
    found = show_case(case, centre, visit.account)
    proposal = draft(centre, visit.account, case, choices, "json")
    left_out = list(_asked_once(proposal))
    return shown(
        request, visit, "places.html", case=found, proposal=proposal, left_out=left_out, choices=choices, what=WHAT
    )


def _asked_once(proposal: Proposal) -> Iterator[tuple[LeftOut, bool]]:
    """What was left out, and whether its row asks what is there: the first of its camera, unless that is proposed."""
    asked = {place.camera for place in proposal.places}
    for one in proposal.left_out:
        yield one, one.camera not in asked
        asked.add(one.camera)


def _choices(fields: dict[str, str]) -> Choices:
    """Fields what.CAMERA and name.CAMERA. Raises BadRequest for others' forms."""
    said: dict[str, list[str]] = {name: [] for name in WHAT if name}
    names = {}
    for field, value in fields.items():
        kind, _, camera = field.partition(".")
        if kind == "what" and value in said:
            said[value].append(camera)
        elif kind == "name" and value.strip():
            names[camera] = value
    try:
        return PlacesIn(**said, names=names).choices()
    except ValidationError:
        raise BadRequest(
            "a place's name is too long, or this is no form of ours", hint="go back and shorten it"
        ) from None
