"""Routes in simulated cities that nothing was tuned on: how many visits are right, and how many are found.

Codes, probes, hand-offs and scans are real; seals and processes are left out (`cairn-central replay` has them). Faces
follow distances measured on people, clothes are the simulator's own, and both say so in the notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from central.replay.score import Count, order_errors
from central.routes.questions import questions
from central.routes.reconstruct import Told, Weighed, reconstruct, weighed
from central.routes.route import Route
from central.search.case_search import SearchAnswer
from shared.calibration.curves import Calibration
from shared.epochs import Modality
from tests.bench.rows import Goal, Row, Say
from tests.city.answers import SearchedCity
from tests.city.city import make_city
from tests.city.laws import calibration
from tests.city.plan import CityPlan

SEEDS = (201, 211)
# Shares of people who wear masks, and of cameras that fail once, for half an hour to three hours.
BARE, HALF, MOST, DARK, DARKER = CITIES = ((0.0, 0.02), (0.5, 0.02), (0.95, 0.02), (0.5, 0.3), (0.5, 0.6))
ASKED = (0, 3, 10)
HAND_OFFS = 1
# A plain threshold on the face's distance, of 1,024 bits: the best of a few for these very cities.
THRESHOLDS = (240, 260, 280, 300, 320)


@dataclass(frozen=True, slots=True)
class Score:
    """Visits against the true ones that were seen by face or clothes, and how many came before their predecessor."""

    visits: Count = field(default_factory=Count)
    disordered: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.visits + other.visits, self.disordered + other.disordered)


@dataclass(eq=False)
class Tracer:
    """One patient's case: search, ask, search again. `laws` are the calibration; the patient answers truly."""

    city: SearchedCity
    patient: int
    laws: Calibration
    told: Told = field(default_factory=Told)
    answer: SearchAnswer | None = None

    def routes(self, numbers: Sequence[int] = ASKED) -> Iterator[tuple[int, Route]]:
        """The route after each of some numbers of questions."""
        asked = 0
        for until in numbers:
            if asked < until and self.answer is not None:
                self._ask(until - asked)
                asked = until
            before = self.answer.candidates if self.answer else ()
            self.answer = self.city.search(self.patient, HAND_OFFS, self._route, self.told.confirmed, before)
            yield until, self._route(self.answer)

    def _ask(self, count: int) -> None:
        assert self.answer is not None
        plan, own = self.city.city.plan, self.city.own(self.patient)
        found: Weighed = weighed(
            self.answer.candidates, self.city.graph, (plan.start, plan.end), self.laws,
            searched=self.city.compared_for(self.patient, self.answer), told=self.told,
        )  # fmt: skip
        for _ in range(count):
            for one in questions(found, 1, asked=self.told.confirmed | self.told.rejected):
                name = frozenset({one.candidate.sighting})
                new = Told(confirmed=name & own, rejected=name - own)
                self.told = Told(self.told.confirmed | new.confirmed, self.told.rejected | new.rejected)
                found = found.heeding(new)

    def _route(self, answer: SearchAnswer) -> Route:
        plan = self.city.city.plan
        return reconstruct(
            answer.candidates, self.city.graph, (plan.start, plan.end), self.laws,
            searched=self.city.compared_for(self.patient, answer), pseudonym_key=bytes(32), told=self.told,
        )  # fmt: skip


def score(city: SearchedCity, patient: int, route: Route) -> Score:
    names = [visit.candidate.sighting for visit in route.visits]
    own, seen = city.own(patient), city.seen(patient)
    starts = [visit.start.timestamp() for visit in route.visits]
    count = Count(len(names), len(own.intersection(names)), len(seen), len(seen.intersection(names)))
    return Score(count, order_errors(starts))


def thresholded(city: SearchedCity, patient: int, bits: int) -> Count:
    """The naive peer: whoever's face is near enough is the patient."""
    near = {one.sighting for one in city.faces(patient) if one.modality is Modality.FACE and one.distance <= bits}
    own, seen = city.own(patient), city.seen(patient)
    return Count(len(near), len(near & own), len(seen), len(near & seen))


def searched(plan: CityPlan, laws: Calibration) -> SearchedCity:
    return SearchedCity(make_city(plan), laws.radius())


def of_patients(city: SearchedCity, laws: Calibration, numbers: Sequence[int] = ASKED) -> dict[int, Score]:
    """Scores by number of questions over all patients of a city."""
    ours = dict.fromkeys(numbers, Score())
    for patient in range(len(city.city.patients)):
        for asked, route in Tracer(city, patient, laws).routes(numbers):
            ours[asked] += score(city, patient, route)
    return ours


def of_city(plan: CityPlan) -> tuple[dict[int, Score], dict[int, Count]]:
    """Scores by number of questions, and by threshold, over all patients of a city."""
    laws = calibration(plan)
    city = searched(plan, laws)
    ours, peers = of_patients(city, laws), dict.fromkeys(THRESHOLDS, Count())
    for patient in range(len(city.city.patients)):
        for bits in THRESHOLDS:
            peers[bits] += thresholded(city, patient, bits)
    return ours, peers


def measure(say: Say) -> list[Row]:
    """The rows of figures.md, over every seed: by masks, and half masked with many cameras failing."""
    by_city: dict[tuple[float, float], dict[int, Score]] = {}
    naive: dict[tuple[float, float], Count] = {}
    for masks, outages in CITIES:
        ours, peers = dict.fromkeys(ASKED, Score()), dict.fromkeys(THRESHOLDS, Count())
        for seed in SEEDS:
            plan = CityPlan(
                seed=seed, cameras=300, people=4000, patients=10, mask_share=masks, outage_share=outages
            )  # fmt: skip
            mine, theirs = of_city(plan)
            ours = {asked: ours[asked] + one for asked, one in mine.items()}
            peers = {bits: peers[bits] + one for bits, one in theirs.items()}
            counts = {asked: one.visits for asked, one in mine.items()}
            told = ", ".join(f"{n} asked: P {one.precision:.3f} R {one.recall:.3f}" for n, one in counts.items())
            say(f"masks {masks:.0%}, outages {outages:.0%}, seed {seed}: {told}")
        by_city[masks, outages], naive[masks, outages] = ours, max(peers.values(), key=lambda one: one.f1)
    return [*_rows(by_city, naive)]


def _rows(
    by_city: dict[tuple[float, float], dict[int, Score]], naive: dict[tuple[float, float], Count]
) -> Iterator[Row]:
    where = (
        f"{len(SEEDS)} cities of 300 cameras and 4,000 people, ten patients each with 3 look-alikes; visits where face "
        f"or clothes were seen; faces as measured on people, clothes simulated (much easier than the shipped model's)"
    )
    bare, half, most = ({asked: one.visits for asked, one in by_city[city].items()} for city in (BARE, HALF, MOST))
    both = {asked: bare[asked] + half[asked] for asked in ASKED}
    peer = {"threshold": (naive[BARE] + naive[HALF]).precision}
    recall = {city: {"threshold": one.recall} for city, one in naive.items()}
    yield Row("route.precision", both[0].precision, "share", where, Goal("≥", 0.95), peer)
    yield Row("route.recall_unmasked", bare[0].recall, "share", where, Goal("≥", 0.90), recall[BARE])
    yield Row("route.recall_masked", half[0].recall, "share", f"half masked; {where}", Goal("≥", 0.80), recall[HALF])
    yield Row("route.precision_95_masked", most[0].precision, "share", f"95 % masked; {where}", Goal("≥", 0.95))
    yield Row("route.recall_95_masked", most[0].recall, "share", f"95 % masked; {where}", None, recall[MOST])
    for name, city in (("outages_30", DARK), ("outages_60", DARKER)):
        note, one = f"half masked, {city[1]:.0%} of the cameras fail once; {where}", by_city[city][0].visits
        precision = {"threshold": naive[city].precision}
        yield Row(f"route.precision_{name}", one.precision, "share", note, Goal("≥", 0.95), precision)
        yield Row(f"route.recall_{name}", one.recall, "share", note, Goal("≥", 0.80), recall[city])
    for asked, one in both.items():
        note = f"unmasked and half masked together, the patient asked about {asked} sightings; {where}"
        yield Row(f"route.precision_{asked}", one.precision, "share", note, Goal("≥", 0.95))
        yield Row(f"route.recall_{asked}", one.recall, "share", note)
        yield Row(f"route.recall_masked_{asked}", half[asked].recall, "share", note, Goal("≥", 0.80))
    wrong = sum(one.disordered for of in by_city.values() for one in of.values())
    yield Row("route.order_errors", wrong, "count", where, Goal("≤", 0))
