"""8 · A search worker leaves nothing behind, and what it says holds candidates only."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from central.search.candidates import Candidate, Partner
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import (
    BatchFailed,
    Coverage,
    Event,
    Found,
    HandedOff,
    Hello,
    JobRefused,
    Progress,
    Taken,
    event_to_bytes,
)
from shared.batches import open_batch, read_batch
from shared.codes import FACE_BITS, quantise
from shared.epochs import Epoch, seal_key
from tests.central.authority_fixtures import CELL, NODE, World, some_faces
from tests.central.test_search import job_for

BYSTANDERS = 8


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.register(some_faces(1))
    return made


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def again_and_again(batch: bytes) -> Iterator[bytes]:
    while True:
        yield batch


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT])
def test_a_worker_that_falls_leaves_no_core(world: World, tmp_path: Path, how: signal.Signals) -> None:
    """Whatever kills it with opened batches in memory, the system writes none of that memory anywhere."""
    with SearchWorker() as worker:
        events = worker.run(job_for(world, worker.public), again_and_again(world.batch(some_faces(3))))
        assert any(isinstance(event, Progress) for event in events)
        os.kill(worker.pid, how)
        _, status = os.waitpid(worker.pid, 0)
        with pytest.raises(SearchFailed):
            list(events)
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert not [path for folder in (tmp_path, Path.cwd()) for path in folder.glob("core*") if path.is_file()]


def test_a_worker_at_work_has_no_file_open_and_nothing_in_the_swap(world: World) -> None:
    """In the middle of a search it writes to pipes alone, and none of its memory is swapped."""
    with SearchWorker() as worker:
        events = worker.run(job_for(world, worker.public), again_and_again(world.batch(some_faces(3))))
        assert any(isinstance(event, Progress) for event in events)
        status, limits = status_of(worker.pid), Path(f"/proc/{worker.pid}/limits").read_text()
        assert status["VmSwap"] == "0 kB"
        if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
            assert int(status["VmLck"].split()[0]) > 0
        assert "Max file size             0                    0" in limits
        assert "Max core file size        0                    0" in limits
        if os.geteuid() == 0:  # nobody else may look: the process is not dumpable
            files = [str(link.readlink()) for link in Path(f"/proc/{worker.pid}/fd").iterdir()]
            assert all(name.startswith(("pipe:", "socket:", "anon_inode:", "/dev/")) for name in files)


def test_what_a_worker_says_holds_no_code_and_no_template(world: World) -> None:
    """No byte that leaves it, for a batch of the patient and bystanders, is of their codes or of the template."""
    faces = some_faces(BYSTANDERS + 1)
    batch = world.batch(faces)
    said = b""
    with SearchWorker() as worker:
        for event in worker.run(job_for(world, worker.public), [batch]):
            said += event_to_bytes(event)
    epoch = Epoch.at(CELL, world.clock.now())
    columns = open_batch(read_batch(batch), seal_key(world.node_shares(epoch)[1], NODE, epoch))
    codes = [columns.sighting(row).face_code for row in range(len(columns))]
    assert [len(code or b"") for code in codes] == [FACE_BITS // 8] * (BYSTANDERS + 1)
    for secret in (*filter(None, codes), *(row.tobytes() for row in quantise(faces))):
        assert not [at for at in range(0, len(secret) - 16, 8) if secret[at : at + 16] in said]


def test_bystanders_do_not_come_out(world: World) -> None:
    """Of a batch with the patient and eight others only the patient's sighting is answered, and nobody's score else."""
    with SearchWorker() as worker:
        events = list(worker.run(job_for(world, worker.public), [world.batch(some_faces(BYSTANDERS + 1))]))
    assert {type(event) for event in events} == {Coverage, Progress, Found}
    [candidate] = [one for event in events if isinstance(event, Found) for one in event.candidates]
    assert candidate.sighting.endswith("/0")


def test_no_field_of_an_answer_can_hold_a_code() -> None:
    """All that a worker can say is named here, field by field: whoever adds one has to look at this test.

    What it hands on, the clothes of confirmed sightings, is sealed to the probe service before it leaves.
    """
    said = {kind: {field.name for field in dataclasses.fields(kind)} for kind in get_args(Event)}
    assert said == {
        Hello: {"public", "protections", "lacking"},
        Coverage: {"missing", "until_hour"},
        Taken: set(),
        Progress: {"done", "failed"},
        BatchFailed: {"index", "reason"},
        Found: {"candidates", "radius"},
        HandedOff: {"sealed"},
        JobRefused: {"reason"},
    }
    forbidden = {"code", "codes", "key", "shares", "template", "embedding", "face_code", "appearance_code"}
    for kind in (Candidate, Partner):
        assert not {field.name for field in dataclasses.fields(kind)} & forbidden
