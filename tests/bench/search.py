"""Ten patients' searches from their releases to their candidates, in one pass over sealed batches as a city keeps them,
closed days in archives and the last one in the database, beside plain numpy on the open codes."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from central.batches.store import SqlBatchStore
from central.search.job import MOST_CANDIDATES
from central.search.parts import Part, SearchAnswer
from central.search.passes import EPOCHS_AT_ONCE, Pass, shards
from shared.releases import release_to_bytes
from tests.bench.clock import best_of
from tests.bench.kernels import KERNELS, Kernel, Question, some_question
from tests.bench.open_codes import by_numpy, open_codes
from tests.bench.rows import NOISE, Goal, Row, Say
from tests.bench.sealed_city import ARCHIVES, CAMERAS, CASES, CELLS, DAYS, PICTURES, SealedCity, archived_city
from tests.bench.ways import all_routes
from tests.folders import quick_folder

# Cells of two sizes, for the slope, and turns; in full they are 1/20 and 1/5 of the city, and twice as many as these
# are made (30 GB of disk, 15 of memory, 13 minutes), for what a round of shards costs that are as large.
FULL = os.environ.get("CAIRN_BENCH_SEARCH", "") == "full"
FEW, MANY, ROUNDS = (34, 135, 3) if FULL else (5, 15, 3)
ALL = 2 * MANY if FULL else MANY
FEW_SMALL, MANY_SMALL = 3, 9  # where every camera has a box of its own, and batches are small and many
SHAPES = ((1, PICTURES), (40, PICTURES), (256, PICTURES), (256, 10 * PICTURES))
WHOLE = round(CELLS)
_CELL_BYTES = 56_000_000


def measure(say: Say) -> list[Row]:
    rows = kernels(say)
    with _city(ALL, 1, say) as city:
        say(f"{city.sightings:,} sightings, {city.sealed_bytes / 1e6:.0f} MB sealed, {city.part} of the city")
        rows += searches(city, say)
    with _city(MANY_SMALL, CAMERAS, say) as of_boxes:
        return rows + small_batches(of_boxes)


@contextmanager
def _city(cells: int, boxes: int, say: Say) -> Iterator[SealedCity]:
    # In memory where there is room: a shared machine may put pages of other files out at any time.
    size, disk = round(1.2 * cells * _CELL_BYTES), tempfile.gettempdir()
    filled, kept = quick_folder(disk, 2 * size), quick_folder(disk, size)
    with (
        tempfile.TemporaryDirectory(prefix="cairn-bench-", dir=filled) as offices,
        tempfile.TemporaryDirectory(prefix="cairn-bench-", dir=kept) as folder,
    ):
        say(f"sealing {cells} cells of {boxes} boxes for a fortnight")
        city = SealedCity(Path(offices), cells, boxes)
        city.fill()
        say("moving closed days to archives")
        city.archive(Path(folder))
        yield city


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


def search(
    city: SealedCity, cells: int, cases: Sequence[str] = CASES, most: int | None = None
) -> dict[str, SearchAnswer]:
    """All cases in one pass."""
    parts = some_parts(city, cells, cases, most=most)
    Pass(parts).run()
    return {one.release.scope.case: one.listen(lambda _: None, threading.Event()) for one in parts}


def some_parts(
    city: SealedCity,
    cells: int,
    cases: Sequence[str] = CASES,
    store: SqlBatchStore | None = None,
    most: int | None = None,
) -> list[Part]:
    releases = [city.release(cells, case) for case in cases]
    # As many candidates as the whole city's search would keep of these cells, where it is not said how many.
    kept = most or round(MOST_CANDIDATES * cells / CELLS)
    offices = replace(city.parts(cells), most=kept, store=store or city.store)
    return [Part(one, release_to_bytes(one), offices) for one in releases]


def searches(city: SealedCity, say: Say) -> list[Row]:
    """The whole search of few cells, of many and of all, for the slope and for the whole city."""
    found: dict[int, dict[str, SearchAnswer]] = {}

    def run(cells: int) -> Callable[[], None]:
        return lambda: found.update({cells: search(city, cells)})

    memory = _memory(city, say)  # first, while the bench itself holds little
    codes, probes = open_codes(city, FEW)
    say("searching, beside numpy on the open codes")
    ten = best_of({str(cells): run(cells) for cells in (FEW, MANY, ALL)}, ROUNDS)
    few_s, many_s, all_s = (ten[str(cells)] for cells in (FEW, MANY, ALL))
    _check(city, found[ALL])
    one = best_of({str(cells): partial(search, city, cells, CASES[:1]) for cells in (FEW, MANY)}, ROUNDS)
    few, many = found[FEW][CASES[0]].searched, found[MANY][CASES[0]].searched
    here = len(shards(some_parts(city, MANY), os.cpu_count() or 1))
    whole = len(shards(some_parts(city, WHOLE), os.cpu_count() or 1))
    if ALL > MANY:  # the difference is a round of shards, with all that these cost
        ten_s, how = _extrapolated((MANY, many_s), (ALL, all_s), 1)
    else:
        ten_s, how = _extrapolated((FEW, few_s), (MANY, many_s), whole / here)
    say("ten routes, and contacts along them")
    routes_s = _routes(city)
    one_s, _ = _extrapolated((FEW, one[str(FEW)]), (MANY, one[str(MANY)]), 1)
    where = "page cache" if city.database.is_relative_to(tempfile.gettempdir()) else "batches in memory"
    setting = f"1/{CELLS / MANY:.0f} of the city, {os.cpu_count()} cores, {where}, all of the patients' sightings found"
    figures = {
        "search.seconds_here": (many_s + routes_s, "s", f"ten patients, all in, {setting}"),
        "search.seconds_routes": (
            routes_s,
            "s",
            f"of it ten routes and their contacts, {MOST_CANDIDATES:,} candidates",
        ),
        "search.batch_us": ((many_s - few_s) / (many - few) * 1e6, "µs", f"one more batch, {setting}"),
        "search.seconds_one_patient": (one_s, "s", f"the whole city, without a route: {setting}"),
    }
    say("processor time and memory")
    return [
        *(Row(name, value, unit, f"{note}. {NOISE}") for name, (value, unit, note) in figures.items()),
        _slope(few_s, many_s),
        _strangers(city, found[ALL]),
        Row(
            "search.seconds_full_city",
            ten_s + routes_s,
            "s",
            f"ten patients in one pass, all in: releases, probes, search, then {routes_s:.1f} s for routes and "
            f"contacts, no clothes handed on; the search {how}; {setting}. {NOISE}",
            Goal("≤", 60),
        ),
        *_processor(city, (many, few), lambda: by_numpy(codes, probes), whole),
        _cold(city, say),
        memory,
    ]


def _routes(city: SealedCity) -> float:
    """Seconds for ten routes and their contacts, from as many candidates as the whole city gives."""
    found = {case: answer.candidates for case, answer in search(city, city.cells, most=MOST_CANDIDATES).items()}
    scope = city.release(1).scope
    took = best_of({"routes": lambda: all_routes(found, (scope.start, scope.end))}, ROUNDS)
    return took["routes"]


def _check(city: SealedCity, answers: dict[str, SearchAnswer]) -> None:
    """Every sighting of a patient is found, and as many strangers as there are, or as a case may have."""
    for (case, answer), strangers in zip(answers.items(), city.strangers.tolist(), strict=True):
        names, own = {candidate.sighting for candidate in answer.candidates}, city.patients[case]
        near = len(names) <= MOST_CANDIDATES * city.cells / CELLS + 1 and bool(names)
        right = near if answer.radius else len(names) == strangers + len(own)
        if not right or (own - names and not answer.radius) or answer.failed or answer.searched != city.batches:
            what = (
                f"{case}: {len(own & names)} found of {len(own)}, {len(names)} of {strangers}, {answer.failed} failed"
            )
            raise AssertionError(f"{what}: figures of a wrong search mean nothing")


def _slope(few_s: float, many_s: float) -> Row:
    """How the time grows with the city: 1 is in proportion, less is what one search costs before it has begun."""
    sizes = f"1/{CELLS / FEW:.0f} and 1/{CELLS / MANY:.0f} of the city"
    note = f"seconds a cell at {sizes}, the larger over the smaller: 1 is in proportion. {NOISE}"
    return Row("search.slope", (many_s / MANY) / (few_s / FEW), "×", note)


def _strangers(city: SealedCity, answers: dict[str, SearchAnswer]) -> Row:
    shares = city.strangers / city.sightings
    narrowed = sum(bool(answer.radius) for answer in answers.values())
    note = (
        f"strangers within the radius of a patient, in the mean of ten: {shares.min():.1%} to {shares.max():.1%}, as "
        f"of templates of real faces; {narrowed} of ten searches kept the nearest only, "
        f"as few a cell as {MOST_CANDIDATES:,} are in the whole city"
    )
    return Row("search.strangers_percent", float(shares.mean()) * 100, "%", note)


def small_batches(city: SealedCity) -> list[Row]:
    """The whole search where every camera has its own box: five times as many batches of the same sightings."""
    marks, found = [processor_s()], dict[str, SearchAnswer]()
    for cells in (FEW_SMALL, MANY_SMALL):
        found = search(city, cells)
        marks.append(processor_s())
    _check(city, found)
    runs = {str(cells): lambda cells=cells: search(city, cells) for cells in (FEW_SMALL, MANY_SMALL)}
    took = best_of(runs, ROUNDS)
    starts = len(shards(some_parts(city, WHOLE), os.cpu_count() or 1)) / (os.cpu_count() or 1)
    few, many = ((cells, took[str(cells)]) for cells in (FEW_SMALL, MANY_SMALL))
    whole_s, how = _extrapolated(few, many, starts)
    each = (marks[2] - marks[1] - (marks[1] - marks[0])) / (MANY_SMALL - FEW_SMALL)
    batches = city.batches / MANY_SMALL
    note = f"ten patients, {batches / (DAYS * 24):.0f} batches a cell and hour in the place of three; {how}. {NOISE}"
    return [
        Row("search.seconds_full_city_box_a_camera", whole_s, "s", note),
        Row(
            "search.cpu_us_a_batch_box_a_camera",
            each / batches * 1e6,
            "µs",
            f"processor time of all parties for one more; {each * CELLS:.0f} s for the whole city, start-up apart",
        ),
    ]


def _extrapolated(few: tuple[int, float], many: tuple[int, float], starts: float) -> tuple[float, str]:
    """Seconds for the whole city, and how: more cells cost in proportion, and each shard its start."""
    each = (many[1] - few[1]) / (many[0] - few[0])
    fixed = max(0.0, few[1] - few[0] * each)
    how = f"extrapolated from {few[0]} and {many[0]} of {WHOLE} cells: {fixed:.2f} s to start, {starts:g} times, then"
    return fixed * starts + each * CELLS, f"{how} {each * CELLS:.0f} s"


def processor_s() -> float:
    """Seconds of processor time of this process and of those that it has started and that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def _processor(city: SealedCity, searched: tuple[int, int], numpy: Callable[[], object], starts: int) -> list[Row]:
    """What other programs on the machine do not change: processor time, of all parties together."""
    marks = [processor_s()]
    for run in (lambda: search(city, FEW), lambda: search(city, MANY), numpy):
        run()
        marks.append(processor_s())
    few, many, plain = np.diff(marks).tolist()
    each = (many - few) / (searched[0] - searched[1])
    once, batches = max(0.0, few - each * searched[1]), searched[0] / MANY * CELLS
    answers = search(city, FEW).values()
    begun = time.process_time()
    objects = sum(len(tuple(one.candidates)) for one in answers)
    object_us = (time.process_time() - begun) / objects * 1e6
    whole = each * batches + once * starts
    cores = os.cpu_count() or 1
    note = "processor time of centre, offices and workers together for one more batch and ten patients, start-up apart"
    full = f"the same for {batches:,.0f} batches and {starts} starts: {whole / cores:.0f} s on {cores} idle cores"
    return [
        Row("search.cpu_us_a_batch", each * 1e6, "µs", note),
        Row("search.cpu_seconds_full_city", whole, "s", full, Goal("≤", 60 * cores)),
        Row(
            "search.object_us",
            object_us,
            "µs",
            "an object of one candidate, with its partners, for who looks at all of them",
        ),
        Row(
            "search.vs_numpy",
            plain / searched[1] / each,
            "×",
            "processor time of numpy for ten patients on the open codes in memory, over ours from sealed batches and "
            f"releases to candidates with whom they met, for a batch, start-up apart; 1/{CELLS / MANY:.0f} of the city",
            Goal("≥", 1),
            {"numpy_us": plain / searched[1] * 1e6, "ours_us": each * 1e6},
        ),
    ]


def _memory(city: SealedCity, say: Say) -> Row:
    """Ten patients over two shards of full size, most of whose cells are empty: probes and shares take the memory."""
    per_cell = len(CASES) * len(city.release(1).scope.hours)
    cells = min(WHOLE, 2 * EPOCHS_AT_ONCE // per_cell)
    say(f"memory, with the probes of {cells} cells")
    peaks: dict[str, float] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for listed in Path("/proc/self/task").glob("*/children"):
                for child in listed.read_text().split():
                    peaks[child] = max(_own_mb(child), peaks.get(child, 0.0))
            peaks["self"] = max(_own_mb("self"), peaks.get("self", 0.0))

    watcher = threading.Thread(target=look)
    watcher.start()
    search(city, cells)
    over.set()
    watcher.join()
    centre = peaks.pop("self")
    workers = sorted(peaks.values(), reverse=True)[: os.cpu_count()]
    note = (
        f"largest resident memory of {len(workers)} workers and of the bench, which has all offices in its process, "
        "but for pages of files, which the system takes back as it likes; "
        f"full shards ({cells} cells of ten patients' probes, {city.cells} of them with batches)"
    )
    parts = {"workers": sum(workers), "centre and offices": centre}
    return Row("search.peak_mb", sum(parts.values()), "MB", note, Goal("≤", 2000), parts)


def _own_mb(process: str) -> float:
    """What a process holds now that lies in no file, nor in memory that it shares, which is 8 MB beside batches kept in
    memory by the bench itself; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def _cold(city: SealedCity, say: Say) -> Row:
    """A search after its files were put out of the page cache, over reading them once from the disk."""
    say("reading from the disk")
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        database = Path(shutil.copy(city.database, folder))
        archives = Path(shutil.copytree(city.database.parent / ARCHIVES, Path(folder, ARCHIVES)))
        engine, store = archived_city(database, archives)
        parts, files = partial(some_parts, city, city.cells, store=store), [database, *archives.iterdir()]
        read = min(_cold_seconds(files, engine, lambda: _read(files)) for _ in range(ROUNDS))
        took = min(_cold_seconds(files, engine, Pass(parts()).run) for _ in range(ROUNDS))
        engine.dispose()
        size = sum(file.stat().st_size for file in files) / 1e6
    note = f"ten patients, cold {took:.2f} s, workers' start included; reading {size:.0f} MB once {read:.2f} s. {NOISE}"
    return Row("search.share_of_bare_read", took / read, "×", note, Goal("≤", 1.3))


def _cold_seconds(files: Sequence[Path], engine: Engine, run: Callable[[], object]) -> float:
    engine.dispose()  # what a connection has mapped stays in memory
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _read(files: Sequence[Path]) -> None:
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
