"""Ingest on PostgreSQL, killed with -9 and cut off from its database while a box sends."""

from __future__ import annotations

import random

from tests.postgres import Postgres
from tests.system.centre_processes import CentreProcesses
from tests.system.site import Site
from tests.system.stubborn_box import BATCHES, StubbornBox, enter_box, fallen, stored

FALLS = 6


def test_nothing_is_lost_and_nothing_doubled_on_postgresql(site: Site, postgres: Postgres, postgres_url: str) -> None:
    """After kills of ingest and of every connection to the database, each batch is there exactly once."""
    centre = CentreProcesses(site, postgres_url)
    folder = enter_box(site, postgres_url)
    centre.set_up_ingest()
    centre.spawn("ingest", "ingest")
    box = StubbornBox(site, folder)
    falls = [(lambda: postgres.cut_off(postgres_url)) if n % 2 else lambda: fallen(centre) for n in range(FALLS)]
    try:
        box.deliver(falls, random.Random(11))
    finally:
        centre.stop()
    rows = stored(postgres_url)
    assert len(rows) == BATCHES
    assert dict(rows) == box.sent
