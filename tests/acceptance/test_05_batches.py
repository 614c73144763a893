"""5 · A batch whose header was changed, or that was forged or replayed, is refused by name, and nothing is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, select

from central.batches.tables import RefusedBatch, StoredBatch
from shared.acks import Ack, AckStatus
from shared.batches import SCHEMA_VERSION, Header, open_batch, read_batch
from shared.errors import BadBatch, CannotOpen
from shared.transport import Message
from shared.wire import pack, unpack
from tests.central.test_ingest import Bench
from tests.waiting import wait_until

PREFIX, SIGNATURE, SEAL = 10, 64, bytes(32)
CHANGES: dict[str, Any] = {
    "version": SCHEMA_VERSION + 1,
    "node": "box-2",
    "boot": 2,
    "sequence": 5,
    "covers": 0,
    "cell": "cell-2",
    "hour": -1,
    "clock_error_ms": 60_000,
    "models": {"face": "other-model"},
    "people": 1,
    "masks": [1, 0, 0, 1],
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.ingest.start()
    yield made
    made.ingest.stop()


def changed(raw: bytes, field: str, signing: Ed25519PrivateKey | None = None) -> bytes:
    """The batch with another value in one header field; signed anew where there is a key, else as it was signed."""
    body_at = read_batch(raw).body_at
    header = unpack(raw[PREFIX:body_at], BadBatch, "a header")
    value = CHANGES[field] if field != "hour" else header["hour"] - 1
    clear = pack(header | {field: value})
    signed = raw[:6] + len(clear).to_bytes(4, "big") + clear + raw[body_at:-SIGNATURE]
    return signed + (signing.sign(signed) if signing else raw[-SIGNATURE:])


def refusals(bench: Bench) -> list[str]:
    with Session(bench.engine) as session:
        reasons = session.exec(select(RefusedBatch.reason).order_by(RefusedBatch.id)).all()  # type: ignore[arg-type]
    return [reason.partition(":")[0] for reason in reasons]


def test_every_field_of_the_header_is_tried() -> None:
    """No field is left out of these tests, whichever is added."""
    assert set(CHANGES) == {field.name for field in dataclasses.fields(Header)}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_refused_and_the_real_batch_still_taken(bench: Bench, field: str) -> None:
    """On the way, any change breaks the box's signature: it is refused by name, and the box's own batch is stored."""
    raw = bench.batch()
    bench.send(changed(raw, field))
    wait_until(lambda: bench.count(RefusedBatch), "the refusal")
    assert refusals(bench)[0] in {"BadSignature", "UnknownVersion", "WrongNode", "BadBatch", "OutOfTime"}
    bench.send(raw)
    wait_until(lambda: Ack(1, 0, AckStatus.STORED) in bench.acks, "the real batch")
    assert bench.count(StoredBatch) == 1


@pytest.mark.parametrize("field", [name for name in CHANGES if name not in ("version", "covers")])
def test_whoever_stole_a_boxs_signing_key_cannot_relabel_what_is_sealed(bench: Bench, field: str) -> None:
    """Signed anew with the box's own key, a changed header no longer fits the seal, and nothing opens under it."""
    relabelled = read_batch(changed(bench.batch(), field, bench.key))
    with pytest.raises(CannotOpen):
        open_batch(relabelled, SEAL)


def test_a_forged_batch_is_refused_and_nothing_is_lost(bench: Bench) -> None:
    """Another key's batch in the box's name is refused; the box's batch of the same number is stored after it."""
    mine = bench.key
    bench.key = Ed25519PrivateKey.generate()
    forged = bench.batch()
    bench.key = mine
    bench.send(forged)
    wait_until(lambda: refusals(bench) == ["BadSignature"], "the refusal")
    bench.send(bench.batch())
    wait_until(lambda: Ack(1, 0, AckStatus.STORED) in bench.acks, "the real batch")


def test_a_replayed_batch_is_answered_and_kept_once(bench: Bench) -> None:
    """Whoever sends a captured batch again adds nothing; under another box's topic it is refused."""
    raw = bench.batch()
    for _ in range(3):
        bench.send(raw)
    wait_until(lambda: len(bench.acks) == 3, "the answers")
    bench.ingest._take(Message("cairn/v1/nodes/box-2/batches", raw))
    assert {ack.status for ack in bench.acks} == {AckStatus.STORED}
    assert bench.count(StoredBatch) == 1
