"""What the case page shows, made of what the API answers: rows in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from central.routes.reconstruct import Route
from central.routes.route import Gap, Leg, Stay, Visit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a visit with its number from 1, or a gap. `leg` led here, `stay` began here."""

    visit: Visit | None = None
    number: int = 0
    gap: Gap | None = None
    leg: Leg | None = None
    stay: Stay | None = None

    @property
    def percent(self) -> int:
        """Never 100: a posterior is no certainty."""
        return min(99, round(100 * self.visit.confidence)) if self.visit else 0


def rows_of(route: Route) -> Iterator[Row]:
    """Visits in order, with the gaps between them where they lie."""
    gaps = {gap.after: gap for gap in route.gaps}
    legs = {leg.first: leg for leg in route.legs}
    stays = {stay.first: stay for stay in route.stays}
    if -1 in gaps:
        yield Row(gap=gaps[-1])
    for i, visit in enumerate(route.visits):
        yield Row(visit, i + 1, leg=legs.get(i - 1), stay=stays.get(i))
        if i in gaps:
            yield Row(gap=gaps[i])


def masks_of(route: Route) -> dict[str, int]:
    """Sightings of the patient by mask state, the most frequent first."""
    return dict(Counter(visit.candidate.mask.label for visit in route.visits).most_common())
