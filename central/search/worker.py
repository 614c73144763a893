"""`python -m central.search.worker`: searches one job's batches in memory and ends.

Out: its public key. In: the job, then batches, then an empty frame. Out: progress, failures, and the candidates.
Its private key is drawn at start and never leaves, so what was sealed to it is worth nothing once it has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient, combined, open_released
from central.probes.probe_sets import ProbeSet, open_probe_sets
from central.search.candidates import Candidate
from central.search.frames import FrameBroken, read_frame, write_frame
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
from central.search.neighbours import Hit, Neighbours, Opened, merged
from central.search.scan import scan
from shared.batches import open_batch, read_batch
from shared.epochs import Epoch, Modality, seal_key
from shared.errors import BadBatch, BadInput, CairnError, CannotOpen

PROGRESS_EVERY = 50


class OtherModel(BadBatch):
    """A batch's codes cannot be compared with the patient's template: another model made them."""


@dataclass(frozen=True, slots=True)
class Search:
    """Everything that one job needs, opened: seal shares and probes by epoch, the window, the radius in bits."""

    shares: Mapping[Epoch, tuple[bytes, ...]] = field(repr=False)
    probes: Mapping[Epoch, tuple[ProbeSet, ...]] = field(repr=False)
    start: datetime
    end: datetime
    radius: Mapping[Modality, int]

    def opened(self, index: int, raw: bytes) -> Opened:
        """One sealed batch, opened; BadBatch kinds when it cannot be."""
        batch = read_batch(raw)
        epoch = batch.header.epoch
        if epoch not in self.shares:
            raise CannotOpen("a batch is outside the released scope", hint="search only the case's cell-hours")
        columns = open_batch(batch, seal_key(self.shares[epoch], batch.header.node, epoch))
        return Opened(index, columns, batch.header.models)

    def hits(self, opened: Opened) -> list[Hit]:
        """What of one batch lies within the radius of a probe, and within the window. Raises OtherModel."""
        columns, start_ms, end_ms = opened.columns, *self.window_ms
        probes = self.probes.get(columns.epoch, ())
        fitting = [probe for probe in probes if opened.models.get(probe.modality.value) == probe.model]
        if probes and not fitting and len(columns):
            hint = "register the patient on a box with that model, and search again"
            raise OtherModel("the box's codes were made with another model than the template", hint=hint)
        hits = []
        for probe in fitting:
            near = scan(columns, probe, self.radius[probe.modality])
            for row, distance in zip(near.rows.tolist(), near.distances.tolist(), strict=True):
                if columns.start[row] < end_ms and columns.end[row] >= start_ms:
                    hits.append(Hit(opened, row, probe.modality, distance, probe.codes.shape[1] * 8))
        return hits

    @property
    def window_ms(self) -> tuple[int, int]:
        """The window in Unix milliseconds."""
        return round(self.start.timestamp() * 1000), round(self.end.timestamp() * 1000)


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
    near = Neighbours(work.window_ms)
    done = failed = 0
    for done, raw in enumerate(batches, 1):
        try:
            opened = work.opened(done - 1, raw)
            found += near.take(opened, work.hits(opened))
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


def run(stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """The whole life of a worker; 0 when it gave an answer, 1 when it refused or its parent went away."""
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
    if raw is None:
        raise FrameBroken("the batches ended before their end was said", hint="run the search again")


def main() -> int:
    """Run on the standard streams. A parent that was killed leaves nobody to tell, so the worker ends in silence."""
    give_up_rights()
    try:
        return run(sys.stdin.buffer, sys.stdout.buffer)
    except (FrameBroken, ConnectionError):
        os._exit(1)  # without flushing into a pipe that nobody reads


if __name__ == "__main__":
    sys.exit(main())
