"""What a search compared, as far as it says what a hit is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from central.search.candidates import Candidate
from central.search.job import DEFAULT_RADIUS
from shared.epochs import Epoch, Modality


@dataclass(frozen=True, slots=True)
class Searched:
    """What was compared: how many sightings, by modality; and the cell-hours in which clothes that were handed on were
    looked for beside the patient's own full-length picture, of which the nearer counts; and whose clothes these were.
    They were chosen for being alike, so their own clothes say nothing of who they are. `radius` is how far was looked,
    in bits, by modality; where it is not said, as far as usual."""

    sightings: Mapping[Modality, int] = field(default_factory=dict)
    two_pictures: frozenset[Epoch] = frozenset()
    sources: frozenset[str] = frozenset()
    radius: Mapping[Modality, int] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Searched | Mapping[Modality, int] | int | None) -> Searched:
        """Of a number alone: so many by each modality."""
        if isinstance(known, Searched):
            return known
        return cls(dict.fromkeys(Modality, known) if isinstance(known, int) else dict(known or {}))

    def pictures(self, one: Candidate) -> int:
        """How many of the patient's were compared with this sighting."""
        return 1 + (one.modality is Modality.APPEARANCE and one.epoch in self.two_pictures)

    def reach(self, modality: Modality) -> int:
        """Within how many bits a sighting is a candidate."""
        return self.radius.get(modality, DEFAULT_RADIUS[modality])


UNKNOWN = Searched()
