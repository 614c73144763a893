"""The same search on a Ray cluster of this machine, with one worker and with two, beside the local engine."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from central.search.engine import Engine
from central.search.parts import SearchAnswer
from central.search.passes import Pass
from tests.bench.clock import best_of
from tests.bench.rows import NOISE, Goal, Row, Say
from tests.bench.sealed_city import SealedCity
from tests.bench.search import some_parts

FEW, MANY, ROUNDS = 6, 14, 2  # cells; so few of a fortnight are two shards for two workers
Took = Mapping[tuple[str, int, int], float]


def measure(say: Say) -> list[Row]:
    """No row where Ray is missing: what was not measured has no figure."""
    if find_spec("ray") is None:
        say("search.ray_scaling is left out: Ray is not installed (pip install 'cairn-central[ray]')")
        return []
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        say(f"sealing {MANY} cells for a fortnight")
        city = SealedCity(Path(folder), MANY)
        city.fill()
        return [_scaling(city, say)]


def _scaling(city: SealedCity, say: Say) -> Row:
    from central.search.ray_engine import RayEngine

    say("starting Ray with two cores")
    ray = RayEngine(f"sqlite:///{city.database}", workers=2)
    names = {}
    runs: dict[str, Callable[[], None]] = {}
    for name, engine in (("ray", ray), ("local", None)):
        for workers in (1, 2):
            for cells in (FEW, MANY):
                key = f"{name} {workers} {cells}"
                names[key] = name, workers, cells
                runs[key] = _run(city, engine, workers, cells)
    say("searching on Ray and here, with one worker and with two")
    took = {names[key]: seconds for key, seconds in best_of(runs, ROUNDS).items()}
    ray._ray.shutdown()
    note = (
        f"ten patients, seconds for {MANY - FEW} more cells with one worker over those with two, halved: 1 is linear, "
        f"starts apart; on one machine of {os.cpu_count()} cores, under a load of {os.getloadavg()[0]:.1f} from it and "
        f"others, where two workers want both cores to themselves. {NOISE}"
    )
    whole = {f"{name}_{workers}_s": took[name, workers, MANY] for name in ("ray", "local") for workers in (1, 2)}
    return Row("search.ray_scaling", _linear(took, "ray"), "×", note, Goal("≥", 0.9), _peers(took) | whole)


def _peers(took: Took) -> dict[str, float]:
    return {"local": _linear(took, "local")}


def _linear(took: Took, name: str) -> float:
    one, two = (took[name, workers, MANY] - took[name, workers, FEW] for workers in (1, 2))
    return one / two / 2


def _run(city: SealedCity, engine: Engine | None, workers: int, cells: int) -> Callable[[], None]:
    return lambda: _check(city, cells, _search(city, engine, workers, cells))


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
