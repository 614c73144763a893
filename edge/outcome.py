"""What became of one run of a box, in numbers: a person, or a script, is told in one line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from shared.errors import CairnError


class NotAllKept(CairnError):
    """Tracks were seen that could not be stored: they are lost."""


class NotAllTaken(CairnError):
    """Batches are still here, or were refused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tracks stored and lost since the start; batches that the centre stored and refused since then, and those left."""

    kept: int
    lost: int
    stored: int
    refused: int
    left: int

    def __str__(self) -> str:
        tracks = f"{self.kept} tracks kept, {self.lost} lost"
        return f"{tracks}; of their batches the centre has {self.stored}, refused {self.refused}, {self.left} left"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def check(self) -> None:
        """Raises NotAllKept, NotAllTaken where a recording did not reach the centre whole."""
        if self.lost:
            hint = "look above for the reason; the recording can be played again once it is mended"
            raise NotAllKept(f"{self.lost} tracks could not be stored", hint=hint)
        if self.refused:
            raise NotAllTaken(f"the centre refused {self.refused} batches", hint="look above for its reason")
        if self.left:
            hint = "they are safe on this disk and go first the next time: check the link and the centre's ingest"
            raise NotAllTaken(f"{self.left} batches are not acknowledged by the centre", hint=hint)
