"""`python -m central.search.worker`: searches a stream of batches in memory, for one case or several, and ends.

It reads and writes a socket. In: memory, in which batches will lie. Out: its public key. In: a job for each case, an
empty frame; then where batches lie, each with the cases in whose scope it lies; then an empty frame. Out: what it took,
progress, failures, and each case's candidates. In, perhaps, where there is one case: which of these are confirmed. Out:
their clothes, sealed to the probe service.
Its private key is drawn at start and never leaves, so what was sealed to it is worth nothing once it has ended.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import IO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.search.frames import Batch, FrameBroken, read_frame, write_frame
from central.search.handing_over import Taking
from central.search.isolation import Protections, give_up_rights
from central.search.job import (
    MOST_CASES,
    Event,
    HandedOff,
    Hello,
    JobRefused,
    Taken,
    event_to_bytes,
    hand_on_from_bytes,
    job_from_bytes,
)
from central.search.opened_job import Search, open_job
from central.search.rehearsal import rehearse
from central.search.together import search, search_together
from shared.errors import BadInput, CairnError

_GARBAGE = 100_000  # objects, before they are looked through: what a batch leaves behind is no garbage of that kind


def run(stdin: IO[bytes], stdout: IO[bytes], taking: Taking, protections: Protections) -> int:
    """The whole life of a worker; 0 when it gave an answer, 1 when it refused or its parent went away."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    _say(stdout, Hello(public, protections.in_force, protections.lacking))
    works = _opened(private, stdin, stdout)
    del private
    gc.freeze()  # what is here stays to the end; looking through it again and again finds nothing
    gc.set_threshold(_GARBAGE)
    try:
        if not any(works):
            return 0 if not works else 1  # without a job the parent was refused a release, and went away
        places = [place for place, work in enumerate(works) if work]
        batches = _batches(taking.batches(stdin, lambda: _say(stdout, Taken())), places)
        for case, event in search_together([work for work in works if work], batches):
            _say(stdout, event, places[case])
        (only,) = works if len(works) == 1 else (None,)
        return _hand_off(only, public, stdin, stdout) if only and only.hand_off else 0
    finally:
        for work in filter(None, works):
            work.forget()


def _opened(private: X25519PrivateKey, stdin: IO[bytes], stdout: IO[bytes]) -> list[Search | None]:
    """One job a frame, opened as it comes; a job that is refused leaves its place empty, and the others go on."""
    works: list[Search | None] = []
    while asked := read_frame(stdin):
        try:
            if len(works) == MOST_CASES:
                raise FrameBroken("a worker was given too many cases", hint="search fewer at once")
            work = open_job(job_from_bytes(asked), private)
            if work.hand_off and works:
                raise BadInput("clothes are handed on by a worker of one case", hint="search that case alone")
            works.append(work)
        except FrameBroken:
            raise
        except CairnError as error:
            works.append(None)
            _say(stdout, _refused(error), len(works) - 1)
    return works


def _hand_off(work: Search, public: bytes, stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """Wait for what the parent takes for confirmed, and seal its clothes; without a word there is nothing to do."""
    named = read_frame(stdin)
    if not named:
        return 0
    try:
        _say(stdout, HandedOff(work.handed_off(hand_on_from_bytes(named), public)))
    except CairnError as error:
        _say(stdout, _refused(error))
        return 1
    return 0


def _say(stdout: IO[bytes], event: Event, case: int = 0) -> None:
    write_frame(stdout, event_to_bytes(event, case))


def _refused(error: CairnError) -> JobRefused:
    return JobRefused(f"{type(error).__name__}: {error.message}")


def _batches(every: Iterator[Batch], places: list[int]) -> Iterator[Batch]:
    """Each batch with its cases, counted among those whose job was opened."""
    all_are_here = places == list(range(len(places)))
    for cases, raw in every:
        if all_are_here:
            yield cases, raw
        elif named := sum(1 << at for at, place in enumerate(places) if cases >> place & 1):
            yield named, raw


def main() -> int:
    """Run on the standard streams. A parent that was killed leaves nobody to tell, so the worker ends in silence."""
    rehearse(search)  # what has to be loaded for it can be loaded now only
    try:
        taking = Taking.received(sys.stdin.buffer)
    except FrameBroken as error:
        sys.stderr.write(f"{error.message}: {error.hint}\n")
        return 1
    protections = give_up_rights()
    try:
        return run(sys.stdin.buffer, sys.stdout.buffer, taking, protections)
    except (FrameBroken, ConnectionError):
        os._exit(1)  # without flushing into a connection that nobody reads


if __name__ == "__main__":
    sys.exit(main())
