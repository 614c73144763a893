"""The draft of a list of places over HTTP. Nothing is published here: a tracer saves it, the office releases it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from central.accounts.endpoints import SIGNED_IN, At, Tracer
from central.answers import Name, refusals
from central.contacts.presets import USUAL, UnknownPreset
from central.errors import CaseEnded, NotFound
from central.exports.endpoints import attachment
from central.places.proposal import UnknownPlace
from central.places.schemas import PlacesIn
from central.places.service import draft
from central.places.telling import places_csv, places_page
from central.reports.map_words import Language
from central.testimony.service import NamesSomebody
from shared.errors import BadInput

router = APIRouter(prefix="/cases/{case}", tags=["places"])


class Form(StrEnum):
    """JSON is for the tracer and names cameras; the others are for the public and do not."""

    JSON = "json"
    HTML = "html"
    CSV = "csv"


@router.post(
    "/places",
    summary="Draft a list of places for the public",
    responses=refusals(*SIGNED_IN, NotFound, CaseEnded, UnknownPlace, UnknownPreset, NamesSomebody, BadInput),
)
def draft_places(
    case: Name, centre: At, account: Tracer, asked: PlacesIn | None = None,
    form: Annotated[Form, Query()] = Form.JSON, language: Language = "en",
    preset: Annotated[str, Query(max_length=40)] = USUAL,
) -> Response:  # fmt: skip
    """Places where contacts arose that are not all known, times rounded outward, and until when each may be shown.

    What the caller knows goes into the body and not into the address, which servers write down.
    """
    choices = (asked or PlacesIn()).choices()
    proposal = draft(centre, account, case, choices, form.value, preset)
    if form is Form.JSON:
        return JSONResponse(proposal.to_map())
    return attachment(places_page(proposal, language) if form is Form.HTML else places_csv(proposal, language))
