"""Films: people walk or stand in a scene, and a camera with noise and compression records them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tests.demo.heads import Floats, Picture
from tests.demo.scene import Look, View, backdrop
from tests.demo.walkers import Actor, Walk

_SPARE: Final = 64  # pixels


@dataclass(frozen=True, slots=True)
class Film:
    """A camera, its place, who passes, and for how long."""

    name: str
    view: View
    look: Look
    walks: tuple[Walk, ...]
    seconds: float
    fps: float = 10.0


def record(film: Film, path: Path, seed: int) -> None:
    """Write the film as a video."""
    size = (film.view.width, film.view.height)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), film.fps, size)
    if not writer.isOpened():
        raise RuntimeError(f"OpenCV cannot write {path}")
    for rgb in frames(film, seed):
        writer.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    writer.release()


def frames(film: Film, seed: int) -> Iterator[Picture]:
    """Every frame, RGB uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    empty, grain = backdrop(film.view, film.look), _grain(film, rng)
    actors = [Actor(walk, film.look, rng) for walk in film.walks]
    for index in range(round(film.seconds * film.fps)):
        picture, t = empty.copy(), index / film.fps
        seen = [(place, actor) for actor in actors if (place := actor.walk.where(t))]
        for place, actor in sorted(seen, key=lambda pair: -pair[0].ahead_m):
            actor.draw(picture, film.view, place, t)
        dy, dx = (int(n) for n in rng.integers(0, _SPARE, 2))
        noise = grain[dy : dy + film.view.height, dx : dx + film.view.width]
        yield np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)  # which cuts at 0 and 255


def _grain(film: Film, rng: np.random.Generator) -> Floats:
    """The noise of the sensor, larger than a picture, so that each frame takes another part of it."""
    height, width = film.view.height + _SPARE, film.view.width + _SPARE
    grey, colour = (
        rng.normal(0, film.look.noise, (height, width, 1)),
        rng.normal(0, film.look.noise / 3, (height, width, 3)),
    )
    return np.asarray(grey + colour, np.float32)
