"""The figures are counted as the field counts them; small cases are worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from edge.__main__ import main
from edge.calibrate import BadMaterial
from edge.calibrate.curves import auc, retrieval, tar, verification
from edge.calibrate.mot import Box, score
from edge.calibrate.pairs import read_pairs
from edge.calibrate.tracking import read_truth


def _walk(x: float) -> Box:
    return (x, 0, x + 10, 20)


def test_perfect_tracking_is_one_everywhere() -> None:
    """Every person in every frame, always under one number."""
    frames = {f: {1: _walk(f), 2: _walk(100 + f)} for f in range(10)}
    found = {f: {7: _walk(f), 9: _walk(100 + f)} for f in range(10)}
    figures = score(frames, found)
    assert (figures.precision, figures.recall, figures.idf1, figures.mota, figures.switches) == (1, 1, 1, 1, 0)


def test_two_who_swap_numbers_half_way_lose_identity_not_presence() -> None:
    """Recall stays 1; IDF1 is a half; MOTA loses two switches of twenty boxes."""
    frames = {f: {1: _walk(f), 2: _walk(100 + f)} for f in range(10)}
    found = {f: {7 + 2 * (f >= 5): _walk(f), 9 - 2 * (f >= 5): _walk(100 + f)} for f in range(10)}
    figures = score(frames, found)
    assert (figures.precision, figures.recall) == (1, 1)
    assert figures.idf1 == pytest.approx(0.5)
    assert figures.mota == pytest.approx(1 - 2 / 20)
    assert figures.switches == 2


def test_misses_and_inventions_are_counted() -> None:
    """Half of the frames missed, and as many boxes where nobody is: MOTA 0."""
    frames = {f: {1: _walk(f)} for f in range(10)}
    found = {f: {1: _walk(f)} if f % 2 else {2: _walk(500)} for f in range(10)}
    figures = score(frames, found)
    assert (figures.precision, figures.recall, figures.mota) == (0.5, 0.5, 0)
    assert figures.idf1 == pytest.approx(0.5)


def test_a_box_too_far_off_is_no_hit() -> None:
    """Overlap below one half counts as a miss and as an invention."""
    figures = score({0: {1: _walk(0)}}, {0: {1: _walk(6)}})
    assert (figures.precision, figures.recall, figures.mota) == (0, 0, -1)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30), st.lists(st.integers(0, 20), min_size=2, max_size=30))
def test_auc_counts_pairs_won(true: list[int], other: list[int]) -> None:
    """The share of (true, other) pairs in which the true one scores higher, ties half."""
    won = np.mean([(t > o) + 0.5 * (t == o) for t in true for o in other])
    same = np.array([True] * len(true) + [False] * len(other))
    assert auc(np.array(true + other, float), same) == pytest.approx(won)


def test_tar_lets_no_more_strangers_in_than_asked() -> None:
    """Of 100 strangers one may pass at 1e-2, none at 1e-3; a pair without a face never passes."""
    strangers = np.arange(100) / 100
    scores = np.concatenate([[0.985, 0.995, -np.inf, 0.5], strangers])
    same = np.arange(104) < 4
    assert tar(scores, same, 1e-2) == pytest.approx(0.5)
    assert tar(scores, same, 1e-3) == pytest.approx(0.25)
    assert verification(scores, same)["accuracy"] == pytest.approx(101 / 104)


def test_retrieval_by_hand() -> None:
    """One query finds its person first, the other second: rank-1 a half, mean average precision three quarters."""
    scores = np.array([[0.9, 0.1, 0.2], [0.8, 0.7, 0.1]])
    figures = retrieval(scores, np.array(["a", "b"]), np.array(["a", "b", "c"]))
    assert figures == {"rank_1": 0.5, "rank_5": 1.0, "map": 0.75}


def test_bad_material_is_named(tmp_path: Path) -> None:
    """A list that is none, and a truth file that is none, are refused with what would be right."""
    path = tmp_path / "pairs.csv"
    path.write_text("x,y\n1,2\n")
    with pytest.raises(BadMaterial, match="no list of pairs"):
        read_pairs(path)
    path.write_text("a,b,same\n1.jpg,2.jpg,1\n")
    with pytest.raises(BadMaterial, match="pairs of one person and pairs of two"):
        read_pairs(path)
    path.write_text("<dataset><frame/></dataset>")
    with pytest.raises(BadMaterial, match="CVML"):
        read_truth(path)
    with pytest.raises(BadMaterial, match="cannot read"):
        read_truth(tmp_path / "missing.xml")


def _photos(folder: Path) -> None:
    """One face as it is, brighter, and a picture without a face."""
    astronaut = skimage.data.astronaut()[:, :, ::-1]
    cv2.imwrite(str(folder / "a.png"), astronaut)
    cv2.imwrite(str(folder / "b.png"), cv2.convertScaleAbs(astronaut[:400, 50:450], alpha=0.8, beta=20))
    cv2.imwrite(str(folder / "none.png"), np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8))


def test_faces_are_measured_from_photos_to_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints a table and writes float, int8 and coded; a photo without a face counts as not found."""
    _photos(tmp_path)
    (tmp_path / "pairs.csv").write_text("a,b,same\na.png,b.png,1\na.png,none.png,0\n")
    out = tmp_path / "build" / "faces.json"
    arguments = ["--pairs", str(tmp_path / "pairs.csv"), "--images", str(tmp_path), "--json", str(out)]
    assert main(["calibrate", "faces", *arguments]) == 0
    figures = json.loads(out.read_text())
    assert set(figures) == {"float", "int8", "coded"}
    wanted = {"auc": 1.0, "accuracy": 1.0, "tar_at_far_1e-2": 1.0, "tar_at_far_1e-3": 1.0, "not_found": 1.0}
    assert figures["coded"] == wanted
    assert "tar_at_far_1e-3" in capsys.readouterr().out


def test_a_missing_list_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, one line of what is wrong and one of what to do."""
    assert main(["calibrate", "faces", "--pairs", str(tmp_path / "no.csv"), "--images", str(tmp_path)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told if not line.startswith("INFO")] == ["error", "hint"]
