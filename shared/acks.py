"""The centre's own acknowledgement: only after it may a box delete what it kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import BadInput
from shared.wire import pack, unpack


class AckStatus(StrEnum):
    """`stored` is durable (a repeat too); `refused` will never be taken, and says why."""

    STORED = "stored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of one batch of a node."""

    boot: int
    sequence: int
    status: AckStatus
    reason: str = ""


def encode_acks(acks: Sequence[Ack]) -> bytes:
    return pack([[ack.boot, ack.sequence, ack.status.value, ack.reason] for ack in acks])


def decode_acks(raw: bytes) -> list[Ack]:
    """Raises BadInput for anything that encode_acks did not make."""
    try:
        rows = unpack(raw, BadInput, "an acknowledgement")
        return [Ack(int(boot), int(sequence), AckStatus(status), str(why)) for boot, sequence, status, why in rows]
    except (TypeError, ValueError):
        raise BadInput("an acknowledgement is malformed", hint="only the centre may write here") from None
