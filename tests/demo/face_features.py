"""What a made-up face looks like: proportions and colours, drawn at random from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

Colour = tuple[float, float, float]

_SKINS: Final[tuple[Colour, ...]] = (
    (232, 190, 160), (214, 168, 134), (186, 136, 100), (142, 98, 70), (98, 66, 48), (240, 206, 180),
)  # fmt: skip
_HAIRS: Final[tuple[Colour, ...]] = (
    (32, 26, 24), (60, 42, 30), (24, 22, 26), (120, 110, 104), (150, 112, 66), (70, 34, 22),
)  # fmt: skip
_IRISES: Final[tuple[Colour, ...]] = ((60, 40, 26), (44, 30, 22), (70, 92, 110), (66, 84, 56))


@dataclass(frozen=True, slots=True)
class Features:
    """Lengths in half widths of the face (about 7 cm), measured from its middle, right and down; colours 0..255."""

    long: float
    jaw: float
    eyes_apart: float
    eye_size: float
    eye_y: float
    nose_wide: float
    nose_long: float
    mouth_wide: float
    lips: float
    smile: float
    brow_thick: float
    brow_tilt: float
    hairline: float | None  # None is bald
    hair_down: float
    beard: float
    wrinkles: float
    glasses: float
    light: float
    cap: Colour | None
    skin: Colour
    hair: Colour
    iris: Colour

    @property
    def mouth_y(self) -> float:
        return self.eye_y + self.nose_long + 0.33

    @property
    def lip(self) -> Colour:
        return self.skin[0] * 0.82, self.skin[1] * 0.58, self.skin[2] * 0.58


def features(seed: int) -> Features:
    """The face of the made-up person `seed`."""
    rng = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    bald, bearded, glasses, capped, long_hair = (bool(rng.random() < p) for p in (0.12, 0.3, 0.35, 0.15, 0.4))
    return Features(
        long=between(1.2, 1.5),
        jaw=between(0.6, 0.95),
        eyes_apart=between(0.72, 1.0),
        eye_size=between(0.14, 0.22),
        eye_y=between(-0.18, 0.02),
        nose_wide=between(0.12, 0.28),
        nose_long=between(0.4, 0.64),
        mouth_wide=between(0.28, 0.54),
        lips=between(0.05, 0.14),
        smile=between(-0.03, 0.16),
        brow_thick=between(0.02, 0.09),
        brow_tilt=between(-0.1, 0.02),
        hairline=None if bald else between(-0.86, -0.5),
        hair_down=between(0.9, 1.5) if long_hair else between(0.0, 0.35),
        beard=between(0.35, 0.85) if bearded else 0.0,
        wrinkles=between(0.0, 0.14),
        glasses=between(0.02, 0.045) if glasses else 0.0,
        light=between(-0.5, 0.5),
        cap=(between(30, 200), between(30, 200), between(30, 200)) if capped else None,
        skin=_SKINS[seed % len(_SKINS)],
        hair=_HAIRS[int(rng.integers(len(_HAIRS)))],
        iris=_IRISES[int(rng.integers(len(_IRISES)))],
    )
