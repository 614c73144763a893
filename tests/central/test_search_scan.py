"""Deciding hits: the popcount kernel against an independent count, and the choice of probes by mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.probes.probe_sets import ProbeSet
from central.search.kernel import distances
from central.search.scan import fitting, scan
from shared.columns import columns_from_bytes, columns_to_bytes
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask
from shared.sighting_columns import SightingColumns
from tests.shared.test_batches import EPOCH, sighting


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 6), st.sampled_from([8, 64, 128]))
def test_the_kernel_agrees_with_counting_by_hand(seed: int, n: int, m: int, width: int) -> None:
    """Each distance is the number of ones in the difference, also where there is nothing to compare."""
    rng = np.random.default_rng(seed)
    codes, probes = (rng.integers(0, 256, (rows, width), np.uint8) for rows in (n, m))
    ones = [[int.from_bytes((a ^ b).tobytes()).bit_count() for a in codes] for b in probes]
    counted = distances(codes, probes)
    assert counted.shape == (m, n)
    assert counted.tolist() == ones


def test_the_kernel_reads_arrays_that_are_not_contiguous() -> None:
    """Every other row of a larger array is compared, and not the memory that happens to follow."""
    codes = np.random.default_rng(3).integers(0, 256, (8, 64), np.uint8)
    assert (distances(codes[::2], codes[::2]).diagonal() == 0).all()


def test_the_kernel_refuses_codes_of_another_length() -> None:
    """A face is never compared with clothes: faiss would read past the end of the shorter one."""
    with pytest.raises(ValueError, match="64-bit words"):
        distances(np.zeros((1, 128), np.uint8), np.zeros((1, 64), np.uint8))


def opened(*rows: tuple[bytes | None, FaceMask]) -> SightingColumns:
    """An opened batch with these faces and mask states."""
    seen = [sighting(number, face_code=face, mask=mask) for number, (face, mask) in enumerate(rows)]
    plain = columns_to_bytes(EPOCH, seen, [])
    return columns_from_bytes(len(plain).to_bytes(4, "big") + plain, "node-1", 1, EPOCH)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 8), st.integers(0, 1024))
def test_hits_are_the_rows_whose_nearest_fitting_probe_is_within_the_radius(
    seed: int, n: int, m: int, radius: int
) -> None:
    """Row by row, for random faces, masks and radii, a scan agrees with a plain loop over all pairs."""
    rng = np.random.default_rng(seed)
    faces = [rng.bytes(128) if rng.random() < 0.8 else None for _ in range(n)]
    columns = opened(*((face, FaceMask(int(rng.integers(4)))) for face in faces))
    masks = tuple(FaceMask(int(mask)) for mask in rng.integers(0, 4, m))
    probe = ProbeSet(EPOCH, Modality.FACE, "m", rng.integers(0, 256, (m, 128), np.uint8), masks)
    allowed = fitting(columns.mask, probe.modality, probe.masks)
    expected = {}
    for row, face in enumerate(faces):
        differ = [_ones(face, probe.codes[j].tobytes()) for j in range(m) if face and allowed[row, j]]
        if differ and min(differ) <= radius:
            expected[row] = min(differ)
    hits = scan(columns, probe, radius)
    assert dict(zip(hits.rows.tolist(), hits.distances.tolist(), strict=True)) == expected


def _ones(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def test_a_face_that_was_not_seen_is_never_a_hit() -> None:
    """A sighting without a face carries zeros, which a probe near zero must not find."""
    columns, probe = opened((None, FaceMask.UNKNOWN), (bytes(128), FaceMask.UNKNOWN)), probe_set(FaceMask.ABSENT)
    assert scan(columns, probe, 1024).rows.tolist() == [1]


@pytest.mark.parametrize(
    ("seen", "compared"),
    [
        (FaceMask.WORN, [True, False]),
        (FaceMask.ABSENT, [False, True]),
        (FaceMask.INCORRECT, [True, True]),
        (FaceMask.UNKNOWN, [True, True]),
    ],
)
def test_a_covered_face_is_compared_with_a_covered_template(seen: FaceMask, compared: list[bool]) -> None:
    """Worn goes with worn, absent with absent; an unsure face goes with both."""
    probe = probe_set(FaceMask.WORN, FaceMask.ABSENT)
    assert fitting(np.array([seen], np.uint8), probe.modality, probe.masks)[0].tolist() == compared


def test_one_kind_of_template_is_compared_with_every_face() -> None:
    """A patient registered without a mask is still looked for behind masks."""
    probe = probe_set(FaceMask.ABSENT, FaceMask.ABSENT)
    assert fitting(np.array([FaceMask.WORN, FaceMask.ABSENT], np.uint8), probe.modality, probe.masks).all()


def probe_set(*masks: FaceMask) -> ProbeSet:
    return ProbeSet(Epoch("cell-1", 1), Modality.FACE, "m", np.zeros((len(masks), 128), np.uint8), masks)
