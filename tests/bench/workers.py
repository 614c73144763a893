"""The same search on a Ray cluster of this machine, with one worker and with two, beside the local engine."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from central.search.engine import Engine, ShardWorker
from central.search.parts import SearchAnswer
from central.search.passes import Pass
from tests.bench.clock import best_of
from tests.bench.rows import NOISE, Goal, Row, Say
from tests.bench.sealed_city import ARCHIVES, SealedCity
from tests.bench.search import some_parts

if TYPE_CHECKING:
    from central.search.ray_engine import RayEngine

FEW, MANY, ROUNDS = 8, 64, 3  # cells; so few of a fortnight are two shards for two workers
Took = Mapping[tuple[str, int, int], float]


def measure(say: Say) -> list[Row]:
    """No row where Ray is missing: what was not measured has no figure."""
    if find_spec("ray") is None:
        say("search.ray_scaling is left out: Ray is not installed (pip install 'cairn-central[ray]')")
        return []
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        say(f"sealing {MANY} cells for a fortnight, and moving closed days to archives")
        city = SealedCity(Path(folder), MANY)
        city.fill()
        city.archive(Path(folder))
        return [_scaling(city, say)]


def _scaling(city: SealedCity, say: Say) -> Row:
    from central.search.ray_engine import RayEngine

    say("starting Ray with two cores")
    ray = RayEngine(f"sqlite:///{city.database}", f"file://{city.database.parent / ARCHIVES}", workers=2)
    machines = _CoreEach(ray)
    names = {}
    runs: dict[str, Callable[[], None]] = {}
    for name, engine in (("ray", machines), ("local", None)):
        for workers in (1, 2):
            for cells in (FEW, MANY):
                key = f"{name} {workers} {cells}"
                names[key] = name, workers, cells
                runs[key] = _run(city, engine, workers, cells)
    say("searching on Ray and here, with one worker and with two")
    took = {names[key]: seconds for key, seconds in best_of(runs, ROUNDS).items()}
    ray._ray.shutdown()
    note = (
        f"ten patients, seconds for {MANY - FEW} more cells with one worker on one core over those with two on two, "
        f"halved: 1 is linear, starts apart; offices, store and centre share the cores; on one machine of "
        f"{os.cpu_count()} cores, each of Ray's places held to one of them, as a machine of its own would be. {NOISE}"
    )
    whole = {f"{name}_{workers}_s": took[name, workers, MANY] for name in ("ray", "local") for workers in (1, 2)}
    return Row("search.ray_scaling", _linear(took, "ray"), "×", note, Goal("≥", 0.9), _peers(took) | whole)


class _CoreEach:
    """Ray, each of whose places has one core for what reads there and what searches: machines of one core each."""

    ahead = False

    def __init__(self, engine: RayEngine) -> None:
        self._engine, self._cores = engine, sorted(os.sched_getaffinity(0))

    @property
    def workers(self) -> int:
        return self._engine.workers

    @contextmanager
    def started(self, place: int) -> Iterator[ShardWorker]:
        with self._engine.started(place) as worker:
            for pid in worker.pids:
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    with suppress(ProcessLookupError):
                        os.sched_setaffinity(int(thread.name), {self._cores[place % len(self._cores)]})
            yield worker


def _peers(took: Took) -> dict[str, float]:
    return {"local": _linear(took, "local")}


def _linear(took: Took, name: str) -> float:
    one, two = (took[name, workers, MANY] - took[name, workers, FEW] for workers in (1, 2))
    return one / two / 2


def _run(city: SealedCity, engine: Engine | None, workers: int, cells: int) -> Callable[[], None]:
    def run() -> None:
        with _held_to(workers):
            _check(city, cells, _search(city, engine, workers, cells))

    return run


@contextmanager
def _held_to(cores: int) -> Iterator[None]:
    """This thread, and what it starts, on so many cores: one worker is not helped by a core that it does not have."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _search(city: SealedCity, engine: Engine | None, workers: int, cells: int) -> list[SearchAnswer]:
    parts = some_parts(city, cells)
    for part in parts:
        part.offices = replace(part.offices, engine=engine, workers=workers)
    Pass(parts).run()
    return [part.listen(lambda _: None, threading.Event()) for part in parts]


def _check(city: SealedCity, cells: int, answers: list[SearchAnswer]) -> None:
    expected = city.batches * cells / city.cells
    if any(answer.failed or answer.searched != expected or not answer.candidates for answer in answers):
        raise AssertionError("figures of a wrong search mean nothing")
