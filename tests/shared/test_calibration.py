"""What a distance says: laws, curves, and the file that boxes write and the centre reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calibration.curves import Calibration
from shared.calibration.files import calibration_from_map, calibration_to_map, read_calibration
from shared.calibration.laws import Bulk, Curve, Tail, fit, radius
from shared.epochs import Modality
from shared.errors import BadCalibration, CalibrationMissing
from shared.face_mask import FaceMask

GOLDEN = Path(__file__).parent / "calibration-v1.json"
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


@dataclass(frozen=True)
class Sighted:
    """One sighting to be compared."""

    modality: Modality = Modality.FACE
    bits: int = BITS
    mask: FaceMask = FaceMask.ABSENT
    quality: float = 0.9


@pytest.fixture
def golden() -> Calibration:
    return read_calibration(GOLDEN)


def test_the_first_version_of_the_file_still_reads_and_writes_back(golden: Calibration) -> None:
    """A file that a box wrote once says the same after every change of the code."""
    assert calibration_to_map(golden) == json.loads(GOLDEN.read_text())
    assert golden.models == {Modality.FACE: "mfn192-int8-1", Modality.APPEARANCE: "mnv2-stripes-1"}
    assert golden.curve(Sighted(quality=0.3)).tail == Tail(345, 0.0009972686709494116, 14.629119527791442)
    assert golden.curve(Sighted(mask=FaceMask.WORN)).other.mean == pytest.approx(0.4516, abs=1e-3)


def test_another_model_and_another_length_are_refused_by_name(golden: Calibration) -> None:
    """A calibration of one model, or of 1,024 bits, says nothing about another."""
    with pytest.raises(CalibrationMissing, match="someones-net-3"):
        golden.check({Modality.FACE: "someones-net-3"})
    with pytest.raises(CalibrationMissing, match="512 bits"):
        golden.curve(Sighted(bits=512))


def test_worse_pictures_say_less(golden: Calibration) -> None:
    """A near code says more of a bare face than of a masked one, and more at good quality than at bad."""

    def speaks(sighted: Sighted) -> float:
        return float(golden.curve(sighted).tables().log_ratio[250])

    assert speaks(Sighted()) > speaks(Sighted(mask=FaceMask.WORN))
    assert speaks(Sighted()) > speaks(Sighted(quality=0.1)) > 0
    assert speaks(Sighted()) > 3


def test_a_search_looks_as_far_as_the_patient_is_and_no_farther_than_strangers_flood(golden: Calibration) -> None:
    """Clear laws: 99 in 100 of the patient's codes lie within; unclear ones: 1 in 100 of strangers'."""
    clear = Curve(BITS, Bulk(0.15, 0.003), Bulk(0.5, 0.005), Tail(380, 1e-3, 10), 0.3, 0.6)
    within = np.cumsum(np.exp(clear.same.log_pmf(BITS)))
    assert within[radius([clear]) - 1] < 0.99 <= within[radius([clear])]
    unclear = Curve(BITS, Bulk(0.45, 0.01), Bulk(0.5, 0.005), Tail(380, 1e-3, 10), 0.3, 0.6)
    reached = unclear.tables().other_reach
    assert reached[radius([unclear])] < 0.01 <= reached[radius([unclear]) + 1]
    assert radius([clear]) < radius([clear, unclear]) <= radius([unclear]) + 40
    assert set(golden.radius()) == set(Modality)


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
        lambda m: m["modalities"]["face"]["bands"][0].update(same=[0.6, 0.01]),
        lambda m: m["modalities"]["face"]["bands"][0].update(tail=[300, float("nan"), 10]),
        lambda m: m["modalities"]["face"]["bands"][0].update(tail=[300, 0.001, float("inf")]),
        lambda m: m["modalities"]["face"]["bands"][0].update(lowest_quality=float("nan")),
        lambda m: m["modalities"]["face"].update(bits=10**9),
        lambda m: m["modalities"]["face"].update(bits="many"),
        lambda m: m["modalities"]["face"].update(how=["x"]),
        lambda m: m["modalities"].update(gait={}),
        lambda m: m["modalities"].clear(),
        lambda m: m.update(measured="yesterday"),
        lambda m: m.update(name=""),
        lambda m: m.update(modalities=[1]),
    ],
)
def test_a_spoilt_calibration_is_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    """Unknown versions, gaps and senseless numbers raise BadCalibration."""
    value = json.loads(GOLDEN.read_text())
    spoil(value)
    with pytest.raises(BadCalibration):
        calibration_from_map(value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A missing file, no JSON, JSON that is no calibration, and heaps of either raise BadCalibration."""
    with pytest.raises(BadCalibration, match="there is no"):
        read_calibration(tmp_path / "none.json")
    tmp_path.joinpath("bad.json").write_text("{")
    with pytest.raises(BadCalibration, match="no JSON"):
        read_calibration(tmp_path / "bad.json")
    tmp_path.joinpath("deep.json").write_text("[" * 100_000)
    with pytest.raises(BadCalibration, match="no JSON"):
        read_calibration(tmp_path / "deep.json")
    tmp_path.joinpath("large.json").write_text(" " * 2_000_000)
    with pytest.raises(BadCalibration, match="too large"):
        read_calibration(tmp_path / "large.json")
    tmp_path.joinpath("list.json").write_text("[]")
    with pytest.raises(BadCalibration, match="malformed"):
        read_calibration(tmp_path / "list.json")


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
    assert reach[curve.tail.below - 1] == pytest.approx(curve.tail.share, rel=1e-6)


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


@settings(max_examples=25, deadline=None)
@given(
    st.builds(Bulk, st.floats(0.1, 0.4), st.floats(0.002, 0.03)),
    st.builds(Bulk, st.floats(0.44, 0.52), st.floats(0.002, 0.012)),
    st.integers(0, 2**32 - 1),
)
def test_a_simulated_population_gives_back_its_laws(own: Bulk, strange: Bulk, seed: int) -> None:
    """Whatever the laws of a population are, the fit of distances drawn from them finds their parameters."""
    rng = np.random.default_rng(seed)
    same, other = (
        rng.choice(BITS + 1, size, p=np.exp(law.log_pmf(BITS)) / np.exp(law.log_pmf(BITS)).sum())
        for law, size in ((own, 20_000), (strange, 200_000))
    )
    alike, apart, tail = fit(same, other, BITS)
    assert alike.mean == pytest.approx(own.mean, rel=0.03)
    assert apart.mean == pytest.approx(strange.mean, rel=0.01)
    assert alike.spread == pytest.approx(own.spread, rel=0.15)
    assert apart.spread == pytest.approx(strange.spread, rel=0.1)
    assert tail.share == pytest.approx((other < tail.below).mean())
    assert 0 < tail.share <= 1e-3 or tail.below == other.min() + 1


@given(st.lists(st.integers(0, 40), min_size=2, max_size=50), st.lists(st.integers(0, 40), min_size=2, max_size=50))
def test_a_fit_of_very_few_still_has_a_tail(same: list[int], other: list[int]) -> None:
    """Ties at the nearest stranger leave somebody in the tail: its share and scale are above zero."""
    _, _, tail = fit(np.array(same) + 1, np.array(other) + 1, 64)
    assert tail.share > 0
    assert tail.scale > 0
