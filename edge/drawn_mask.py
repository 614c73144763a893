"""Draws a face mask over an aligned face, so that a template knows what the patient looks like with one.

A masked face is compared with its like that way; against bare references much is lost (Ngan et al. 2020, NISTIR 8311).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from edge.vision import Floats, Picture

# Surgical blue, white, grey and black: the embedding should follow the eyes, not the colour.
COLOURS: Final = ((150, 190, 215), (235, 235, 232), (125, 125, 128), (30, 30, 34))

EDGE_AT: Final = 0.45  # how far down from the eyes to the tip of the nose the upper edge lies
_SHADE: Final = 0.35


def draw_mask(aligned: Picture, landmarks: Floats, colour: tuple[int, int, int], edge_at: float = EDGE_AT) -> Picture:
    """The face [112, 112, 3] with a mask from the bridge of the nose to the chin; `landmarks` [6, 2] lie in it."""
    shape = np.zeros(aligned.shape[:2], np.uint8)
    cv2.fillPoly(shape, [np.rint(outline(landmarks, edge_at)).astype(np.int32)], 255)
    cover = cv2.GaussianBlur(shape, (0, 0), 0.8)[:, :, None].astype(np.float32) / 255
    # The cloth takes its light from the face below, so that a lamp on one side is seen on the mask too.
    light = cv2.GaussianBlur(cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY), (0, 0), 9).astype(np.float32)
    shade = 1 + _SHADE * (light / max(float(light[shape > 0].mean()), 1.0) - 1) if shape.any() else light * 0 + 1
    cloth = np.clip(np.array(colour, np.float32) * shade[:, :, None], 0, 255)
    return np.asarray(np.rint(aligned * (1 - cover) + cloth * cover), np.uint8)


def outline(landmarks: Floats, edge_at: float = EDGE_AT) -> Floats:
    """Corners [8, 2] of the mask, clockwise: bridge, then cheek, jaw and chin of either side."""
    eyes, nose, mouth = landmarks[:2].mean(axis=0), landmarks[2], landmarks[3]
    down = mouth - eyes
    chin = mouth + 0.55 * down
    left, right = (_side(ear, chin, down) for ear in landmarks[4:])
    return np.stack([eyes + edge_at * (nose - eyes), *right, chin + 0.08 * down, *reversed(left)]).astype(np.float32)


def _side(ear: Floats, chin: Floats, down: Floats) -> tuple[Floats, Floats, Floats]:
    """Cheek, jaw and the rounding towards the chin; `down` leads from the eyes to the mouth."""
    cheek = ear + 0.12 * down
    jaw = 0.72 * cheek + 0.28 * chin + 0.55 * down
    return cheek, jaw, (jaw + chin) / 2 + 0.12 * down
