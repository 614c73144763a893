"""What a search does when there is too much, or when something under it fails: by name, and never silently less."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.batches.store import Lying, SqlBatchStore
from central.search.candidates import (
    HIT,
    MET,
    Candidates,
    candidates_from_bytes,
    candidates_to_bytes,
    limit,
    merged,
    nearest,
)
from central.search.case_search import search_case
from central.search.engine import StoreFailed
from central.search.gathering import Gatherer
from central.search.job import Found
from central.search.parts import Part, SearchAnswer
from central.search.people import Asked, People
from central.search.together import search_together
from shared.epochs import Modality
from shared.errors import BadInput, ReleaseRefused
from tests.central.test_search_together import CASES, CELLS, HOURS, Town, answers, opened


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("town"))


def searched(town: Town, **changes: object) -> SearchAnswer:
    release = town.release(CASES[0])
    return search_case(release, replace(town.parts, **changes), lambda _: None, threading.Event())  # type: ignore[arg-type]


class FullDisk(SqlBatchStore):
    """The town's store, whose disk is full after some batches."""

    def __init__(self, real: SqlBatchStore) -> None:
        super().__init__(real._engine)

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        for number, some in enumerate([one] for every in super().stream(cells, hours) for one in every):
            if number == HOURS * len(CELLS):
                raise OSError(errno.ENOSPC, "No space left on device")
            yield some


def test_a_full_disk_ends_the_search_by_name_and_the_next_one_works(town: Town) -> None:
    """Every case of the pass hears what to look at; nothing is answered in part, and no worker stays behind."""
    gatherer = Gatherer(waits_s=0.5)
    failing = replace(town.parts, store=FullDisk(town.store), gatherer=gatherer)
    releases = [town.release(case) for case in CASES[:2]]
    for one in answers(failing, releases, [threading.Event() for _ in releases]):
        with pytest.raises(StoreFailed) as told:
            one.result(60)
        assert "disk" in told.value.hint
    gatherer.close()
    assert searched(town).candidates


@pytest.mark.parametrize("days", [-20, 1])
def test_a_window_past_retention_or_in_the_future_is_refused_by_name(town: Town, days: int) -> None:
    """Both authorities look at the window themselves, whatever the centre let pass."""
    scope, by = town.release(CASES[0]).scope, timedelta(days=days)
    asked = town.world.signed(replace(scope, start=scope.start + by, end=scope.end + by))
    with pytest.raises(ReleaseRefused, match="past retention or into the future"):
        search_case(asked, town.parts, lambda _: None, threading.Event())


def test_cells_that_sent_nothing_are_an_answer(tmp_path: Path) -> None:
    """Nothing was searched and nothing was found, which is told in numbers; it is no error."""
    town = Town(tmp_path)
    answer = search_case(town.release(CASES[1], ["cell-9"]), town.parts, lambda _: None, threading.Event())
    assert (answer.candidates, answer.searched, answer.failed) == ((), 0, 0)


def test_no_more_than_the_nearest_are_answered_and_the_radius_is_told(town: Town) -> None:
    """A worker that may answer few gives the nearest of all, as a search without the limit would rank them."""
    work, raws = (
        opened(town, town.part(CASES[0])),
        [(1, raw) for raw in town.store.in_scope(town.part(CASES[0]).release.scope)],
    )
    wide = dict.fromkeys(Modality, 600)
    (_, whole), (_, few) = (
        list(search_together([replace(work, radius=wide, most=most)], iter(raws)))[-1] for most in (10**6, 20)
    )
    assert isinstance(whole, Found)
    assert isinstance(few, Found)
    assert whole.radius == {}
    bound = few.radius[Modality.FACE]
    assert 0 < len(few.candidates) <= 20
    assert [one.sighting for one in few.candidates] == [
        one.sighting for one in whole.candidates if one.distance <= bound
    ]
    assert sum(one.distance <= bound + 1 for one in whole.candidates) > 20 or len(few.candidates) == 20


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 5))
def test_how_cells_are_divided_does_not_change_which_are_the_nearest(
    town: Town, seed: int, most: int, workers: int
) -> None:
    """Workers that each know some of the cells give together what one gives that knows all, in whatever order."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(50, HIT)
    hits["number"], hits["distance"] = np.arange(50), rng.integers(0, 12, 50)
    nothing = np.empty(0, MET)
    divided = [merged(["a"], some, nothing) for some in np.array_split(hits[rng.permutation(50)], workers)]
    told = []
    for answers_of in ([merged(["a"], hits, nothing)], divided):
        release = town.release(CASES[0])
        part = Part(release, b"", replace(town.parts, most=most))
        for shard, found in enumerate(answers_of):
            ((kept,), radius) = nearest([found], most)
            part.found(shard, Found(kept, radius))
        part.finish()
        answer = part.listen(lambda _: None, threading.Event())
        told.append((sorted(one.sighting for one in answer.candidates), answer.radius))
    assert told[0] == told[1]
    assert bool(told[0][1]) is (most < 50)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 60))
def test_the_limit_is_the_widest_that_leaves_no_more_than_the_most(counts: list[int], most: int) -> None:
    """All of one distance stay or go; only where the nearest of all are too many do they stay."""
    if not sum(counts):
        return
    bound = limit(np.array(counts), most)
    first = next(at for at, count in enumerate(counts) if count)
    assert sum(counts[: bound + 1]) <= most or bound == first
    assert bound >= len(counts) - 1 or sum(counts[: bound + 2]) > most


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_candidates_are_the_same_after_their_way_over_the_pipe(seed: int, n: int) -> None:
    """Whatever the numbers: each keeps its own partners, in order of time, the nearest of each sighting once."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(n, HIT)
    hits["node"], hits["camera"], hits["cell"] = rng.integers(0, 3, (3, n))
    hits["number"], hits["start"] = rng.integers(0, 5, n), 1000 * rng.integers(0, 4, n)
    hits["distance"], hits["partners"] = rng.integers(0, 99, n), rng.integers(0, 4, n)
    met = np.zeros(int(hits["partners"].sum()), MET)
    met["number"] = np.repeat(np.arange(n), hits["partners"])
    hits["quality"] = np.arange(n)
    found = merged(["node", "door", "cell"], hits, met)
    again = candidates_from_bytes(candidates_to_bytes(found))
    assert again == found
    assert len({(one.sighting, one.modality) for one in again}) == len(again)
    assert [one.start for one in again] == sorted(one.start for one in again)
    for one in again:
        assert all(partner.number == round(one.quality * 255) for partner in one.partners)
        same = [row for row in hits if row["number"] == int(one.sighting.split("/")[2])]
        assert one.distance in {int(row["distance"]) for row in same}


@given(st.data())
def test_a_damaged_answer_is_refused_or_read(data: st.DataObject) -> None:
    """A worker's bytes never raise anything but BadInput, and never point outside of what they brought."""
    hits = np.zeros(2, HIT)
    hits["partners"] = 1
    raw = bytearray(candidates_to_bytes(Candidates(["a"], hits, np.zeros(2, MET))))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = candidates_from_bytes(bytes(raw))
    except BadInput:
        return
    assert len(found.hits) == 2
    assert len(found.met) == 2


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 6))
def test_people_numbered_together_are_those_numbered_one_by_one(seed: int, n: int, faces: int) -> None:
    """Who is alike does not depend on how many are looked at in one go, nor on other cases and epochs."""
    rng = np.random.default_rng(seed)
    known = rng.integers(0, 256, (faces, 128), np.uint8)
    codes = known[rng.integers(0, faces, n)]
    codes[:, :8] = rng.integers(0, 256, (n, 8), np.uint8)
    case, kind = rng.integers(0, 2, (2, n))
    asked = Asked(case, kind, np.arange(n), codes)
    at_once, one_by_one = People().number(asked, set()), People()
    singly = [
        one_by_one.number(Asked(case[at:][:1], kind[at:][:1], np.array([at]), codes[at:][:1]), {0, 1})[0]
        for at in range(n)
    ]
    pairs = [(a, b) for a in range(n) for b in range(a) if case[a] == case[b]]
    assert all((at_once[a] == at_once[b]) == (singly[a] == singly[b]) for a, b in pairs)
    assert all(kind[a] == kind[b] for a, b in pairs if at_once[a] == at_once[b])
