"""What is measured on public photos behaves as distances of people must."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.model_vision import ModelVision
from shared.codes import FACE_BITS
from shared.face_mask import FaceMask
from tests.calibration.faces import Faces, embed_faces
from tests.calibration.measure import DATA, face_bands
from tests.calibration.pairs import Pairs, between
from tests.calibration.street import Walker, shots, with_mask

PHOTOS = DATA / "lfw_view1_test" / "images"


@pytest.fixture(scope="module")
def photos() -> list[Path]:
    """Three photos each of twenty people."""
    if not PHOTOS.is_dir():
        missing = f"no photos of faces under {PHOTOS}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    several = (sorted(folder.glob("*.jpg"))[:3] for folder in sorted(PHOTOS.iterdir()))
    return [photo for of_one in islice((p for p in several if len(p) == 3), 20) for photo in of_one]


@pytest.fixture(scope="module")
def faces(photos: list[Path]) -> Faces:
    return embed_faces(photos, ModelVision.load())


def test_one_persons_codes_are_nearer_than_two_peoples(faces: Faces) -> None:
    """Bare or masked, the same person lies nearer; a masked template suits masked sightings better."""
    inside = np.ones(faces.quality_bare.shape, np.bool_)
    bare, apart, fitting = (
        Pairs(faces.who, faces.who, between(template, seen, FACE_BITS))
        for template, seen in (
            (faces.bare, faces.seen_bare),
            (faces.bare, faces.seen_masked),
            (faces.masked, faces.seen_masked),
        )
    )
    for pairs in (bare, apart, fitting):
        assert pairs.same(inside).mean() < pairs.other(inside).mean() - 60
    assert bare.same(inside).mean() < fitting.same(inside).mean() < apart.same(inside).mean()


def test_a_stranger_looks_the_same_from_picture_to_picture(faces: Faces) -> None:
    """Distances to two photos of one stranger go together: look-alikes stay look-alikes."""
    _, other = Pairs(faces.who, faces.who, between(faces.bare, faces.seen_bare, FACE_BITS)).correlations()
    assert 0.4 < other < 0.9


def test_every_kind_of_sighting_gets_a_curve(faces: Faces) -> None:
    """Each mask state has bands from quality 0 up, with and without a masked template."""
    bands, spread = face_bands(faces)
    for mask in FaceMask:
        assert {band.lowest for band in bands if mask in band.masks} >= {0.0, 0.25, 0.45}
    assert 0 < spread < 60


def test_what_the_street_does_to_a_photo_is_seeded(photos: list[Path]) -> None:
    """The same seed gives the same shots, another one others, and shots are as small as a street camera's."""
    rgb = np.asarray(cv2.cvtColor(cv2.imread(str(photos[0])), cv2.COLOR_BGR2RGB), np.uint8)
    walker = Walker(rgb, ModelVision.load().find_faces(rgb)[0])
    once, again, other = (shots(with_mask(walker, rng), 2, rng) for rng in map(np.random.default_rng, (3, 3, 4)))
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[0].rgb, other[0].rgb)
    assert all(25 < shot.face.box[2] - shot.face.box[0] < 120 for shot in once + other)
