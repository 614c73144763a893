"""The state of a face mask (the one worn on a face)."""

from __future__ import annotations

from enum import IntEnum

from shared.errors import BadInput


class FaceMask(IntEnum):
    """What was seen; the numbers go over the wire and never change."""

    WORN = 0
    INCORRECT = 1
    ABSENT = 2
    UNKNOWN = 3

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> FaceMask:
        try:
            return cls[label.upper()]
        except KeyError:
            raise BadInput(f"no mask state {label[:20]!r}", hint="use worn, incorrect, absent or unknown") from None
