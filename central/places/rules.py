"""Dated rules of what may be told of places. They are data beside this file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from central.errors import BadSettings
from shared.errors import BadIdentifier
from shared.ids import check_id

RULES: Final = Path(__file__).parent / "rules"


@dataclass(frozen=True, slots=True)
class PlaceRules:
    """Times are rounded outward to `round_to`; a place is shown for `shown` after the last contact there.

    Whoever is at one place for `night` between these local hours may be at home.
    """

    name: str
    dated: str
    source: str
    round_to: timedelta
    shown: timedelta
    night_from: int
    night_until: int
    night: timedelta


def load_place_rules(file: Path | None = None) -> PlaceRules:
    """The newest that come with the software, or those of a file. Raises BadSettings."""
    path = file or max(RULES.glob("*.json"))
    try:
        value = json.loads(path.read_bytes())
        rules = PlaceRules(
            name=check_id(value["name"], "rules"),
            dated=str(value["dated"]),
            source=str(value["source"]),
            round_to=timedelta(minutes=int(value["round_minutes"])),
            shown=timedelta(days=int(value["shown_days"])),
            night_from=int(value["night_from"]),
            night_until=int(value["night_until"]),
            night=timedelta(hours=float(value["night_hours"])),
        )
    except (OSError, KeyError, TypeError, ValueError, OverflowError, BadIdentifier) as error:
        hint = f"restore it, or copy {max(RULES.glob('*.json'))} and change its numbers"
        raise BadSettings(f"the rules for places in {path} cannot be read ({error})", hint=hint) from None
    fits = timedelta(0) < rules.round_to <= timedelta(hours=1) and timedelta(hours=1) % rules.round_to == timedelta(0)
    hours = 0 <= rules.night_from < rules.night_until <= 23
    night = timedelta(0) < rules.night <= timedelta(hours=rules.night_until - rules.night_from)
    if not (fits and timedelta(0) < rules.shown <= timedelta(days=60) and hours and night):
        raise BadSettings(f"the rules for places in {path} have a number out of range", hint="compare with ours")
    return rules
