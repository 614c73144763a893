"""`cairn-edge calibrate … --write`: a city's own people become the file that the centre reads distances by."""

from __future__ import annotations

import os
import resource
import shutil
from dataclasses import fields, replace
from datetime import date
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from edge.__main__ import main
from edge.calibrate import BadMaterial
from edge.calibrate.appearance import calibrate_appearance
from edge.calibrate.bands import FEWEST_DRESSED, FEWEST_PEOPLE, FEWEST_TWICE, QUALITIES, of_faces
from edge.calibrate.calibration_file import Target
from edge.calibrate.comparisons import Comparisons, Names, between
from edge.calibrate.pairs import Pair, around, find_all, people_of, silent
from edge.calibrate.street_faces import street_rows
from edge.calibrate.walks import LOST, Walks, walk_all
from edge.model_vision import ModelVision
from edge.registered_photos import NotAPicture
from edge.vision import MODELS, Face
from shared.calibration.files import read_calibration
from shared.calibration.laws import Bulk, fit
from shared.codes import FACE_BITS
from shared.epochs import Modality
from shared.errors import BadCalibration
from shared.face_mask import FaceMask
from shared.files import CannotWrite

GOLDEN = Path(__file__).parents[1] / "shared" / "calibration-v1.json"
PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "lfw_view1_test" / "images"
DAY = date(2026, 12, 1)


@pytest.fixture(scope="module")
def vision() -> ModelVision:
    return ModelVision.load()


@pytest.fixture(scope="module")
def dressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People in two cameras, each in colours of their own; the pictures are noise below."""
    folder, dice = tmp_path_factory.mktemp("people"), np.random.default_rng(4)
    for person in range(FEWEST_DRESSED):
        colours = dice.integers(20, 230, (4, 1, 1, 3))
        folder.joinpath(f"{person:03}").mkdir()
        for name in ("01_1", "01_2", "02_1", "02_2"):
            stripes = np.broadcast_to(colours, (4, 32, 48, 3)).reshape(128, 48, 3)
            picture = np.clip(stripes + dice.normal(0, 25, stripes.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{person:03}" / f"{name}.png"), picture)
    return folder


def simulated(people: int, photos: int, quality: float | None = None) -> tuple[Walks, Names]:
    """Walks of people whose embeddings lie around a direction of their own, masked ones farther off."""
    dice = np.random.default_rng(2)
    centre = np.repeat(dice.standard_normal((people, 192)), photos, axis=0)

    def near(spread: float, *walks: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        shape = (len(centre), *walks, 192)
        x = centre.reshape(len(centre), *[1] * len(walks), 192) + spread * dice.standard_normal(shape)
        return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)

    bare, worn = (
        dice.uniform(0, 0.8, (len(centre), 2)) if quality is None else np.full((len(centre), 2), quality),
    ) * 2
    names = tuple(f"p{n // photos}/{n}.jpg" for n in range(len(centre)))
    who = np.array([name.split("/")[0] for name in names])
    return Walks(names, near(0.7), near(0.9), near(0.9, 2), bare, near(1.5, 2), worn, near(1.2)), who


def test_enough_people_become_a_complete_calibration(tmp_path: Path) -> None:
    """Faces of a population give every mask state its curves; the file reads back and fits the models of the box."""
    target = Target(tmp_path / "bucheon-2026-12.json", DAY, "volunteers of Bucheon")
    target.add(of_faces(*simulated(FEWEST_PEOPLE, 3)))
    made = read_calibration(target.path)
    assert (made.name, made.measured) == ("bucheon-2026-12", "2026-12-01")
    assert made.models == {Modality.FACE: MODELS["face"]}
    assert "300 photos of 100 people" in made.origins[Modality.FACE]
    assert "volunteers of Bucheon" in made.origins[Modality.FACE]
    assert {band.lowest for band in made.bands_for(Modality.FACE, FaceMask.WORN)} == set(QUALITIES)
    bare, worn = (made.bands_for(Modality.FACE, mask)[0].curve.same.mean for mask in (FaceMask.ABSENT, FaceMask.WORN))
    assert bare < worn < 0.5
    assert list(tmp_path.iterdir()) == [target.path]


def test_a_quality_that_nobody_had_gets_no_band_of_its_own(tmp_path: Path) -> None:
    """Too few comparisons in a band join it to its neighbour, and every quality is still covered."""
    target = Target(tmp_path / "dim.json", DAY)
    target.add(of_faces(*simulated(FEWEST_PEOPLE, 2, quality=0.3)))
    assert {band.lowest for band in read_calibration(target.path).bands[Modality.FACE]} == {0.0}


def test_too_few_people_are_refused_with_the_numbers_needed() -> None:
    """Neither few people nor many on one photo each make a calibration."""
    for people, photos in ((FEWEST_PEOPLE - 1, 2), (FEWEST_PEOPLE, 1)):
        with pytest.raises(BadMaterial, match=f"too few people: {people}") as refused:
            of_faces(*simulated(people, photos))
        assert str(FEWEST_PEOPLE) in refused.value.hint
        assert str(FEWEST_TWICE) in refused.value.hint


def test_each_run_renews_its_own_modality(dressed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clothes measured into a file with faces leave the faces as they were; progress goes beside the figures."""
    path = tmp_path / "city.json"
    shutil.copy(GOLDEN, path)
    assert main(["calibrate", "appearance", "--images", str(dressed), "--write", str(path)]) == 0
    made, before = read_calibration(path), read_calibration(GOLDEN)
    assert made.bands[Modality.FACE] == before.bands[Modality.FACE]
    assert made.template_spread[Modality.FACE] == before.template_spread[Modality.FACE]
    assert made.bands[Modality.APPEARANCE] != before.bands[Modality.APPEARANCE]
    assert f"of {FEWEST_DRESSED} people" in made.origins[Modality.APPEARANCE]
    assert (made.name, made.measured > before.measured) == ("city", True)
    told = capsys.readouterr()
    assert "rank_1" in told.out
    assert "80 pictures" in told.err


def test_an_interrupted_run_leaves_the_file_as_it_was(dressed: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle of measuring: the old calibration is whole, and nothing lies beside it."""
    path = tmp_path / "city.json"
    shutil.copy(GOLDEN, path)

    def stop(_words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate_appearance(dressed, Target(path, DAY), stop)
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The new file does not fit: a refusal in words, the old calibration whole, and nothing beside it."""
    target = Target(tmp_path / "city.json", DAY)
    shutil.copy(GOLDEN, target.path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    measured = of_faces(*simulated(FEWEST_PEOPLE, 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(CannotWrite, match=r"cannot write .*city\.json"):
            target.add(measured)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert target.path.read_bytes() == GOLDEN.read_bytes()
    assert list(tmp_path.iterdir()) == [target.path]


def test_pictures_that_tell_nobody_apart_replace_no_calibration(tmp_path: Path) -> None:
    """Strangers who are nearer than oneself, as where people and folders were mixed up: the old file stays."""
    target = Target(tmp_path / "city.json", DAY)
    shutil.copy(GOLDEN, target.path)
    measured = of_faces(*simulated(FEWEST_PEOPLE, 2))
    flat = replace(measured.bands[0].curve, same=Bulk(float("nan"), 0.01))
    with pytest.raises(BadMaterial, match="tell nobody apart"):
        target.add(replace(measured, bands=[replace(measured.bands[0], curve=flat), *measured.bands[1:]]))
    assert target.path.read_bytes() == GOLDEN.read_bytes()
    with pytest.raises(BadCalibration, match="all the same"):
        fit(np.zeros(9, np.int64), np.arange(9), 1024)


def test_too_few_people_in_both_cameras_are_refused(dressed: Path, tmp_path: Path) -> None:
    """Who is seen by one camera only says nothing about being found in the other."""
    some = shutil.copytree(dressed, tmp_path / "some")
    for picture in (some / "000").glob("02_*"):
        picture.unlink()
    with pytest.raises(BadMaterial, match=f"{FEWEST_DRESSED - 1} are seen by both cameras") as refused:
        calibrate_appearance(some, Target(tmp_path / "city.json", DAY))
    assert str(FEWEST_DRESSED) in refused.value.hint


def test_a_bad_target_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    """A name that none can have, a folder that is not there, and a file that is no calibration, which is left alone."""
    with pytest.raises(BadMaterial, match="no name for a calibration"):
        Target(tmp_path / "My City.json", DAY).check()
    with pytest.raises(CannotWrite, match="no folder"):
        Target(tmp_path / "none" / "city.json", DAY).check()
    with pytest.raises(BadMaterial, match="too long"):
        Target(tmp_path / "city.json", DAY, "x" * 501).check()
    spoilt = tmp_path / "city.json"
    spoilt.write_text("{}")
    pairs, images = tmp_path / "pairs.csv", tmp_path
    pairs.write_text("a,b,same\np/1.jpg,p/2.jpg,1\np/1.jpg,q/1.jpg,0\n")
    arguments = ["--pairs", str(pairs), "--images", str(images), "--write", str(spoilt)]
    assert main(["calibrate", "faces", *arguments]) == 2
    assert spoilt.read_text() == "{}"
    with pytest.raises(BadCalibration):
        Target(spoilt, DAY).check()


def test_who_is_on_a_photo_must_be_known() -> None:
    """Folders say it, and the list may not say otherwise; people of unconnected pairs would pass for strangers."""
    assert people_of([Pair("p/1.jpg", "p/2.jpg", True), Pair("p/1.jpg", "q/1.jpg", False)]) == {
        "p/1.jpg": "p", "p/2.jpg": "p", "q/1.jpg": "q",
    }  # fmt: skip
    with pytest.raises(BadMaterial, match="not known"):
        people_of([Pair("1.jpg", "2.jpg", True)])
    with pytest.raises(BadMaterial, match="says one person of"):
        people_of([Pair("p/1.jpg", "q/1.jpg", True)])
    with pytest.raises(BadMaterial, match="says two people of"):
        people_of([Pair("p/1.jpg", "p/2.jpg", False)])


def test_a_missing_photo_is_named(tmp_path: Path, vision: ModelVision) -> None:
    """The list names a photo that is not there: the refusal says which."""
    with pytest.raises(NotAPicture, match=r"q/1\.jpg"):
        find_all([Pair("q/1.jpg", "q/2.jpg", True)], tmp_path, vision)


def test_large_photos_are_kept_small(vision: ModelVision) -> None:
    """What is kept of a photo of many megapixels is the face and what is around it; it reads as before."""
    astronaut = skimage.data.astronaut()
    [small] = vision.find_faces(astronaut)
    large = np.asarray(cv2.resize(astronaut, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC), np.uint8)
    rgb, face = around(large, Face(small.box * 6, small.landmarks * 6, small.score))
    assert rgb.nbytes < large.nbytes / 10
    ratio = face.eye_distance / float(face.box[2] - face.box[0])
    assert ratio == pytest.approx(small.eye_distance / float(small.box[2] - small.box[0]), rel=1e-3)


def test_a_photo_walks_past_alike_in_any_company(vision: ModelVision) -> None:
    """The dice are thrown for each photo by its name: what others do changes nothing, and another name is another."""
    astronaut = skimage.data.astronaut()
    found = (astronaut, vision.find_faces(astronaut)[0])
    alone, together = (
        walk_all({"a/1.jpg": found}, vision, silent),
        walk_all({"b/1.jpg": found, "a/1.jpg": found}, vision, silent),
    )
    assert together.names == ("b/1.jpg", "a/1.jpg")
    for one in fields(Walks)[1:]:
        assert np.array_equal(getattr(alone, one.name)[0], getattr(together, one.name)[1])
    assert not np.array_equal(together.seen_bare[0], together.seen_bare[1])


def test_a_face_that_is_not_found_is_a_miss_and_no_sighting(vision: ModelVision) -> None:
    """It stays among the photos, with the quality of what was lost; no curve is made of it, and every row misses it."""
    grey, astronaut = np.full((100, 100, 3), 128, np.uint8), skimage.data.astronaut()
    face = vision.find_faces(astronaut)[0]
    walks = walk_all({"a/1.jpg": (astronaut, face), "b/1.jpg": (grey, face)}, vision, silent)
    assert (walks.quality_bare[0] > 0).all()
    assert (walks.quality_bare[1] == LOST).all()
    assert walks.found().names == ("a/1.jpg",)
    rows = street_rows([Pair("a/1.jpg", "b/1.jpg", True), Pair("b/1.jpg", "a/1.jpg", False)], walks)
    assert [row["not_found"] for row in rows.values()] == [1, 1, 1]
    assert [row["tar_at_far_1e-2"] for row in rows.values()] == [0, 0, 0]
    with pytest.raises(BadMaterial, match="no photo shows a face"):
        walk_all({}, vision, silent)


@pytest.mark.slow
def test_what_is_measured_behaves_as_people_do(vision: ModelVision) -> None:
    """One person's codes are nearer than two people's, bare or masked; a masked template suits masked sightings better;
    a look-alike stays one from picture to picture."""
    if not PHOTOS.is_dir():
        missing = f"no photos of faces under {PHOTOS}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    several = (sorted(folder.glob("*.jpg"))[:2] for folder in sorted(PHOTOS.iterdir()))
    names = [str(p.relative_to(PHOTOS)) for of_one in islice((p for p in several if len(p) == 2), 10) for p in of_one]
    pairs = [Pair(a, b, a.split("/")[0] == b.split("/")[0]) for a, b in pairwise(names)]
    walks = walk_all(find_all(pairs, PHOTOS, vision), vision, silent).found()
    who = np.array([name.split("/")[0] for name in walks.names])
    bare, apart, fitting = (
        Comparisons(who, who, between(template, seen, FACE_BITS))
        for template, seen in (
            (walks.bare, walks.seen_bare),
            (walks.bare, walks.seen_masked),
            (walks.masked, walks.seen_masked),
        )
    )
    inside = np.ones(walks.quality_bare.shape, np.bool_)
    for compared in (bare, apart, fitting):
        assert compared.same(inside).mean() < compared.other(inside).mean() - 60
    assert bare.same(inside).mean() < fitting.same(inside).mean() < apart.same(inside).mean()
    assert 0.3 < bare.correlations()[1] < 0.9
