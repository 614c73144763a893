"""A patient who is asked what the centre would ask, and answers truly; after each few answers it is searched again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from central.replay.scenario import Patient
from central.routes.kept import QUESTIONS, asked_about
from central.routes.reconstruct import Told
from central.routes.service import Findings
from shared.sightings import parse_sighting_id


def asked(search: Callable[[Told], Findings], patient: Patient, most: int) -> Iterator[tuple[int, Findings]]:
    """How many questions were answered, and what was found then, beginning with none; at most `most`, and fewer where
    none is left that is worth asking. As many as a page shows are asked at once."""
    told, count = Told(), 0
    yield count, (found := search(told))
    while count < most and (shown := asked_about(found, told, min(QUESTIONS, most - count))):
        told = _answered(told, [one.candidate.sighting for one in shown], patient)
        count += len(shown)
        yield count, (found := search(told))


def _answered(told: Told, names: list[str], patient: Patient) -> Told:
    own = {name for name in names if parse_sighting_id(name)[2] in patient.truth}
    return Told(told.confirmed | own, told.rejected | (set(names) - own))
