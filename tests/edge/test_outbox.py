"""The outbox keeps what was seen until the centre has it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.outbox import DiskFull, Outbox, OutboxError, OutboxFull, OutboxInUse, Stamp, Waiting
from shared.acks import Ack, AckStatus
from shared.clock import FixedClock
from shared.epochs import Epoch

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPOCH = Epoch("cell-1", int(NOON.timestamp()) // 3600)
NEXT = Epoch("cell-1", EPOCH.hour + 1)


def _seal(stamp: Stamp) -> bytes:
    return f"{stamp.sequence}".encode().ljust(100)


def _join(raws: Sequence[bytes], stamp: Stamp) -> bytes:
    return b"+".join(raw.strip() for raw in raws) + f" covers {stamp.covers}".encode()


def _all(box: Outbox) -> list[Waiting]:
    return [batch for key in box.waiting() if (batch := box.read(*key)) is not None]


def _stored(*stamps: Stamp) -> list[Ack]:
    return [Ack(stamp.boot, stamp.sequence, AckStatus.STORED) for stamp in stamps]


def _refused(stamp: Stamp, why: str) -> list[Ack]:
    return [Ack(stamp.boot, stamp.sequence, AckStatus.REFUSED, why)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


def _box(path: Path, cap: int = 10**6) -> Outbox:
    return Outbox(path, FixedClock(NOON), cap)


def test_a_track_waits_until_its_hour_is_closed(path: Path) -> None:
    """A stored track is not sent before its hour closes, and then it is merged with its neighbours."""
    box = _box(path)
    for _ in range(3):
        box.add(EPOCH, _seal)
    assert box.waiting() == []
    assert box.close_epoch(EPOCH, _join) == 1
    assert [b.raw for b in _all(box)] == [b"1+2+3 covers 3"]
    assert box.waiting() == [(box.boot, 3)]
    box.close()


def test_tracks_of_two_hours_interleaved_are_merged_only_with_their_neighbours(path: Path) -> None:
    """Around the hour's edge `covers` never claims a sequence number that belongs to the other hour."""
    box = _box(path)
    for epoch in (EPOCH, EPOCH, NEXT, EPOCH, NEXT, NEXT):
        box.add(epoch, _seal)
    assert box.close_epoch(EPOCH, _join) == 2
    assert [b.raw for b in _all(box)] == [b"1+2 covers 2", b"4 covers 1"]
    box.close_epoch(NEXT, _join)
    assert [b.raw for b in _all(box)] == [b"1+2 covers 2", b"3 covers 1", b"4 covers 1", b"5+6 covers 2"]
    box.close()


def test_more_than_256_tracks_make_more_than_one_batch(path: Path) -> None:
    """A busy hour is split so that no batch holds more than 256 sightings."""
    box = _box(path)
    for _ in range(300):
        box.add(EPOCH, _seal)
    assert box.close_epoch(EPOCH, _join) == 2
    assert box.waiting() == [(box.boot, 256), (box.boot, 300)]
    box.close()


def test_after_a_restart_single_batches_are_sent_as_they_are(path: Path) -> None:
    """A new boot has no key of the old hour, so what was pending goes out unmerged under its old numbers."""
    first = _box(path)
    stamps = [first.add(EPOCH, _seal) for _ in range(2)]
    first.close()
    second = _box(path)
    assert second.boot == first.boot + 1
    assert second.waiting() == [(s.boot, s.sequence) for s in stamps]
    assert second.add(EPOCH, _seal).sequence == 1
    second.close()


def test_a_failing_merge_changes_nothing(path: Path) -> None:
    """When merging fails half way, every pending batch is still there, and can still be made ready one by one."""
    box = _box(path)
    for _ in range(3):
        box.add(EPOCH, _seal)

    def fail(_raws: object, _stamp: Stamp) -> bytes:
        raise OutboxError("no", hint="none")

    with pytest.raises(OutboxError):
        box.close_epoch(EPOCH, fail)
    assert box.depth()["pending"] == 3
    assert box.close_epoch(EPOCH, None) == 3
    assert len(box.waiting()) == 3
    box.close()


def test_a_nonce_is_never_used_twice(path: Path) -> None:
    """Neither a failed seal nor a restart gives out the same boot and nonce again."""
    seen: list[tuple[int, int]] = []

    def note(stamp: Stamp) -> bytes:
        seen.append((stamp.boot, stamp.nonce))
        if len(seen) == 2:
            raise OutboxError("failed while sealing", hint="none")
        return b"x"

    for _ in range(2):
        box = _box(path)
        for _ in range(3):
            try:
                box.add(EPOCH, note)
            except OutboxError:
                continue
        box.close()
    assert len(seen) == len(set(seen)) == 6


def test_only_an_acknowledgement_of_a_ready_batch_deletes(path: Path) -> None:
    """An answer about a batch that was never sent, or is unknown, deletes nothing."""
    box = _box(path)
    stamp = box.add(EPOCH, _seal)
    assert box.settle(_stored(stamp)) == (0, 0)
    assert box.settle([Ack(stamp.boot, 99, AckStatus.STORED)]) == (0, 0)
    assert box.depth()["pending"] == 1
    box.close_epoch(EPOCH, None)
    assert box.settle(_stored(stamp)) == (1, 0)
    assert box.settle(_stored(stamp)) == (0, 0)
    assert box.depth() == {"pending": 0, "ready": 0, "refused": 0, "bytes": 0}
    box.close()


def test_a_refused_batch_is_kept_aside_and_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the centre refuses is not sent again and not lost."""
    box = _box(path)
    stamp = box.add(EPOCH, _seal)
    box.close_epoch(EPOCH, None)
    assert box.settle(_refused(stamp, "too old")) == (0, 1)
    assert box.waiting() == []
    assert box.depth() == {"pending": 0, "ready": 0, "refused": 1, "bytes": 100}
    assert "too old" in caplog.text
    box.close()


def test_retention_holds_on_the_box_too(path: Path) -> None:
    """Batches of hours before the limit go, refused ones and unsent ones, and their room is used again."""
    box = _box(path, cap=250)
    old, _ = box.add(EPOCH, _seal), box.add(NEXT, _seal)
    box.close_epoch(EPOCH, None)
    box.settle(_refused(old, "too old"))
    assert box.expire(EPOCH.hour) == 0
    assert box.expire(NEXT.hour) == 0
    assert box.depth() == {"pending": 1, "ready": 0, "refused": 0, "bytes": 100}
    box.add(NEXT, _seal)
    assert box.expire(NEXT.hour + 1) == 2
    assert box.depth() == {"pending": 0, "ready": 0, "refused": 0, "bytes": 0}
    box.close()


def test_a_full_outbox_refuses_the_new_and_keeps_the_old(path: Path) -> None:
    """At its cap the outbox says so by name; room made by an acknowledgement is used again."""
    box = _box(path, cap=250)
    stamp = box.add(EPOCH, _seal)
    box.add(EPOCH, _seal)
    with pytest.raises(OutboxFull, match="restore the link"):
        box.add(EPOCH, _seal)
    assert box.depth()["pending"] == 2
    box.close_epoch(EPOCH, None)
    box.settle(_stored(stamp))
    assert box.add(EPOCH, _seal).sequence == 3
    box.close()


def test_a_full_disk_is_a_named_error_and_loses_nothing_stored(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When SQLite reports a full disk, what was stored before stays readable and the numbering has no gap."""
    connect = sqlite3.connect

    def small(*args: object, **options: object) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **options)  # type: ignore[call-overload]
        db.execute("PRAGMA max_page_count = 30")
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    box = _box(path)
    stored = 0
    with pytest.raises(DiskFull, match="free some space"):
        for _ in range(1000):
            box.add(EPOCH, lambda stamp: bytes(3000))
            stored += 1
    assert stored > 5
    assert box.depth()["pending"] == stored
    assert box.close_epoch(EPOCH, None) == stored
    assert [sequence for _, sequence in box.waiting()] == list(range(1, stored + 1))
    box.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"a disk of its own needs the right to mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


def _fill(box: Outbox, size: int = 3000) -> int:
    """Add until the disk is full; returns how many tracks were stored."""
    for count in range(10_000):
        try:
            box.add(EPOCH, lambda stamp: stamp.sequence.to_bytes(4, "big") + bytes(size))
        except DiskFull:
            return count
    raise AssertionError("the disk never filled")


def _numbers(box: Outbox) -> list[int]:
    return [int.from_bytes(batch.raw[:4], "big") for batch in _all(box)]


def test_a_disk_that_somebody_else_fills_costs_only_what_comes_then(small_disk: Path) -> None:
    """On a real full disk earlier tracks stay, the new one is refused by name, and with room it goes on by itself."""
    box = Outbox(small_disk / "outbox.db", FixedClock(NOON), reserve_bytes=1_000_000)
    box.add(EPOCH, lambda stamp: stamp.sequence.to_bytes(4, "big"))
    ballast = small_disk / "log"
    ballast.write_bytes(bytes(2_000_000))
    stored = 1 + _fill(box)
    ballast.unlink()
    assert box.add(EPOCH, lambda stamp: stamp.sequence.to_bytes(4, "big")).sequence == stored + 1
    box.close_epoch(EPOCH, None)
    assert _numbers(box) == list(range(1, stored + 2))
    box.close()


def test_a_disk_that_the_outbox_filled_is_emptied_by_acknowledgements_alone(small_disk: Path) -> None:
    """Nobody has to free space: hours close, answers delete, and then there is room for new tracks again."""
    box = Outbox(small_disk / "outbox.db", FixedClock(NOON), reserve_bytes=1_000_000)
    stored = _fill(box)
    assert stored > 100
    assert box.close_epoch(EPOCH, None) == stored
    keys = box.waiting()
    assert len(keys) == stored
    for at in range(0, stored // 2, 64):
        assert box.settle([Ack(*key, AckStatus.STORED) for key in keys[at : at + 64]]) == (64, 0)
    assert _fill(box) >= stored // 4
    box.close()


def test_a_box_starts_on_a_full_disk(small_disk: Path) -> None:
    """After a restart on a disk that is still full, everything stored is there to be sent, under a new boot."""
    path = small_disk / "outbox.db"
    first = Outbox(path, FixedClock(NOON), reserve_bytes=1_000_000)
    stored = _fill(first)
    first.close()
    (small_disk / "log").write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))
    second = Outbox(path, FixedClock(NOON), reserve_bytes=1_000_000)
    assert second.boot == first.boot + 1
    assert _numbers(second) == list(range(1, stored + 1))
    second.close()


def test_a_second_process_cannot_open_the_same_outbox(path: Path) -> None:
    """Two writers would give out the same numbers, so the second is refused by name."""
    box = _box(path)
    with pytest.raises(OutboxInUse, match="stop it first"):
        _box(path)
    box.close()


def test_a_folder_that_cannot_be_made_is_a_named_error(tmp_path: Path) -> None:
    """A wrong state folder is told in words, not as a traceback of the operating system."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="check the folder"):
        _box(tmp_path / "file" / "outbox.db")


def test_a_fresh_outbox_starts_after_the_numbers_of_a_lost_one(tmp_path: Path) -> None:
    """A replaced disk does not repeat boot numbers, so the centre does not take new batches for old ones."""
    first = Outbox(tmp_path / "a.db", FixedClock(NOON))
    second = Outbox(tmp_path / "b.db", FixedClock(NOON + timedelta(hours=1)))
    assert second.boot > first.boot
    first.close()
    second.close()


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from edge.outbox import Outbox
from shared.clock import FixedClock
from shared.epochs import Epoch
box = Outbox(Path(sys.argv[1]), FixedClock(datetime(2026, 11, 24, 12, tzinfo=UTC)))
epoch = Epoch("cell-1", 498_000)
while True:
    stamp = box.add(epoch, lambda s: f"{s.boot}/{s.sequence}".encode())
    print(f"{stamp.boot}/{stamp.sequence}", flush=True)
    if stamp.sequence % 7 == 0:
        box.close_epoch(epoch, lambda raws, s: b" ".join(raws))
"""


def test_kill_9_loses_nothing_and_doubles_nothing(path: Path) -> None:
    """A process killed while writing and merging has on disk exactly what it said that it stored, once each.

    The one track being written at the moment of death may be there as well.
    """
    said: list[str] = []
    for kill_after in (3, 20, 50):
        said += _write_and_kill(path, kill_after)
    box = _box(path)
    kept = [name for batch in _all(box) for name in batch.raw.decode().split()]
    box.close()
    assert len(kept) == len(set(kept))
    assert set(said) <= set(kept)
    assert len(kept) <= len(said) + 3


def _write_and_kill(path: Path, lines: int) -> list[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        said += [line.strip() for line in process.stdout if line.endswith("\n")]
    return said
