"""What a distance says, and for which models."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.routes.likelihood import CALIBRATIONS, calibration_for
from central.search.candidates import Candidate
from shared.calibration.files import calibration_from_map, calibration_to_map, read_calibration
from shared.calibration.laws import Bulk, Curve, Tail, fit
from shared.epochs import Epoch, Modality
from shared.errors import BadCalibration, CalibrationMissing
from shared.face_mask import FaceMask

PACKAGED = sorted(CALIBRATIONS.glob("*.json"))
BITS = 1024

bulks = st.builds(Bulk, st.floats(0.1, 0.6), st.floats(1e-4, 0.05))
curves = st.builds(
    Curve,
    st.just(BITS),
    st.builds(Bulk, st.floats(0.1, 0.4), st.floats(1e-4, 0.05)),
    st.builds(Bulk, st.floats(0.42, 0.6), st.floats(1e-4, 0.02)),
    st.builds(Tail, st.integers(200, 380), st.floats(1e-5, 1e-2), st.floats(1, 40)),
    st.floats(0, 0.9),
    st.floats(0, 0.9),
)


def candidate(distance: int = 250, **changes: Any) -> Candidate:
    at = datetime(2026, 11, 24, 3, tzinfo=UTC)
    plain: dict[str, Any] = {
        "sighting": "node-1/1/1", "node": "node-1", "camera": "cam-1", "start": at, "end": at, "bits": BITS,
        "modality": Modality.FACE, "distance": distance, "mask": FaceMask.ABSENT, "quality": 0.9,
        "east_m": None, "north_m": None, "epoch": Epoch("c-1", 492_000),
    }  # fmt: skip
    return Candidate(**plain | changes)


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.stem)
def test_every_packaged_calibration_reads_and_writes_back(path: Path) -> None:
    """The files beside the code are complete and survive a round trip."""
    calibration = read_calibration(path)
    assert calibration_to_map(calibration) == json.loads(path.read_text())


def test_there_is_a_calibration_of_the_models_on_the_boxes() -> None:
    """What the edge says its models are has a calibration at the centre."""
    from edge.vision import MODELS

    calibration = calibration_for({Modality(name): model for name, model in MODELS.items()})
    assert calibration.models == MODELS


def test_another_model_is_refused_by_name() -> None:
    """Neither finding nor checking passes for a model that was not measured."""
    with pytest.raises(CalibrationMissing, match="someones-net-3"):
        calibration_for({Modality.FACE: "someones-net-3"})
    with pytest.raises(CalibrationMissing, match="someones-net-3"):
        read_calibration(PACKAGED[-1]).check({Modality.FACE: "someones-net-3"})


def test_codes_of_another_length_are_refused() -> None:
    """A calibration of 1,024 bits says nothing about 512."""
    with pytest.raises(CalibrationMissing, match="512 bits"):
        read_calibration(PACKAGED[-1]).curve(candidate(bits=512))


def test_worse_pictures_say_less() -> None:
    """A near code says more of a bare face than of a masked one, and more at good quality than at bad."""
    calibration = read_calibration(PACKAGED[-1])

    def speaks(**changes: Any) -> float:
        return float(calibration.curve(candidate(**changes)).tables().log_ratio[250])

    assert speaks() > speaks(mask=FaceMask.WORN)
    assert speaks() > speaks(quality=0.1)
    assert speaks() > 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.pop("version"),
        lambda m: m.update(version=99),
        lambda m: m["modalities"]["face"].update(model="No Model!"),
        lambda m: m["modalities"]["face"]["bands"].clear(),
        lambda m: m["modalities"]["face"]["bands"][0].update(masks=["on"]),
        lambda m: m["modalities"]["face"]["bands"][0].update(same=[0.0, 0.01]),
        lambda m: m["modalities"]["face"]["bands"][0].update(tail=[300, 0.001, -1]),
        lambda m: m["modalities"]["face"]["bands"][0].update(other_correlation=1.0),
    ],
)
def test_a_spoilt_calibration_is_refused(spoil: Any) -> None:
    """Unknown versions, gaps and senseless numbers raise BadCalibration."""
    value = json.loads(PACKAGED[-1].read_text())
    spoil(value)
    with pytest.raises(BadCalibration):
        calibration_from_map(value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A missing file and one that is no JSON raise BadCalibration."""
    with pytest.raises(BadCalibration, match="there is no"):
        read_calibration(tmp_path / "none.json")
    tmp_path.joinpath("bad.json").write_text("{")
    with pytest.raises(BadCalibration, match="no JSON"):
        read_calibration(tmp_path / "bad.json")


@given(curves)
def test_a_nearer_code_never_speaks_less_for_the_patient(curve: Curve) -> None:
    """The likelihood ratio falls with distance, and everything is finite."""
    tables = curve.tables()
    assert (np.diff(tables.log_ratio) <= 1e-9).all()
    for table in (tables.log_ratio, tables.same_score, tables.other_score):
        assert np.isfinite(table).all()


@given(curves)
def test_strangers_distances_are_a_distribution(curve: Curve) -> None:
    """The tail and the bulk together add up to one, and the tail holds its share."""
    reach = curve.tables().other_reach
    assert reach[-1] == pytest.approx(1, abs=1e-6)
    assert reach[curve.tail.below - 1] == pytest.approx(curve.tail.share, rel=5e-3)


@given(bulks)
def test_the_bulk_has_its_mean_and_spread(bulk: Bulk) -> None:
    """Mean and variance of the beta-binomial law are those of its parameters."""
    pmf, k = np.exp(bulk.log_pmf(BITS)), np.arange(BITS + 1)
    mean = float((pmf * k).sum())
    assert mean == pytest.approx(BITS * bulk.mean, rel=1e-6)
    variance = BITS * bulk.mean * (1 - bulk.mean) * (1 + (BITS - 1) * bulk.spread)
    assert float((pmf * (k - mean) ** 2).sum()) == pytest.approx(variance, rel=1e-4)


def test_a_fit_finds_the_laws_that_made_the_distances() -> None:
    """Fitting drawn distances gives back the mean, the spread and the tail of strangers."""
    rng = np.random.default_rng(2)
    same = rng.binomial(BITS, rng.beta(20, 60, 4000))
    other = rng.binomial(BITS, rng.beta(60, 60, 400_000))
    alike, strange, tail = fit(same, other, BITS)
    assert alike.mean == pytest.approx(0.25, abs=0.01)
    assert strange.mean == pytest.approx(0.5, abs=0.01)
    assert alike.spread == pytest.approx(1 / 81, rel=0.15)
    assert tail.share == pytest.approx(1e-3, rel=0.1)
    reach = Curve(BITS, alike, strange, tail, 0.3, 0.7).tables().other_reach
    for quantile in (1e-5, 1e-4, 1e-3):
        assert 0.5 * quantile < reach[int(np.quantile(other, quantile))] < 4 * quantile  # rather too heavy a tail
