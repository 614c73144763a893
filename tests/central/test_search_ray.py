"""The same search on Ray: the same answer, a machine that is lost or stopped, and nothing in the open on the way."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from central.__main__ import main
from central.errors import BadSettings, ServiceDown
from central.search import ray_engine
from central.search.case_search import search_case
from central.search.dispatch import SearchFailed
from central.search.engine import Batches, Engine, ShardWorker, StoreFailed
from central.search.engines import NAMES, engine_named
from central.search.gathering import Gatherer
from central.search.job import BatchFailed, Event, Job, Progress
from central.search.parts import SearchAnswer
from central.search.passes import LocalEngine
from central.search.ray_engine import RayEngine, places_of
from central.search.ray_machine import batches_from, failure, request_to_bytes
from central.settings import CentreSettings
from shared.errors import BadInput, CairnError
from shared.keys import seal_to
from shared.wire import unpack
from tests.central.test_search_together import CASES, CELLS, HOURS, Town, Watched, answers, canonical
from tests.waiting import wait_until

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed (pip install 'cairn-central[ray]')"
)
warns = pytest.mark.filterwarnings("default")  # Ray's own, at its import and at its end


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def ray(town: Town) -> Iterator[RayEngine]:
    """A cluster of this machine alone, with two cores."""
    engine = RayEngine(f"sqlite:///{town.world.folder / 'centre.db'}", workers=2)
    yield engine
    engine._ray.shutdown()


def nothing(_: ShardWorker) -> None:
    """No meddling."""


class Meddling:
    """An engine whose workers are meddled with before they are given anything, or at what they say."""

    ahead = False

    def __init__(
        self, real: Engine, at: Callable[[ShardWorker], None] = nothing, before: Callable[[ShardWorker], None] = nothing
    ) -> None:
        self.real, self.at, self.before, self.started_workers = real, at, before, list[ShardWorker]()

    @property
    def workers(self) -> int:
        return self.real.workers

    @contextmanager
    def started(self, place: int) -> Iterator[ShardWorker]:
        with self.real.started(place) as worker:
            self.started_workers.append(worker)
            yield _Meddled(worker, self)


class _Meddled:
    def __init__(self, worker: ShardWorker, by: Meddling) -> None:
        self.public, self.lacking, self.cancel = worker.public, worker.lacking, worker.cancel
        self._worker, self._by = worker, by

    def search(self, jobs: list[Job], batches: Batches, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Event]]:
        self._by.before(self._worker)
        for said in self._worker.search(jobs, batches, wanted):
            yield said
            if isinstance(said[1], Progress | BatchFailed):
                self._by.at(self._worker)


def asked(town: Town, engine: Engine | None, case: str = CASES[0]) -> tuple[SearchAnswer, list[Progress | BatchFailed]]:
    told: list[Progress | BatchFailed] = []
    parts = replace(town.parts, engine=engine)
    return search_case(town.release(case), parts, told.append, threading.Event()), told


def same(one: SearchAnswer, other: SearchAnswer) -> None:
    assert canonical(one.candidates) == canonical(other.candidates)
    assert len(one.candidates) > 5
    assert (one.searched, one.failed, one.until_hour) == (other.searched, other.failed, other.until_hour)


def test_an_engine_that_is_given_searches_instead_of_the_local_one(town: Town) -> None:
    """A pass asks its engine for every worker; the answer is the one that it gives without."""
    engine = Meddling(LocalEngine(town.store))
    same(asked(town, engine)[0], asked(town, None)[0])
    assert len(engine.started_workers) == 1


def test_shards_are_taken_by_groups_and_each_once(fresh: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two places search a shard a cell: together every cell once, and a place that has done its own helps the other."""
    monkeypatch.setattr("central.search.passes.EPOCHS_AT_ONCE", HOURS)
    engine = Meddling(LocalEngine(fresh.store))
    parts = replace(fresh.parts, engine=engine, workers=2)
    answer = search_case(fresh.release(CASES[0]), parts, lambda _: None, threading.Event())
    assert answer.searched + answer.failed == 2 * HOURS * len(CELLS)
    assert len(engine.started_workers) == len(CELLS)


@pytest.fixture
def fresh(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_lost_worker_of_any_engine_is_replaced_once_and_nothing_counts_twice(fresh: Town) -> None:
    """The first worker dies at half of the batches: the second searches all again; the answer is the whole one's."""

    def kill_at_half(number: int) -> None:
        if number == HOURS * len(CELLS) and len(engine.started_workers) == 1:
            engine.started_workers[0].cancel()

    engine = Meddling(LocalEngine(Watched(fresh.store, kill_at_half)))
    answer, told = asked(fresh, engine)
    same(answer, asked(fresh, None)[0])
    assert len(engine.started_workers) == 2
    assert len([one for one in told if isinstance(one, BatchFailed)]) == answer.failed


def test_the_request_says_which_batches_and_takes_the_jobs() -> None:
    """Cells, hours and cases come back as they were; the list of jobs is empty afterwards, as they are large."""
    batches = Batches(("a", "b"), range(4, 9), ((("a",), range(5, 7)), ((), range(4, 9))))
    jobs = [Job("case-1", {"office": b"shares"}, b"probes")]
    request = unpack(request_to_bytes(jobs, batches, ("sqlite://", ""), bytes(32)), BadInput, "a request")
    assert batches_from(request) == batches
    assert not jobs


@pytest.mark.parametrize(("kind", "known"), [("StoreFailed", StoreFailed), ("CannotOpen", SearchFailed)])
def test_what_fails_on_a_machine_is_told_with_its_words(kind: str, known: type[CairnError]) -> None:
    """A store that cannot be read is no lost worker, which would be tried again."""
    error = failure([kind, "what", "do this"])
    assert (type(error), error.message, error.hint) == (known, "what", "do this")


def test_a_machine_that_was_lost_just_now_gets_no_work_while_there_are_others() -> None:
    """Places go machine by machine, one a core; a lost machine is left out, unless it is the only one."""
    nodes = [{"NodeID": name, "Alive": name != "c", "Resources": {"CPU": 2.0}} for name in "bac"]
    nodes.append({"NodeID": "d", "Alive": True, "Resources": {}})
    assert places_of(nodes, ()) == ["a", "a", "b", "b"]
    assert places_of(nodes, {"a"}) == ["b", "b"]
    assert places_of(nodes, {"a", "b"}) == ["a", "a", "b", "b"]


def test_without_ray_the_engine_is_refused_with_what_to_install(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the package, and the local engine as the other way; the local one asks for nothing."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadSettings, match="not installed") as told:
        engine_named("ray", town.store._engine)
    assert "cairn-central[ray]" in told.value.hint
    assert engine_named("local", town.store._engine) is None


def test_a_cluster_that_lets_anybody_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token and without certificates nothing is sent to an address."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.delenv("RAY_USE_TLS", raising=False)
    with pytest.raises(BadSettings, match="lets anybody in") as told:
        RayEngine("sqlite://", address="10.0.0.5:6379")
    assert "RAY_AUTH_MODE=token" in told.value.hint


@needs_ray
@warns
@pytest.mark.parametrize(
    ("address", "known"), [("127.0.0.1:9", ServiceDown), ("head", BadSettings), ("ray://h:1", BadSettings)]
)
def test_a_cluster_that_is_not_there_is_refused_at_once(
    address: str, known: type[CairnError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody at the address, or no address at all: said in seconds, with the address and what to do."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(known, match=address) as told:
        RayEngine("sqlite://", address=address)
    assert told.value.hint


def test_the_engine_is_a_setting_and_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """Local unless somebody says otherwise; another word is refused by settings and commands."""
    needed = {"database": "sqlite://", "authorities": {"a": "http://a"}, "probes": "http://p"}
    assert CentreSettings.model_validate(needed).engine == "local"
    assert CentreSettings.model_validate(needed | {"engine": "ray", "ray": "head:6379"}).ray == "head:6379"
    with pytest.raises(ValueError, match="engine"):
        CentreSettings.model_validate(needed | {"engine": "dask"})
    for command in (["serve"], ["replay", "folder"]):
        with pytest.raises(SystemExit):
            main([*command, "--engine", "dask"])
        told = capsys.readouterr().err
        assert all(name in told for name in NAMES)


@needs_ray
@warns
def test_ray_finds_what_the_local_engine_finds(town: Town, ray: RayEngine) -> None:
    """Candidates, partners and counts are the same, alone and for three cases in one pass."""
    for case in CASES:
        same(asked(town, ray, case)[0], asked(town, None, case)[0])
    gatherer = Gatherer(waits_s=1.0)
    together = answers(
        replace(town.parts, engine=ray, gatherer=gatherer),
        [town.release(case) for case in CASES],
        [threading.Event() for _ in CASES],
    )
    for case, one in zip(CASES, together, strict=True):
        same(one.result(60), asked(town, None, case)[0])
    gatherer.close()


@needs_ray
@warns
def test_a_machine_that_is_killed_is_replaced_and_nothing_counts_twice(town: Town, ray: RayEngine) -> None:
    """Its shard is searched again, once, by a fresh worker with fresh keys."""
    engine = Meddling(ray, before=lambda worker: _kill_first(engine, worker))
    answer, told = asked(town, engine)
    same(answer, asked(town, None)[0])
    first, second = engine.started_workers
    assert first.public != second.public
    assert len([one for one in told if isinstance(one, BatchFailed)]) == answer.failed


def _kill_first(engine: Meddling, worker: ShardWorker) -> None:
    if worker is engine.started_workers[0]:
        _kill(worker)


def _kill(worker: ShardWorker) -> None:
    """Ray's process, while the confined worker is held so that it cannot have answered before."""
    machine, confined = pids(worker)
    os.kill(confined, signal.SIGSTOP)

    def kill() -> None:
        os.kill(machine, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(confined, signal.SIGCONT)

    threading.Timer(0.5, kill).start()  # by then it has its job


@needs_ray
@warns
def test_a_machine_that_is_lost_twice_is_told(town: Town, ray: RayEngine) -> None:
    """Nobody gets half an answer for a whole one."""
    engine = Meddling(ray, before=_kill)
    with pytest.raises(SearchFailed, match="without an answer"):
        asked(town, engine)
    assert len(engine.started_workers) == 2


@needs_ray
@warns
def test_a_case_that_ends_ends_its_machines_processes(town: Town, ray: RayEngine) -> None:
    """With the case withdrawn in the middle, neither Ray's process nor the confined worker lives on."""
    stop = threading.Event()

    def withdraw(worker: ShardWorker) -> None:
        stop.set()  # and the pass's thread is elsewhere: others have to kill the worker
        wait_until(lambda: gone(worker), "the machine's processes to end")

    engine = Meddling(ray, withdraw)
    with pytest.raises(SearchFailed, match="stopped"):
        search_case(town.release(CASES[0]), replace(town.parts, engine=engine), lambda _: None, stop)
    (worker,) = engine.started_workers
    assert gone(worker)


@needs_ray
@warns
def test_a_machine_whose_store_is_away_says_so(town: Town, ray: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the store that fails, by name, and not the worker."""
    monkeypatch.setattr(ray, "_store", ("sqlite:////nowhere/at/all.db", ""))
    with pytest.raises(StoreFailed) as told:
        asked(town, ray)
    assert "nowhere" not in str(told.value)


@needs_ray
@warns
def test_another_versions_machine_is_refused(town: Town, ray: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two versions may disagree about what a job means; both are named."""
    monkeypatch.setattr(ray_engine, "VERSION", "9.9")
    with pytest.raises(BadSettings, match=r"9\.9"):
        asked(town, ray)


@needs_ray
@warns
def test_what_ray_carries_is_sealed(town: Town, ray: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the request nor an answer holds a case, a cell, a camera or the store's address in the open."""
    carried: list[bytes] = []
    monkeypatch.setattr(ray, "_ray", _Tap(ray._ray, carried))

    def sealed(public: X25519PublicKey, info: bytes, plain: bytes) -> bytes:
        carried.append(seal_to(public, info, plain))
        return carried[-1]

    monkeypatch.setattr(ray_engine, "seal_to", sealed)
    answer, _ = asked(town, ray)
    assert answer.candidates
    words = [CASES[0], *CELLS, "door", "sqlite", answer.candidates[0].sighting]
    assert len(carried) > 2
    assert not [word for word in words for raw in carried if word.encode() in raw]


class _Tap:
    """Ray, with a note of every bytes that are got from it."""

    def __init__(self, real: object, carried: list[bytes]) -> None:
        self._real, self._carried = real, carried

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def get(self, *given: object, **named: object) -> bytes:
        raw: bytes = self._real.get(*given, **named)  # type: ignore[attr-defined]
        self._carried.append(raw)
        return raw


def pids(worker: ShardWorker) -> list[int]:
    """Ray's process, and the confined worker."""
    found: list[int] = worker.pids  # type: ignore[attr-defined]
    return found


def gone(worker: ShardWorker) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids(worker))
