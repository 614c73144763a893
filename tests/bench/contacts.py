"""Contacts of patients with many of them: families out together, colleagues at a desk and at lunch, guests of a room.

Codes, joining, numbering within an epoch, routes and rules are the centre's own; the truth comes from true positions
and masks by code that shares nothing with it (tests/city/contact_truth.py). Beside the contacts along the route that
was found stand those along the true one: what is lost between the two is the route's, the rest is that of contacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from central.contacts.exposures import Contact, contacts, exposures
from central.contacts.meetings import meetings_of
from central.contacts.presets import preset_names
from central.replay.score import Count, contact_rows, count_contacts
from central.routes.route import Route, Visit
from tests.bench.routes import Tracer, searched
from tests.bench.rows import Goal, Row, Say
from tests.city.answers import SearchedCity
from tests.city.company import Company
from tests.city.contact_truth import true_contacts
from tests.city.laws import calibration
from tests.city.plan import CityPlan

SEED = 301
# Seconds after which the track of somebody who sits breaks, in the mean.
SELDOM, OFTEN = CityPlan().seated_track_s, 400.0
# Shares of people who wear masks, and of cameras that fail once, for half an hour to three hours; and such seconds.
CITIES = ((0.0, 0.02, SELDOM), (0.5, 0.02, SELDOM), (0.95, 0.02, SELDOM), (0.5, 0.3, SELDOM), (0.5, 0.02, OFTEN))
TRUE, FOUND, ANSWERED = "true route", "found route", "after 3 answers"
GOAL = Goal("≥", 0.90)
FOLLOWED = 10
_KEY = bytes(range(32))
_NONE = Count()


@dataclass(frozen=True, slots=True)
class Tally:
    """Contacts counted by pseudonym, as they are listed, and by the people behind them, against those true contacts of
    whom enough was seen; and by pseudonym against all true contacts, seen or not."""

    names: Count = _NONE
    people: Count = _NONE
    every: Count = _NONE

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.names + other.names, self.people + other.people, self.every + other.every)


Tallies = dict[tuple[str, str], Tally]  # by route and preset


def plan_of(masks: float, outages: float, breaks_s: float = SELDOM) -> CityPlan:
    """A city whose people go about in twos, threes and fours, eat with colleagues, and are seen in half of its rooms.

    Of many patients those are followed who have most contacts."""
    return CityPlan(
        seed=SEED, cameras=300, people=4000, patients=60, mask_share=masks, outage_share=outages,
        seated_track_s=breaks_s,
        party_sizes=(0.2, 0.3, 0.3, 0.2), workers=0.7, lunch_together=0.7, indoor_share=0.5,
    )  # fmt: skip


@dataclass(eq=False)
class Traced:
    """A patient of a searched city: the contacts along given visits, held against the truth."""

    city: SearchedCity
    company: Company
    patient: int

    def tallies(self, visits: Mapping[str, float]) -> dict[str, Tally]:
        """By preset; `visits` are the sightings that are taken for the patient's, with how surely."""
        own, plan = frozenset(visits), self.city.city.plan
        candidates = self.company.candidates(visits)
        route = Route(
            (plan.start, plan.end),
            tuple(
                Visit(one, visits[name], self.city.graph.places[one.camera], meetings_of(one, own, _KEY))
                for name, one in sorted(candidates.items())
            ),
        )
        facts = exposures(route)

        def rows_of(found: Sequence[Contact]) -> list[frozenset[int]]:
            return contact_rows(route, tuple(candidates.values()), found)

        return {preset: self._tally(preset, rows_of(contacts(facts, preset))) for preset in preset_names()}

    def _tally(self, preset: str, found: Sequence[frozenset[int]]) -> Tally:
        every = [frozenset(rows) for rows in self.city.city.patients[self.patient].contacts[preset]]
        seen, person = self.seen[preset], self.city.city.sightings.person
        true, named = ({int(person[min(rows)]) for rows in some} for some in (seen, found))
        people = Count(len(named), len(named & true), len(true), len(named & true))
        return Tally(count_contacts(found, seen), people, count_contacts(found, every))

    @cached_property
    def seen(self) -> dict[str, list[frozenset[int]]]:
        """True contacts by what cameras saw of both: no centre can tell of minutes in which one was missed."""
        city = self.city.city
        row = np.full(len(city.tracks), -1)
        row[city.sightings.track] = np.arange(len(city.sightings))
        met = city.met.take((row[city.met.a] >= 0) & (row[city.met.b] >= 0))
        true = true_contacts(city.tracks, met, city.patients[self.patient].person)
        return {preset: [frozenset(row[tracks].tolist()) for tracks in of.values()] for preset, of in true.items()}


def followed(city: SearchedCity) -> list[int]:
    """The patients with most contacts, by all rules together."""
    contacts_of = [sum(map(len, one.contacts.values())) for one in city.city.patients]
    return sorted(range(len(contacts_of)), key=lambda patient: -contacts_of[patient])[:FOLLOWED]


def of_city(plan: CityPlan) -> Tallies:
    """Over the followed patients of a city: along the true route, and along the one that was found, when nobody was
    asked, and when the patient answered three times."""
    laws = calibration(plan)
    city = searched(plan, laws)
    company, found = Company(city), Tallies()
    for patient in followed(city):
        traced = Traced(city, company, patient)
        routes = {TRUE: dict.fromkeys(city.own(patient), 1.0)}
        for asked, route in Tracer(city, patient, laws).routes((0, 3)):
            visits = {visit.candidate.sighting: visit.confidence for visit in route.visits}
            routes[ANSWERED if asked else FOUND] = visits
        for what, visits in routes.items():
            for preset, tally in traced.tallies(visits).items():
                found[what, preset] = found.get((what, preset), Tally()) + tally
    return found


def measure(say: Say) -> list[Row]:
    """F1 by preset: without masks and half masked together, then nearly all masked, with many cameras failing,
    and with tracks that break often."""
    of: dict[tuple[float, float, float], Tallies] = {}
    for city in CITIES:
        of[city] = of_city(plan_of(*city))
        told = ", ".join(f"{what} {preset} {one.names.f1:.3f}" for (what, preset), one in of[city].items())
        masks, outages, breaks_s = city
        say(f"masks {masks:.0%}, outages {outages:.0%}, tracks break after {breaks_s:.0f} s: {told}")
    return [*_rows(of)]


def _rows(of: Mapping[tuple[float, float, float], Tallies]) -> Iterator[Row]:
    where = (
        f"a city of 300 cameras and 4,000 people in families and at desks, the {FOLLOWED} patients with most contacts; "
        f"nobody asked; true contacts of whom cameras saw enough; distances wrong by 15 cm (one standard error)"
    )
    bare, half, most, dark, broken = (of[city] for city in CITIES)
    usual = {key: bare[key] + half[key] for key in bare}
    for preset in preset_names():
        for name, note, some in (
            ("", "unmasked and half masked together", usual),
            (".masks_95", "95 % masked", most),
            (".outages_30", "half masked, 30 % of the cameras fail once", dark),
            (".broken", "half masked, whoever sits is followed anew every 7 minutes", broken),
        ):
            found, true = some[FOUND, preset], some[TRUE, preset]
            peers = {
                TRUE: true.names.f1,
                ANSWERED: some[ANSWERED, preset].names.f1,
                "by person": found.people.f1,
                "all true contacts": found.every.f1,
                "precision": found.names.precision,
                "recall": found.names.recall,
            }
            true_ones = f"{found.names.true} true contacts"
            yield Row(f"contacts.f1.{preset}{name}", found.names.f1, "F1", f"{note}; {true_ones}; {where}", GOAL, peers)
    names, people = (sum(getattr(one, kind).reported for one in usual.values()) for kind in ("names", "people"))
    note = f"pseudonyms a person, since nobody is followed from one hour into the next; {where}"
    yield Row("contacts.names_per_person", names / max(people, 1), "names", note)
    seen, every = (sum(getattr(one, kind).true for one in usual.values()) for kind in ("names", "every"))
    yield Row("contacts.seen", seen / max(every, 1), "share", f"true contacts of whom cameras saw enough; {where}")
