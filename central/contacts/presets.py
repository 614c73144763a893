"""Dated rules for who counts as a contact. They are data beside this file; a city keeps rules of its own in a folder.

The facts that they judge are kept apart, so a rule can be added later and asked about an old route.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from shared.errors import BadIdentifier, BadInput
from shared.ids import check_id

SHIPPED: Final = Path(__file__).parent / "presets"
USUAL: Final = "kdca-2022-01"  # where nobody names another
_DATED = re.compile(r"(19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_SHORTEST_SOURCE = 10
_MOST_BYTES = 65_536
_MAY_LACK: Final = {"unmeasured_counts": False}


class UnknownPreset(BadInput):
    """There is no preset of that name."""


class BadPreset(BadInput):
    """A preset's file cannot be read."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A contact is somebody who was within `distance_m` for `minutes` in all, within any `within_hours` (None: within
    the whole window).

    `farthest_counts` says whether exactly `distance_m` still counts. `masks_protect` says that minutes in which both
    wore a mask properly do not count. `unmeasured_counts` says that minutes in one camera's view count where no
    distance was measured. `dated` is a year, a month or a day; `source` says whose rule it is.
    """

    name: str
    dated: str
    source: str
    distance_m: float
    farthest_counts: bool
    minutes: float
    within_hours: float | None
    masks_protect: bool
    unmeasured_counts: bool = False

    def near(self, metres: float, slack_m: float = 0.0) -> bool:
        """Whether so far away still counts; the rule's own distance may be taken larger or, below 0, smaller."""
        most = self.distance_m + slack_m
        return metres <= most if self.farthest_counts else metres < most

    @property
    def within(self) -> timedelta | None:
        return None if self.within_hours is None else timedelta(hours=self.within_hours)


Presets = Mapping[str, Preset]


def preset_names(folder: Path = SHIPPED) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def load_preset(name: str, folder: Path = SHIPPED) -> Preset:
    """Raises UnknownPreset, BadPreset."""
    if name not in preset_names(folder):
        raise UnknownPreset(f"there is no preset {name[:40]!r}", hint=f"one of {', '.join(preset_names(folder))}")
    return _read(folder / f"{name}.json")


def load_presets(own: Path | None = None) -> dict[str, Preset]:
    """The shipped presets and those in a city's `own` folder, by name. Raises BadPreset, which names file and field.

    A name stands for one dated rule, so a city's rule cannot take a shipped one's name.
    """
    found = {name: load_preset(name) for name in preset_names()}
    if own is None:
        return found
    paths = sorted(own.glob("*.json"))
    if not paths:
        raise BadPreset(f"there is no preset in {own}", hint=f"copy a file of {SHIPPED} there and edit the copy")
    for path in paths:
        preset = _read(path)
        if preset.name in found:
            hint = "give your rule a name of its own, such as bucheon-2026-11"
            raise BadPreset(f"the preset {path.name} takes the name of a shipped one", hint=hint)
        found[preset.name] = preset
    return dict(sorted(found.items()))


def preset_of(presets: Presets, name: str) -> Preset:
    """Raises UnknownPreset."""
    if name not in presets:
        raise UnknownPreset(f"there is no preset {name[:40]!r}", hint=f"one of {', '.join(presets)}")
    return presets[name]


def preset_to_map(preset: Preset) -> dict[str, Any]:
    """The same as its file."""
    return asdict(preset)


def _read(path: Path) -> Preset:
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        raise _bad(path, "is no JSON") from None
    if not isinstance(given, dict):
        raise _bad(path, "is no JSON object")
    value: dict[str, Any] = {**_MAY_LACK, **given}
    known = {field.name for field in fields(Preset)}
    if missing := sorted(known - value.keys()):
        raise _bad(path, f"lacks {', '.join(missing)}")
    if odd := sorted(value.keys() - known):
        raise _bad(path, f"has an unknown field {odd[0][:40]!r}")
    for name, (fits, wanted) in _FIELDS.items():
        if not fits(value[name]):
            raise _bad(path, f"{name} is not {wanted}")
    if value["name"] != path.stem:
        raise _bad(path, f"name is not {path.stem!r}, as its file is called")
    return Preset(**value)


def _bad(path: Path, what: str) -> BadPreset:
    return BadPreset(f"the preset {path.name} {what}", hint=f"compare it with the files of {SHIPPED}")


def _is_name(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) <= 40 and bool(check_id(value, "preset"))
    except BadIdentifier:
        return False


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most


_FIELDS: Final = {
    "name": (_is_name, "a name of up to 40 lower-case letters, digits and hyphens"),
    "dated": (lambda v: isinstance(v, str) and bool(_DATED.fullmatch(v)), "a date such as 2022, 2022-01 or 2022-01-26"),
    "source": (lambda v: isinstance(v, str) and len(v) >= _SHORTEST_SOURCE, "a sentence that says whose rule it is"),
    "distance_m": (lambda v: _is_number(v, 100), "metres above 0 and up to 100"),
    "farthest_counts": (lambda v: isinstance(v, bool), "true or false"),
    "minutes": (lambda v: _is_number(v, 14 * 24 * 60), "minutes above 0 and up to 14 days"),
    "within_hours": (lambda v: v is None or _is_number(v, 14 * 24), "hours above 0 and up to 14 days, or null"),
    "masks_protect": (lambda v: isinstance(v, bool), "true or false"),
    "unmeasured_counts": (lambda v: isinstance(v, bool), "true or false"),
}
