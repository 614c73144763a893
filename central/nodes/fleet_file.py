"""Read the fleet file that the workshop exported."""

from __future__ import annotations

from pathlib import Path

from shared.errors import BadInput
from shared.fleet import Fleet, fleet_from_json


def read_fleet(path: Path) -> Fleet:
    """Raises BadInput for a file that cannot be read, BadFleet for one that is something else."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = f"make it with: cairn-provision fleet export FILE ({type(error).__name__})"
        raise BadInput(f"cannot read {path}", hint=hint) from None
    return fleet_from_json(text)
