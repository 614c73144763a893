"""A whole search as the centre runs it: authorities, probe service, SQL store, a worker process; and stopping it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from central.batches.archives import ArchivedBatchStore
from central.batches.compaction import Compaction
from central.batches.place import Place
from central.batches.store import Lying, SqlBatchStore
from central.database import open_database
from central.search.case_search import SearchParts, search_case
from central.search.dispatch import SearchFailed
from central.search.job import BatchFailed, Progress
from shared.batches import read_batch
from shared.clock import FixedClock
from shared.epochs import Epoch
from shared.errors import ReleaseRefused
from shared.face_mask import FaceMask
from shared.sightings import Encounter
from tests.central.authority_fixtures import CASE, NODE, NOW, World, some_faces
from tests.central.test_search import noisy
from tests.postgres import database_in
from tests.waiting import wait_until


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def parts(world: World, *raws: bytes) -> SearchParts:
    """The parts of a site whose store holds these batches."""
    store = SqlBatchStore(open_database(database_in(world.folder)))
    assert store.add([read_batch(raw) for raw in raws], NOW) == [None] * len(raws)
    return SearchParts(world.authorities, world.probes, store)


def test_a_search_finds_the_right_sighting_and_who_was_near(world: World) -> None:
    """Of twenty strangers' sightings only the patient's is answered, with the sighting that met it."""
    faces = some_faces(20)
    at = NOW.replace(minute=7, second=0)
    met = Encounter(7, 3, at, at + timedelta(seconds=20), 1.25, 0.4)
    world.register(noisy(faces[7:8]))
    told: list[Progress | BatchFailed] = []
    site = parts(world, world.batch(faces, (met,)))
    answer = search_case(world.signed(world.scope()), site, told.append, threading.Event())
    assert (answer.searched, answer.failed, told) == (1, 0, [Progress(1, 0)])
    (candidate,) = answer.candidates
    assert candidate.sighting == f"{NODE}/1/7"
    assert (candidate.camera, candidate.epoch) == ("door", Epoch.at("cell-1", NOW))
    assert (candidate.start, candidate.bits) == (at, 1024)
    assert 50 < candidate.distance < 384
    assert (candidate.east_m, candidate.north_m) == (1.5, -2.25)
    (partner,) = candidate.partners
    assert (partner.number, partner.mask) == (3, FaceMask.ABSENT)
    assert partner.min_distance_m == pytest.approx(1.25, abs=0.01)


def test_a_damaged_batch_is_told_and_counted(world: World) -> None:
    """A batch whose bytes rotted in the store is told of and counted, and the other is searched."""
    faces = some_faces(4)
    world.register(faces[:1])
    damaged = bytearray(world.batch(faces, sequence=1))
    damaged[len(damaged) // 2] ^= 1
    told: list[Progress | BatchFailed] = []
    site = parts(world, bytes(damaged), world.batch(faces, sequence=0))
    answer = search_case(world.signed(world.scope()), site, told.append, threading.Event())
    assert [type(event) for event in told] == [BatchFailed, Progress]
    assert (answer.searched, answer.failed, len(answer.candidates)) == (1, 1, 1)


def test_a_withdrawn_case_is_not_searched(world: World) -> None:
    """When one authority refuses, its refusal reaches the caller and no batch is read."""
    world.register(some_faces(1))
    world.authorities[1].withdraw(CASE)
    with pytest.raises(ReleaseRefused, match="withdrawn"):
        search_case(world.signed(world.scope()), parts(world), print, threading.Event())


@dataclass
class _Endless(SqlBatchStore):
    """A store that never runs out of one batch."""

    raw: bytes

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        while True:
            yield [(cells[0], hours[-1], self.raw)]


def test_a_stopped_search_ends_at_once_without_an_answer(world: World) -> None:
    """Setting `stop` while batches stream kills the worker, the caller gets SearchFailed, and nobody reads on."""
    faces = some_faces(2)
    world.register(faces[:1])
    site = SearchParts(world.authorities, world.probes, _Endless(world.batch(faces)))
    stop = threading.Event()
    with pytest.raises(SearchFailed, match="stopped"):
        search_case(world.signed(world.scope()), site, lambda _: stop.set(), stop)
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "search-feeder"], "the reader's end")


def test_a_search_that_is_stopped_before_it_begins_gives_no_answer(world: World) -> None:
    """With `stop` set from the start the search ends in SearchFailed too, whatever it was doing."""
    world.register(some_faces(1))
    stop = threading.Event()
    stop.set()
    site = SearchParts(world.authorities, world.probes, _Endless(world.batch(some_faces(2))))
    with pytest.raises(SearchFailed, match="stopped"):
        search_case(world.signed(world.scope()), site, lambda _: None, stop)


def test_single_batches_of_a_power_cut_still_tell_who_was_near(world: World) -> None:
    """Each track came in a batch of its own and in no order: partner, mask and meeting are joined all the same."""
    faces = some_faces(5)
    world.register(faces[:1])
    at = NOW.replace(minute=0, second=0)
    met = Encounter(0, 3, at, at + timedelta(seconds=9), 0.75, 0.25)
    raws = [world.batch(faces, (met,) if number == 3 else (), number, [number]) for number in (3, 1, 4, 0, 2)]
    answer = search_case(world.signed(world.scope()), parts(world, *raws), lambda _: None, threading.Event())
    (candidate,) = answer.candidates
    assert [(p.number, p.mask, p.person) for p in candidate.partners] == [(3, FaceMask.ABSENT, 0)]


def test_a_damaged_archive_is_told_and_the_rest_is_searched(world: World) -> None:
    """The batches of a day whose archive is cut short are counted as failed, with the file's name; others are found."""
    faces = some_faces(4)
    world.register(faces[:1])
    site = parts(world, world.batch(faces, sequence=0))
    store = ArchivedBatchStore(open_database(database_in(world.folder)), Place(f"file://{world.folder / 'archives'}"))
    (moved,) = Compaction(store._engine, store, FixedClock(NOW + timedelta(days=3))).run()
    whole = search_case(world.signed(world.scope()), replace(site, store=store), print, threading.Event())
    assert (whole.searched, whole.failed, len(whole.candidates)) == (1, 0, 1)
    file = world.folder / "archives" / moved.archive
    file.write_bytes(file.read_bytes()[:-100])
    assert store.add([read_batch(world.batch(faces, sequence=1))], NOW) == [None]
    told: list[Progress | BatchFailed] = []
    answer = search_case(world.signed(world.scope()), replace(site, store=store), told.append, threading.Event())
    assert (answer.searched, answer.failed, len(answer.candidates)) == (1, 1, 1)
    (failed,) = (one for one in told if isinstance(one, BatchFailed))
    assert failed.reason.startswith("LostBatch") and moved.archive in failed.reason
