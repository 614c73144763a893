"""The real boxes of the demo: one `cairn-edge run` a camera, each with its own certificate, keys and outbox."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.demo.films import film_path
from tests.demo.layout import AUTHORITIES, Layout
from tests.demo.processes import BIN, Child, Children
from tests.demo.script import Place, places
from tests.demo.workshop import Workshop
from tests.waiting import wait_until

EDGE = BIN / "cairn-edge"
_AT_ONCE: Final = 3
_FINISHED_S: Final = 1200.0


def node_of(place: Place) -> str:
    return f"box-{place.film.name}"


class Boxes:
    """Enrols, sets up and runs them."""

    def __init__(self, layout: Layout, children: Children) -> None:
        self._layout, self._children = layout, children
        self._running: list[Child] = []

    def enrol(self, workshop: Workshop) -> None:
        """A few at a time: every step is a command of its own, and starting it takes most of its time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda place: workshop.enrol(node_of(place), place.cell), places()))
        for place in places():
            (self._layout.box(node_of(place)) / "edge.toml").write_text(self._settings(place))

    def start(self) -> None:
        """Play every film, the longest first."""
        for place in sorted(places(), key=lambda place: -place.film.seconds):
            node = node_of(place)
            run = self._children.start(
                node,
                EDGE,
                "run",
                self._layout.box(node) / "edge.toml",
                "--wait-for-keys",
                "120",
                "--wait-for-acks",
                "120",
            )
            self._running.append(run)

    def finish(self) -> int:
        """Wait until every film is over and the centre has everything; returns how many boxes ran.

        Raises DemoFailed as soon as a box, or any other program that they need, fails.
        """
        wait_until(self._over, "the boxes to finish their films", _FINISHED_S)
        for box in self._running:
            self._children.finish(box)
        return len(self._running)

    def _over(self) -> bool:
        self._children.check()
        return all(box.process.poll() is not None for box in self._running)

    def _settings(self, place: Place) -> str:
        node, view = node_of(place), place.film.view
        folder, start = self._layout.box(node), self._layout.hour + place.starts
        keys = folder / "keys"
        return "\n".join([
            "[node]",
            f'id = "{node}"',
            f'cell = "{place.cell}"',
            f"authorities = {json.dumps(AUTHORITIES)}",
            f'signing_key = "{keys / "signing.key"}"',
            f'sealing_key = "{keys / "sealing.key"}"',
            f'state_dir = "{folder / "state"}"',
            "[broker]",
            'host = "127.0.0.1"',
            f"port = {self._layout.broker_port}",
            f'ca = "{keys / "broker-ca.crt"}"',
            f'certificate = "{keys / "tls.crt"}"',
            f'key = "{keys / "tls.key"}"',
            "[camera]",
            f'name = "{place.camera}"',
            f'source = "{film_path(self._layout.films, place.film.name)}"',
            f"start = {start.isoformat()}",
            f"fps = {place.film.fps}",
            "[camera.ground]",
            f"height_m = {view.height_m}",
            f"tilt_deg = {view.tilt_deg}",
            f"focal_px = {view.focal_px}",
            "",
        ])  # fmt: skip
