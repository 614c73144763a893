"""Ingest on PostgreSQL, killed with -9 and cut off from its database while a box sends."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from sqlmodel import Session, select

from central.batches.tables import StoredBatch
from central.database import open_database, writing
from central.nodes.service import put_node
from shared.keys import read_signing_key
from tests.postgres import Postgres
from tests.system.centre_processes import CentreProcesses
from tests.system.site import Site
from tests.system.test_ingest_killed import BATCHES, StubbornBox
from tests.waiting import wait_until

FALLS = 6


def test_nothing_is_lost_and_nothing_doubled_on_postgresql(site: Site, postgres: Postgres, postgres_url: str) -> None:
    """After kills of ingest and of every connection to the database, each batch is there exactly once."""
    centre = CentreProcesses(site, postgres_url)
    folder: Path = site.add_node("box-1", "cell-1")
    engine = open_database(postgres_url)
    with writing(engine) as session:
        put_node(session, "box-1", "cell-1", read_signing_key(folder / "signing.key").public_key().public_bytes_raw())
        session.commit()
    engine.dispose()
    centre.set_up_ingest()
    centre.spawn("ingest", "ingest")
    box, chance = StubbornBox(site, folder), random.Random(11)
    box.transport.connect()
    box.thread.start()
    try:
        for fall in range(FALLS):
            left = len(box.waiting)
            wait_until(lambda left=left: len(box.waiting) < left or not box.waiting, "some batches to be stored", 60)  # type: ignore[misc]
            threading.Event().wait(chance.random() * 0.3)
            if fall % 2:
                postgres.cut_off(postgres_url)
            else:
                centre.kill("ingest")
                centre.spawn("ingest", "ingest")
        wait_until(lambda: not box.waiting, "every batch to be acknowledged", 120)
    finally:
        box.over.set()
        box.thread.join()
        box.transport.close()
        centre.stop()
    engine = open_database(postgres_url)
    with Session(engine) as session:
        rows = session.exec(select(StoredBatch.sequence, StoredBatch.raw)).all()
    engine.dispose()
    assert len(rows) == BATCHES
    assert dict(rows) == box.sent
