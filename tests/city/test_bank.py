"""What a box makes of photos, kept in a file; and where photos of real people are found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from edge.calibrate.walks import LOST
from edge.model_vision import ModelVision
from edge.registered_photos import bare_faces
from edge.vision import fuse
from tests.city.album import read_album
from tests.city.bank import BARE, MASKED, bank_of, walks_of
from tests.city.city import make_city
from tests.city.photos import DATA, NoPhotos, photo_folders, read_people
from tests.city.plan import CityPlan


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The portrait of a face, the same turned about its middle line, and a photo that shows nobody."""
    folder = tmp_path_factory.mktemp("photos")
    portrait = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)
    pictures = {"a": portrait, "b": portrait[:, ::-1], "c": np.full((90, 90, 3), 127, np.uint8)}
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    return folder / "a.png", folder / "b.png", folder / "c.png"


@pytest.fixture
def nothing_left_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at a photo anew fails."""

    def refused() -> ModelVision:
        raise AssertionError("a photo was looked at again")

    monkeypatch.setattr("tests.city.bank.ModelVision.load", refused)


@pytest.fixture(scope="module")
def kept(photos: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    bank_of(photos, folder, walks=1)
    return folder


@pytest.mark.usefixtures("nothing_left_to_do")
def test_what_is_in_the_file_is_not_made_again(kept: Path, photos: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Records come in the order of the photos, wherever a photo lies and whatever it is called."""
    moved = tmp_path / "elsewhere.png"
    moved.write_bytes(photos[0].read_bytes())
    ordered = bank_of([photos[2], moved, photos[1]], kept, walks=1)
    assert np.array_equal(ordered["digest"], bank_of(photos, kept, walks=1)["digest"][[2, 0, 1]])
    assert ordered["has_face"].tolist() == [False, True, True]


def test_whoever_is_interrupted_goes_on_from_there(photos: tuple[Path, Path, Path], kept: Path, tmp_path: Path) -> None:
    """Photos that are done stay done, only the others walk past, and the records are those of one run."""
    bank_of(photos[:1], tmp_path, walks=1)
    told: list[str] = []
    again = bank_of(photos, tmp_path, told.append, walks=1)
    assert told[0].startswith("2 photos walk past")
    assert told[-1] == "2 of 2 photos have walked past"
    assert again.tobytes() == bank_of(photos, kept, walks=1).tobytes()


def test_a_spoilt_file_is_made_anew(photos: tuple[Path, Path, Path], kept: Path, tmp_path: Path) -> None:
    """Half a file, or one of another form, is not taken for a bank."""
    bank_of(photos[2:], tmp_path, walks=1)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:200])
    assert bank_of(photos[2:], tmp_path, walks=1).tobytes() == bank_of(photos[2:], kept, walks=1).tobytes()


def test_a_template_is_what_registration_makes(kept: Path, photos: tuple[Path, Path, Path]) -> None:
    """Of a photo that it accepts, bare and masked; a photo of nobody is not accepted, and all its walks are lost."""
    vision, bank = ModelVision.load(), bank_of(photos, kept, walks=1)
    (shot,) = bare_faces(photos[:1], vision)
    made = [fuse([embed(shot)], [shot.quality]) for embed in (vision.embed_face, vision.embed_face_masked)]
    assert np.abs(bank["registered"][0] - np.array(made)).max() < 1e-6
    assert bank["accepts"].tolist() == [True, True, False]
    assert (bank["quality"][2] == LOST).all()
    assert (bank["quality"][:2] > LOST).all()


def test_walks_are_a_calibrations(kept: Path, photos: tuple[Path, Path, Path]) -> None:
    """Photos with a face, their templates, and what was seen of them, bare and masked."""
    bank = bank_of(photos, kept, walks=1)
    walks = walks_of(bank, 1)
    assert len(walks.names) == 2
    assert np.array_equal(walks.seen_masked[1, 0], bank["seen"][1, MASKED, 0])
    assert (walks.bare * bank["registered"][:2, BARE]).sum(axis=1).min() > 0.95
    assert float(walks.bare[0] @ walks.seen_bare[0, 0]) > float(walks.bare[0] @ walks.seen_masked[0, 0])


def test_people_are_the_folders_that_hold_photos(tmp_path: Path) -> None:
    """Each folder with pictures is a person, in order; other files and empty folders are nobody."""
    for name in ("b/2.jpg", "b/1.PNG", "a/1.jpg", "a/notes.txt", "README", "c/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [[path.name for path in one.photos] for one in read_people([tmp_path])]
    assert names == [["1.jpg"], ["1.PNG", "2.jpg"]]


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    """One that is not there, and one that holds no folder with photos, with what to give instead."""
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(NoPhotos) as refused:
            read_people([folder])
        assert "a folder with photos for each person" in refused.value.hint


def test_photos_are_found_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the project anywhere finds the data, and finds none where there is none."""
    monkeypatch.setenv(DATA, str(tmp_path))
    assert photo_folders() == []
    (tmp_path / "lfw_view1_test" / "images").mkdir(parents=True)
    assert photo_folders() == [tmp_path / "lfw_view1_test" / "images"]


def _real_people() -> Iterator[Path]:
    if not (folders := photo_folders()):
        assert os.environ.get("CI") != "true", "the photos of people are missing"
        pytest.skip(f"no photos of people beside the project, and none where {DATA} says")
    several = (one for one in sorted(folders[0].iterdir()) if len(list(one.iterdir())) == 2)
    return islice(several, 2)


def test_real_people_are_nearer_to_themselves_than_to_others(tmp_path: Path) -> None:
    """Two real people on two photos each make a city, in which a patient's template is nearer to the patient."""
    (tmp_path / "photos").mkdir()
    for folder in _real_people():
        (tmp_path / "photos" / folder.name).symlink_to(folder)
    album = read_album([tmp_path / "photos"], tmp_path / "bank")
    assert len(album) == 2
    city = make_city(CityPlan(cameras=40, people=2, patients=2, seed=3, mask_share=0.0), album)
    assert city.real
    person = city.sightings.person[city.sightings.has_face]
    for k, patient in enumerate(city.patients):
        cosine = city.real.vectors @ city.real.references[2 * k]
        assert cosine[person == patient.person].mean() > cosine[person != patient.person].mean() + 0.3
