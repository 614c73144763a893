"""Deciding hits: the popcount kernel against an independent count, and the choice of probes by mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.probes.probe_sets import ProbeSet
from central.search.scan import fitting, nearest
from shared.codes import hamming
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.sampled_from([64, 128]))
def test_the_kernel_agrees_with_the_plain_count(seed: int, n: int, m: int, width: int) -> None:
    """The nearest distance equals the minimum of shared.codes.hamming over all probes."""
    rng = np.random.default_rng(seed)
    codes, probes = (rng.integers(0, 256, (rows, width), np.uint8) for rows in (n, m))
    plain = hamming(codes[:, None], probes[None]).min(axis=1)
    assert (nearest(codes, probes, np.ones((n, m), np.bool_)) == plain).all()


def test_a_row_without_a_fitting_probe_is_never_a_hit() -> None:
    """Where no probe is allowed the distance is beyond every radius."""
    codes = np.zeros((1, 128), np.uint8)
    assert nearest(codes, codes, np.zeros((1, 1), np.bool_))[0] == 1025


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
    assert fitting(np.array([seen], np.uint8), probe)[0].tolist() == compared


def test_one_kind_of_template_is_compared_with_every_face() -> None:
    """A patient registered without a mask is still looked for behind masks."""
    probe = probe_set(FaceMask.ABSENT, FaceMask.ABSENT)
    assert fitting(np.array([FaceMask.WORN, FaceMask.ABSENT], np.uint8), probe).all()


def probe_set(*masks: FaceMask) -> ProbeSet:
    return ProbeSet(Epoch("cell-1", 1), Modality.FACE, "m", np.zeros((len(masks), 128), np.uint8), masks)
