"""The fleet file carries boxes and cameras from the workshop to the offices, whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadInput
from shared.fleet import BadFleet, Fleet, FleetCamera, FleetNode, fleet_from_json, fleet_to_json

SIGNING = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
SEALING = X25519PrivateKey.generate().public_key().public_bytes_raw()
FLEET = Fleet(
    (FleetNode("box-1", "cell-1", SIGNING, SEALING), FleetNode("box-2", "cell-1", SEALING, SIGNING, revoked=True)),
    (FleetCamera("cam-1", 37.5, 127.0, False, "cell-1"), FleetCamera("cam-2", -1.0, 0.25, True, "cell-2")),
)


def test_what_was_written_is_read_back() -> None:
    """Nodes with both keys and cameras with their places survive the file."""
    assert fleet_from_json(fleet_to_json(FLEET)) == FLEET
    assert fleet_from_json(fleet_to_json(Fleet())) == Fleet()


@given(st.permutations(FLEET.nodes), st.permutations(FLEET.cameras))
def test_the_same_fleet_is_always_the_same_file(nodes: list[FleetNode], cameras: list[FleetCamera]) -> None:
    """The order in which entries were found does not show, so that two exports can be compared."""
    assert fleet_to_json(Fleet(tuple(nodes), tuple(cameras))) == fleet_to_json(FLEET)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_anything_else_is_refused_by_name(text: str) -> None:
    """Text that is no fleet file is BadInput, never another error."""
    with pytest.raises(BadInput, match="fleet file"):
        fleet_from_json(text)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("nodes", "node", "Box 1"),
        ("nodes", "cell", None),
        ("nodes", "signing_public", "AAAA"),
        ("nodes", "sealing_public", "not base64!"),
        ("nodes", "revoked", "no"),
        ("cameras", "camera", 7),
        ("cameras", "latitude", 91),
        ("cameras", "latitude", float("nan")),
        ("cameras", "longitude", "127"),
        ("cameras", "longitude", True),
        ("cameras", "indoor", 1),
    ],
)
def test_one_wrong_field_refuses_the_file(part: str, field: str, value: object) -> None:
    """The entry that is wrong is named by its place, and nothing is taken."""
    written: dict[str, Any] = json.loads(fleet_to_json(FLEET))
    written[part][1][field] = value
    with pytest.raises(BadFleet, match=f"{part[:-1]} 2 of the fleet file"):
        fleet_from_json(json.dumps(written))


@pytest.mark.parametrize("part", ["nodes", "cameras"])
def test_a_name_that_stands_twice_is_refused(part: str) -> None:
    """Two entries of one name would leave it to chance which is right."""
    written: dict[str, Any] = json.loads(fleet_to_json(FLEET))
    written[part].append(written[part][0])
    with pytest.raises(BadFleet, match="twice"):
        fleet_from_json(json.dumps(written))


def test_a_later_version_is_refused() -> None:
    """A file of later software is told apart from rubbish."""
    with pytest.raises(BadFleet, match="version 2"):
        fleet_from_json(fleet_to_json(FLEET).replace('"version": 1', '"version": 2'))
