"""Files of a case over HTTP. That one was made is in the audit log before it leaves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from central.accounts.endpoints import SIGNED_IN, At, Tracer
from central.accounts.tables import Account
from central.answers import Name, refusals
from central.centre import Centre
from central.contacts.presets import USUAL, UnknownPreset, preset_of
from central.errors import CaseEnded, NotFound
from central.exports.files import Download
from central.exports.formats import Format, export
from central.exports.reading import read_material
from central.exports.sormas import Dates

router = APIRouter(prefix="/cases/{case}", tags=["exports"])


@router.get(
    "/export",
    summary="Route and contacts as a file",
    responses=refusals(*SIGNED_IN, NotFound, CaseEnded, UnknownPreset),
    response_class=Response,
)
def export_case(
    case: Name, centre: At, account: Tracer, kind: Annotated[Format, Query(alias="format")] = Format.CSV,
    preset: Annotated[str, Query(max_length=40)] = USUAL,
    dates: Annotated[Dates, Query(description="how SORMAS writes days in your language")] = Dates.MONTH_FIRST,
) -> Response:  # fmt: skip
    """For Go.Data and SORMAS in the form that they import; contacts are pseudonyms, and a note in the file says so."""
    return attachment(exported(centre, account, case, kind, preset, dates))


def exported(centre: Centre, account: Account, case: str, kind: Format, preset: str, dates: Dates) -> Download:
    """The same for the pages."""
    rule = preset_of(centre.presets, preset)  # before it is written down: the log holds no word of a caller's choosing
    return export(read_material(centre, account, case, rule, "read export", f"{kind} {rule.name}"), kind, dates)


def attachment(file: Download) -> Response:
    """Saved by a browser and never shown; its name is made of the case's, which holds letters, digits and hyphens."""
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)
