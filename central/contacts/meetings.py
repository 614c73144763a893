"""Whom a sighting's partners are called: meetings of one visit, under the case's pseudonyms."""

from __future__ import annotations

from collections.abc import Collection

from central.contacts.pseudonyms import pseudonym, whom
from central.routes.route import Meeting
from central.search.candidates import Candidate
from shared.sightings import parse_sighting_id, sighting_id


def meetings_of(candidate: Candidate, own: Collection[str], key: bytes) -> tuple[Meeting, ...]:
    """Who was near during one sighting of the patient, in order of time. `own` are the patient's sightings: one person
    followed as two is nobody's contact. `key` is the case's."""
    node, boot, _ = parse_sighting_id(candidate.sighting)
    return tuple(
        Meeting(
            pseudonym(key, whom(candidate, p)), p.start, p.end, p.min_distance_m, p.distance_error_m, p.mask, p.near_s
        )
        for p in sorted(candidate.partners, key=lambda p: (p.start, p.end, p.number))
        if sighting_id(node, boot, p.number) not in own
    )
