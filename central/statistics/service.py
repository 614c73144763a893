"""Which hours are counted, and the counting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from central.batches.store import BatchStore
from central.statistics.masks import By, MaskStatistics, mask_statistics
from shared.epochs import HOUR_S
from shared.errors import BadInput

LONGEST: Final = timedelta(days=31)
USUAL: Final = timedelta(days=7)


def hours_between(start: datetime | None, end: datetime | None, now: datetime) -> range:
    """Whole hours that have ended; the last seven days where nothing is named. Raises BadInput."""
    last = min(end or now, now)
    try:
        first = start or last - USUAL
        hours = range(-(-int(first.timestamp()) // HOUR_S), int(last.timestamp()) // HOUR_S)
    except OverflowError:
        raise BadInput("there is no such period", hint="name times of these days") from None
    if not timedelta(0) < last - first <= LONGEST:
        hint = f"an end after the beginning, a beginning in the past, and at most {LONGEST.days} days between"
        raise BadInput("there is no such period", hint=hint)
    if not hours:
        raise BadInput("no whole hour lies between", hint="from one full hour to another that has ended")
    return hours


def count_masks(store: BatchStore, by: By, hours: range, zone: ZoneInfo) -> MaskStatistics:
    return mask_statistics(store.mask_counts(hours), by, hours, zone)
