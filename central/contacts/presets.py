"""Dated rules for who counts as a contact. They are data beside this file; the facts they judge are kept apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from shared.errors import BadIdentifier, BadInput
from shared.ids import check_id

PRESETS: Final = Path(__file__).parent / "presets"


class UnknownPreset(BadInput):
    """There is no preset of that name."""


class BadPreset(BadInput):
    """A preset's file cannot be read."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A contact is somebody who was within `distance_m` for `minutes` in all, within any `within_hours` (None: within
    the whole window).

    `farthest_counts` says whether exactly `distance_m` still counts. `masks_protect` says that minutes in which both
    wore a mask properly do not count.
    """

    name: str
    dated: str
    source: str
    distance_m: float
    farthest_counts: bool
    minutes: float
    within_hours: float | None
    masks_protect: bool

    def near(self, metres: float) -> bool:
        return metres <= self.distance_m if self.farthest_counts else metres < self.distance_m

    @property
    def within(self) -> timedelta | None:
        return None if self.within_hours is None else timedelta(hours=self.within_hours)


def preset_names(folder: Path = PRESETS) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def load_preset(name: str, folder: Path = PRESETS) -> Preset:
    """Raises UnknownPreset, BadPreset."""
    if name not in preset_names(folder):
        raise UnknownPreset(f"there is no preset {name[:40]!r}", hint=f"one of {', '.join(preset_names(folder))}")
    try:
        return _preset(json.loads((folder / f"{name}.json").read_bytes()))
    except (KeyError, TypeError, ValueError, AttributeError, BadIdentifier):
        raise BadPreset(f"the preset {name} is malformed", hint="restore its file") from None


def _preset(value: Mapping[str, Any]) -> Preset:
    hours = value["within_hours"]
    preset = Preset(
        name=check_id(value["name"], "preset"),
        dated=str(value["dated"]),
        source=str(value["source"]),
        distance_m=float(value["distance_m"]),
        farthest_counts=bool(value["farthest_counts"]),
        minutes=float(value["minutes"]),
        within_hours=None if hours is None else float(hours),
        masks_protect=bool(value["masks_protect"]),
    )
    if not (0 < preset.distance_m < 100 and preset.minutes > 0 and (hours is None or hours > 0)):
        raise ValueError
    return preset
