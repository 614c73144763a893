"""Routes in cities of real people, where there are photos of people: how many visits are right, and how many are found.

Beside them the same cities with simulated faces, and the same ways, cameras and clothes: whether the simulation is
honest. Distances are read by laws that were measured on other people than the city's, and beside it by those that ship,
which were measured on all of these photos. Real people differ so much, some found all day and some not at all, that 32
patients tell the recall to no better than 0.05 (standard error; 80 patients: 0.035).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shared.calibration.curves import Calibration
from shared.codes import FACE_BITS, encode, hamming
from tests.bench.routes import ASKED, SEEDS, Score, of_patients
from tests.bench.rows import Goal, Row, Say
from tests.city.album import Album, held_out, measured_on, read_album
from tests.city.answers import SearchedCity
from tests.city.city import City, make_city
from tests.city.faces import is_covered, registered
from tests.city.laws import calibration
from tests.city.photos import photo_folders
from tests.city.plan import CityPlan
from tests.city.write import faces, references

BARE, HALF, MOST = MASKS = (0.0, 0.5, 0.95)
HELD_OUT = 0.3  # of the people: enough for a calibration
FOLLOWED = 16  # patients a city: real people differ more than simulated ones
FALSE = 1e-3  # of strangers' faces, where shares of true ones are compared
REAL, SHIPPED, SIMULATED = KINDS = ("real", "shipped calibration", "simulated")
_KEY = bytes(range(32))

Distances = npt.NDArray[np.int64]
_NONE: Distances = np.zeros(0, np.int64)


@dataclass(eq=False)
class Told:
    """What was found in cities of one kind: by masks and questions; and distances of patients' templates to their own
    faces and to others', bare and masked, in bits."""

    scores: dict[tuple[float, int], Score] = field(default_factory=dict)
    own: dict[bool, list[Distances]] = field(default_factory=lambda: {False: [], True: []})
    others: dict[bool, list[Distances]] = field(default_factory=lambda: {False: [], True: []})
    quality: dict[bool, list[npt.NDArray[np.float64]]] = field(default_factory=lambda: {False: [], True: []})

    def add(self, masks: float, found: Mapping[int, Score]) -> None:
        for asked, score in found.items():
            self.scores[masks, asked] = self.scores.get((masks, asked), Score()) + score

    def compare(self, city: City) -> None:
        """Bare faces with bare templates, masked ones with masked ones."""
        seen = city.sightings.take(city.sightings.has_face)
        codes = encode(np.concatenate(list(faces(city))), _KEY, FACE_BITS)
        templates = encode(registered(references(city)), _KEY, FACE_BITS)
        covered = is_covered(city.tracks.mask[seen.track])
        for masked in (False, True):
            rows = np.flatnonzero(covered == masked)
            self.quality[masked].append(seen.quality[rows])
            for k, patient in enumerate(city.patients):
                distances = hamming(templates[2 * k + masked], codes[rows]).astype(np.int64)
                own = seen.person[rows] == patient.person
                self.own[masked].append(distances[own])
                self.others[masked].append(distances[~own])

    def accepted(self, masked: bool, false: float = FALSE) -> float:
        """The share of patients' faces that are nearer than all but `false` of strangers'."""
        own, others = (np.concatenate([_NONE, *some[masked]]) for some in (self.own, self.others))
        return float((own < np.sort(others)[int(false * len(others))]).mean()) if len(own) and len(others) else 0.0

    def usual_quality(self, masked: bool) -> float:
        """The median quality of faces."""
        every = np.concatenate([np.zeros(0), *self.quality[masked]])
        return float(np.median(every)) if len(every) else 0.0


def measure(say: Say) -> list[Row]:
    """Nothing where there are no photos."""
    if not (folders := photo_folders()):
        say("no photos of people beside the project: no figures of real faces")
        return []
    album = read_album(folders, tell=say)
    told = {kind: Told() for kind in KINDS}
    for seed in SEEDS:
        plan = CityPlan(seed=seed, cameras=300, patients=FOLLOWED)
        here, others = held_out(plan, album, HELD_OUT)
        laws = measured_on(others, calibration(plan))
        for masks in MASKS:
            _of_cities(replace(plan, people=len(here), mask_share=masks), here, laws, told)
            say(
                f"masks {masks:.0%}, with seed {seed} so far: "
                + "; ".join(_line(kind, told[kind], masks) for kind in KINDS)
            )
    return [*_rows(told, len(here))]


def _of_cities(plan: CityPlan, album: Album, laws: Calibration, told: Mapping[str, Told]) -> None:
    """The city of real people by both calibrations, and the same city simulated; only the first with questions, which
    take five times as long as all else."""
    shipped, real, simulated = calibration(plan), make_city(plan, album), make_city(plan)
    for kind, city, read_by, numbers in (
        (REAL, real, laws, ASKED), (SHIPPED, real, shipped, ASKED[:1]), (SIMULATED, simulated, shipped, ASKED[:1]),
    ):  # fmt: skip
        told[kind].add(plan.mask_share, of_patients(SearchedCity(city, read_by.radius()), read_by, numbers))
        told[kind].compare(city)


def _line(kind: str, told: Told, masks: float) -> str:
    counts = ((asked, score.visits) for (share, asked), score in told.scores.items() if share == masks)
    return f"{kind} " + ", ".join(f"{n} asked: P {one.precision:.3f} R {one.recall:.3f}" for n, one in counts)


def _rows(told: Mapping[str, Told], people: int) -> Iterator[Row]:
    where = (
        f"{len(SEEDS)} cities of 300 cameras and {people} real people on photos, {FOLLOWED} patients each, masks "
        f"drawn; visits where face or clothes were seen; clothes simulated (much easier than the shipped model's); "
        f"beside it by the shipped calibration, and the same cities with simulated faces and look-alikes"
    )
    for name, masks, asked in (
        ("precision_unmasked", BARE, 0), ("recall_unmasked", BARE, 0), ("precision_masked", HALF, 0),
        ("recall_masked", HALF, 0), ("precision_95_masked", MOST, 0), ("recall_95_masked", MOST, 0),
        *((f"{what}_masked_{n}", HALF, n) for n in ASKED[1:] for what in ("precision", "recall")),
        *((f"{what}_95_masked_{n}", MOST, n) for n in ASKED[1:] for what in ("precision", "recall")),
    ):  # fmt: skip
        what = name.split("_")[0]
        value = {
            kind: float(getattr(one.scores[masks, asked].visits, what))
            for kind, one in told.items()
            if (masks, asked) in one.scores
        }
        note = f"{masks:.0%} masked, the patient asked about {asked} sightings; {where}"
        yield Row(f"route.real_{name}", value.pop(REAL), "share", note, _goal(what, masks), value)
    for masked, name in ((False, "bare"), (True, "masked")):
        note = f"of {name} faces, those nearer to their patient's template than 999 of 1,000 strangers' are; {where}"
        value = {kind: told[kind].accepted(masked) for kind in (REAL, SIMULATED)}
        yield Row(f"route.real_accepted_{name}", value.pop(REAL), "share", note, None, value)
        note = f"of {name} faces, the median of the box's own quality, 0 to 1; {where}"
        value = {kind: told[kind].usual_quality(masked) for kind in (REAL, SIMULATED)}
        yield Row(f"route.real_quality_{name}", value.pop(REAL), "quality", note, None, value)
    wrong = sum(one.disordered for one in told[REAL].scores.values())
    yield Row("route.real_order_errors", wrong, "count", where, Goal("≤", 0))


def _goal(what: str, masks: float) -> Goal | None:
    """Those of simulated cities."""
    if what == "precision":
        return Goal("≥", 0.95)
    return {BARE: Goal("≥", 0.90), HALF: Goal("≥", 0.80)}.get(masks)
