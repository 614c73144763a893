"""Where a person stands, from the lowest point of the box: a pinhole camera above flat ground.

A pixel (u, v) looks along (x, y, 1) with x = (u - cx)/f, y = (v - cy)/f; tilted down by t it falls h metres over
h / (sin t + y cos t) of depth (Hartley & Zisserman, Multiple View Geometry, section 8.1). Lens distortion is ignored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

FARTHEST_M: Final = 300.0
_FOOT_ERROR_OF_HEIGHT: Final = 0.03  # detectors put the foot line within about 3 % of the box's height


@dataclass(frozen=True, slots=True)
class Ground:
    """Metres east and north of the point below the camera, and the standard error of the distance from it."""

    east_m: float
    north_m: float
    error_m: float


@dataclass(frozen=True, slots=True)
class GroundPlane:
    """Height in metres, tilt below the horizon and heading clockwise from north in degrees, focal length in pixels."""

    height_m: float
    tilt_deg: float
    focal_px: float
    heading_deg: float = 0.0

    def foot(self, box: tuple[float, float, float, float], width: int, height: int) -> Ground | None:
        """The ground under a box x1, y1, x2, y2 in a picture of `width` × `height`.

        None where it cannot be told: the feet are cut off by the picture's edge, or too near the horizon.
        """
        x1, y1, x2, y2 = box
        if y2 >= height - 1:
            return None
        x = ((x1 + x2) / 2 - width / 2) / self.focal_px
        here = self._ahead((y2 - height / 2) / self.focal_px)
        slip = max(1.0, (y2 - y1) * _FOOT_ERROR_OF_HEIGHT) / self.focal_px
        beyond = self._ahead((y2 - height / 2) / self.focal_px - slip)
        if here is None or beyond is None or math.hypot(*here) > FARTHEST_M:
            return None
        ahead, depth = here
        right = x * depth
        heading = math.radians(self.heading_deg)
        return Ground(
            east_m=ahead * math.sin(heading) + right * math.cos(heading),
            north_m=ahead * math.cos(heading) - right * math.sin(heading),
            error_m=abs(beyond[0] - ahead),
        )

    def _ahead(self, y: float) -> tuple[float, float] | None:
        """(metres straight ahead, metres along the optical axis) of a row y focal lengths below the centre."""
        tilt = math.radians(self.tilt_deg)
        falls = math.sin(tilt) + y * math.cos(tilt)
        if falls <= 1e-6:
            return None
        depth = self.height_m / falls
        return depth * (math.cos(tilt) - y * math.sin(tilt)), depth
