"""A search from its release to its candidates over sealed batches on disk, beside plain numpy on the open codes."""

from __future__ import annotations

import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.search.case_search import SearchAnswer, search_case
from central.search.job import DEFAULT_RADIUS, Job
from central.search.worker import Search, open_job
from shared.epochs import Epoch, Modality
from shared.releases import release_to_bytes
from tests.bench.clock import best_of
from tests.bench.kernels import KERNELS, Kernel, Question, some_question
from tests.bench.rows import NOISE, Goal, Row, Say
from tests.bench.sealed_city import PICTURES, SealedCity
from tests.central.authority_fixtures import CASE

CELLS, ROUNDS, PATIENTS = 3, 3, 10
SHAPES = ((1, PICTURES), (40, PICTURES), (256, PICTURES), (256, 16))


def measure(say: Say) -> list[Row]:
    rows = kernels(say)
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        say(f"sealing {CELLS} cells for a fortnight")
        city = SealedCity(Path(folder), CELLS)
        city.fill()
        say(
            f"{city.sightings:,} sightings, {city.sealed_bytes / 1e6:.0f} MB sealed, 1/{1 / city.share:.0f} of the city"
        )
        return rows + searches(city, say)


def kernels(say: Say) -> list[Row]:
    """Microseconds for one batch of each shape."""
    rows = []
    for n, m in SHAPES:
        question = some_question(n, m)
        answers = [kernel(question) for kernel in KERNELS.values()]
        assert all((answer == answers[0]).all() for answer in answers)
        say(f"kernels: {n} sightings, {m} probes")
        took = best_of({name: _often(kernel, question) for name, kernel in KERNELS.items()}, 25)
        each = {name: seconds / _OFTEN * 1e6 for name, seconds in took.items()}
        note = (
            f"nearest of {m} probes for {n} sightings, masks respected, one core; ours is faiss's plain count. {NOISE}"
        )
        rows.append(Row(f"search.kernel_{n}x{m}", each.pop("ours"), "µs", note, peers=each))
    return rows


_OFTEN = 40


def _often(kernel: Kernel, question: Question) -> Callable[[], object]:
    return lambda: [kernel(question) for _ in range(_OFTEN)]


def searches(city: SealedCity, say: Say) -> list[Row]:
    """The whole search, at a third and at all of the cells, for the slope."""
    found: dict[int, SearchAnswer] = {}

    def run(cells: int) -> None:
        found[cells] = search_case(city.release(cells), city.parts, lambda _: None, threading.Event())

    work, codes = _opened(city)
    say("searching, beside numpy on the open codes")
    contestants = {"one": lambda: run(1), "all": lambda: run(city.cells), "numpy": lambda: by_numpy(work, codes)}
    took = best_of(contestants, ROUNDS)
    names = {candidate.sighting for candidate in found[city.cells].candidates}
    if names != city.patient or found[city.cells].failed:
        raise AssertionError(f"{len(names)} found of {len(city.patient)}: figures of a wrong search mean nothing")
    (one_cpu_s, _), (cpu_s, peak_mb) = _cost(city, 1), _cost(city, city.cells)
    more = found[city.cells].searched - found[1].searched
    slope = (took["all"] - took["one"]) / (city.share * (1 - 1 / city.cells))
    fixed = max(0.0, took["all"] - slope * city.share)
    one_patient = fixed + slope
    setting = (
        f"1/{1 / city.share:.0f} of the city, one worker, page cache, all {len(names)} of the patient's sightings found"
    )
    split = (
        f"extrapolated from {setting}: {fixed:.2f} s to start, then {slope:.0f} s for the whole; routes not included"
    )
    return [
        Row("search.seconds_here", took["all"], "s", f"{setting}. {NOISE}"),
        Row("search.seconds_one_patient", one_patient, "s", f"{split}. {NOISE}"),
        Row(
            "search.seconds_full_city",
            PATIENTS * one_patient,
            "s",
            f"{PATIENTS} patients, one worker after the other, each opening every batch again; {split}. {NOISE}",
            Goal("≤", 60),
        ),
        Row("search.batch_us", (took["all"] - took["one"]) / more * 1e6, "µs", f"wall time of one more batch. {NOISE}"),
        _cold(city, say),
        Row(
            "search.cpu_us_a_batch",
            (cpu_s - one_cpu_s) / more * 1e6,
            "µs",
            f"processor time of centre and worker together for one more batch, start-up apart; {setting}. {NOISE}",
        ),
        Row("search.peak_mb", peak_mb, "MB", "the most memory that the worker had resident"),
        Row(
            "search.vs_numpy",
            took["numpy"] / took["all"],
            "×",
            f"numpy's time on the open codes in memory over ours from keys to candidates; {setting}. {NOISE}",
            Goal("≥", 1),
            {"numpy": took["numpy"], "ours": took["all"]},
        ),
    ]


def _cost(city: SealedCity, cells: int) -> tuple[float, float]:
    """Seconds of processor time of a search, start-up included, and the worker's largest resident memory in MB."""
    peaks = [0.0]

    def look(_: object) -> None:
        for listed in Path("/proc/self/task").glob("*/children"):
            for child in listed.read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)

    def used() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in both)

    before = used()
    search_case(city.release(cells), city.parts, look, threading.Event())
    return used() - before, max(peaks)


def _opened(city: SealedCity) -> tuple[Search, dict[Epoch, npt.NDArray[np.uint64]]]:
    """The job of one search, and every face code of each epoch, for those who search without seals."""
    key, raw = X25519PrivateKey.generate(), release_to_bytes(city.release(city.cells))
    releases = city.world.worker_releases(raw, key.public_key().public_bytes_raw())
    work = open_job(Job(CASE, releases, city.world.probes.probes(raw, key.public_key())), key)
    parts: dict[Epoch, list[npt.NDArray[np.uint8]]] = {}
    for index, sealed in enumerate(city.store.in_scope(city.release(city.cells).scope)):
        columns = work.opened(index, sealed).columns
        parts.setdefault(columns.epoch, []).append(columns.face)
    return work, {epoch: np.concatenate(faces).view(np.uint64) for epoch, faces in parts.items()}


def by_numpy(work: Search, codes: dict[Epoch, npt.NDArray[np.uint64]]) -> int:
    """How many codes lie within the radius of a probe."""
    hits = 0
    for epoch, words in codes.items():
        (probe,) = work.probes[epoch]
        probes = probe.codes.view(np.uint64)
        nearest = np.full(len(words), 1025)
        for j in range(len(probes)):
            np.minimum(nearest, np.bitwise_count(words ^ probes[j]).sum(axis=1, dtype=np.int32), out=nearest)
        hits += int((nearest <= DEFAULT_RADIUS[Modality.FACE]).sum())
    return hits


def _cold(city: SealedCity, say: Say) -> Row:
    """A search after its file was put out of the page cache, over reading the file once from the disk."""
    say("reading from the disk")
    read = min(_cold_seconds(city, lambda: _read(city.database)) for _ in range(ROUNDS))
    release = city.release(city.cells)
    quiet = threading.Event()
    search = min(
        _cold_seconds(city, lambda: search_case(release, city.parts, lambda _: None, quiet)) for _ in range(ROUNDS)
    )
    size = city.database.stat().st_size / 1e6
    note = f"cold search {search:.2f} s, its worker's start included; reading {size:.0f} MB once {read:.2f} s. {NOISE}"
    return Row("search.share_of_bare_read", search / read, "×", note, Goal("≤", 1.3))


def _cold_seconds(city: SealedCity, run: Callable[[], object]) -> float:
    city.engine.dispose()  # what a connection has mapped stays in memory
    with city.database.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
