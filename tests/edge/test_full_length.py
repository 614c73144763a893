"""One full-length picture in the clothes of the day: one person, whole, and the patient; everything else is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.__main__ import main
from edge.full_length import NoPerson, NotFullLength, SeveralPeople
from edge.model_vision import ModelVision
from edge.register import register
from edge.registered_photos import CannotRegister, Contradiction, NotAPicture
from edge.vision import MODELS, Picture
from shared.codes import APPEARANCE_BITS, DIMENSIONS, encode, encode_quantised, hamming
from shared.templates import Template, open_template
from tests.demo.clips import Film, frames
from tests.demo.scene import Look, View
from tests.demo.script import PATIENT, people
from tests.demo.walkers import Step, Walk

PROBES = X25519PrivateKey.generate()
CASE = "case-7"
KEY = bytes(range(32))
_LOOK = Look((150, 146, 140), 0.6, (150, 140, 130), 7.0, ())


@pytest.fixture(scope="module")
def vision() -> ModelVision:
    return ModelVision.load()


def standing(*names: str, ahead_m: float = 4.2, moment: int = 0, finer: int = 1) -> Picture:
    """People side by side before a wall, from head to foot; `finer` times as many pixels."""
    apart = [1.1 * (number - (len(names) - 1) / 2) for number in range(len(names))]
    walks = tuple(
        Walk(people()[name], (Step(0, side, ahead_m), Step(9, side, ahead_m)))
        for name, side in zip(names, apart, strict=True)
    )
    film = Film("portrait", View(800 * finer, 600 * finer, 1.2, 3.0, 900.0 * finer), _LOOK, walks, seconds=1.0)
    return list(frames(film, seed=1))[moment]


def photo(folder: Path, rgb: Picture, name: str = "standing.png") -> Path:
    path = folder / name
    assert cv2.imwrite(str(path), rgb[:, :, ::-1])
    return path


def face(folder: Path) -> Path:
    return photo(folder, skimage.data.astronaut(), "face.png")


def opened(sealed: bytes) -> Template:
    return open_template(sealed, CASE, PROBES)


def test_clothes_alone_make_a_template(tmp_path: Path, vision: ModelVision) -> None:
    """A patient who refuses the face gives one full-length picture; no face is in the template, though one is seen."""
    template = opened(register([], CASE, PROBES.public_key(), vision, photo(tmp_path, standing(PATIENT))))
    assert (template.photos, template.face) == (0, None)
    assert template.appearance is not None
    assert (template.appearance.model, template.appearance.row.shape) == (MODELS["appearance"], (640,))


def test_the_same_clothes_are_nearer_than_others(tmp_path: Path, vision: ModelVision) -> None:
    """Under one key, another moment of the patient differs less from the template than somebody else does."""
    template = opened(register([], CASE, PROBES.public_key(), vision, photo(tmp_path, standing(PATIENT))))
    assert template.appearance is not None
    row = encode_quantised(template.appearance.row[None], [KEY], APPEARANCE_BITS)[0]
    away = {}
    for name in (PATIENT, "baker", "runner"):
        rgb = standing(name, ahead_m=5.0, moment=7)
        (box, *_), _ = vision.people(rgb)
        x1, y1, x2, y2 = (max(0, round(float(side))) for side in box)
        seen = vision.embed_appearance(np.ascontiguousarray(rgb[y1:y2, x1:x2]))
        away[name] = int(hamming(row[0], encode(seen[None], KEY, APPEARANCE_BITS)[0]))
    assert away[PATIENT] < min(away["baker"], away["runner"])


def test_face_and_clothes_are_one_template(tmp_path: Path, vision: ModelVision) -> None:
    """Photos of the face and the picture of the clothes: each its own part, and the picture is no photo."""
    full_length = photo(tmp_path, standing(PATIENT))
    template = opened(register([face(tmp_path)], CASE, PROBES.public_key(), vision, full_length))
    assert template.photos == 1
    assert template.face is not None
    assert template.appearance is not None


def _nobody(folder: Path) -> Path:
    return photo(folder, np.full((400, 300, 3), 150, np.uint8))


def _two(folder: Path) -> Path:
    return photo(folder, standing(PATIENT, "baker"))


def _to_the_waist(folder: Path) -> Path:
    return photo(folder, skimage.data.astronaut())


def _far(folder: Path) -> Path:
    small = cv2.resize(standing(PATIENT), (160, 120), interpolation=cv2.INTER_AREA)
    return photo(folder, np.asarray(small, np.uint8))


def _missing(folder: Path) -> Path:
    return folder / "missing.jpg"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_nobody, NoPerson),
        (_two, SeveralPeople),
        (_to_the_waist, NotFullLength),
        (_far, (NotFullLength, NoPerson)),
        (_missing, NotAPicture),
    ],
)
def test_a_picture_that_is_no_full_length_one_is_refused_by_name(
    tmp_path: Path, vision: ModelVision, make: object, error: type[CannotRegister]
) -> None:
    """Each kind has its own name, names the file, and says what to do."""
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(error, match=path.name) as refusal:
        register([], CASE, PROBES.public_key(), vision, path)
    assert refusal.value.hint


def test_somebody_else_in_the_patients_place_is_refused(tmp_path: Path, vision: ModelVision) -> None:
    """A full-length picture that shows another face than the photos do is no picture of the patient."""
    patient, other = (photo(tmp_path, standing(who, finer=2), f"{who}.png") for who in (PATIENT, "porter"))
    register([face(tmp_path)], CASE, PROBES.public_key(), vision, patient)
    with pytest.raises(Contradiction, match=r"porter\.png and the photos"):
        register([face(tmp_path)], CASE, PROBES.public_key(), vision, other)


def test_neither_photo_nor_picture_is_no_registration(vision: ModelVision) -> None:
    """There must be something to be searched by."""
    with pytest.raises(CannotRegister, match="0 photos") as refusal:
        register([], CASE, PROBES.public_key(), vision)
    assert "full-length" in refusal.value.hint


def test_the_command_takes_photos_and_a_full_length_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what the template is made from, and the beginning of the digest that the approver is shown."""
    key, out = tmp_path / "probes.pub", tmp_path / "case-7.template"
    key.write_bytes(PROBES.public_key().public_bytes_raw())
    arguments = ["register", "--case", CASE, "--probe-key", str(key), "--out", str(out), "--photo", str(face(tmp_path))]
    assert main([*arguments, "--full-length", str(photo(tmp_path, standing(PATIENT)))]) == 0
    assert opened(out.read_bytes()).appearance is not None
    said = capsys.readouterr().out
    assert "from 1 photos and the clothes of the day" in said
    assert "digest" in said


def test_the_probe_service_knows_how_long_this_boxs_clothes_are() -> None:
    """A code does not say, and without it a sighting's clothes could not be handed on."""
    assert DIMENSIONS[MODELS["appearance"]] == 640
