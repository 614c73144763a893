"""Who was near a candidate, wherever in the cell's batches it is written, and which of them look like one person."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

import cbor2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.search import neighbours
from central.search.candidates import Candidate, Partner
from central.search.opened import Opened
from central.search.people import LOOKS_ALIKE
from shared.columns import columns_from_bytes, columns_to_bytes
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.sightings import Encounter, Sighting
from tests.central.joined import Hit, all_of, joining, took
from tests.shared.test_batches import EPOCH, sighting

NEXT = Epoch(EPOCH.cell, EPOCH.hour + 1)
ALWAYS = (0, 2**62)
MINUTE = timedelta(minutes=1)


def seen(number: int, minute: float = 1, minutes: float = 1, **changes: object) -> Sighting:
    start = EPOCH.start + minute * MINUTE
    return sighting(number, start=start, end=start + minutes * MINUTE, **changes)


def met(a: int, b: int, minute: float = 1, metres: float = 1.0) -> Encounter:
    start = EPOCH.start + minute * MINUTE
    return Encounter(a, b, start, start + MINUTE / 2, metres, 0.25)


def batch(
    seen: Sequence[Sighting], met: Sequence[Encounter] = (), epoch: Epoch = EPOCH, node: str = "node-1", boot: int = 1
) -> Opened:
    plain = columns_to_bytes(epoch, seen, met)
    columns = columns_from_bytes(len(plain).to_bytes(4, "big") + plain, node, boot, epoch)
    return Opened(-1, columns, {"face": "m"})


def joined(batches: Sequence[Opened], patient: set[int], window: tuple[int, int] = ALWAYS) -> Sequence[Candidate]:
    """Candidates when every sighting with one of these numbers is a hit; batches stream in the order given."""
    near = joining(window)
    found = []
    for index, one in enumerate(batches):
        opened = Opened(index, one.columns, one.models)
        rows = [row for row, number in enumerate(one.columns.number.tolist()) if number in patient]
        found.append(took(near, opened, [Hit(row) for row in rows]))
    found.append(near.finish())
    assert not near.broken
    return all_of(near, found)


@pytest.fixture(params=[1, neighbours.TOGETHER], autouse=True)
def together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found does not depend on how many batches are joined at once."""
    monkeypatch.setattr(neighbours, "TOGETHER", request.param)


def partners(candidates: Sequence[Candidate]) -> dict[str, list[tuple[int, FaceMask]]]:
    return {one.sighting: [(met.number, met.mask) for met in one.partners] for one in candidates}


def test_an_encounter_is_found_in_the_partners_batch() -> None:
    """The patient's track ended first, so the encounter came with the other's batch: it is joined, with the mask."""
    both = [batch([seen(1)]), batch([seen(2, mask=FaceMask.INCORRECT)], [met(1, 2)])]
    for order in (both, both[::-1]):
        assert partners(joined(order, {1})) == {"node-1/1/1": [(2, FaceMask.INCORRECT)]}


def test_a_partners_mask_is_found_in_a_third_batch() -> None:
    """The encounter rides with the patient's later track, and the partner's mask in a batch of its own."""
    both = [batch([seen(2, mask=FaceMask.ABSENT)]), batch([seen(1)], [met(2, 1)])]
    for order in (both, both[::-1]):
        assert partners(joined(order, {1})) == {"node-1/1/1": [(2, FaceMask.ABSENT)]}


def test_a_partner_across_the_hours_edge_is_found_from_either_side() -> None:
    """Whoever began before the hour turned met whoever began after it, in batches of two epochs."""
    early, late = batch([seen(1, 55, 8)]), batch([seen(2, 61, 5)], [met(1, 2, 62)], NEXT)
    assert partners(joined([early, late], {1})) == {"node-1/1/1": [(2, FaceMask.WORN)]}
    assert partners(joined([early, late], {2})) == {"node-1/1/2": [(1, FaceMask.WORN)]}


def test_a_track_of_many_hours_meets_whoever_comes_last() -> None:
    """Somebody who sat in view for three hours is still joined with a partner of the last of them."""
    hours = [Epoch(EPOCH.cell, EPOCH.hour + n) for n in range(5)]
    stream = [
        batch([seen(1, 5, 190)], epoch=hours[0]),
        batch([seen(2, 65)], epoch=hours[1]),
        batch([seen(3, 185)], [met(1, 3, 185)], hours[3]),
        batch([seen(4, 245)], epoch=hours[4]),
    ]
    assert partners(joined(stream, {1})) == {"node-1/1/1": [(3, FaceMask.WORN)]}
    assert partners(joined(stream, {3})) == {"node-1/1/3": [(1, FaceMask.WORN)]}


def test_numbers_of_another_boot_or_node_are_other_people() -> None:
    """The same numbers on another box, or after a restart, join nothing."""
    hit = batch([seen(1)])
    others = [batch([seen(2)], [met(1, 2)], boot=2), batch([seen(2)], [met(1, 2)], node="node-2")]
    assert partners(joined([hit, *others], {1})) == {"node-1/1/1": []}


def test_a_partner_whose_batch_is_missing_is_told_without_a_mask() -> None:
    """The encounter is known, the other sighting is not: its mask is unknown and it is nobody's double."""
    (found,) = joined([batch([seen(1)], [met(1, 9)])], {1})
    assert [(p.number, p.mask, p.person) for p in found.partners] == [(9, FaceMask.UNKNOWN, None)]


def test_encounters_outside_the_window_stay_in_the_worker() -> None:
    """A sighting that reaches over the window's end is answered, but not whom it met after it."""
    end = round((EPOCH.start + 10 * MINUTE).timestamp() * 1000)
    long = batch([seen(1, 5, 20), seen(2, 5), seen(3, 20)], [met(1, 2, 5), met(1, 3, 20)])
    (found,) = joined([long], {1}, (0, end))
    assert [partner.number for partner in found.partners] == [2]


def test_an_encounter_that_is_told_twice_counts_once() -> None:
    """A batch and its merged form may both be there; the partner is listed once."""
    twice = [batch([seen(1), seen(2)], [met(1, 2)]), batch([seen(1), seen(2)], [met(1, 2)])]
    assert partners(joined(twice, {1})) == {"node-1/1/1": [(2, FaceMask.WORN)]}


def test_broken_encounters_are_told_and_the_candidate_is_kept() -> None:
    """A batch whose encounters are malformed still gives its candidate, and is reported by its position."""
    document = cbor2.loads(columns_to_bytes(EPOCH, [seen(1)], []))
    plain = cbor2.dumps({**document, "encounters": [[1]]}, canonical=True)
    columns = columns_from_bytes(len(plain).to_bytes(4, "big") + plain, "node-1", 1, EPOCH)
    opened, near = Opened(7, columns, {"face": "m"}), joining(ALWAYS)
    took(near, opened, [Hit(0)])
    assert len(near.finish()) == 1
    assert list(near.broken) == [(0, 7)]


def test_batches_out_of_order_lose_no_candidate_and_are_told() -> None:
    """A store that breaks its promise of order is found out; every candidate is answered all the same."""
    stream = [batch([seen(2, 61)], epoch=NEXT), batch([seen(1)])]
    near = joining(ALWAYS)
    found = [took(near, Opened(index, one.columns, one.models), [Hit(0)]) for index, one in enumerate(stream)]
    assert len(all_of(near, [*found, near.finish()])) == 2
    assert list(near.broken) == [(0, 1)]


def test_what_is_held_is_bounded_by_the_hours_in_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day of batches only the last hours' are still in memory, and nothing of the cell before."""
    monkeypatch.setattr(neighbours, "TOGETHER", min(neighbours.TOGETHER, 4))  # a day has many times as many
    near = joining(ALWAYS)
    for cell in ("cell-1", "cell-2"):
        for hour in range(24):
            epoch = Epoch(cell, EPOCH.hour + hour)
            took(near, batch([seen(hour, hour * 60 + 1)], epoch=epoch), [Hit(0)])
            assert len(near._cell.held) <= neighbours.TOGETHER + 1  # white box: memory is the behaviour


@given(st.integers(0, 2**32 - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_how_a_node_splits_its_batches_changes_nothing(seed: int) -> None:
    """However an hour's sightings are cut into batches, and in whatever order they come, the answer is the same."""
    rng = random.Random(seed)
    people = [seen(n, rng.uniform(0, 20), 31, face_code=rng.randbytes(128)) for n in range(12)]
    meetings = [met(rng.randrange(6), rng.randrange(6, 12), rng.uniform(20, 31)) for _ in range(10)]
    whole = joined([batch(people, meetings)], {1, 2, 3})
    cuts = [people[at : at + 3] for at in range(0, 12, 3)]
    parts = [batch(cut, [m for m in meetings if max(m.a, m.b) in {s.number for s in cut}]) for cut in cuts]
    rng.shuffle(parts)
    assert [without_people(c) for c in joined(parts, {1, 2, 3})] == [without_people(c) for c in whole]


def without_people(candidate: Candidate) -> tuple[object, ...]:
    """A candidate and its partners but for the numbers of people, which are drawn in order of the stream."""
    return candidate.sighting, [(p.number, p.start, p.end, p.min_distance_m, p.mask) for p in candidate.partners]


def flipped(code: bytes, bits: int, seed: int) -> bytes:
    """The code with this many of its bits changed."""
    array = np.unpackbits(np.frombuffer(code, np.uint8))
    array[np.random.default_rng(seed).choice(len(array), bits, replace=False)] ^= 1
    return np.packbits(array).tobytes()


def people_met(*faces: bytes | None, epochs: Sequence[Epoch] = (EPOCH,)) -> list[int | None]:
    """The persons of partners with these faces, met by the patient one after another, in one epoch or each in its."""
    stream = [batch([seen(1, 0, 200)])]
    for number, face in enumerate(faces, 10):
        epoch = epochs[(number - 10) % len(epochs)]
        minute = number + (epoch.hour - EPOCH.hour) * 60
        one = seen(number, minute, face_code=face, east_m=3.0 * number)  # each at a spot of their own
        stream.append(batch([one], [met(1, number, minute)], epoch))
    (found,) = joined(stream, {1})
    return [partner.person for partner in found.partners]


A, B = (np.random.default_rng(seed).bytes(128) for seed in (1, 2))


def test_partners_that_look_alike_are_one_person() -> None:
    """Two tracks of one face, a few hundred bits apart, have one number; another face has another."""
    assert people_met(A, flipped(A, 250, 1), B, flipped(B, 250, 2)) == [0, 0, 1, 1]


@pytest.mark.parametrize(("bits", "same"), [(LOOKS_ALIKE, True), (LOOKS_ALIKE + 1, False)])
def test_the_radius_of_one_person_is_exact(bits: int, same: bool) -> None:
    """Up to the radius two codes are one person, and one bit beyond it they are two."""
    first, second = people_met(A, flipped(A, bits, 3))
    assert (first == second) is same


def test_a_face_between_two_people_does_not_join_them() -> None:
    """A blurred face that is near two people is given to the nearer, and they stay two."""
    far = flipped(A, 500, 4)
    differ = np.flatnonzero(np.unpackbits(np.frombuffer(A, np.uint8)) != np.unpackbits(np.frombuffer(far, np.uint8)))
    between = np.unpackbits(np.frombuffer(A, np.uint8))
    between[differ[:240]] ^= 1
    assert people_met(A, far, np.packbits(between).tobytes()) == [0, 1, 0]


def test_nobody_without_a_face_is_linked() -> None:
    """Two partners whose faces were not seen are not one person for that."""
    assert people_met(None, A, None) == [None, 0, None]


def test_nobody_is_linked_across_epochs() -> None:
    """Codes of two epochs tell nothing about each other, equal or not, so the same bits are two people."""
    assert people_met(A, A, epochs=[EPOCH, NEXT]) == [0, 1]


def test_two_candidates_that_met_one_person_tell_the_same_number() -> None:
    """The patient's two tracks, on two cameras' boxes, met one person: minutes can be added up."""
    one = batch([seen(1), seen(2, face_code=A)], [met(1, 2)])
    two = batch([seen(1, 20), seen(2, 20, face_code=flipped(A, 200, 5))], [met(1, 2, 20)], node="node-2")
    first, second = joined([one, two], {1})
    assert [p.person for p in (*first.partners, *second.partners)] == [0, 0]


def test_an_answer_says_no_more_of_a_stranger_than_an_encounter() -> None:
    """The fields of a partner are those of the encounter, the mask and a number: no code, no score, no camera."""
    assert set(Partner.__dataclass_fields__) == {
        "number", "start", "end", "min_distance_m", "distance_error_m", "mask", "person", "near_s"
    }  # fmt: skip
