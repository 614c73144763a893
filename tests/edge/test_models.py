"""Models mean what their modules say: files are checked, pictures are made ready, answers are read; on real pixels."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from edge.geometry.boxes import keep_best
from edge.inference import Array, BadModelFile, Floats, TensorSpec
from edge.inference.litert import LiteRtSession
from edge.inference.pixels import PixelTable
from edge.inference.scripted import ScriptedSession
from edge.models.catalogue import WEIGHTS, BadCard, MissingModel, WrongChecksum, open_model, read_card, read_model
from edge.models.face_aligner import TEMPLATE, align, aligned_landmarks, similarity
from edge.models.person_detector import DetectorRules, PersonDetector, spans
from edge.vision import Face, Picture

CARDS = sorted(path.stem for path in WEIGHTS.glob("*.json"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """One model and its card, to be spoiled."""
    for suffix in ("json", "tflite"):
        shutil.copy(WEIGHTS / f"face_short_range.{suffix}", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CARDS)
def test_every_model_is_the_one_on_its_card(name: str) -> None:
    """The file is there, its checksum fits, and the card says what is not known."""
    assert read_model(name)
    card = read_card(name)
    assert card.name == name
    assert card.unknown


def test_every_weights_file_has_a_card() -> None:
    """Nothing without a card is carried."""
    files = {path.stem for path in WEIGHTS.iterdir() if path.suffix in {".tflite"}}
    assert files == set(CARDS)


def test_a_changed_model_is_not_run(weights: Path) -> None:
    """One flipped bit is enough, and the refusal says what to do."""
    path = weights / "face_short_range.tflite"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(WrongChecksum, match="not the file on its card") as caught:
        open_model("face_short_range", weights)
    assert "reinstall" in caught.value.hint


def test_a_missing_model_or_card_is_named(weights: Path) -> None:
    """The message holds the path that was looked for."""
    (weights / "face_short_range.tflite").unlink()
    with pytest.raises(MissingModel, match=r"face_short_range\.tflite"):
        open_model("face_short_range", weights)
    with pytest.raises(MissingModel, match=r"no card .*other\.json"):
        open_model("other", weights)


def test_a_card_that_leaves_something_out_is_refused(weights: Path) -> None:
    """A card without a licence is no card, and one that is not JSON neither."""
    path = weights / "face_short_range.json"
    card = json.loads(path.read_text())
    del card["licence"]
    path.write_text(json.dumps(card))
    with pytest.raises(BadCard, match="licence"):
        read_card("face_short_range", weights)
    path.write_text("{")
    with pytest.raises(BadCard):
        read_card("face_short_range", weights)


def test_a_file_that_is_no_model_is_refused() -> None:
    """Whatever the runtime makes of it becomes one named error."""
    with pytest.raises(BadModelFile):
        LiteRtSession(b"no model at all")


@given(st.floats(-1, 1), st.floats(0.004, 0.02), st.integers(-128, 127))
def test_what_is_stored_as_int8_comes_back_within_half_a_step(real: float, scale: float, zero: int) -> None:
    """Unless it lies outside of what eight bits can hold."""
    stored = TensorSpec((1,), np.dtype(np.int8), scale, zero).store(np.array([real], np.float32))
    back = (float(stored[0]) - zero) * scale
    low, high = (-128 - zero) * scale, (127 - zero) * scale
    assert back == pytest.approx(min(max(real, low), high), abs=scale / 2 + 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
def test_the_table_gives_what_the_formula_gives(dtype: npt.DTypeLike) -> None:
    """(pixel/255 − mean)/deviation for each colour, in the model's own numbers, with a batch axis."""
    spec = TensorSpec((1, 4, 5, 3), np.dtype(dtype), *((1.0, 0) if dtype is np.float32 else (0.02, 3)))
    rgb = np.random.default_rng(1).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    mean, deviation = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    real = ((rgb / np.float32(255) - np.array(mean)) / np.array(deviation)).astype(np.float32)
    stored = PixelTable(spec, mean, deviation)(rgb)
    assert stored.dtype == dtype
    assert stored.shape == (1, 4, 5, 3)
    assert np.allclose(
        stored[0].astype(float), spec.store(real).astype(float), atol=0 if dtype is not np.float32 else 1e-5
    )


def test_a_scripted_session_minds_what_it_is_given() -> None:
    """A model that hands over the wrong shape fails in tests as it would on the box."""
    session = ScriptedSession(TensorSpec((1, 2), np.dtype(np.float32)), {"out": np.zeros(1, np.float32)})
    with pytest.raises(ValueError, match="takes"):
        session.run(np.zeros((2, 1), np.float32))


def _one_person(at_row: int, score: float) -> dict[str, Floats]:
    """NanoDet's answer: one cell of the coarsest grid says person; each side is 2 strides away."""
    cells = (2704, 676, 169)
    answer = {
        name: np.zeros((1, n, 80), np.float32)
        for name, n in zip(("Identity", "Identity_1", "Identity_2"), cells, strict=True)
    }
    sides = {f"Identity_{k + 3}": np.zeros((1, n, 44), np.float32) for k, n in enumerate(cells)}
    answer["Identity_2"][0, at_row, 0] = score
    sides["Identity_5"].reshape(1, 169, 4, 11)[0, at_row, :, 2] = 50
    return answer | sides


def test_a_cell_and_its_distances_become_a_box() -> None:
    """The middle cell of the coarse grid, two strides to each side, scaled to the picture."""
    session = ScriptedSession(TensorSpec((1, 3, 416, 416), np.dtype(np.float32)), _one_person(84, 0.8))
    boxes, scores = PersonDetector(session).detect(np.zeros((416, 208, 3), np.uint8))
    assert scores == pytest.approx([0.8])
    assert boxes == pytest.approx(np.array([[104 - 32, 208 - 64, 104 + 32, 208 + 64]]), abs=0.1)


def test_what_the_inner_edge_of_a_tile_cuts_is_dropped() -> None:
    """The half of a person at the border of two tiles is no second person; at the picture's own border it counts."""
    session = ScriptedSession(TensorSpec((1, 3, 416, 416), np.dtype(np.float32)), _one_person(78, 0.8))
    boxes, _ = PersonDetector(session, DetectorRules(same=2, inside=2)).detect(np.zeros((416, 832, 3), np.uint8))
    assert len(session.seen) == 2
    assert [round(float(box[0])) for box in boxes] == [round((16 - 64) * 462 / 416)]


@given(st.integers(1, 4000), st.integers(1, 3000))
def test_tiles_cover_the_picture(width: int, height: int) -> None:
    """Whatever its size, no column is left out, and neighbours overlap."""
    tiles = spans(width, height, 416, 0.2)
    assert tiles[0][0] == 0
    assert tiles[-1][1] == width
    assert all(left[1] > right[0] for left, right in pairwise(tiles))


def test_of_overlapping_boxes_the_best_is_kept() -> None:
    """Another nearby stays, the worse double goes, and so does the half inside the whole."""
    boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [0, 0, 10, 9], [30, 0, 40, 20]], float)
    assert keep_best(boxes, np.array([0.9, 0.8, 0.85, 0.3]), 0.5, 0.8).tolist() == [0, 3]


def _face(landmarks: Floats) -> Face:
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    return Face(np.concatenate([low, high]).astype(np.float32), landmarks, 0.9)


@given(st.floats(0.3, 4), st.floats(-0.8, 0.8), st.floats(-50, 300), st.floats(-50, 300))
def test_alignment_undoes_turn_scale_and_shift(scale: float, angle: float, x: float, y: float) -> None:
    """Points moved by any similarity come back to the template."""
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (TEMPLATE @ turn.T + [x, y]).astype(np.float32)
    back = similarity(moved, TEMPLATE)
    assert np.allclose(moved @ back[:, :2].T + back[:, 2], TEMPLATE, atol=0.05)


def test_the_aligned_face_has_eyes_where_they_belong() -> None:
    """Two bright dots at tilted eyes land level, on the template's places."""
    rgb = np.zeros((300, 300, 3), np.uint8)
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((TEMPLATE - 56) @ turn.T + 150).astype(np.float32)
    for point in points[:2]:
        cv2.circle(rgb, (round(float(point[0])), round(float(point[1]))), 2, (255, 255, 255), -1)
    face = _face(np.concatenate([points, points[:2]]))
    aligned = align(rgb, face)
    assert aligned.shape == (112, 112, 3)
    assert all(aligned[round(float(y)), round(float(x)), 0] > 128 for x, y in TEMPLATE[:2])
    assert np.allclose(aligned_landmarks(face)[:4], TEMPLATE, atol=0.1)


def test_the_real_runtime_gives_named_floats() -> None:
    """An int8 model's answer comes back as real numbers; the same input gives the same answer."""
    session = open_model("mfn192_int8")
    rgb: Picture = cv2.resize(skimage.data.astronaut()[:250, 100:350], (112, 112))
    stored: Array = PixelTable(session.input, (0.5,), (128 / 255,))(rgb)
    first, second = session.run(stored)["embeddings"], session.run(stored)["embeddings"]
    assert first.dtype == np.float32
    assert first.shape == (1, 192)
    assert np.array_equal(first, second)
