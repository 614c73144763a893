"""The centre's hourly part: seal today's canary, and keep what the authorities have stated."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import Engine

from central.authority.client import Releases
from central.canaries.service import keep_statements, seal_todays
from shared.clock import Clock
from shared.errors import CairnError

log = logging.getLogger(__name__)


def look_after(engine: Engine, clock: Clock, authorities: Sequence[Releases]) -> None:
    """What cannot be done is said, and done again in the next hour."""
    for act in (seal_todays, keep_statements):
        try:
            act(engine, authorities, clock.now())
        except CairnError as error:
            log.warning("canaries: %s", error)
