"""Batches reach the centre at least once, and leave the box only on its word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.health import birth, death
from edge.outbox import DiskFull, Outbox, Stamp
from edge.uplink import RESEND_FIRST, RESEND_MOST, WINDOW, Uplink
from shared import topics
from shared.acks import Ack, AckStatus, encode_acks
from shared.clock import FixedClock
from shared.epochs import Epoch
from shared.errors import BadInput
from shared.transport import Message
from shared.transport.memory import MemoryBroker, MemoryTransport
from shared.wire import unpack

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPOCH = Epoch.at("cell-1", NOON)


class Bench:
    """A box and a broker; the test plays the centre."""

    def __init__(self, path: Path) -> None:
        self.clock = FixedClock(NOON)
        self.broker = MemoryBroker()
        self.transport = MemoryTransport(self.broker, "node-1")
        self.box = Outbox(path / "outbox.db", self.clock)
        self.uplink = Uplink(self.transport, self.box, "node-1", self.clock)
        self.transport.on_connected = self.uplink.reconnected
        self.uplink.listen()
        self.transport.connect()

    def store(self, count: int) -> list[Stamp]:
        stamps = [self.box.add(EPOCH, lambda stamp: str(stamp.sequence).encode()) for _ in range(count)]
        self.box.close_epoch(EPOCH, None)
        return stamps

    def sent(self) -> list[bytes]:
        return [message.payload for message in self.broker.log if message.topic == topics.batches("node-1")]

    def answer(self, stamp: Stamp, status: AckStatus = AckStatus.STORED, reason: str = "") -> None:
        payload = encode_acks([Ack(stamp.boot, stamp.sequence, status, reason)])
        self.broker.deliver(Message(topics.acks("node-1"), payload))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.box.close()


def test_a_batch_is_sent_once_and_kept_until_acknowledged(bench: Bench) -> None:
    """Sending deletes nothing; the centre's answer does."""
    first, second = bench.store(2)
    assert bench.uplink.drain() == 2
    assert bench.uplink.drain() == 0
    bench.answer(first)
    assert bench.uplink.drain() == 0
    assert bench.box.waiting() == [(second.boot, second.sequence)]
    assert (bench.uplink.stored, bench.uplink.refused) == (1, 0)


def test_everything_unacknowledged_is_sent_again_after_a_reconnect(bench: Bench) -> None:
    """What was under way when the link dropped goes out again, and what was acknowledged does not."""
    first, _ = bench.store(2)
    bench.uplink.drain()
    bench.answer(first)
    bench.transport.drop()
    assert bench.uplink.drain() == 0
    bench.transport.connect()
    assert bench.uplink.drain() == 1
    assert bench.sent() == [b"1", b"2", b"2"]


def test_silence_from_the_centre_leads_to_sending_again(bench: Bench) -> None:
    """A broker or centre that took a batch and lost it does not lose the sightings; a busy one is given more time."""
    bench.store(1)
    bench.uplink.drain()
    for pause in (RESEND_FIRST, 2 * RESEND_FIRST, 4 * RESEND_FIRST):
        bench.clock.advance(pause - timedelta(seconds=1))
        assert bench.uplink.drain() == 0
        bench.clock.advance(timedelta(seconds=1))
        assert bench.uplink.drain() == 1
    for _ in range(10):
        bench.clock.advance(RESEND_MOST)
        assert bench.uplink.drain() == 1


def test_a_backlog_goes_out_in_windows(bench: Bench) -> None:
    """After days offline the link is not flooded: each acknowledgement lets one more go, and all arrive."""
    stamps = bench.store(WINDOW + 10)
    assert bench.uplink.drain() == WINDOW
    for stamp in stamps[:10]:
        bench.answer(stamp)
    assert bench.uplink.drain() == 10
    assert sorted(map(int, bench.sent())) == list(range(1, WINDOW + 11))


def test_an_answer_may_arrive_before_publish_returns(bench: Bench) -> None:
    """A centre on the same machine is quicker than our own bookkeeping, and nothing is left marked as under way."""

    def centre(message: Message) -> None:
        payload = encode_acks([Ack(bench.box.boot, int(message.payload), AckStatus.STORED)])
        bench.broker.deliver(Message(topics.acks("node-1"), payload))

    quick = MemoryTransport(bench.broker, "svc-centre")
    quick.subscribe(topics.EVERY_BATCH, centre)
    quick.connect()
    bench.store(WINDOW * 2)
    assert bench.uplink.drain() == WINDOW
    assert bench.uplink.drain() == WINDOW
    assert bench.uplink.drain() == 0
    assert bench.box.waiting() == []


def test_a_refused_batch_is_set_aside_and_the_rest_goes_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """One bad batch does not block the outbox, and is there to be looked at."""
    first, second = bench.store(2)
    bench.uplink.drain()
    bench.answer(first, AckStatus.REFUSED, "15 days old")
    bench.uplink.drain()
    assert "15 days old" in caplog.text
    assert bench.box.waiting() == [(second.boot, second.sequence)]
    assert bench.box.depth()["refused"] == bench.uplink.refused == 1


def test_rubbish_as_an_acknowledgement_is_logged_and_deletes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes that are no acknowledgement change nothing."""
    bench.store(1)
    bench.uplink.drain()
    bench.broker.deliver(Message(topics.acks("node-1"), b"\xff rubbish"))
    bench.uplink.drain()
    assert "could not be used" in caplog.text
    assert len(bench.box.waiting()) == 1


def test_an_answer_touches_the_disk_on_our_own_thread_only(bench: Bench) -> None:
    """The transport's thread is free at once: nothing is deleted before the uplink's own next turn."""
    (stamp,) = bench.store(1)
    bench.uplink.drain()
    bench.answer(stamp)
    assert len(bench.box.waiting()) == 1
    bench.uplink.drain()
    assert bench.box.waiting() == []


def test_a_disk_that_fails_costs_no_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the outbox cannot be written the answers are kept, and the uplink's thread lives on."""
    (stamp,) = bench.store(1)
    bench.uplink.drain()
    bench.answer(stamp)

    def full(_acks: object) -> tuple[int, int]:
        raise DiskFull("the disk of the outbox is full", hint="free some space")

    with monkeypatch.context() as during:
        during.setattr(bench.box, "settle", full)
        assert bench.uplink.drain() == 0
    assert "free some space" in caplog.text
    bench.uplink.drain()
    assert bench.box.waiting() == []


def test_a_dead_box_is_announced_by_the_broker(tmp_path: Path) -> None:
    """Birth is retained; when the link is cut, the will replaces it with death of the same boot."""
    broker, clock = MemoryBroker(), FixedClock(NOON)
    transport = MemoryTransport(broker, "node-1", death("node-1", 7, clock))
    transport.connect()
    transport.publish(birth("node-1", 7, clock))
    topic = topics.health("node-1")
    assert unpack(broker.retained[topic].payload, BadInput, "health")["state"] == "up"
    transport.drop()
    last = unpack(broker.retained[topic].payload, BadInput, "health")
    assert (last["state"], last["boot"], last["v"]) == ("down", 7, 1)
