"""What a search of a simulated city answers, without seals, processes or offices: real codes under real keys, real
probes, hand-offs and scans. A replay plays the whole path; this plays it often enough to compare routes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from central.authority.released import CombinedShares, ShareGrid
from central.probes.hand_off import Clothes, Targets, handed_on
from central.probes.making import make, wanted
from central.probes.probe_sets import ProbeColumns, ProbeSet
from central.routes.camera_graph import CameraGraph
from central.routes.hand_on import Confirmed
from central.routes.route import Route
from central.routes.searched import Searched
from central.search.candidates import Candidate
from central.search.case_search import SearchAnswer
from central.search.scan import scan
from shared.codes import APPEARANCE_BITS, BITS, FACE_BITS, encode, quantise
from shared.epochs import HOUR_S, Epoch, Modality, code_key
from shared.face_mask import FaceMask
from shared.releases import CaseScope
from shared.sightings import parse_sighting_id, sighting_id
from shared.templates import AppearancePart, FacePart, Template
from tests.city.city import City
from tests.city.faces import registered
from tests.city.streets import Bools, Ints
from tests.city.write import Float32, clothes, faces, references

UInt8 = npt.NDArray[np.uint8]
_NODE = "city"
CONSENTS = ("appearance", "face")


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """One cell-hour as far as a scan looks at it; `rows` are the city's sightings."""

    epoch: Epoch
    rows: Ints
    mask: UInt8
    face: UInt8
    has_face: Bools
    appearance: UInt8
    has_appearance: Bools


@dataclass(eq=False)
class SearchedCity:
    """A city whose sightings are encoded under keys of its own. `radius` is in bits, by modality."""

    city: City
    radius: Mapping[Modality, int]
    graph: CameraGraph = field(init=False)
    _first: dict[int, tuple[Candidate, ...]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.graph = CameraGraph(list(self.city.cameras.places))

    @property
    def compared(self) -> int:
        return len(self.city.sightings)

    def compared_for(self, patient: int, answer: SearchAnswer) -> Searched:
        """How many sightings were compared by face and by clothes, as far as a centre knows: by the clothes of a
        picture all, by handed-on ones those of so many cell-hours."""
        handed_on = round(self.compared * answer.handed_on[1] / len(self.scope.epochs()))
        pictured = self.compared * self.city.patients[patient].full_length_picture
        faces = int(self.city.sightings.has_face.sum())
        sightings = {Modality.FACE: faces, Modality.APPEARANCE: max(pictured, handed_on)}
        return Searched(sightings, answer.two_pictures, answer.sources, self.radius)

    @cached_property
    def scope(self) -> CaseScope:
        plan, cells = self.city.plan, {place.cell for place in self.city.cameras.places}
        window = plan.start, plan.end
        return CaseScope("city", "simulation", "nobody", *window, tuple(sorted(cells)), CONSENTS, plan.end)

    @cached_property
    def shares(self) -> CombinedShares:
        cells, hours = self.scope.cells, tuple(self.scope.hours)
        drawn = self.city.plan.random("shares").integers(0, 256, (len(cells), len(hours), 32), np.uint8)
        return CombinedShares([ShareGrid(cells, hours, drawn)])

    def search(
        self,
        patient: int,
        hand_offs: int,
        route_of: Callable[[SearchAnswer], Route],
        confirmed: Collection[str] = (),
        before: Collection[Candidate] = (),
    ) -> SearchAnswer:
        """Candidates by the patient's face and picture, and by clothes handed on as often as said.

        `before` are an earlier search's, of which those that are `confirmed` are known whatever this one finds.
        """
        first = merged((*self.faces(patient), *(one for one in before if one.sighting in confirmed)))
        answer = SearchAnswer(first, 1, 0, until_hour=self.scope.hours[-1])
        for _ in range(hand_offs):
            choose = Confirmed(self.graph, self.scope, route_of, confirmed)
            targets = choose(answer)
            again = self._found(self._handed_on(targets)) if targets else ()
            worn = frozenset(epoch for some in targets.values() for epoch in some)
            both = worn if self.city.patients[patient].full_length_picture else frozenset()
            more = (one for one in again if one.sighting not in targets)
            answer = replace(
                answer,
                candidates=merged((*first, *more)),
                handed_on=(len(targets), len(worn)),
                two_pictures=both,
                sources=frozenset(targets),
            )
        return answer

    def faces(self, patient: int) -> tuple[Candidate, ...]:
        """Candidates by the face, and by a full-length picture where the patient gave one."""
        if patient not in self._first:
            self._first[patient] = self._found(self._probes(patient))
        return self._first[patient]

    def own(self, patient: int) -> frozenset[str]:
        """The sightings that truly are the patient's."""
        return frozenset(sighting_id(_NODE, 1, row) for row in self.city.patients[patient].sightings)

    def seen(self, patient: int) -> frozenset[str]:
        """Those of them on which the face or the clothes were seen."""
        there = self.city.sightings.has_face | self.city.sightings.has_clothes
        return frozenset(sighting_id(_NODE, 1, row) for row in self.city.patients[patient].sightings if there[row])

    def _probes(self, patient: int) -> list[ProbeColumns]:
        plan = self.city.plan
        face = FacePart(plan.face_model, *quantise(registered(references(self.city)[2 * patient : 2 * patient + 2])))
        pictured = [one.person for one in self.city.patients if one.full_length_picture]
        worn = None
        if self.city.patients[patient].full_length_picture:
            row = quantise(self._clothes[len(self._clothes) - len(pictured) :])[
                pictured.index(self.city.patients[patient].person)
            ]
            worn = AppearancePart(plan.appearance_model, row)
        return make(wanted(Template(1, face, worn), CONSENTS, self.shares))

    def _handed_on(self, targets: Targets) -> list[ProbeColumns]:
        code, plan = self._code_of, self.city.plan
        rows = {name: parse_sighting_id(name)[2] for name in targets}
        given = [
            Clothes(name, self._epoch_of[row], plan.appearance_model, code[row])
            for name, row in rows.items()
            if row in code
        ]
        return handed_on(given, targets, self.shares, plan.appearance_dimensions) if given else []

    def _found(self, probes: Sequence[ProbeColumns]) -> tuple[Candidate, ...]:
        found: list[Candidate] = []
        for columns in probes:
            places = {cell: place for place, cell in enumerate(columns.cells)}
            for one in self.epochs:
                if one.epoch.cell in places and (probe := columns.of(one.epoch, places[one.epoch.cell])):
                    found += self._hits(one, probe)
        return merged(found)

    def _hits(self, one: Scanned, probe: ProbeSet) -> list[Candidate]:
        # A scan reads no more of a batch than what stands in Scanned.
        hits = scan(one, probe, self.radius[probe.modality])  # type: ignore[arg-type]
        return [
            self._candidate(int(one.rows[k]), one.epoch, probe.modality, int(bits))
            for k, bits in zip(hits.rows, hits.distances, strict=True)
        ]

    def _candidate(self, row: int, epoch: Epoch, modality: Modality, distance: int) -> Candidate:
        seen, plan = self.city.sightings, self.city.plan
        start, end = (plan.start + timedelta(seconds=float(side[row])) for side in (seen.start, seen.end))
        camera, (east, north) = self.city.cameras.places[int(seen.camera[row])].camera, seen.place[row].tolist()
        mask, quality = FaceMask(int(seen.mask[row])), float(seen.quality[row])
        name = sighting_id(_NODE, 1, row)
        return Candidate(
            name, _NODE, camera, start, end, modality, distance, BITS[modality], mask, quality, east, north, epoch
        )

    @cached_property
    def _clothes(self) -> Float32:
        """Of all sightings that have them, and then of the patients' pictures."""
        pictured = [one.person for one in self.city.patients if one.full_length_picture]
        return np.concatenate(list(clothes(self.city, pictured)))

    @cached_property
    def _epoch_of(self) -> list[Epoch]:
        begin = int(self.city.plan.start.timestamp())
        hours = ((begin + self.city.sightings.start) // HOUR_S).astype(np.int64)
        cells = [self.city.cameras.places[camera].cell for camera in self.city.sightings.camera]
        return [Epoch(cell, hour) for cell, hour in zip(cells, hours.tolist(), strict=True)]

    @cached_property
    def _code_of(self) -> dict[int, bytes]:
        return {
            int(row): one.appearance[k].tobytes()
            for one in self.epochs
            for k, row in enumerate(one.rows)
            if one.has_appearance[k]
        }

    @cached_property
    def epochs(self) -> list[Scanned]:
        rows: dict[Epoch, list[int]] = {}
        for row, epoch in enumerate(self._epoch_of):
            rows.setdefault(epoch, []).append(row)
        seen, plan = self.city.sightings, self.city.plan
        looks = np.concatenate([np.zeros((0, plan.face_dimensions), np.float32), *faces(self.city)])
        face_at, clothes_at = np.cumsum(seen.has_face) - 1, np.cumsum(seen.has_clothes) - 1
        found = []
        for epoch in sorted(rows):
            of = np.array(rows[epoch])
            has_face, has_clothes = seen.has_face[of], seen.has_clothes[of]
            face = self._codes(looks, np.where(has_face, face_at[of], -1), (Modality.FACE, plan.face_model, epoch))
            worn = np.where(has_clothes, clothes_at[of], -1)
            appearance = self._codes(self._clothes, worn, (Modality.APPEARANCE, plan.appearance_model, epoch))
            found.append(Scanned(epoch, of, seen.mask[of], face, has_face, appearance, has_clothes))
        return found

    def _codes(self, vectors: Float32, at: Ints, what: tuple[Modality, str, Epoch]) -> UInt8:
        bits = {Modality.FACE: FACE_BITS, Modality.APPEARANCE: APPEARANCE_BITS}[what[0]]
        codes, there = np.zeros((len(at), bits // 8), np.uint8), np.flatnonzero(at >= 0)
        if len(there):
            codes[there] = encode(vectors[at[there]], code_key(self.shares[what[2]], *what), bits)
        return codes


def merged(parts: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """One candidate a sighting and modality, the nearest, in order of time."""
    best: dict[tuple[str, Modality], Candidate] = {}
    for part in parts:
        key = (part.sighting, part.modality)
        if key not in best or part.distance < best[key].distance:
            best[key] = part
    return tuple(sorted(best.values(), key=lambda c: (c.start, c.sighting)))
