"""Sealed batches from boxes through a real broker into the store, and what kills of box, broker and centre lose.

Boxes, broker and ingest are processes of their own and share this machine, so the rate counts the boxes' work too.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlmodel import Session, func, select

from central.batches.tables import StoredBatch
from central.database import open_database, writing
from central.nodes.service import put_node
from edge.outbox import Outbox, Stamp
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.clock import SystemClock
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import Epoch
from shared.keys import read_signing_key
from shared.sightings import Sighting
from tests.bench.rows import NOISE, Goal, Row, Say
from tests.system.centre_processes import CentreProcesses
from tests.system.site import Site
from tests.waiting import wait_until

BOXES, KILLS, PATIENCE_S = 4, 20, 600.0
Key = tuple[str, int, int]  # node, boot, sequence


@dataclass
class Field:
    """A broker, an ingest, and boxes with something to send."""

    site: Site
    centre: CentreProcesses
    boxes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    written: dict[Key, bytes] = field(default_factory=dict)
    sightings: int = 0

    def __post_init__(self) -> None:
        self.engine = open_database(self.centre.database)
        self.centre.set_up_ingest()
        self.centre.spawn("ingest", "ingest")

    def add_box(self, name: str, batches: int, each: int) -> None:
        """Enrol a box and fill its outbox with sealed batches."""
        keys = self.site.add_node(name, f"cell-{name}")
        signing = read_signing_key(keys / "signing.key")
        with writing(self.engine) as session:
            put_node(session, name, f"cell-{name}", signing.public_key().public_bytes_raw())
            session.commit()
        epoch, seal = Epoch.at(f"cell-{name}", datetime.now(UTC)), BatchKeys(bytes(32), signing)
        box = Outbox(self._outbox(name), SystemClock())
        for _ in range(batches):
            box.add(epoch, lambda stamp: self._sealed(name, epoch, seal, stamp, each))
        box.close_epoch(epoch, None)
        box.close()

    def _sealed(self, name: str, epoch: Epoch, keys: BatchKeys, stamp: Stamp, each: int) -> bytes:
        rng = np.random.default_rng([stamp.sequence, each])
        face, clothes = rng.bytes(FACE_BITS // 8), rng.bytes(APPEARANCE_BITS // 8)
        seen = [Sighting(n, "door", epoch.start, epoch.start, face, clothes) for n in range(each)]
        at = (stamp.boot, stamp.sequence, stamp.covers, epoch.cell, epoch.hour)
        header = Header(SCHEMA_VERSION, name, *at, 0, {"face": "m", "appearance": "m"}, each, (0, 0, 0, each))
        raw = seal_batch(header, seen, [], keys, stamp.nonce)
        self.written[name, stamp.boot, stamp.sequence] = raw
        self.sightings += each
        return raw

    def start_box(self, name: str) -> None:
        settings = self._outbox(name).with_suffix(".json")
        settings.write_text(json.dumps(dataclasses.asdict(self.site.node_settings(name)), default=str))
        command = [sys.executable, "-m", "tests.bench.sending_box", str(settings), str(self._outbox(name))]
        with self._outbox(name).with_suffix(".log").open("ab") as log:
            self.boxes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill_box(self, name: str) -> None:
        self.boxes[name].kill()
        self.boxes[name].wait()
        self.start_box(name)

    def kill_broker(self) -> None:
        self.site.kill()
        self.site.start()

    def kill_ingest(self) -> None:
        self.centre.kill("ingest")
        self.centre.spawn("ingest", "ingest")

    def finished(self) -> bool:
        """Whether every box has ended, which it does when the centre has acknowledged everything."""
        return all(box.poll() is not None for box in self.boxes.values())

    def count(self) -> int:
        with Session(self.engine) as session:
            return session.exec(select(func.count()).select_from(StoredBatch)).one()

    def stored(self) -> list[tuple[Key, bytes]]:
        with Session(self.engine) as session:
            rows = session.exec(select(StoredBatch.node, StoredBatch.boot, StoredBatch.sequence, StoredBatch.raw))
            return [((node, boot, sequence), raw) for node, boot, sequence, raw in rows]

    def stop(self) -> None:
        for box in self.boxes.values():
            box.kill()
            box.wait()
        self.centre.stop()
        self.site.kill()

    def _outbox(self, name: str) -> Path:
        return self.site.home / f"{name}.db"


def measure(say: Say) -> list[Row]:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin") is None:
        say("there is no mosquitto: ingest is not measured (tools/need mosquitto installs it)")
        return []
    full = _rate(say, batches=80, each=256)
    single = _rate(say, batches=400, each=1)
    lost, doubled, kills = _killed(say)
    way = f"{BOXES} boxes, broker with mutual TLS, ingest and store on one machine, until all is durable. {NOISE}"
    note = f"{kills} kills with -9 of box, broker and ingest in turn while {BOXES} boxes sent. A count."
    return [
        Row("ingest.sightings_per_s", full, "1/s", f"batches of 256; {way}", Goal("≥", 5000)),
        Row("ingest.single_batches_per_s", single, "1/s", f"batches of one track, as after a power cut; {way}"),
        Row("ingest.lost", lost, "batches", note, Goal("≤", 0)),
        Row("ingest.doubled", doubled, "batches", note, Goal("≤", 0)),
    ]


def _rate(say: Say, batches: int, each: int) -> float:
    """Sightings per second from the start of sending boxes to their last acknowledgement."""
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        here = _field(Path(folder), batches, each)
        say(f"{BOXES} boxes with {batches} batches of {each} sightings")
        try:
            wait_until(lambda: "connected to the broker" in here.centre.log("ingest"), "ingest to listen", 60)
            begun = time.perf_counter()
            for name in _NAMES:
                here.start_box(name)
            wait_until(here.finished, "everything to be stored", PATIENCE_S)
            took = time.perf_counter() - begun
            if dict(here.stored()) != here.written:
                raise AssertionError("the store does not hold what was sent: its rate means nothing")
            return here.sightings / took
        finally:
            here.stop()


def _killed(say: Say) -> tuple[int, int, int]:
    """Batches lost and doubled, and how many kills there were."""
    chance, pause, kills = random.Random(3), threading.Event(), 0
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        here = _field(Path(folder), batches=1_200, each=1)
        try:
            for name in _NAMES:
                here.start_box(name)
            while kills < KILLS and not here.finished():
                before = here.count()
                wait_until(lambda before=before: here.count() > before or here.finished(), "some more", PATIENCE_S)  # type: ignore[misc]
                pause.wait(chance.random() / 4)
                victim = ("box", "broker", "ingest")[kills % 3]
                say(f"kill -9 of the {victim}, {here.count()} of {len(here.written)} stored")
                if victim == "box":
                    here.kill_box(chance.choice(_NAMES))
                else:
                    {"broker": here.kill_broker, "ingest": here.kill_ingest}[victim]()
                kills += 1
            wait_until(here.finished, "everything to be stored", PATIENCE_S)
            stored = here.stored()
        finally:
            here.stop()
    kept = dict(stored)
    lost = sum(kept.get(key) != raw for key, raw in here.written.items())
    return lost, len(stored) - len(kept), kills


_NAMES = [f"box-{n}" for n in range(1, BOXES + 1)]


def _field(folder: Path, batches: int, each: int) -> Field:
    site = Site(folder)
    site.start()
    here = Field(site, CentreProcesses(site))
    for name in _NAMES:
        here.add_box(name, batches, each)
    return here
