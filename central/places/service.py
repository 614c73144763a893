"""A case's draft: from its route, its contacts by the Korean rule, and when the patient says to have been home."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlmodel import Session, select

from central.accounts.tables import Account
from central.centre import Centre
from central.contacts.presets import USUAL, preset_of
from central.exports.reading import read_material
from central.nodes.service import cameras
from central.nodes.tables import Camera
from central.places.proposal import Choices, Proposal, ToldPrivate, propose
from central.places.rules import load_place_rules
from central.testimony.tables import ToldVisit

# Words for a home or a place of work. A place that is called so by mistake can be called public by the tracer.
_PRIVATE: Final = re.compile(
    r"\b(?:home|house|flat|apartment|dormitory|dorm|hotel|motel|work|workplace|office)\b"
    r"|집|자택|거주지|숙소|기숙사|아파트|빌라|오피스텔|호텔|모텔|직장|회사|사무실",
    re.IGNORECASE,
)


def draft(
    centre: Centre, account: Account, case: str, choices: Choices, how: str, preset: str = USUAL
) -> Proposal:  # fmt: skip
    """Raises NotFound, CaseEnded, UnknownPreset, UnknownPlace. `how` is the form, which is noted."""
    rules, rule = load_place_rules(), preset_of(centre.presets, preset)
    material = read_material(centre, account, case, rule, "read places", f"{how} {rule.name}")
    told = _told_private(centre, case)
    contacts, now = material.contacts, material.made_at
    return propose(material.route, contacts, choices, rules, now, material.zone, told)


def sounds_private(place: str) -> bool:
    return _PRIVATE.search(place) is not None


def _told_private(centre: Centre, case: str) -> list[ToldPrivate]:
    with Session(centre.engine) as session:
        told = session.exec(select(ToldVisit).where(ToldVisit.case == case)).all()
        known = {one.camera: one for one in cameras(session)}
        return [_told(visit, known) for visit in told if sounds_private(visit.place)]


def _told(visit: ToldVisit, known: Mapping[str, Camera]) -> ToldPrivate:
    """Where they said, in degrees, else where the camera hangs that was named."""
    camera = known.get(visit.camera or "")
    if visit.latitude is None and camera is not None:
        return ToldPrivate(visit.start, visit.end, camera.latitude, camera.longitude)
    return ToldPrivate(visit.start, visit.end, visit.latitude, visit.longitude)
