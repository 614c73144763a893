"""`python -m central.search.worker`: searches one job's batches in memory and ends.

Out: its public key. In: the job, then batches, then an empty frame. Out: progress, failures, and the candidates.
Its private key is drawn at start and never leaves, so what was sealed to it is worth nothing once it has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient, combined, open_released
from central.probes.probe_sets import ProbeSet, open_probe_sets
from central.search.candidates import Candidate
from central.search.frames import read_frame, write_frame
from central.search.isolation import give_up_rights
from central.search.job import (
    BatchFailed,
    Event,
    Found,
    Hello,
    Job,
    JobRefused,
    Progress,
    event_to_bytes,
    job_from_bytes,
)
from central.search.scan import merged, scan
from shared.batches import open_batch, read_batch
from shared.epochs import Epoch, Modality, seal_key
from shared.errors import BadInput, CairnError, CannotOpen

PROGRESS_EVERY = 50


@dataclass(frozen=True, slots=True)
class Search:
    """Everything that one job needs, opened: seal shares and probes by epoch, the window, the radius in bits."""

    shares: Mapping[Epoch, tuple[bytes, ...]] = field(repr=False)
    probes: Mapping[Epoch, tuple[ProbeSet, ...]] = field(repr=False)
    start: datetime
    end: datetime
    radius: Mapping[Modality, int]

    def candidates(self, raw: bytes) -> tuple[Candidate, ...]:
        """Candidates of one sealed batch within the window; BadBatch kinds when it cannot be searched."""
        batch = read_batch(raw)
        epoch = batch.header.epoch
        if epoch not in self.shares:
            raise CannotOpen("a batch is outside the released scope", hint="search only the case's cell-hours")
        columns = open_batch(batch, seal_key(self.shares[epoch], batch.header.node, epoch))
        found = [
            candidate
            for probe in self.probes.get(epoch, ())
            if batch.header.models.get(probe.modality.value) == probe.model
            for candidate in scan(columns, probe, self.radius[probe.modality])
        ]
        return tuple(one for one in found if one.start < self.end and one.end >= self.start)


def open_job(job: Job, private: X25519PrivateKey) -> Search:
    """Open what was sealed to this worker. Raises CannotOpen, or BadInput without an authority."""
    released = {
        name: open_released(private, sealed, name, job.case, Recipient.SEARCH) for name, sealed in job.releases.items()
    }
    if not released:
        raise BadInput("a job without any release", hint="ask every authority for this worker's shares")
    probes: dict[Epoch, tuple[ProbeSet, ...]] = {}
    for one in open_probe_sets(job.case, job.probes, private):
        probes[one.epoch] = (*probes.get(one.epoch, ()), one)
    start, end = max(r.start for r in released.values()), min(r.end for r in released.values())
    return Search(combined(released), probes, start, end, job.radius)


def search(work: Search, batches: Iterator[bytes]) -> Iterator[Event]:
    """Events of one search. A batch that fails is reported, and the rest goes on."""
    found: list[Candidate] = []
    done = failed = 0
    for done, raw in enumerate(batches, 1):
        try:
            found += work.candidates(raw)
        except CairnError as error:
            failed += 1
            yield BatchFailed(done - 1, f"{type(error).__name__}: {error.message}")
        if done % PROGRESS_EVERY == 0:
            yield Progress(done, failed)
    yield Progress(done, failed)
    yield Found(merged(found))


def run(stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """The whole life of a worker; 0 when it gave an answer."""
    private = X25519PrivateKey.generate()
    write_frame(stdout, event_to_bytes(Hello(private.public_key().public_bytes_raw())))
    asked = read_frame(stdin)
    if asked is None:  # the parent was refused a release and went away
        return 0
    try:
        work = open_job(job_from_bytes(asked), private)
    except CairnError as error:
        write_frame(stdout, event_to_bytes(JobRefused(f"{type(error).__name__}: {error.message}")))
        return 1
    del private, asked
    for event in search(work, _batches(stdin)):
        write_frame(stdout, event_to_bytes(event))
    return 0


def _batches(stdin: IO[bytes]) -> Iterator[bytes]:
    while raw := read_frame(stdin):
        yield raw


if __name__ == "__main__":
    give_up_rights()
    sys.exit(run(sys.stdin.buffer, sys.stdout.buffer))
