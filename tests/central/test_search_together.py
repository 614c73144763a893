"""Several cases in one pass: each is answered as if it were alone, and the end of one is not the end of another."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.authority.released import CombinedShares, Recipient, ShareGrid, open_released
from central.batches.store import Lying, SqlBatchStore
from central.database import open_database
from central.probes.making import Wanted, make
from central.probes.probe_sets import Probes
from central.search import opened as opened_batches
from central.search import passes, together
from central.search.candidates import Candidate
from central.search.case_search import search_case
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.engine import frames
from central.search.gathering import Gatherer
from central.search.job import DEFAULT_RADIUS, BatchFailed, Event, Found, Progress
from central.search.opened_job import Search
from central.search.parts import Part, SearchAnswer, SearchParts
from central.search.passes import batches_of, shards
from central.search.together import search_together
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, read_batch, seal_batch
from shared.codes import FACE_BITS, encode, quantise
from shared.epochs import HOUR_S, Epoch, Modality, code_key, seal_key
from shared.errors import ReleaseRefused
from shared.face_mask import FaceMask
from shared.releases import CaseScope, Release, release_to_bytes
from shared.sightings import Encounter, Sighting
from shared.templates import FACE_ROWS
from tests.central.authority_fixtures import FACE_MODEL, NOW, World, some_faces
from tests.waiting import wait_until

CELLS = ("cell-1", "cell-2", "cell-3", "cell-4")
CASES = ("case-1", "case-2", "case-3")
HOURS = 6
FIRST = int(NOW.timestamp()) // HOUR_S - HOURS + 1
PEOPLE = some_faces(12, seed=3)  # the first three are the patients


class Town:
    """Four cells, six hours, three patients: everybody somewhere, some of them together, some batches spoilt."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.templates: dict[str, bytes] = {}
        for case, face in zip(CASES, PEOPLE, strict=False):
            self.world.register(face[None], case=case)
            self.templates[case] = self.world.template
        self.store = SqlBatchStore(open_database(f"sqlite:///{folder / 'centre.db'}"))
        self.code_grids, self.seal_grids = self.grids(Recipient.PROBES), self.grids(Recipient.SEARCH)
        self.code, self.seal = CombinedShares(self.code_grids), CombinedShares(self.seal_grids)
        rng, number = random.Random(4), 0
        for cell in CELLS:
            for hour in range(FIRST, FIRST + HOURS):
                for _ in range(2):
                    raw = self.batch(Epoch(cell, hour), number, rng)
                    assert self.store.add([read_batch(raw)], NOW) == [None]
                    number += 1

    @property
    def parts(self) -> SearchParts:
        return SearchParts(self.world.authorities, self.world.probes, self.store, workers=1)

    def release(self, case: str, cells: Sequence[str] = CELLS, hours: range = range(HOURS)) -> Release:
        start = Epoch(CELLS[0], FIRST + hours.start).start
        end = min(Epoch(CELLS[0], FIRST + hours.stop - 1).end, NOW)
        self.world.template = self.templates[case]
        return self.world.signed(replace(self.world.scope(case), start=start, end=end, cells=tuple(cells)))

    def part(self, case: str, cells: Sequence[str] = CELLS, hours: range = range(HOURS)) -> Part:
        release = self.release(case, cells, hours)
        return Part(release, release_to_bytes(release), self.parts)

    def grids(self, recipient: Recipient) -> list[ShareGrid]:
        """Every authority's shares of the whole town, in order of their names."""
        key = self.world.probes_key
        raw, public = release_to_bytes(self.release(CASES[0])), key.public_key().public_bytes_raw()
        sealed = {one.name: one.release(raw, recipient, public) for one in self.world.authorities}
        return [open_released(key, sealed[name], name, CASES[0], recipient).shares for name in sorted(sealed)]

    def batch(self, epoch: Epoch, number: int, rng: random.Random) -> bytes:
        """Sightings of two to five people, everybody of whom met the next; one batch in eight is spoilt."""
        spoilt = rng.randrange(16)
        model = "newer" if spoilt == 0 else FACE_MODEL
        who = rng.sample(range(len(PEOPLE)), rng.randint(2, 5))
        faces = encode(PEOPLE[who], code_key(self.code[epoch], Modality.FACE, model, epoch), FACE_BITS)
        seen = []
        for at, face in enumerate(faces):
            start = epoch.start + timedelta(minutes=rng.randrange(58))
            end = start + timedelta(minutes=rng.choice([1, 1, 70]))
            seen.append(Sighting(10 * number + at, "door", start, end, face.tobytes(), None, FaceMask.ABSENT, 1.0))
        met = [Encounter(a.number, b.number, b.start, b.start, 1.0, 0.25) for a, b in pairwise(seen)]
        node, models, masks = f"node-{epoch.cell}", {"face": model}, (0, 0, len(seen), 0)
        header = Header(SCHEMA_VERSION, node, 1, number, 1, epoch.cell, epoch.hour, 0, models, len(seen), masks)
        keys = BatchKeys(seal_key(self.seal[epoch], node, epoch), self.world.node_signing)
        raw = bytearray(seal_batch(header, seen, met, keys, number))
        if spoilt == 1:
            raw[-100] ^= 1
        return bytes(raw)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def fresh(tmp_path: Path) -> Town:
    """A town of the test's own, where a case may end."""
    return Town(tmp_path)


def opened(town: Town, part: Part) -> Search:
    """What a worker would know of a case, without asking anybody: an authority gives a case one scope only."""
    scope = part.release.scope
    seal, code = (
        CombinedShares([restricted(one, scope) for one in of_part]) for of_part in (town.seal_grids, town.code_grids)
    )
    face = PEOPLE[CASES.index(scope.case)][None]
    rows = quantise(np.concatenate([face, face]))
    probes = Probes(make([Wanted(Modality.FACE, FACE_MODEL, rows, FACE_ROWS, code)]))
    return Search(scope.case, seal, probes, scope.start, scope.end, DEFAULT_RADIUS, {}, b"", "")


def restricted(grid: ShareGrid, scope: CaseScope) -> ShareGrid:
    cells, hours = tuple(sorted(scope.cells)), tuple(scope.hours)
    places = np.ix_([grid.cells.index(cell) for cell in cells], [grid.hours.index(hour) for hour in hours])
    return ShareGrid(cells, hours, grid.array[places])


def in_this_process(town: Town, parts: Sequence[Part]) -> list[list[Event]]:
    """The events of each case of a pass, whose frames are the real ones."""
    (shard,) = shards(parts, 1)
    streamed = frames(town.store, batches_of(shard, parts), lambda at: parts[at].open)
    read = (frame for some in streamed for frame in some)
    heard: list[list[Event]] = [[] for _ in parts]
    for case, event in search_together([opened(town, part) for part in parts], read):
        heard[case].append(event)
    return heard


def told(events: Sequence[Event]) -> tuple[list[Candidate], list[str], Progress]:
    """The answer, what failed, and the last count; positions in the stream and numbers of people are of one stream."""
    found, progress = events[-1], events[-2]
    assert isinstance(found, Found)
    assert isinstance(progress, Progress)
    return canonical(found.candidates), sorted(one.reason for one in events if isinstance(one, BatchFailed)), progress


def canonical(candidates: Sequence[Candidate]) -> list[Candidate]:
    """People numbered anew in order of time, as a number means a person of one cell."""
    numbers: dict[tuple[str, int], int] = {}
    renumbered = []
    for one in candidates:
        partners = []
        for partner in one.partners:
            if partner.person is not None:
                key = one.epoch.cell, partner.person
                partner = replace(partner, person=numbers.setdefault(key, len(numbers)))  # noqa: PLW2901
            partners.append(partner)
        renumbered.append(replace(one, partners=tuple(partners)))
    return renumbered


scopes = st.tuples(
    st.lists(st.sampled_from(CELLS), min_size=1, unique=True),
    st.integers(0, HOURS - 1).flatmap(lambda a: st.integers(a + 1, HOURS).map(lambda b: range(a, b))),
)


@given(st.lists(scopes, min_size=2, max_size=3))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cases_together_are_answered_as_each_alone(town: Town, asked: list[tuple[list[str], range]]) -> None:
    """Candidates, partners, failures and counts are the same, whatever the others' cells and windows are."""
    wanted = [(case, *scope) for case, scope in zip(CASES, asked, strict=False)]
    together = in_this_process(town, [town.part(*one) for one in wanted])
    for one, events in zip(wanted, together, strict=True):
        (alone,) = in_this_process(town, [town.part(*one)])
        assert told(events) == told(alone)


@pytest.mark.parametrize(
    ("limit", "most"),
    [("TOGETHER", 1), ("TOGETHER", 5), ("_PORTION_BATCHES", 1), ("_PORTION_BATCHES", 3), ("_PORTION_BYTES", 5000)],
)
def test_how_many_batches_are_opened_at_once_changes_nothing(
    town: Town, limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a portion ends, also in the middle of an hour, whoever is still in view is met by the next one's."""
    parts = [town.part(case) for case in CASES]
    as_usual = [told(events) for events in in_this_process(town, parts)]
    monkeypatch.setattr(together, limit, most)
    monkeypatch.setattr(opened_batches, "_CHUNK_BYTES", 5000)
    assert [told(events) for events in in_this_process(town, parts)] == as_usual


def test_the_town_puts_the_search_to_the_test(town: Town) -> None:
    """Every patient is found, with partners, and every kind of failure occurs: the tests above compare something."""
    for events in in_this_process(town, [town.part(case) for case in CASES]):
        candidates, failures, progress = told(events)
        assert len(candidates) > 5
        assert any(partner.person is not None for one in candidates for partner in one.partners)
        assert {reason.partition(":")[0] for reason in failures} == {"CannotOpen", "OtherModel"}
        assert progress == Progress(2 * HOURS * len(CELLS), len(failures))


def test_a_batch_is_never_opened_for_a_case_without_its_epoch(town: Town) -> None:
    """Frames that name a case which was not released the hour fail for that case alone, and it finds nothing there."""
    works = [opened(town, town.part(CASES[0])), opened(town, town.part(CASES[1], CELLS[:1]))]
    (shard,) = shards([town.part(CASES[0])], 1)
    raws = [raw for some in town.store.stream(CELLS[1:2], shard.hours) for _, _, raw in some]
    heard = list(search_together(works, ((0b11, raw) for raw in raws)))
    failed = [event.reason for case, event in heard if case == 1 and isinstance(event, BatchFailed)]
    assert len(failed) == len(raws)
    assert all(reason.startswith("CannotOpen: a batch is outside") for reason in failed)
    first, second = ([event for case, event in heard if case == at][-1] for at in (0, 1))
    assert isinstance(first, Found)
    assert first.candidates
    assert second == Found(())


class Watched(SqlBatchStore):
    """The town's store, which gives one batch at a time and calls `at` before each, with its number."""

    def __init__(self, real: SqlBatchStore, at: Callable[[int], None]) -> None:
        super().__init__(real._engine)
        self.at = at

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        for number, one in enumerate(one for some in super().stream(cells, hours) for one in some):
            self.at(number)
            yield [one]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[SearchWorker]:
    """Every worker that is started."""
    made: list[SearchWorker] = []
    start = passes.started

    @contextmanager
    def started(at: Path | None) -> Iterator[SearchWorker]:
        with start(at) as worker:
            made.append(worker)
            yield worker

    monkeypatch.setattr(passes, "started", started)
    return made


def answers(parts: SearchParts, releases: Sequence[Release], stops: Sequence[threading.Event]) -> list[Future]:  # type: ignore[type-arg]
    """Each case asked for on a thread of its own, as the centre does."""
    pool = ThreadPoolExecutor(len(releases))
    asked = [
        pool.submit(search_case, release, parts, lambda _: None, stop)
        for release, stop in zip(releases, stops, strict=True)
    ]
    pool.shutdown(wait=False)
    return asked


def test_cases_that_are_asked_for_together_share_a_pass(town: Town, workers: list[SearchWorker]) -> None:
    """One worker serves all three, and each gets what it gets alone."""
    gatherer = Gatherer(waits_s=1.0)
    releases = [town.release(case) for case in CASES]
    asked = answers(replace(town.parts, gatherer=gatherer), releases, [threading.Event() for _ in CASES])
    together = [one.result(60) for one in asked]
    gatherer.close()
    assert len(workers) == 1
    for release, answer in zip(releases, together, strict=True):
        alone = search_case(release, town.parts, lambda _: None, threading.Event())
        assert canonical(answer.candidates) == canonical(alone.candidates)
        assert (answer.searched, answer.failed) == (alone.searched, alone.failed)


def test_a_withdrawal_in_the_middle_ends_one_case_and_no_other(fresh: Town, workers: list[SearchWorker]) -> None:
    """The one that ended gets no answer, at once; the others' answer is whole, and comes from the same worker."""
    half, go_on = threading.Event(), threading.Event()

    def wait_at_half(number: int) -> None:
        if number == HOURS * len(CELLS):
            half.set()
            assert go_on.wait(60)

    gatherer = Gatherer(waits_s=1.0)
    parts = replace(fresh.parts, store=Watched(fresh.store, wait_at_half), gatherer=gatherer)
    stops = [threading.Event() for _ in CASES]
    asked = answers(parts, [fresh.release(case) for case in CASES], stops)
    assert half.wait(60)
    stops[1].set()
    with pytest.raises(SearchFailed, match="stopped"):
        asked[1].result(10)
    go_on.set()
    for at in (0, 2):
        alone = search_case(fresh.release(CASES[at]), fresh.parts, lambda _: None, threading.Event())
        answer = asked[at].result(60)
        assert canonical(answer.candidates) == canonical(alone.candidates)
        assert (answer.searched, answer.failed) == (alone.searched, alone.failed)
    gatherer.close()
    assert len(workers) == 1 + 2


def test_when_all_have_ended_the_worker_is_killed(fresh: Town, workers: list[SearchWorker]) -> None:
    """Nobody waits for batches of nobody, however long the store takes."""
    half, go_on = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        half.set()
        assert go_on.wait(60)

    gatherer, stop = Gatherer(waits_s=0.2), threading.Event()
    parts = replace(fresh.parts, store=Watched(fresh.store, wait), gatherer=gatherer)
    asked = answers(parts, [fresh.release(case) for case in CASES[:2]], [stop, stop])
    assert half.wait(60)
    stop.set()
    for one in asked:
        with pytest.raises(SearchFailed, match="stopped"):
            one.result(10)
    gatherer.close()
    (worker,) = workers
    wait_until(lambda: not Path(f"/proc/{worker.pid}").exists(), "the worker to end")
    go_on.set()


def test_a_refusal_of_one_case_stops_no_other(fresh: Town) -> None:
    """An authority that was told of one case's end refuses that case by name; the others are answered."""
    fresh.world.authorities[1].withdraw(CASES[1])
    gatherer = Gatherer(waits_s=1.0)
    releases = [fresh.release(case) for case in CASES]
    asked = answers(replace(fresh.parts, gatherer=gatherer), releases, [threading.Event() for _ in CASES])
    with pytest.raises(ReleaseRefused, match="withdrawn"):
        asked[1].result(60)
    assert all(asked[at].result(60).candidates for at in (0, 2))
    gatherer.close()


def test_a_search_waits_its_turn_and_may_leave_the_queue(fresh: Town, workers: list[SearchWorker]) -> None:
    """While one pass runs, those who come next wait for it; one that is stopped meanwhile leaves at once."""
    half, go_on = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        half.set()
        assert go_on.wait(60)

    gatherer = Gatherer(waits_s=0.05)
    parts = replace(fresh.parts, store=Watched(fresh.store, wait), gatherer=gatherer)
    stops = [threading.Event() for _ in CASES]
    (first,) = answers(parts, [fresh.release(CASES[0])], stops[:1])
    assert half.wait(60)
    second, third = answers(parts, [fresh.release(case) for case in CASES[1:]], stops[1:])
    stops[2].set()
    with pytest.raises(SearchFailed, match="stopped"):
        third.result(10)
    assert len(workers) == 1
    go_on.set()
    assert first.result(60).candidates
    assert second.result(60).candidates
    gatherer.close()
    assert len(workers) == 2


def heard(town: Town, parts: SearchParts) -> tuple[SearchAnswer, list[Progress | BatchFailed]]:
    events: list[Progress | BatchFailed] = []
    return search_case(town.release(CASES[0]), parts, events.append, threading.Event()), events


def test_a_worker_that_dies_at_half_is_replaced_and_nothing_is_doubled(town: Town, workers: list[SearchWorker]) -> None:
    """Its shard is searched once more: the same candidates, the same counts, and each failure told once."""
    undisturbed, said = heard(town, town.parts)

    def kill_at_half(number: int) -> None:
        if number == HOURS * len(CELLS) and len(workers) == 2:  # one for the search above
            os.kill(workers[-1].pid, signal.SIGKILL)

    answer, events = heard(town, replace(town.parts, store=Watched(town.store, kill_at_half)))
    assert len(workers) == 3
    assert answer == undisturbed
    failures = [one for one in events if isinstance(one, BatchFailed)]
    assert failures == [one for one in said if isinstance(one, BatchFailed)]
    assert events[-1] == said[-1] == Progress(answer.searched + answer.failed, answer.failed)


def test_a_worker_that_dies_again_fails_the_search_by_name(town: Town, workers: list[SearchWorker]) -> None:
    """What kills every worker is not tried for ever."""

    def kill(number: int) -> None:
        if number == 3:
            os.kill(workers[-1].pid, signal.SIGKILL)

    with pytest.raises(SearchFailed):
        heard(town, replace(town.parts, store=Watched(town.store, kill)))
    assert len(workers) == 2


def test_shards_find_what_one_worker_finds(
    town: Town, workers: list[SearchWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers with half of the cells each: the same candidates and counts, and nobody's number twice."""
    whole, _ = heard(town, town.parts)
    monkeypatch.setattr(passes, "WORTH_A_WORKER", 2)
    halves, _ = heard(town, replace(town.parts, workers=2))
    assert len(workers) == 1 + 2
    assert canonical(halves.candidates) == canonical(whole.candidates)
    assert (halves.searched, halves.failed) == (whole.searched, whole.failed)


def test_the_next_shard_is_made_ready_while_one_is_searched(
    fresh: Town, workers: list[SearchWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that cannot go on before the next worker has started comes to its end, with the same answer."""
    whole, _ = heard(fresh, fresh.parts)
    monkeypatch.setattr(passes, "EPOCHS_AT_ONCE", HOURS)  # a shard a cell
    first = threading.Event()

    def wait_for_the_next(_number: int) -> None:
        if not first.is_set():
            first.set()
            wait_until(lambda: len(workers) == 1 + 2, "the next worker to start")

    parts = replace(fresh.parts, store=Watched(fresh.store, wait_for_the_next), workers=1)
    answer, _ = heard(fresh, parts)
    assert len(workers) == 1 + len(CELLS)
    assert canonical(answer.candidates) == canonical(whole.candidates)
    assert (answer.searched, answer.failed) == (whole.searched, whole.failed)


def test_a_worker_that_was_made_ready_in_vain_ends_too(
    fresh: Town, workers: list[SearchWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the case ends, nothing of it is left in a worker that never searched for it."""
    monkeypatch.setattr(passes, "EPOCHS_AT_ONCE", HOURS)
    both, go_on, stop = threading.Event(), threading.Event(), threading.Event()

    def wait(_number: int) -> None:
        wait_until(lambda: len(workers) == 2, "the next worker to start")
        both.set()
        assert go_on.wait(60)

    parts = replace(fresh.parts, store=Watched(fresh.store, wait), workers=1)
    (asked,) = answers(parts, [fresh.release(CASES[0])], [stop])
    assert both.wait(60)
    stop.set()
    with pytest.raises(SearchFailed, match="stopped"):
        asked.result(20)
    go_on.set()
    wait_until(lambda: not any(Path(f"/proc/{one.pid}").exists() for one in workers), "both workers to end")


def test_a_worker_gets_the_shares_of_its_own_cells_only(town: Town) -> None:
    """An authority releases part of a scope when it is asked for part, and nothing beyond the scope."""
    key = X25519PrivateKey.generate()
    raw, public = release_to_bytes(town.release(CASES[0])), key.public_key().public_bytes_raw()
    authority = town.world.authorities[0]
    sealed = authority.release(raw, Recipient.SEARCH, public, CELLS[1:2])
    assert open_released(key, sealed, authority.name, CASES[0], Recipient.SEARCH).shares.cells == CELLS[1:2]
    with pytest.raises(ReleaseRefused, match="not in scope"):
        authority.release(raw, Recipient.SEARCH, public, (CELLS[2], "cell-9"))


@given(st.lists(scopes, min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 30), st.integers(5, 60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_cell_lies_in_one_shard(
    town: Town, asked: list[tuple[list[str], range]], count: int, worth: int, at_once: int
) -> None:
    """However many there are: no cell is left out or searched twice, and every case's hours are in each."""
    parts = [town.part(case, *scope) for case, scope in zip(CASES, asked, strict=False)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "WORTH_A_WORKER", worth)
        patch.setattr(passes, "EPOCHS_AT_ONCE", at_once)
        made = shards(parts, count)
    cells = [cell for shard in made for cell in shard.cells]
    assert sorted(cells) == sorted({cell for part in parts for cell in part.release.scope.cells})
    assert all(set(part.release.scope.hours) <= set(shard.hours) for part in parts for shard in made)
