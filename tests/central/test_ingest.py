"""Ingest against a real database: what is taken, what is refused, what is acknowledged, and what nothing can stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, OperationalError
from sqlmodel import Session, func, select

from central.batches.store import SequenceReused, SqlBatchStore
from central.batches.tables import RefusedBatch, StoredBatch
from central.database import open_database, writing
from central.ingest import Ingest
from central.nodes.service import put_node, revoke_node
from shared import topics
from shared.acks import Ack, AckStatus, decode_acks
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, SealedBatch, seal_batch
from shared.clock import FixedClock
from shared.epochs import Epoch
from shared.sightings import Sighting
from shared.transport import Message
from shared.transport.memory import MemoryBroker, MemoryTransport
from tests.postgres import database_in
from tests.waiting import wait_until

NOW = datetime.fromisoformat("2026-11-24T09:30:00+00:00")


class Bench:
    """A centre's ingest on a broker in memory, and one box that sends."""

    def __init__(self, folder: Path, store: SqlBatchStore | None = None) -> None:
        self.clock, self.broker = FixedClock(NOW), MemoryBroker()
        self.engine: Engine = open_database(database_in(folder))
        self.key = Ed25519PrivateKey.generate()
        with writing(self.engine) as session:
            put_node(session, "box-1", "cell-1", self.key.public_key().public_bytes_raw())
            put_node(session, "box-2", "cell-1", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
            session.commit()
        self.box, centre = MemoryTransport(self.broker, "box-1"), MemoryTransport(self.broker, "svc-centre")
        self.acks: list[Ack] = []
        self.box.subscribe(topics.acks("box-1"), lambda message: self.acks.extend(decode_acks(message.payload)))
        self.box.connect()
        centre.connect()
        self.store = store or SqlBatchStore(self.engine)
        self.ingest = Ingest(self.engine, self.store, centre, self.clock)

    def batch(self, sequence: int = 0, *, at: datetime = NOW, node: str = "box-1", people: int = 2) -> bytes:
        epoch = Epoch.at("cell-1", at)
        sightings = [Sighting(n, "door", epoch.start, epoch.start, bytes(128), None) for n in range(people)]
        header = Header(
            SCHEMA_VERSION, node, 1, sequence, 1, "cell-1", epoch.hour, 0, {"face": "f"}, people, (0, 0, 0, people)
        )
        return seal_batch(header, sightings, [], BatchKeys(bytes(32), self.key), sequence)

    def send(self, *payloads: bytes, topic: str = topics.batches("box-1")) -> None:
        for payload in payloads:
            self.box.publish(Message(topic, payload))

    def answered(self, count: int) -> list[Ack]:
        wait_until(lambda: len(self.acks) >= count, f"{count} acknowledgements")
        return self.acks

    def count(self, table: type[StoredBatch | RefusedBatch]) -> int:
        with Session(self.engine) as session:
            return session.exec(select(func.count()).select_from(table)).one()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.ingest.start()
    yield made
    made.ingest.stop()


def test_a_good_batch_is_durable_and_then_acknowledged(bench: Bench) -> None:
    """What a box sends lies in the store byte for byte, with its header in columns."""
    raw = bench.batch()
    bench.send(raw)
    assert bench.answered(1) == [Ack(1, 0, AckStatus.STORED)]
    with Session(bench.engine) as session:
        (row,) = session.exec(select(StoredBatch)).all()
    assert (row.raw, row.node, row.cell, row.people, row.mask_unknown) == (raw, "box-1", "cell-1", 2, 2)


def test_a_repeated_batch_is_acknowledged_again_and_kept_once(bench: Bench) -> None:
    """A box that heard no answer sends again: it is told again, and nothing is doubled."""
    raw = bench.batch()
    bench.send(raw, raw)
    bench.answered(2)
    bench.send(raw)
    assert {ack.status for ack in bench.answered(3)} == {AckStatus.STORED}
    assert bench.count(StoredBatch) == 1


def test_another_batch_under_a_used_number_is_refused(bench: Bench) -> None:
    """A copied box shows itself: the first batch stays, the second is refused with a reason."""
    bench.send(bench.batch(people=1))
    bench.answered(1)
    bench.send(bench.batch(people=2))
    assert bench.answered(2)[1].status is AckStatus.REFUSED
    assert SequenceReused.__name__ in bench.acks[1].reason
    assert (bench.count(StoredBatch), bench.count(RefusedBatch)) == (1, 1)


def refused(bench: Bench) -> list[tuple[str, str, bytes]]:
    good = bench.batch()
    broken = bytearray(good)
    broken[-70] ^= 1
    forged = seal_batch(
        Header(SCHEMA_VERSION, "box-1", 1, 0, 1, "cell-1", Epoch.at("cell-1", NOW).hour, 0, {}, 0, (0, 0, 0, 0)),
        [], [], BatchKeys(bytes(32), Ed25519PrivateKey.generate()), 0,
    )  # fmt: skip
    mine, other = topics.batches("box-1"), topics.batches("box-2")
    return [
        ("WrongNode", other, good),
        ("BadSignature", mine, bytes(broken)),
        ("BadSignature", mine, forged),
        ("UnknownNode", topics.batches("box-9"), bench.batch(node="box-9")),
        ("OutOfTime", mine, bench.batch(at=NOW - timedelta(days=15))),
        ("OutOfTime", mine, bench.batch(at=NOW + timedelta(hours=2))),
        ("UnknownVersion", mine, good.replace(b"gversion" + bytes([SCHEMA_VERSION]), b"gversion\x17", 1)),
        ("BadBatch", mine, b"nonsense"),
        ("BadBatch", mine, good[:40]),
        ("TooLarge", mine, bytes(10_000_000)),
        ("BadInput", "cairn/v1/elsewhere", good),
    ]


def test_what_is_not_right_is_refused_by_name_and_the_rest_goes_on(bench: Bench) -> None:
    """Wrong node, signature, version, time, size and nonsense leave a named refusal; a good batch arrives."""
    cases = refused(bench)
    for _, topic, payload in cases:
        bench.ingest._take(Message(topic, payload))
    bench.send(bench.batch(sequence=77))
    wait_until(lambda: Ack(1, 77, AckStatus.STORED) in bench.acks, "the good batch")
    with Session(bench.engine) as session:
        reasons = session.exec(select(RefusedBatch.reason).order_by(RefusedBatch.id)).all()  # type: ignore[arg-type]
    assert [reason.partition(":")[0] for reason in reasons] == [name for name, _, _ in cases]
    assert bench.count(StoredBatch) == 1


def test_late_batches_and_hasty_clocks_lose_nothing(bench: Bench) -> None:
    """A box that was away for 13 days is taken, and so is one whose clock is five minutes ahead at the hour's edge."""
    bench.clock.advance(timedelta(minutes=25))
    bench.send(bench.batch(at=NOW - timedelta(days=13)), bench.batch(1, at=NOW + timedelta(minutes=30)))
    assert bench.answered(2) == [Ack(1, 0, AckStatus.STORED), Ack(1, 1, AckStatus.STORED)]


def test_a_revoked_box_is_refused_within_seconds(bench: Bench) -> None:
    """Once its key is forgotten, nothing of a revoked box is stored, and it is not told that it never will be."""
    bench.send(bench.batch())
    bench.answered(1)
    with writing(bench.engine) as session:
        revoke_node(session, "box-1", NOW)
        session.commit()
    bench.clock.advance(timedelta(seconds=6))
    bench.send(bench.batch(1))
    wait_until(lambda: bench.count(RefusedBatch), "the refusal")
    assert (bench.count(StoredBatch), len(bench.acks)) == (1, 1)


def test_a_box_that_is_entered_late_loses_nothing(bench: Bench) -> None:
    """A batch that came before its box was in the register is not answered, so it comes again and is taken."""
    key = Ed25519PrivateKey.generate()
    bench.key = key
    raw = bench.batch(node="box-3")
    bench.send(raw, topic=topics.batches("box-3"))
    wait_until(lambda: bench.count(RefusedBatch), "the refusal")
    with writing(bench.engine) as session:
        put_node(session, "box-3", "cell-1", key.public_key().public_bytes_raw())
        session.commit()
    bench.send(raw, topic=topics.batches("box-3"))
    wait_until(lambda: bench.count(StoredBatch), "the batch")


class Moody(SqlBatchStore):
    """The real store, which is away for as long as it is told to be, and cannot take what it is told to."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.away, self.poison = False, -1

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        if self.away:
            raise OperationalError("insert", {}, OSError("disk full"))
        if any(batch.header.sequence == self.poison for batch in batches):
            raise DataError("insert", {}, ValueError("out of range"))
        return super().add(batches, now)


def moody_bench(folder: Path) -> tuple[Bench, Moody]:
    store = Moody(open_database(database_in(folder)))
    return Bench(folder, store), store


def test_while_the_database_is_away_batches_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is acknowledged meanwhile, and everything is stored, once, when the database is back."""
    monkeypatch.setattr("central.ingest.RETRY_AFTER_S", 0.05)
    bench, store = moody_bench(tmp_path)
    store.away = True
    bench.ingest.start()
    bench.send(*(bench.batch(n) for n in range(20)))
    wait_until(lambda: not bench.ingest._waiting, "the group to be taken")
    assert bench.acks == []
    store.away = False
    assert {ack.sequence for ack in bench.answered(20)} == set(range(20))
    assert bench.count(StoredBatch) == 20
    bench.ingest.stop()


def test_stopping_ends_also_while_the_database_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop does not wait for a database that may never come back; what was not acknowledged comes again."""
    monkeypatch.setattr("central.ingest.RETRY_AFTER_S", 0.05)
    bench, store = moody_bench(tmp_path)
    store.away = True
    bench.ingest.start()
    bench.send(bench.batch())
    bench.ingest.stop()
    assert bench.acks == []


def test_a_batch_that_no_database_takes_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """The one that cannot be stored is refused by name, and its neighbours in the group are stored."""
    bench, store = moody_bench(tmp_path)
    store.poison = 3
    for n in range(6):
        bench.ingest._take(Message(topics.batches("box-1"), bench.batch(n)))
    bench.ingest.start()
    acks = {ack.sequence: ack for ack in bench.answered(6)}
    assert {n for n, ack in acks.items() if ack.status is AckStatus.STORED} == {0, 1, 2, 4, 5}
    assert "Unstorable" in acks[3].reason
    bench.ingest.stop()


def test_too_much_at_once_is_left_with_the_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit of waiting bytes messages are dropped unacknowledged, and later ones are taken again."""
    bench = Bench(tmp_path)
    raw = bench.batch()
    monkeypatch.setattr("central.ingest.MOST_WAITING_BYTES", 3 * len(raw))

    for n in range(5):
        bench.ingest._take(Message(topics.batches("box-1"), bench.batch(n)))
    bench.ingest.start()
    assert {ack.sequence for ack in bench.answered(3)} == {0, 1, 2}
    bench.send(bench.batch(4))
    bench.answered(4)
    bench.ingest.stop()
    assert bench.count(StoredBatch) == 4


def test_only_the_newest_refusals_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box gone mad cannot fill the disk with refusals."""
    monkeypatch.setattr("central.ingest.MOST_REFUSED_KEPT", 5)
    bench = Bench(tmp_path)
    bench.ingest.start()
    bench.send(*(b"nonsense" for _ in range(30)))
    wait_until(lambda: bench.ingest.refused == 30, "the refusals")
    bench.ingest.stop()
    assert bench.count(RefusedBatch) == 5
