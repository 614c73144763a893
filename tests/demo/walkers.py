"""People as cameras see them: where they are at each moment, their gait, how they hold their heads, their shadow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from tests.demo.bodies import PHASES, PX_PER_M, Body, Build, Clothes, draw_body
from tests.demo.heads import EYES_APART_M, Floats, Head, Picture, relit, turned, wearing_mask
from tests.demo.scene import Look, View

_HEAD_SCALE: Final = 1.08
_STEP_PAIR_M: Final = 1.4  # how far one full cycle of the gait carries
# Whoever stands shifts from foot to foot and talks with their hands.
_SLOWEST_WALK: Final = 0.3
_SHIFT_M, _SHIFT_S, _TALK_S = 0.05, 7.3, 9.0
_SHUFFLE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a face and clothes."""

    name: str
    head: Head = field(repr=False)
    clothes: Clothes
    build: Build = field(default_factory=Build)


@dataclass(frozen=True, slots=True)
class Step:
    """Where somebody is at `at_s` seconds of the film: metres right of the camera and ahead of it."""

    at_s: float
    right_m: float
    ahead_m: float


@dataclass(frozen=True, slots=True)
class Where:
    """Metres right of the camera and ahead of it, and metres a second."""

    right_m: float
    ahead_m: float
    speed: float


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way through one film, straight from step to step; not there before the first and after the last."""

    person: Person
    steps: tuple[Step, ...]
    masked: bool = False
    gaze_deg: float = 0.0  # where the head is turned, 0 to the camera
    sway: float = 1.0

    def where(self, t: float) -> Where | None:
        """The place at `t` seconds of the film; none while out of view."""
        for a, b in itertools.pairwise(self.steps):
            if a.at_s <= t < b.at_s:
                share = (t - a.at_s) / (b.at_s - a.at_s)
                dx, dy = b.right_m - a.right_m, b.ahead_m - a.ahead_m
                return Where(a.right_m + share * dx, a.ahead_m + share * dy, math.hypot(dx, dy) / (b.at_s - a.at_s))
        return None


class Actor:
    """A walk being filmed. Drawn parts are kept while they do not change, which they do not for those who stand."""

    def __init__(self, walk: Walk, look: Look, rng: np.random.Generator) -> None:
        self.walk, self._look = walk, look
        self._phase, self._wobble = float(rng.uniform()), float(rng.uniform(0, 6))
        self._head = wearing_mask(walk.person.head) if walk.masked else walk.person.head
        self._kept: dict[str, Floats] = {}
        self._kept_at: dict[str, float] = {}

    def draw(self, picture: Floats, view: View, where: Where, t: float) -> None:
        """Put the person into the picture."""
        walking = where.speed > _SLOWEST_WALK
        shifted = 0.0 if walking else _SHIFT_M * math.sin(2 * math.pi * t / _SHIFT_S + self._wobble)
        x, y, depth = view.project(where.right_m + shifted, 0, where.ahead_m)
        scale = view.focal_px / depth / PX_PER_M
        cycles = where.speed * t / _STEP_PAIR_M if walking else t / _TALK_S
        step = int(PHASES * (self._phase + cycles)) % PHASES
        person = self.walk.person
        stride = 1.0 if walking else _SHUFFLE
        body = draw_body(person.build, person.clothes, person.head.skin, step, stride)
        _shadow(picture, x, y, scale * PX_PER_M)
        _lay(picture, self._body(body, step, scale), body.foot, scale, (x, y))
        neck = (x + (body.neck[0] - body.foot[0]) * scale, y + (body.neck[1] - body.foot[1]) * scale)
        size = scale * PX_PER_M * _HEAD_SCALE * EYES_APART_M / self._head.eyes_apart_px
        _lay(picture, self._face(size, t), self._head.chin, size, neck)

    def _body(self, body: Body, step: int, scale: float) -> Floats:
        def draw() -> Floats:
            light = np.array([*self._look.light, 1 / 255], np.float32)
            return np.asarray(_scaled(body.rgba, scale) * light, np.float32)

        return self._keep(f"body {step}", scale, draw)

    def _face(self, size: float, t: float) -> Floats:
        """The head, swaying and nodding in steps of a degree."""
        sway, wobble = self.walk.sway, self._wobble
        yaw = round(self.walk.gaze_deg + sway * (7 * math.sin(0.9 * t + wobble) + 4 * math.sin(2.3 * t + 2 * wobble)))
        pitch = round(sway * 4 * math.sin(1.3 * t + wobble))

        def draw() -> Floats:
            head = relit(turned(self._head, yaw, pitch), self._look.sun_side, self._look.light)
            return np.asarray(_scaled(head.rgba, size), np.float32)

        return self._keep(f"face {yaw} {pitch}", size, draw)

    def _keep(self, name: str, scale: float, draw: Callable[[], Floats]) -> Floats:
        """A part as it was drawn before at this scale. Nothing is kept of others: walkers never have one again."""
        if round(scale, 4) != self._kept_at.get(name[0]):
            self._kept_at[name[0]] = round(scale, 4)
            self._kept = {other: part for other, part in self._kept.items() if other[0] != name[0]}
        if name not in self._kept:
            self._kept[name] = draw()
        return self._kept[name]


def _shadow(picture: Floats, x: float, y: float, px_per_m: float) -> None:
    """A soft dark patch on the ground round the feet."""
    rx, ry = 0.42 * px_per_m, 0.11 * px_per_m
    x1, x2 = max(0, int(x - 2 * rx)), min(picture.shape[1], int(x + 2 * rx))
    y1, y2 = max(0, int(y - 2 * ry)), min(picture.shape[0], int(y + 2 * ry))
    if x2 <= x1 or y2 <= y1:
        return
    v, u = np.mgrid[y1:y2, x1:x2].astype(np.float32)
    picture[y1:y2, x1:x2] *= (1 - 0.5 * np.exp(-(((u - x) / rx) ** 2) - ((v - y) / ry) ** 2))[..., None]


def _scaled(rgba: Floats | Picture, scale: float) -> Floats | Picture:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=how))


def _lay(picture: Floats, rgba: Floats, anchor: tuple[float, float], scale: float, at: tuple[float, float]) -> None:
    """Lay a scaled picture over another, with the `anchor` of its original at a place; what falls outside is cut."""
    left, top = round(at[0] - anchor[0] * scale), round(at[1] - anchor[1] * scale)
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + rgba.shape[1], picture.shape[1]), min(top + rgba.shape[0], picture.shape[0])
    if x2 <= x1 or y2 <= y1:
        return
    part = rgba[y1 - top : y2 - top, x1 - left : x2 - left]
    picture[y1:y2, x1:x2] = picture[y1:y2, x1:x2] * (1 - part[..., 3:]) + part[..., :3]
