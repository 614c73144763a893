"""Holds what was found against the truth: sightings, order, contacts, testimony. Pure; no search sees the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from central.contacts.exposures import Contact
from central.replay.play import Answer, Played
from central.replay.scenario import Patient, Scenario
from central.replay.told import told_rows, told_totals
from central.routes.route import Route
from central.search.candidates import Candidate
from shared.face_mask import FaceMask
from shared.sightings import parse_sighting_id, sighting_id

_ROUND = 4


@dataclass(frozen=True, slots=True)
class Count:
    """Right ones among those reported, and found ones among those that are true."""

    reported: int = 0
    right: int = 0
    true: int = 0
    found: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, f) + getattr(other, f) for f in ("reported", "right", "true", "found")))

    @property
    def precision(self) -> float:
        """1 when nothing was reported: nothing wrong was said."""
        return self.right / self.reported if self.reported else 1.0

    @property
    def recall(self) -> float:
        """1 when there was nothing to find."""
        return self.found / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def to_map(self) -> dict[str, float]:
        names = ("precision", "recall", "f1")
        return {name: round(getattr(self, name), _ROUND) for name in names}


def score(scenario: Scenario, played: Played) -> dict[str, Any]:
    """The result as plain JSON values: one entry a patient, and totals over all (of counts, not of shares)."""
    patients = [_patient(scenario, answer) for answer in played.answers]
    return {
        "version": 1,
        "name": scenario.name,
        "patients": [entry for entry, _, _ in patients],
        "totals": _totals(played, patients),
    }


def order_errors(starts: Sequence[float]) -> int:
    """How many neighbours in a route stand in the wrong order of their true times."""
    return sum(later < earlier for earlier, later in pairwise(starts))


def count_sightings(reported: Iterable[int], truth: frozenset[int]) -> Count:
    distinct = set(reported)
    right = len(distinct & truth)
    return Count(len(distinct), right, len(truth), right)


def count_contacts(reported: Sequence[frozenset[int]], truth: Sequence[frozenset[int]]) -> Count:
    """A reported contact is right when one of its sightings is one that counts for a true contact person, and a person
    is found when any reported contact is theirs."""
    right = sum(any(one & person for person in truth) for one in reported)
    found = sum(any(one & person for one in reported) for person in truth)
    return Count(len(reported), right, len(truth), found)


def contact_rows(
    route: Route | None, candidates: Sequence[Candidate], contacts: Sequence[Contact]
) -> list[frozenset[int]]:
    """The other people's sightings behind each contact; only a replay, which knows them all, can say."""
    number_of = _numbers(route, candidates) if route else {}
    return [
        frozenset(
            number
            for exposure in contact.exposures
            for number in number_of[exposure.pseudonym, exposure.place.camera, exposure.start, exposure.end]
        )
        for contact in contacts
    ]


def _numbers(route: Route, candidates: Sequence[Candidate]) -> dict[tuple[object, ...], set[int]]:
    """Whose sightings lie behind a pseudonym at a place and time: meetings stand in their partners' order, without the
    patient's own other sightings."""
    partners = {(one.sighting, one.modality): one.partners for one in candidates}
    own = {visit.candidate.sighting for visit in route.visits}
    found: dict[tuple[object, ...], set[int]] = {}
    for visit in route.visits:
        node, boot, _ = parse_sighting_id(visit.candidate.sighting)
        met_by = partners[visit.candidate.sighting, visit.candidate.modality]
        others = [p for p in met_by if sighting_id(node, boot, p.number) not in own]
        ordered = sorted(others, key=lambda p: (p.start, p.end, p.number))
        for partner, met in zip(ordered, visit.met, strict=True):
            key = (met.pseudonym, visit.place.camera, met.start, met.end)
            found.setdefault(key, set()).add(partner.number)
    return found


def _patient(scenario: Scenario, answer: Answer) -> tuple[dict[str, Any], Count, dict[str, Count]]:
    patient, seen = answer.patient, scenario.sightings
    rows = [parse_sighting_id(visit.candidate.sighting)[2] for visit in answer.route.visits] if answer.route else []
    sightings = count_sightings(rows, patient.truth)
    candidates = {parse_sighting_id(candidate.sighting)[2] for candidate in answer.candidates}
    faces = frozenset(row for row in patient.truth if seen.face[row] >= 0)
    parts = {
        "recall_of_seen": frozenset(row for row in patient.truth if row in faces or seen.appearance[row] >= 0),
        "recall_of_faces": faces,
        "recall_of_masked_faces": frozenset(row for row in faces if seen.mask[row] == FaceMask.WORN),
        "recall_of_bare_faces": frozenset(row for row in faces if seen.mask[row] != FaceMask.WORN),
    }
    rounds = [(asked, _sightings_of(route, patient)) for asked, route in answer.rounds]
    judged = {
        preset: count_contacts(contact_rows(answer.route, answer.candidates, answer.contacts.get(preset, ())), truth)
        for preset, truth in patient.contacts.items()
    }
    entry = {
        "patient_id": patient.patient,
        "sightings_reported": len(rows),
        "sightings_true": len(patient.truth),
        "candidates": len(candidates),
        "recall_of_candidates": round(count_sightings(candidates, patient.truth).recall, _ROUND),
        **sightings.to_map(),
        **{name: round(count_sightings(rows, part).recall, _ROUND) for name, part in parts.items()},
        "order_errors": order_errors([float(seen.start[row]) for row in rows if row in patient.truth]),
        "gaps": len(answer.route.gaps) if answer.route else 0,
        "by_questions": [{"asked": asked, **count.to_map()} for asked, count in rounds],
        "contacts": {preset: _contacts_to_map(count) for preset, count in judged.items()},
        "testimony": told_rows(scenario, patient, answer.told) if answer.told else [],
        "testimony_missed": len(answer.told.missed) if answer.told and patient.testimony else 0,
        "batches_failed": answer.failed,
        "note": answer.note,
        "seconds": _rounded(answer.seconds),
    }
    return entry, sightings, judged


def _sightings_of(route: Route, patient: Patient) -> Count:
    return count_sightings((parse_sighting_id(visit.candidate.sighting)[2] for visit in route.visits), patient.truth)


def _by_questions(played: Played) -> list[tuple[int, Count]]:
    """All patients' visits by how many questions were asked of each; of who was asked fewer, the last route."""
    numbers = sorted({asked for answer in played.answers for asked, _ in answer.rounds})
    return [(most, sum((_after(answer, most) for answer in played.answers), Count())) for most in numbers]


def _after(answer: Answer, most: int) -> Count:
    routes = [route for asked, route in answer.rounds if asked <= most]
    return _sightings_of(routes[-1], answer.patient) if routes else Count(true=len(answer.patient.truth))


def _totals(played: Played, patients: Sequence[tuple[dict[str, Any], Count, dict[str, Count]]]) -> dict[str, Any]:
    sightings = sum((count for _, count, _ in patients), Count())
    presets = sorted({preset for _, _, judged in patients for preset in judged})
    judged = {preset: sum((one[preset] for _, _, one in patients if preset in one), Count()) for preset in presets}
    seconds = dict(played.seconds)
    for answer in played.answers:
        for stage, took in answer.seconds.items():
            seconds[stage] = seconds.get(stage, 0.0) + took
    return {
        "patients": len(patients),
        "batches": played.batches,
        "sightings_reported": sightings.reported,
        "sightings_true": sightings.true,
        **sightings.to_map(),
        "order_errors": sum(entry["order_errors"] for entry, _, _ in patients),
        "gaps": sum(entry["gaps"] for entry, _, _ in patients),
        "by_questions": [{"asked": asked, **count.to_map()} for asked, count in _by_questions(played)],
        "contacts": {preset: _contacts_to_map(count) for preset, count in judged.items()},
        "testimony": told_totals([row for entry, _, _ in patients for row in entry["testimony"]]),
        "seconds": _rounded(seconds),
    }


def _contacts_to_map(count: Count) -> dict[str, float]:
    return {"reported": count.reported, "true": count.true, "found": count.found, **count.to_map()}


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(took, 3) for stage, took in seconds.items()}
