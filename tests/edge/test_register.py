"""A patient's photos become one sealed template; everything that is no good photo is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.__main__ import main
from edge.model_vision import ModelVision
from edge.register import register
from edge.registered_photos import (
    CannotRegister,
    Contradiction,
    FaceCovered,
    FaceTooSmall,
    NoFace,
    NotAPicture,
    SeveralFaces,
    only_face,
)
from edge.vision import MODELS, FaceShot, Floats, MaskVote, Picture
from shared.codes import FACE_BITS, encode, encode_quantised, hamming
from shared.errors import CairnError
from shared.face_mask import FaceMask
from shared.templates import FACE_ROWS, FacePart, open_template

PROBES = X25519PrivateKey.generate()
ASTRONAUT: Picture = skimage.data.astronaut()


@pytest.fixture(scope="module")
def vision() -> ModelVision:
    return ModelVision.load()


def photo(folder: Path, name: str, rgb: Picture = ASTRONAUT) -> Path:
    path = folder / name
    assert cv2.imwrite(str(path), rgb[:, :, ::-1])
    return path


def opened(sealed: bytes) -> FacePart:
    """The face of case-7's template, as the probe service reads it."""
    template = open_template(sealed, "case-7", PROBES)
    assert template.face is not None
    assert template.appearance is None
    return template.face


def test_the_template_opens_at_the_probe_service_and_fits_the_patient(tmp_path: Path, vision: ModelVision) -> None:
    """A bare and a masked row, in the order of their mask states, near what a camera would see of the patient."""
    photos = [photo(tmp_path, "a.png"), photo(tmp_path, "b.jpg", np.ascontiguousarray(ASTRONAUT[:400, 50:450]))]
    face = opened(register(photos, "case-7", PROBES.public_key(), vision))
    assert (face.model, face.rows.shape) == (MODELS["face"], (2, 192))
    assert FACE_ROWS == (FaceMask.ABSENT, FaceMask.WORN)
    small = cv2.resize(ASTRONAUT, (256, 256), interpolation=cv2.INTER_AREA)
    [shot] = vision.faces(np.asarray(small, np.uint8))
    key = bytes(range(32))
    rows = encode_quantised(face.rows, [key], FACE_BITS)[0]
    seen = encode(vision.embed_face(shot)[None], key, FACE_BITS)[0]
    bare, masked = (int(hamming(row, seen)) / FACE_BITS for row in rows)
    assert bare < 0.3  # strangers are near one half
    assert bare < masked < 0.45


def test_a_template_is_bound_to_its_case(tmp_path: Path, vision: ModelVision) -> None:
    """Under another case's name it does not open."""
    sealed = register([photo(tmp_path, "a.png")], "case-7", PROBES.public_key(), vision)
    with pytest.raises((CairnError, InvalidTag)):
        open_template(sealed, "case-8", PROBES)


def test_neither_photo_nor_floats_are_in_the_template(tmp_path: Path, vision: ModelVision) -> None:
    """It is far smaller than any picture, and not even the quantised face can be read without the service's key."""
    sealed = register([photo(tmp_path, "a.png")], "case-7", PROBES.public_key(), vision)
    assert len(sealed) < 1024
    assert opened(sealed).bare.tobytes() not in sealed


def _two_faces(folder: Path) -> Path:
    return photo(folder, "two.png", np.concatenate([ASTRONAUT[:300, 100:400]] * 2, axis=1))


def _noise(folder: Path) -> Path:
    return photo(folder, "noise.png", np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8))


def _text(folder: Path) -> Path:
    path = folder / "notes.jpg"
    path.write_text("this is no picture")
    return path


def _truncated(folder: Path) -> Path:
    path = photo(folder, "cut.png")
    path.write_bytes(path.read_bytes()[:2000])
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.jpg"
    path.touch()
    return path


def _missing(folder: Path) -> Path:
    return folder / "missing.jpg"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_noise, NoFace),
        (_two_faces, SeveralFaces),
        (_text, NotAPicture),
        (_empty, NotAPicture),
        (_missing, NotAPicture),
    ],
)
def test_a_bad_photo_is_refused_by_name(
    tmp_path: Path, vision: ModelVision, make: Any, error: type[CairnError]
) -> None:
    """Each kind of bad photo has its own error, which names the file and says what to do."""
    path = make(tmp_path)
    with pytest.raises(error, match=path.name) as caught:
        register([path], "case-7", PROBES.public_key(), vision)
    assert caught.value.hint


def test_a_picture_cut_short_is_refused(tmp_path: Path, vision: ModelVision) -> None:
    """What does not decode is no picture; what decodes in part shows no face."""
    with pytest.raises((NotAPicture, NoFace)):
        register([_truncated(tmp_path)], "case-7", PROBES.public_key(), vision)


def test_six_photos_are_too_many(tmp_path: Path, vision: ModelVision) -> None:
    """At most five, before any of them is opened; none at all is refused too."""
    with pytest.raises(CannotRegister, match="6 photos") as caught:
        register([tmp_path / f"{k}.jpg" for k in range(6)], "case-7", PROBES.public_key(), vision)
    assert "1 to 5" in caught.value.hint
    with pytest.raises(CannotRegister, match="0 photos"):
        register([], "case-7", PROBES.public_key(), vision)


class _TwoPeople(ModelVision):
    """Real eyes, but every second face that is embedded is somebody else's."""

    calls = 0

    def embed_face(self, shot: FaceShot) -> Floats:
        self.calls += 1
        return super().embed_face(shot) * np.float32(1 if self.calls % 2 else -1)


def test_photos_of_two_people_are_refused(tmp_path: Path) -> None:
    """A template of two people would find both, so the photo that does not fit is named."""
    photos = [photo(tmp_path, "a.png"), photo(tmp_path, "other.png")]
    with pytest.raises(Contradiction, match=r"other\.png and a\.png"):
        register(photos, "case-7", PROBES.public_key(), _TwoPeople.load())


class _Masked(ModelVision):
    """Real eyes that take every face for a masked one."""

    def judge_mask(self, shot: FaceShot) -> MaskVote:
        return MaskVote(FaceMask.WORN, 0.9)


def test_a_covered_face_makes_no_template(tmp_path: Path) -> None:
    """A photo with a face mask on is refused, and the hint is kind about it."""
    with pytest.raises(FaceCovered, match=r"a\.png shows a face mask") as caught:
        register([photo(tmp_path, "a.png")], "case-7", PROBES.public_key(), _Masked.load())
    assert "take it off" in caught.value.hint


def test_a_far_face_is_refused_with_advice(tmp_path: Path, vision: ModelVision) -> None:
    """A face of twenty pixels is found, but a template of it would find others as well."""
    wide = np.full((400, 400, 3), 120, np.uint8)
    wide[180:230, 180:230] = cv2.resize(ASTRONAUT, (50, 50), interpolation=cv2.INTER_AREA)
    with pytest.raises(FaceTooSmall) as caught:
        only_face(photo(tmp_path, "far.png", wide), vision)
    assert "nearer" in caught.value.hint


def test_the_command_writes_a_new_file_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The template is written once; a second run refuses to overwrite it, with exit status 2."""
    key = tmp_path / "probes.pub"
    key.write_bytes(PROBES.public_key().public_bytes_raw())
    out = tmp_path / "case-7.template"
    arguments = [
        "register",
        "--case",
        "case-7",
        "--probe-key",
        str(key),
        "--out",
        str(out),
        str(photo(tmp_path, "a.png")),
    ]
    assert main(arguments) == 0
    assert opened(out.read_bytes()).rows.shape == (2, 192)
    assert "case-7" in capsys.readouterr().out
    before = out.read_bytes()
    assert main(arguments) == 2
    assert "cannot write" in capsys.readouterr().err
    assert out.read_bytes() == before
