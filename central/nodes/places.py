"""The centre's cameras as places, for commands that ask it over HTTP."""

from __future__ import annotations

from central.cases.client import CaseClient
from central.routes.camera_graph import CameraPlace


def places_known(client: CaseClient) -> list[CameraPlace]:
    """Every camera that the centre knows. Raises what the centre refuses."""
    names = ("camera", "latitude", "longitude", "indoor", "cell")
    return [CameraPlace(**{name: one[name] for name in names}) for one in client.ask("GET", "/cameras")]
