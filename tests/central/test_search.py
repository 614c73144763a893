"""Searching end to end: two authorities, the probe service, a real worker process, sealed batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.search.candidates import candidates_from_bytes, candidates_to_bytes
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import BatchFailed, Event, Found, Job
from central.search.opened_job import open_job
from central.search.together import search
from shared.errors import BadInput
from shared.keys import sealing_public
from tests.central.authority_fixtures import CASE, NODE, NOW, World, replaced, some_faces


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def noisy(face: np.ndarray, seed: int = 5) -> np.ndarray:
    """The same face in another picture: cosine about 0.8."""
    noise = np.random.default_rng(seed).standard_normal(face.shape).astype(np.float32)
    return np.asarray(face + 0.75 * noise / np.linalg.norm(noise), np.float32)


def job_for(world: World, public: bytes, release: bytes | None = None) -> Job:
    asked = release or world.release()
    probes = world.probes.probes(asked, sealing_public(public))
    return Job(CASE, world.worker_releases(asked, public), probes)


def found(events: Iterable[Event]) -> Found:
    last = list(events)[-1]
    assert isinstance(last, Found)
    return last


def searched(world: World, batches: list[bytes], release: bytes | None = None) -> list[Event]:
    """The events of a search in this process."""
    key = X25519PrivateKey.generate()
    job = job_for(world, key.public_key().public_bytes_raw(), release)
    return list(search(open_job(job, key), iter(batches)))


def test_a_batch_that_does_not_open_is_reported_and_the_rest_goes_on(world: World) -> None:
    """Damaged, foreign and nonsense batches each give one failure, and the good one is still searched."""
    faces = some_faces(4)
    world.register(faces[:1])
    good = world.batch(faces)
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 1
    world.clock.advance(timedelta(hours=1))
    late = world.batch(faces, sequence=1)
    world.clock.advance(-timedelta(hours=1))
    events = searched(world, [bytes(damaged), b"nonsense", late, good])
    assert [event.index for event in events if isinstance(event, BatchFailed)] == [0, 1, 2]
    assert [one.sighting for one in found(events).candidates] == [f"{NODE}/1/0"]


def test_codes_of_another_model_are_reported_and_not_passed_over(world: World) -> None:
    """Not to be compared is not the same as not seen: the batch counts as failed, and says why."""
    faces = some_faces(3)
    world.register(faces[:1])
    events = searched(world, [world.batch(faces, model="newer-model"), world.batch(faces, sequence=1)])
    [failed] = [event for event in events if isinstance(event, BatchFailed)]
    assert failed.index == 0
    assert failed.reason.startswith("OtherModel: ")
    assert [one.sighting for one in found(events).candidates] == [f"{NODE}/1/0"]


def test_sightings_outside_the_window_are_not_answered(world: World) -> None:
    """Keys serve whole hours, but a hit outside the case's minutes is dropped in the worker."""
    faces = some_faces(1).repeat(10, axis=0)
    world.register(faces[:1])
    scope = replaced(world.scope(), end=NOW.replace(minute=4, second=10))
    candidates = found(searched(world, [world.batch(faces)], world.release(scope))).candidates
    assert [one.sighting for one in candidates] == [f"{NODE}/1/{n}" for n in range(5)]


def test_a_worker_without_all_authorities_finds_nothing(world: World) -> None:
    """With the release of one authority left out, every batch fails to open."""
    faces = some_faces(2)
    world.register(faces[:1])
    key = X25519PrivateKey.generate()
    job = job_for(world, key.public_key().public_bytes_raw())
    alone = Job(job.case, {"authority-a": job.releases["authority-a"]}, job.probes)
    events = list(search(open_job(alone, key), iter([world.batch(faces)])))
    assert any(isinstance(event, BatchFailed) for event in events)
    assert found(events).candidates == ()


def test_what_is_sealed_to_one_worker_is_useless_to_the_next(world: World) -> None:
    """A job made for another worker's key is refused with a reason."""
    world.register(some_faces(1))
    other = X25519PrivateKey.generate().public_key().public_bytes_raw()
    with SearchWorker() as worker, pytest.raises(SearchFailed, match="refused the job"):
        list(worker.run(job_for(world, other), []))


def test_an_error_of_the_batch_store_reaches_the_caller(world: World) -> None:
    """When the source of batches fails, run raises that error instead of waiting for ever."""
    world.register(some_faces(1))

    def broken() -> Iterator[bytes]:
        yield world.batch(some_faces(1))
        raise OSError("the disk is gone")

    with SearchWorker() as worker, pytest.raises(OSError, match="disk is gone"):
        list(worker.run(job_for(world, worker.public), broken()))


def test_candidates_survive_their_bytes(world: World) -> None:
    """Candidates read back are equal to those written, and other bytes raise BadInput."""
    faces = some_faces(1).repeat(3, axis=0)
    world.register(faces[:1])
    candidates = found(searched(world, [world.batch(faces)])).candidates
    assert len(candidates) == 3
    assert candidates_from_bytes(candidates_to_bytes(candidates)) == candidates
    with pytest.raises(BadInput):
        candidates_from_bytes(b"\x01")
