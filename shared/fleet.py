"""The fleet file: boxes with their public keys and cameras with their places, carried from the workshop to the offices.

The workshop writes it; the centre and each authority read it. It holds public keys only. JSON, so that the offices can
compare what they were handed.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.errors import BadInput, CairnError
from shared.ids import check_id
from shared.keys import sealing_public, signing_public

VERSION = 1


class BadFleet(BadInput):
    """A fleet file cannot be read; nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class FleetNode:
    """A box that has been enrolled: its cell and raw public keys (Ed25519, X25519; 32 bytes each)."""

    node: str
    cell: str
    signing_public: bytes
    sealing_public: bytes
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class FleetCamera:
    """Where a camera hangs (degrees), whether indoors, and the cell that it belongs to."""

    camera: str
    latitude: float
    longitude: float
    indoor: bool
    cell: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every box that was ever enrolled and every camera, each name once."""

    nodes: tuple[FleetNode, ...] = ()
    cameras: tuple[FleetCamera, ...] = ()


def fleet_to_json(fleet: Fleet) -> str:
    """The file's text: one line an entry, in order of names, so that two exports can be compared line by line."""
    nodes = [
        asdict(node) | {"signing_public": _text(node.signing_public), "sealing_public": _text(node.sealing_public)}
        for node in sorted(fleet.nodes, key=lambda node: node.node)
    ]
    cameras = [asdict(camera) for camera in sorted(fleet.cameras, key=lambda camera: camera.camera)]
    return f'{{"version": {VERSION},\n"nodes": {_lines(nodes)},\n"cameras": {_lines(cameras)}}}\n'


def fleet_from_json(text: str) -> Fleet:
    """Raises BadFleet, a BadInput, which names the first entry that is wrong."""
    try:
        value = json.loads(text)
        version, nodes, cameras = value["version"], list(value["nodes"]), list(value["cameras"])
    except (ValueError, KeyError, TypeError, RecursionError):
        hint = "make it with: cairn-provision fleet export FILE"
        raise BadFleet("this is not a fleet file", hint=hint) from None
    if version != VERSION:
        raise BadFleet(f"a fleet file has version {str(version)[:20]}", hint=f"this software knows version {VERSION}")
    fleet = Fleet(
        tuple(_node(row, at) for at, row in enumerate(nodes, 1)),
        tuple(_camera(row, at) for at, row in enumerate(cameras, 1)),
    )
    _once([node.node for node in fleet.nodes], "node")
    _once([camera.camera for camera in fleet.cameras], "camera")
    return fleet


def _node(row: Any, at: int) -> FleetNode:
    try:
        signing = b64decode(row["signing_public"], validate=True)
        sealing = b64decode(row["sealing_public"], validate=True)
        signing_public(signing), sealing_public(sealing)
        revoked = _flag(row["revoked"])
        return FleetNode(check_id(row["node"], "node"), check_id(row["cell"], "cell"), signing, sealing, revoked)
    except (CairnError, ValueError, KeyError, TypeError) as error:
        raise _bad("node", at, error) from None


def _camera(row: Any, at: int) -> FleetCamera:
    try:
        latitude, longitude = _degrees(row["latitude"], 90), _degrees(row["longitude"], 180)
        camera, cell = check_id(row["camera"], "camera"), check_id(row["cell"], "cell")
        return FleetCamera(camera, latitude, longitude, _flag(row["indoor"]), cell)
    except (CairnError, ValueError, KeyError, TypeError) as error:
        raise _bad("camera", at, error) from None


def _degrees(value: object, limit: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -limit <= value <= limit:
        raise BadInput(f"a position is not a number of degrees within ±{limit:.0f}")
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput("a flag is neither true nor false")
    return value


def _bad(what: str, at: int, error: Exception) -> BadFleet:
    why = error.message if isinstance(error, CairnError) else "a field is missing or malformed"
    return BadFleet(f"{what} {at} of the fleet file cannot be taken: {why}", hint="export it again; nothing was taken")


def _once(names: Sequence[str], what: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise BadFleet(f"the fleet file names {what} {twice} twice", hint="export it again; nothing was taken")


def _lines(rows: Sequence[object]) -> str:
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]" if rows else "[]"


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
