"""The other boxes of the city: no pictures, but real certificates, grants, keys and batches over the real broker."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.epoch_keys import EpochKeys, HourKeys
from shared import topics
from shared.acks import Ack, AckStatus, decode_acks
from shared.batches import MAX_SIGHTINGS, SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.codes import APPEARANCE_BITS, FACE_BITS, UInt8, encode
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.keys import read_sealing_key, read_signing_key
from shared.sightings import Encounter, Sighting
from shared.transport import Message
from shared.transport.mqtt import MqttSettings, MqttTransport
from tests.city.background import CellHour
from tests.demo.layout import AUTHORITIES, Layout
from tests.demo.processes import DemoFailed
from tests.waiting import wait_until

_BOOT: Final = 1
_DISTANCE_ERROR_M: Final = 0.15
_ANSWER_S: Final = 120.0
_AT_ONCE: Final = 8


def send_all(
    layout: Layout,
    cells: Sequence[CellHour],
    nodes: Mapping[str, str],
    models: Mapping[str, str],
    stop: threading.Event,
) -> int:
    """Every cell's box seals and sends what it saw in the demo's hour; returns the number of sightings stored.

    `stop` ends the waiting for keys and answers, when somebody else has failed.
    """
    with ExitStack() as stack, ThreadPoolExecutor(_AT_ONCE) as pool:
        boxes = [SimulatedBox(layout, nodes[cell.cell], cell, models, stop) for cell in cells]
        for box in boxes:
            stack.callback(box.close)
            box.connect()
        list(pool.map(SimulatedBox.send, boxes))
        for box in boxes:
            box.wait()
    return sum(len(cell.sightings) for cell in cells)


class SimulatedBox:
    """One cell's box, for one hour."""

    def __init__(
        self, layout: Layout, node: str, seen: CellHour, models: Mapping[str, str], stop: threading.Event
    ) -> None:
        self._node, self._seen, self._models, self._stop = node, seen, models, stop
        self._epoch = Epoch.at(seen.cell, layout.hour)
        keys = layout.box(node) / "keys"
        self._keys = EpochKeys(node, seen.cell, read_sealing_key(keys / "sealing.key"), AUTHORITIES, models)
        self._signing: Ed25519PrivateKey = read_signing_key(keys / "signing.key")
        certificate = (keys / "broker-ca.crt", keys / "tls.crt", keys / "tls.key")
        self._transport = MqttTransport(MqttSettings("127.0.0.1", layout.broker_port, node, *certificate))
        self._open: set[int] = set()
        self._refused: list[Ack] = []
        self._lock = threading.Lock()

    def connect(self) -> None:
        for authority in AUTHORITIES:
            take = partial(self._take_grant, authority)
            self._transport.subscribe(topics.grants(self._node, authority), take)
        self._transport.subscribe(topics.acks(self._node), self._take_acks)
        self._transport.connect()

    def send(self) -> None:
        """Wait for the hour's keys, then seal and publish. Raises DemoFailed when no keys come."""
        if not self._keys.wait(self._epoch, _ANSWER_S, self._stop.is_set):
            raise DemoFailed(f"{self._node} got no keys", hint="look into logs/north.log and logs/south.log")
        for sequence, raw in enumerate(self._batches(self._keys.keys(self._epoch)), 1):
            with self._lock:
                self._open.add(sequence)
            self._transport.publish(Message(topics.batches(self._node), raw))

    def wait(self) -> None:
        """Until the centre has everything. Raises DemoFailed when it refuses, TimeoutError when it is silent."""
        wait_until(lambda: not self._open or self._stop.is_set(), f"the centre's answers to {self._node}", _ANSWER_S)
        if self._refused:
            raise DemoFailed(f"{self._node} was refused: {self._refused[0].reason}", hint="look into logs/ingest.log")

    def close(self) -> None:
        self._transport.close()

    def _take_grant(self, authority: str, message: Message) -> None:
        self._keys.take_grant(authority, message.payload)

    def _take_acks(self, message: Message) -> None:
        acks = decode_acks(message.payload)
        with self._lock:
            self._open -= {ack.sequence for ack in acks}
            self._refused += [ack for ack in acks if ack.status is AckStatus.REFUSED]

    def _batches(self, keys: HourKeys) -> Iterator[bytes]:
        sightings, encounters = self._sightings(keys), self._encounters()
        for sequence, first in enumerate(range(0, len(sightings), MAX_SIGHTINGS), 1):
            numbers = range(first + 1, first + MAX_SIGHTINGS + 1)
            part = sightings[first : first + MAX_SIGHTINGS]
            met = [encounter for encounter in encounters if max(encounter.a, encounter.b) in numbers]
            yield seal_batch(self._header(sequence, part), part, met, BatchKeys(keys.seal, self._signing), sequence)

    def _header(self, sequence: int, part: Sequence[Sighting]) -> Header:
        masks = Counter(sighting.mask for sighting in part)
        return Header(
            version=SCHEMA_VERSION, node=self._node, boot=_BOOT, sequence=sequence, covers=1, cell=self._epoch.cell,
            hour=self._epoch.hour, clock_error_ms=0, models=dict(self._models), people=len(part),
            masks=(masks[FaceMask.WORN], masks[FaceMask.INCORRECT], masks[FaceMask.ABSENT], masks[FaceMask.UNKNOWN]),
        )  # fmt: skip

    def _sightings(self, keys: HourKeys) -> list[Sighting]:
        seen = self._seen
        faces = encode(seen.faces, keys.face, FACE_BITS) if len(seen.faces) else _nothing(FACE_BITS)
        clothes = (
            encode(seen.clothes, keys.appearance, APPEARANCE_BITS) if len(seen.clothes) else _nothing(APPEARANCE_BITS)
        )
        return [
            Sighting(
                number, one.camera, one.start, one.end, _row(faces, one.face), _row(clothes, one.clothes), one.mask,
                one.quality, one.east_m, one.north_m,
            )
            for number, one in enumerate(seen.sightings, 1)
        ]  # fmt: skip

    def _encounters(self) -> list[Encounter]:
        return [
            Encounter(one.a + 1, one.b + 1, one.start, one.end, one.min_distance_m, _DISTANCE_ERROR_M)
            for one in self._seen.encounters
        ]


def _row(codes: UInt8, row: int) -> bytes | None:
    return None if row < 0 else codes[row].tobytes()


def _nothing(bits: int) -> UInt8:
    return np.zeros((0, bits // 8), np.uint8)
