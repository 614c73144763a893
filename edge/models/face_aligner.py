"""Turns a face upright and to one size, so that the embedder always sees eyes, nose and mouth in the same places."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from edge.vision import Face, Floats, Picture

SIDE: Final = 112
# Where eyes, nose and the middle of the mouth lie in the aligned picture: the usual five points of face recognition
# (Deng et al. 2019, arXiv:1801.07698), the two corners of the mouth averaged because the detector gives its middle.
TEMPLATE: Final = np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [56.14, 92.28]], np.float32)


def align(rgb: Picture, face: Face) -> Picture:
    """The face as RGB uint8 [112, 112, 3]; black where the picture ends."""
    turn = to_template(face)
    scale = float(np.hypot(turn[0, 0], turn[1, 0]))
    if scale < 0.5:
        # Sampling a large picture sparsely makes patterns that are not there: soften it to the final size first.
        deviation = 0.5 / scale - 0.5
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), deviation), np.uint8)
    return np.asarray(cv2.warpAffine(rgb, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)


def to_template(face: Face) -> Floats:
    """What takes points of the picture into the aligned one, [2, 3]."""
    return similarity(face.landmarks[:4], TEMPLATE)


def aligned_landmarks(face: Face) -> Floats:
    """Where the six landmarks lie in the aligned picture."""
    turn = to_template(face)
    return (face.landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)


def similarity(source: Floats, target: Floats) -> Floats:
    """Turn, scale and shift [2, 3] that take points [n, 2] nearest to others, in least squares (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_middle, to_middle = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(to_middle.T @ from_middle / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    variance = max(float(from_middle.var(axis=0).sum()), 1e-9)
    turn = (u * signs) @ vt * float((singular * signs).sum()) / variance
    shift = target_mean - turn @ source_mean
    return np.concatenate([turn, shift[:, None]], axis=1).astype(np.float32)
