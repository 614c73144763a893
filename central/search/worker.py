"""`python -m central.search.worker`: searches one job's batches in memory and ends.

Out: its public key. In: the job, then batches, then an empty frame. Out: progress, failures, and the candidates. In,
perhaps: which of these are confirmed. Out: their clothes, sealed to the probe service.
Its private key is drawn at start and never leaves, so what was sealed to it is worth nothing once it has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import IO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.search.frames import FrameBroken, read_frame, write_frame
from central.search.isolation import Protections, give_up_rights
from central.search.job import (
    BatchFailed,
    Coverage,
    Event,
    Found,
    HandedOff,
    Hello,
    JobRefused,
    Progress,
    event_to_bytes,
    hand_on_from_bytes,
    job_from_bytes,
)
from central.search.neighbours import Neighbours, merged
from central.search.opened_job import Search, open_job
from central.search.rehearsal import rehearse
from shared.errors import CairnError

PROGRESS_EVERY = 50


def search(work: Search, batches: Iterator[bytes]) -> Iterator[Event]:
    """Events of one search. A batch that fails, or that is searched in part, is reported, and the rest goes on."""
    yield Coverage(work.not_covered, max(work.shares.hours, default=0))
    found = []
    near = Neighbours(work.window_ms)
    done = failed = 0
    for done, raw in enumerate(batches, 1):
        try:
            opened = work.opened(done - 1, raw)
            found += near.take(opened, work.hits(opened))
            work.check_models(opened)
        except CairnError as error:
            failed += 1
            yield BatchFailed(done - 1, f"{type(error).__name__}: {error.message}")
        if done % PROGRESS_EVERY == 0:
            yield Progress(done, failed)
    found += near.finish()
    for index, reason in near.broken.items():
        failed += 1
        yield BatchFailed(index, reason)
    yield Progress(done, failed)
    yield Found(merged(found))


def run(stdin: IO[bytes], stdout: IO[bytes], protections: Protections) -> int:
    """The whole life of a worker; 0 when it gave an answer, 1 when it refused or its parent went away."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    _say(stdout, Hello(public, protections.in_force, protections.lacking))
    asked = read_frame(stdin)
    if asked is None:  # the parent was refused a release and went away
        return 0
    try:
        job = job_from_bytes(asked)
        work = open_job(job, private)
    except CairnError as error:
        _say(stdout, _refused(error))
        return 1
    del private, asked
    try:
        for event in search(work, _batches(stdin)):
            _say(stdout, event)
        return _hand_off(work, public, stdin, stdout) if job.hand_off else 0
    finally:
        work.forget()


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


def _say(stdout: IO[bytes], event: Event) -> None:
    write_frame(stdout, event_to_bytes(event))


def _refused(error: CairnError) -> JobRefused:
    return JobRefused(f"{type(error).__name__}: {error.message}")


def _batches(stdin: IO[bytes]) -> Iterator[bytes]:
    while raw := read_frame(stdin):
        yield raw
    if raw is None:
        raise FrameBroken("the batches ended before their end was said", hint="run the search again")


def main() -> int:
    """Run on the standard streams. A parent that was killed leaves nobody to tell, so the worker ends in silence."""
    rehearse(search)  # what has to be loaded for it can be loaded now only
    protections = give_up_rights()
    try:
        return run(sys.stdin.buffer, sys.stdout.buffer, protections)
    except (FrameBroken, ConnectionError):
        os._exit(1)  # without flushing into a pipe that nobody reads


if __name__ == "__main__":
    sys.exit(main())
